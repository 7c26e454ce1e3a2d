"""Consumers of a user's own that are judged by what they show: their rows, and their checkpoint.

A *pushed* one is handed events (`handle`), a *pulling* one reads the log by itself (`poll`), a *running* one has tasks or threads of its
own (`start`), an *inline* one is never called: it is written in the transaction of the append. What a call has made of an event nobody
knows but the consumer; so nothing is claimed here, rows and checkpoint are shown, and the fold of the log says what is lost in them, or
there twice.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from refold.model.consumer import Consumer
from refold.model.context import Context
from refold.model.declarations.ports import StoredRows
from refold.model.event import Stored
from refold.model.log import pages
from refold.model.parts.calls import Handed, Shown
from refold.model.process import Process
from refold.model.record import ConsumerSpec, Crashed, Failed, Record, Recovered, SnapshotTaken
from refold.model.words import short
from refold.systems.gate import durable
from refold.systems.gate.crossing import Died, Exited, Raised, Returned, Status
from refold.systems.gate.databases import traffic
from refold.systems.gate.databases.traffic import Unchanged
from refold.systems.user.actors import Finish, Stage
from refold.systems.user.asked import Asked, differing, snapshot
from refold.systems.user.consumers import Rows, promised
from refold.systems.user.coroutines import any_asynchronous, asynchronous
from refold.systems.user.errors import AdapterError, let_through, told

PUSHED, PULLING, RUNNING, INLINE = "pushed", "pulling", "running", "inline"
READING = (PULLING, RUNNING)
"""Those that read the log by themselves, with the positions that it has there."""
WORK = ("handle", "flush", "poll", "start", "stop")
"""Methods that are a consumer's work."""
IDLE_TURNS = 8
"""Turns in which a consumer that runs by itself shows nothing new at rest before nobody expects anything more of it."""
SECONDS = 10.0
"""Seconds of the gate's time that it is given to catch up."""
PATIENCE = 3
"""How often in a row the work of a consumer may fail at rest before nobody expects anything more of it."""


def role_of(theirs: object) -> str:
    """Whether a consumer is handed events, reads them by itself, or is never called; "" if it is none."""
    if not callable(getattr(theirs, "rows", None)):
        return ""
    reads = PULLING if callable(getattr(theirs, "poll", None)) else RUNNING if has_start(theirs) else INLINE
    handle = getattr(theirs, "handle", None)
    return PUSHED if callable(handle) and (reads == INLINE or takes_one(handle)) else reads


def has_start(theirs: object) -> bool:
    """Whether it has something to start."""
    return callable(getattr(theirs, "start", None))


def takes_one(handle: Callable[..., object]) -> bool:
    """Whether it can be handed an event and nothing else: if not, it is what a consumer that reads by itself calls."""
    try:
        inspect.signature(handle).bind(None)
    except TypeError:
        return False
    except ValueError:
        return True  # nobody knows its parameters
    return True


def is_factory(given: object) -> bool:
    """Whether this makes consumers, one for each life of the process."""
    return isinstance(given, type) or (callable(given) and not callable(getattr(given, "rows", None)))


def watched_spec(name: str, theirs: object) -> ConsumerSpec:
    """What such a consumer promises."""
    return ConsumerSpec(
        name=name,
        projection=str(theirs.projection),  # type: ignore[attr-defined]
        watched=True,
        inline=role_of(theirs) == INLINE,
        saves_every=int(getattr(theirs, "saves_every", 1)),
        at_most_once="at-most-once" in getattr(theirs, "promises", ()),
        **promised(theirs),  # type: ignore[arg-type]
    )


class Watched(Asked, Consumer):
    """A consumer of the user's. `given` is the consumer itself, or what makes one for each life of its process. With a `stage` its work is
    done by an actor of its name, without one it is called, and may die at a `durable()`. `covered` tells what a checkpoint covers of a log
    in which positions show late."""

    def __init__(
        self,
        name: str,
        projection: str,
        context: Context,
        title: str,
        given: Any,
        stage: Stage | None,
        covered: Callable[[int], int] | None = None,
    ) -> None:
        self.covered = covered
        self.title = f"{title}: consumer {name!r}"
        self.given = given
        self.stage = stage
        self.makes = is_factory(given)
        self.name = name
        if stage is not None:
            stage.kept.add(name)
            if name in stage.known or asynchronous(given) or any_asynchronous(given, *WORK):
                stage.awaits(name, name if self.makes else "shared")
        self.theirs: Any = self.born()
        self.role = self.kind()
        if stage is not None and any_asynchronous(self.theirs, *WORK):
            stage.known.add(name)
            stage.awaits(name, name if self.makes else "shared")
        self.started = False
        self.still = 0
        super().__init__(name, projection, context, Rows(self))
        self.spec = self.promise()
        self.shown: tuple[int | None, StoredRows] = (None, {})
        self.as_shown = Unchanged()
        """Whether a look would show the same once more."""
        self.saved_snapshot: tuple[int, StoredRows] | None = None
        """What its snapshot was when it was looked at last."""
        self.unflushed = False
        self.failures = 0
        self.started_again = False
        """It has failed so often that its process was started again, and has done nothing since."""
        self.waits_for_event = False
        """It was started again, and has been handed nothing since."""
        self.woken = False
        """Something became visible since it began to work: it may have looked before that."""
        self.recovering = False
        self.stopping = False
        """It has been told to end, and may have closed what it needs to answer."""
        self.resume(self.checkpoint_now() or 0)
        self.asleep = self.role == INLINE

    def kind(self) -> str:
        """Whether it is pushed, pulling or inline."""
        return role_of(self.theirs)

    def promise(self) -> ConsumerSpec:
        """What it promises."""
        return watched_spec(self.name, self.theirs)

    def born(self) -> Any:
        """The consumer, in a process that has just started."""
        if not self.makes:
            theirs = self.given
        elif self.stage is None:
            theirs = self.given()
        else:
            theirs = self.made()
        return self.adopted(theirs)

    def made(self) -> Any:
        """A new one, made by its own process. Raises `AdapterError`."""
        stage = self.stage
        try:
            return None if stage is None else stage.at_once(self.name, self.given)
        except BaseException as error:
            let_through(error)
            raise AdapterError(f"{self.title}: making it raised {told(error)}") from error

    def adopted(self, theirs: Any) -> Any:
        """The consumer, with what the harness puts into it."""
        if hasattr(theirs, "durable"):
            theirs.durable = self.durable if self.stage is None else durable
        return theirs

    # -- what it shows

    def current(self) -> StoredRows:
        """The rows now."""
        rows = snapshot(self.title, self.call("rows"))
        differing(self.title, rows, rows)  # they are going to be compared
        return rows

    def shows_checkpoint(self) -> bool:
        """Whether it has one."""
        return callable(getattr(self.theirs, "checkpoint", None))

    def checkpoint_now(self) -> int | None:
        """The checkpoint; None if it shows none."""
        if not self.shows_checkpoint():
            return None
        shown = self.ask_checkpoint()
        return shown if self.covered is None or self.role not in READING else self.covered(shown)

    def checkpoint_seen(self) -> int:
        """The checkpoint; what it was when it was seen last, if somebody's open transaction locks it now."""
        try:
            return self.checkpoint_now() or 0
        except AdapterError as error:
            if not self.is_locked(error):
                raise
            return self.shown[0] or 0

    def is_locked(self, error: AdapterError) -> bool:
        """Whether the error says that somebody who is in the middle of work has locked what was looked at."""
        return self.stage is not None and bool(self.stage.work) and "locked" in str(error)

    def look(self, when: str = "working") -> None:
        """Record what it shows, if that is news. What is locked by somebody's open transaction cannot be seen now, and a dead one need not
        answer, nor one that has been told to stop; what a recovery has come to, counts from its end on."""
        if when == "working" and (self.recovering or self.as_shown):
            return
        self.as_shown.forget()
        try:
            with traffic.asked() as by_checkpoint:
                checkpoint = self.checkpoint_now()
            with traffic.asked() as by_rows:
                seen = (checkpoint, self.current())
        except AdapterError as error:
            if when == "dead" or self.stopping or self.is_locked(error):
                return
            raise
        if when != "working" or seen != self.shown:
            self.shown = seen
            self.emit(Shown(self.name, *seen, when))
        if callable(getattr(self.theirs, "snapshot", None)):
            if when != "dead":
                self.look_at_snapshot()
        elif when == "working":
            self.as_shown.looked(by_rows, *([by_checkpoint] if self.shows_checkpoint() else []))

    def look_at_snapshot(self) -> None:
        """Record the newest snapshot, if that is news. What is locked now is looked at later."""
        try:
            found = self.call("snapshot")
        except AdapterError as error:
            if self.stopping or self.is_locked(error):
                return
            raise
        if found is None:
            return
        if not isinstance(found, tuple) or len(found) != 2 or type(found[0]) is not int:
            raise AdapterError(f"{self.title}: snapshot() returned {short(found)}, expected (position, rows) or None")
        position, rows = found[0], snapshot(f"{self.title}: snapshot", found[1])
        if (position, rows) == self.saved_snapshot:
            return
        self.saved_snapshot = position, rows
        if self.covered is not None and self.role in READING:
            position = self.covered(position)
        self.emit(SnapshotTaken(self.name, position, rows, self.application.schema))

    def done_with(self) -> int:
        """What it has saved, or has in its newest snapshot: after this it goes on when it starts again. What is inline reads nothing."""
        if self.role == INLINE:
            return self.tail()
        saved = 0 if self.spec.volatile else self.checkpoint_seen()
        return max(saved, self.saved_snapshot[0] if self.saved_snapshot is not None else 0)

    def resting(self) -> Record:
        """At rest, whatever it is."""
        self.shown = (self.checkpoint_now(), self.current())
        return Shown(self.name, *self.shown, "resting")

    def start_once_more(self) -> int | None:
        """End its process at rest and start it again; where it goes on then. None if it cannot be started again, shows no position, or
        promises to build everything anew. Nothing follows, so nothing of it is recorded here."""
        again = self.makes or (hasattr(self.theirs, "crash") and hasattr(self.theirs, "restart"))
        shows = self.shows_checkpoint()
        if self.role in (INLINE, RUNNING) or self.down or self.busy() or self.spec.volatile or not (again and shows):
            return None
        try:
            if self.stage is not None:
                self.stage.end(self.name)
            if self.makes:
                self.theirs = self.born()
            else:
                self.call("crash")
                self.call("restart")
            return self.checkpoint_now()
        except AdapterError:
            return None

    def wake(self) -> None:
        """There is something new in the log: an inline one has it already."""
        if self.role == INLINE:
            self.look()
        else:
            self.asleep = False
            self.woken = True
            self.still = 0

    def subscribe_again(self) -> None:
        """Go on behind the checkpoint, whatever was handed before: somebody may have set it."""
        if self.role == PUSHED:
            self.resume(self.checkpoint_seen())
        else:
            self.wake()

    def begin_anew(self) -> None:
        """Nothing goes wrong from here on: whoever waits looks once more, and what failed before counts no more."""
        if self.role == PULLING:
            self.wake()
        self.failures = 0
        self.started_again = False

    def remind(self) -> bool:
        """Hand the last event once more to one whose rows are volatile, and that has been handed nothing since it was started: it may go on
        with its recovery whenever it is called. Whether it was."""
        if not self.waits_for_event or self.role != PUSHED or not self.spec.volatile or self.down or self.busy():
            return False
        self.waits_for_event = False
        if not self.redeliver(1):
            return False
        if self.stage is not None:
            self.stage.finish([self.name])
        return True

    # -- its work

    def busy(self) -> bool:
        """Whether it is in the middle of work."""
        return self.stage is not None and self.stage.busy(self.name)

    def idle(self) -> bool:
        """Whether it has nothing to do until the log announces something."""
        if self.role != PUSHED:
            return self.asleep
        return super().idle() and not (self.unflushed and hasattr(self.theirs, "flush") and not self.log.down)

    def turn(self, index: int) -> None:
        """One piece of work, to its end."""
        if self.begin(index) and self.stage is not None:
            if self.role == RUNNING:
                self.run_on(self.stage)
            else:
                self.stage.finish([self.name])

    def run_on(self, stage: Stage) -> None:
        """Let it go on by itself until it waits. One that shows nothing new for a while is asked whether it has caught up."""
        before = self.shown
        stage.go_on(self.name)
        self.exit_of(stage)
        self.still = 0 if self.shown != before else self.still + 1
        if self.still <= IDLE_TURNS:
            return
        self.asleep = True
        if callable(getattr(self.theirs, "caught_up", None)) and not self.down and self.failures <= PATIENCE:
            work = functools.partial(self.theirs.caught_up, self.tail(), SECONDS)
            stage.begin(self.name, work, lambda status: None)
            stage.finish([self.name])

    def tail(self) -> int:
        """The last position of the log."""
        last = self.position
        for page in pages(self.log, last, 1024):
            last = page[-1].position
        return last

    def exit_of(self, stage: Stage) -> None:
        """What it has started may have ended with an error: then it is started again, as by what watches over it."""
        status = stage.gate.status(self.name)
        if isinstance(status, Raised) and self.started:
            self.started = False
            self.failures += 1
            self.emit(Failed(self.name, self.log_end()))
            self.asleep = self.failures > PATIENCE

    def begin(self, index: int = 0) -> bool:
        """Begin a piece of work: up to its first stop at the gate, or to its end where there is none; False if there is none to do."""
        self.stopping = False
        if self.role == PULLING:
            self.woken = False
            self.undertake("poll", (), self.polled)
            return True
        if self.role == RUNNING and self.stage is not None:
            if not self.started:
                self.started = True
                self.stage.set_loose(self.name, self.theirs.start)
            elif not self.stage.stands(self.name):
                self.stage.pass_time()
            return True
        if not self.inbox:
            self.fetch()
        if self.inbox:
            super().turn(index)
            return True
        if self.unflushed and hasattr(self.theirs, "flush"):
            self.undertake("flush", (), self.flushed)
            return True
        return False

    def undertake(self, method: str, arguments: tuple[object, ...], finish: Finish) -> None:
        """Have the consumer do something."""
        if self.stage is None:
            finish(Returned(self.call(method, *arguments)))
        else:
            self.stage.begin(self.name, functools.partial(getattr(self.theirs, method), *arguments), finish)

    def ended(self, status: Status) -> bool:
        """Look at what it has done; whether it came to its end."""
        if isinstance(status, Died):
            self.fell()
            self.emit(Crashed(self.name, 1))
            return False
        self.look()
        if isinstance(status, Exited):
            self.leave()
            return False
        self.failures = self.failures + 1 if isinstance(status, Raised) else 0
        self.started_again = self.started_again and isinstance(status, Raised)
        return isinstance(status, Returned)

    def polled(self, status: Status) -> None:
        """It has read by itself; what it answers says whether there was anything."""
        before = self.shown
        if self.ended(status):
            answer = status.value if isinstance(status, Returned) else None
            done = not answer if answer is not None else self.shown == before
            self.asleep = done and not self.woken
        elif isinstance(status, Raised):
            self.emit(Failed(self.name, self.log_end()))
            self.asleep = self.is_hopeless()

    def log_end(self) -> int:
        """Where it fails, as far as one can see: after its checkpoint."""
        return (self.shown[0] or 0) + 1

    def flushed(self, status: Status) -> None:
        """It has handled what it had collected."""
        if self.ended(status) or self.failures > PATIENCE:
            self.unflushed = False
        elif isinstance(status, Raised):
            self.emit(Failed(self.name, self.position))

    def receive(self, event: Stored, after: int) -> None:
        """Hand it one event. Successors are held back by the subscription; duplicates are its own task."""
        if self.spec.ordered and after > self.position:
            super().receive(event, after)
            return
        self.waits_for_event = False
        self.undertake("handle", (event,), lambda status: self.handed(event, status))

    def handed(self, event: Stored, status: Status) -> None:
        """It has had the event; one on which it failed comes again."""
        if self.ended(status):
            self.emit(Handed(self.name, event.position))
            self.unflushed = True
            self.done(event)
        elif isinstance(status, Raised):
            self.emit(Failed(self.name, event.position))
            if self.is_hopeless():
                self.inbox.clear()
                self.asleep = True

    def is_hopeless(self) -> bool:
        """Whether it has failed too often in a row; in a new process as well, where there can be one: whoever has lost a connection and
        never looks for another is started again by somebody."""
        if self.failures <= PATIENCE:
            return False
        if not self.makes or self.started_again:
            return True
        self.started_again = True
        self.crash()
        self.emit(Crashed(self.name, 1))
        self.restart()
        return False

    # -- its ends

    def crash(self) -> None:
        """Its process dies; what it leaves behind is looked at, where it can be."""
        if self.stage is not None:
            self.stage.work.pop(self.name, None)
            self.stage.end(self.name)
        self.fell()

    def fell(self) -> None:
        """The process is dead."""
        self.recovering = self.stopping = False
        Process.crash(self)
        self.inbox = []
        self.unflushed = False
        if not self.makes and hasattr(self.theirs, "crash"):
            self.call("crash")
        self.look("dead")

    def stop(self) -> None:
        """It is told to end, in order: it may save what it has."""
        stage = self.stage
        self.stopping = True
        if stage is not None and stage.stands(self.name):
            stage.stop(self.name, getattr(self.theirs, "stop", None))
            if not self.down and not stage.busy(self.name):
                self.leave()
            return
        if stage is None:
            self.fuse = 0  # a death at a durable step is for its work
            self.call("stop")
        else:
            stage.begin(self.name, self.theirs.stop, lambda status: None)
            stage.finish([self.name])
        self.leave()

    def leave(self) -> None:
        """Its process has ended."""
        self.recovering = self.stopping = False
        if self.stage is not None:
            self.stage.end(self.name)
        Process.crash(self)
        self.inbox = []
        self.unflushed = False
        self.look("dead")

    def begin_restart(self) -> None:
        """A new process, whose recovery stops where it leaves its own code."""
        if self.stage is None or not (self.makes or hasattr(self.theirs, "restart")):
            self.restart()
            return
        Process.restart(self)
        self.started = False
        self.recovering = True
        self.stage.begin(self.name, self.given if self.makes else self.theirs.restart, self.reborn)

    def reborn(self, status: Status) -> None:
        """The recovery has come to its end."""
        self.recovering = False
        if not isinstance(status, Returned):
            self.failed_to_start()
            return
        if self.makes:
            self.theirs = self.adopted(status.value)
        self.recovered()

    def failed_to_start(self) -> None:
        """The new process has ended in its recovery; it is started again later."""
        if self.stage is not None:
            self.stage.end(self.name)  # what it had open ends with its process
        self.fell()
        self.emit(Crashed(self.name, 1))

    def restart(self) -> None:
        """A new process: a new consumer, or the same, which recovers. Whoever meets a lock of somebody's open transaction has failed to
        start."""
        Process.restart(self)
        self.started = False
        try:
            if self.makes:
                self.theirs = self.born()
            elif hasattr(self.theirs, "restart"):
                self.call("restart")
        except AdapterError as error:
            if not self.is_locked(error):
                raise
            self.failed_to_start()
            return
        self.recovered()

    def recovered(self) -> None:
        """It goes on with what it has found."""
        self.failures = 0
        self.waits_for_event = True
        self.resume(self.checkpoint_seen())
        self.asleep = self.role == INLINE
        self.emit(Recovered(self.name, self.position, None))
        self.look("restarted")
