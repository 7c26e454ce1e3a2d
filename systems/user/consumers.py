"""A user's own consumers behind the port: the large size, a *deployment* of the user's own.

The user brings a log and consumers that keep rows and checkpoints in places of their own. The harness hands them events (late, twice),
crashes and restarts them, reads their rows back after each event, and holds the rows against the fold of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from refold.model.application import Application
from refold.model.consumer import Consumer
from refold.model.context import Context
from refold.model.datastore import Datastore, write
from refold.model.declarations.capability import BROUGHT, CRASH_AT_STEP, CRASH_CONSUMER, REMOVALS, SNAPSHOTS, Capability
from refold.model.declarations.ports import LogPort, StoredRows, StorePort
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.process import Emit, Process
from refold.model.record import Applied, CheckpointSaved, ConsumerSpec, Ignored, Recovered
from refold.model.tape import Menu
from refold.model.words import short
from refold.systems.deployment import Deployment
from refold.systems.user.asked import Asked, check_declared, differing, snapshot
from refold.systems.user.errors import AdapterError, called, let_through
from refold.systems.user.log import BESIDE, GuardedLog, declared_by, log_capabilities


class ConsumerPort(Protocol):
    """A consumer of the user's own.

    `projection` names the method of the application that folds events into the consumer's rows (``views``, ``states``,
    ``pointers``, ``totals`` or one of your own). `promises` may say ``atomic`` (rows and checkpoint are saved in one
    transaction), ``volatile`` (rows do not survive a crash and are rebuilt from the checkpoint onwards) or
    ``unordered``.

    The following members are optional:

    - `crash` and `restart`: without them, the consumer is never crashed.
    - `flush`: for a consumer that collects events. It handles all events that the consumer has collected. The harness
      calls it when there is nothing more to read, in place of all timers of the consumer, and not again before the
      next event.
    - `saves_every`: for a consumer that saves its checkpoint once every so many events. At rest, fewer events of the log
      than this may come after the checkpoint (1 by default: none); the rows must contain all of them.
    - `durable`: the harness replaces it with a function that the consumer must call right before each durable step. If
      the consumer has to die there, this function raises an exception, and the consumer must do nothing more.
    - `close`: called when the run is over.
    """

    projection: str

    def handle(self, event: Stored) -> None:
        """Handle one event, which may be delivered again: change rows and save the checkpoint, in any order. New events
        come in the order of their positions, whatever their streams, unless the consumer is ``unordered``."""

    def checkpoint(self) -> int:
        """The position after which the consumer will continue when it is restarted; 0 at first."""

    def rows(self) -> Mapping[str, object]:
        """All rows as they are stored now."""


@runtime_checkable
class Bringing(Protocol):
    """What a user's function makes, new and empty for each run: a log, and consumers by name."""

    log: LogPort
    consumers: Mapping[str, ConsumerPort]


class Shows(Protocol):
    """A consumer of the user's whose rows can be read."""

    theirs: Any

    def current(self) -> StoredRows:
        """The rows now."""

    def call(self, method: str, /) -> object:
        """Call one of its methods."""


class Rows(Datastore):
    """The user's rows as the datastore that clients and the core expect to read from; only the user writes to it."""

    def __init__(self, consumer: Shows) -> None:
        super().__init__()
        self.consumer = consumer

    def view(self) -> StoredRows:
        """All rows."""
        return self.consumer.current()

    def get(self, key: str) -> object:
        """One row."""
        return self.consumer.current().get(key)

    def rows(self) -> StoredRows:
        """All rows."""
        return self.consumer.current()

    def crash(self) -> None:
        """The consumer itself is crashed."""

    def reopen(self) -> None:
        """The consumer itself is restarted."""

    def close(self) -> None:
        """Close the user's consumer, if it can be closed."""
        if hasattr(self.consumer.theirs, "close"):
            self.consumer.call("close")


class UserConsumer(Asked, Consumer):
    """Drives a `ConsumerPort` and records what its rows and its checkpoint become.

    `collected` are events that it was given and has not handled yet (only consumers with `flush` may have some); `dying` those that it
    had in hand when it died. A batch that is not saved in one step may be in the rows in part then: those of its events behind the
    checkpoint are `doubtful` until they have come again, and `clean` are the rows without them (None: there is no doubt).
    """

    def __init__(
        self, name: str, projection: str, context: Context, store: StorePort, title: str, theirs: ConsumerPort
    ) -> None:
        self.theirs = theirs
        self.title = f"{title}: consumer {name!r}"
        super().__init__(name, projection, context, Rows(self))
        self.spec = spec_of(name, theirs)
        self.collects = hasattr(theirs, "flush")
        self.collected: list[Stored] = []
        self.dying: list[Stored] = []
        self.doubtful: list[Stored] = []
        self.clean: StoredRows | None = None
        if hasattr(theirs, "durable"):
            theirs.durable = self.durable
        self.saved = self.position = self.fetched = self.ask_checkpoint()
        self.known = self.current()

    def current(self) -> StoredRows:
        """The rows now."""
        return snapshot(self.title, self.call("rows"))

    # -- one message

    def receive(self, event: Stored, after: int) -> None:
        """Duplicates are handed on: to tell them from news is the consumer's own task. Successors are held back by the subscription."""
        if self.spec.ordered and after > self.position:
            super().receive(event, after)
            return
        first = event.position > self.position
        waits = any(one.position == event.position for one in self.collected)
        batch = [*self.collected, event] if first else self.collected
        changed = self.hand(batch, "handle", event)
        checkpoint = self.ask_checkpoint()
        if self.collects:
            reached = checkpoint if checkpoint > self.saved else event.position if changed else 0
            self.collected = [one for one in batch if one.position > reached]
            batch = [one for one in batch if one.position <= reached]
        if changed or (batch and not (self.collects and self.lacks(batch))):
            self.tell(batch or [event], changed)
        elif not first and not waits:
            self.emit(Ignored(self.name, event.position))
        self.note(checkpoint)
        self.done(event)

    def hand(self, batch: list[Stored], method: str, *arguments: object) -> set[str]:
        """Let the consumer work, with `batch` in its hands; the keys of the rows that are not what they were."""
        self.dying = batch
        self.call(method, *arguments)
        self.dying = []
        return self.changed()

    def changed(self) -> set[str]:
        """The keys of the rows that differ from those that were seen last."""
        return differing(self.title, self.known, self.current())

    def tell(self, batch: list[Stored], changed: set[str]) -> None:
        """Record that the rows contain `batch` now. What is stored is shown with the newest event that touches it; what an earlier one of
        the same batch had made of it, nobody can have seen. What doubtful events may have left in the rows is not shown."""
        stored, rows = self.current(), dict(self.known if self.clean is None else self.clean)
        now = stored
        made = [self.projected(event, rows) for event in batch]
        if self.clean is not None:
            self.doubtful = [event for event in self.doubtful if event.position > batch[-1].position]
            strange = self.strange(rows, self.doubtful, now)
            now, changed = {**rows, **{key: now.get(key) for key in strange}}, strange
            self.clean = rows if self.doubtful else None
        touched: set[str] = set()
        for writes in reversed(made):
            writes.update({key: now.get(key) for key in writes if key not in touched})
            touched.update(writes)
        made[-1].update({key: now.get(key) for key in sorted(changed - touched)})
        self.known = stored
        for event, writes in zip(batch, made, strict=True):
            self.emit(Applied(self.name, event.position, writes))

    def strange(self, rows: StoredRows, later: list[Stored], now: StoredRows) -> set[str]:
        """The keys whose values `now` are neither those of `rows` nor what the events of `later`, one after the other, make of them."""
        rows, possible = dict(rows), dict[str, list[object]]()
        before = dict(rows)
        for event in later:
            for key, value in self.projected(event, rows).items():
                possible.setdefault(key, []).append(value)
        return {key for key in differing(self.title, before, now) if now.get(key) not in possible.get(key, ())}

    def lacks(self, batch: list[Stored]) -> bool:
        """Whether the rows, which have not changed, would be others with `batch` in them."""
        rows = dict(self.known if self.clean is None else self.clean)
        for event in batch:
            self.projected(event, rows)
        later = [event for event in self.doubtful if event.position > batch[-1].position]
        return bool(self.strange(rows, later, self.known))

    def projected(self, event: Stored, rows: StoredRows) -> StoredRows:
        """What the event makes of `rows`, which are changed; nothing if these rows are none that the projection can have made."""
        try:
            writes = dict(self.project(event, rows))
        except BaseException as error:
            let_through(error)
            return {}  # the application met rows that are not its own: what the consumer stored is shown, and differs
        write(rows, writes)
        return writes

    def note(self, checkpoint: int) -> None:
        """Record the checkpoint if it has moved."""
        if checkpoint != self.saved:
            self.saved = checkpoint
            self.emit(CheckpointSaved(self.name, checkpoint))

    # -- what is collected

    def idle(self) -> bool:
        """Not while there is something to flush."""
        return super().idle() and (not self.collected or self.log.down)

    def turn(self, index: int) -> None:
        """As every consumer; with nothing more to read, what is collected is handled."""
        super().turn(index)
        if self.collected and self.asleep and not self.inbox:
            batch, self.collected = self.collected, []
            self.tell(batch, self.hand(batch, "flush"))
            self.note(self.ask_checkpoint())

    # -- faults

    def crash(self) -> None:
        """Crash the user's consumer."""
        super().crash()
        self.call("crash")
        self.collected = []

    def restart(self) -> None:
        """Restart it; it goes on after its checkpoint."""
        Process.restart(self)
        self.call("restart")
        checkpoint = self.ask_checkpoint()
        batch, self.dying = self.dying, []
        if not self.spec.volatile:
            self.survived(batch, checkpoint)
        self.saved = checkpoint
        self.known = self.current()
        self.resume(self.saved)
        self.emit(Recovered(self.name, self.position, None if self.doubtful else dict(self.known)))

    def survived(self, batch: list[Stored], checkpoint: int) -> None:
        """Record what it had made durable of `batch` when it died with it in its hands."""
        whole = sorted(
            {event.position: event for event in (*self.doubtful, *batch)}.values(), key=lambda event: event.position
        )
        if self.collects:
            batch = [event for event in whole if event.position <= checkpoint]
            if not self.spec.atomic:
                self.suspect(batch, whole[len(batch) :])
        if not batch:
            return
        changed = self.changed()
        if changed or (checkpoint >= batch[-1].position and not self.lacks(batch)):
            self.tell(batch, changed)
        if checkpoint > self.saved:
            self.note(checkpoint)

    def suspect(self, batch: list[Stored], later: list[Stored]) -> None:
        """After the checkpoint are `later` events that may be in the rows in part; if so, and if that is all that is wrong with them,
        these are doubtful."""
        before = self.known if self.clean is None else self.clean
        rows, now = dict(before), self.current()
        for event in batch:
            self.projected(event, rows)
        strange = self.strange(rows, later, now)
        self.clean = None if strange else before
        self.doubtful = later if not strange and differing(self.title, rows, now) else []


def spec_of(name: str, theirs: ConsumerPort) -> ConsumerSpec:
    """What a user's consumer promises."""
    return ConsumerSpec(name=name, projection=str(theirs.projection), **promised(theirs))  # type: ignore[arg-type]


def promised(theirs: object) -> dict[str, bool]:
    """The promises of a user's consumer, as fields of its specification."""
    promises = getattr(theirs, "promises", ())
    return {"ordered": "unordered" not in promises, "atomic": "atomic" in promises, "volatile": "volatile" in promises}


def inspect(title: str, sample: Bringing) -> None:
    """Whether a user's consumers have what a consumer needs; raises `UsageError` with one sentence."""
    if not isinstance(sample.consumers, Mapping) or not sample.consumers:
        raise UsageError(
            f"{title!r}: its consumers are {short(sample.consumers)}, expected a dict of at least one name and consumer"
        )
    for name, theirs in sample.consumers.items():
        missing = [method for method in ("handle", "checkpoint", "rows") if not callable(getattr(theirs, method, None))]
        if missing:
            raise UsageError(f"{title!r}: consumer {name!r} has no {' and no '.join(f'{one}()' for one in missing)}")
        check_declared(f"{title!r}: consumer {name!r}", theirs)


def offered(sample: Bringing, log: frozenset[Capability]) -> frozenset[Capability]:
    """What can be done to a user's log, with the capabilities `log`, and consumers."""
    consumers = sample.consumers.values()
    can = (BROUGHT | log) - {SNAPSHOTS, CRASH_AT_STEP, CRASH_CONSUMER}
    if all(hasattr(one, "crash") and hasattr(one, "restart") for one in consumers):
        can |= {CRASH_CONSUMER}
        if all(hasattr(one, "durable") for one in consumers):
            can |= {CRASH_AT_STEP}
    return can


class UserConsumersSystem:
    """A system of the user's own log and consumers. `make` returns an object with `log` and `consumers` (name -> `ConsumerPort`), new and
    empty for each run.
    """

    parallel = False
    """Whether several processes may make runs at once."""
    code: Mapping[str, object] = {}
    """The functions of the user's own that it is made of."""

    def __init__(self, name: str, make: Callable[[], object], sample: Bringing) -> None:
        inspect(name, sample)
        self.name = name
        self.make = make
        self.consumers = tuple(spec_of(consumer, theirs) for consumer, theirs in sample.consumers.items())
        declared = declared_by(name, sample)
        self.capabilities = offered(sample, log_capabilities(name, sample.log)) if declared is None else declared
        readable = "store" in sample.consumers and sample.consumers["store"].projection == "states"
        self.sources = (
            {"alice": "store", "bob": "store", "carol": "log"} if readable else dict.fromkeys(("alice", "bob"), "log")
        )
        self.clients = tuple(self.sources)

    @property
    def unseen(self) -> tuple[str, ...]:
        """What nobody looks at although the log could do it."""
        return (BESIDE,) if self.capabilities & REMOVALS.keys() else ()

    def menu(self, application: Application) -> Menu:
        """The actions that the capabilities allow."""
        return Menu(application.commands(), self.clients, self.consumers, self.capabilities)

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A new deployment of the user's own."""
        made = called(self.name, self.make)
        if not isinstance(made, Bringing):
            raise AdapterError(
                f"{self.name} made {short(made)}, expected an object with log and consumers as the first time"
            )

        def wrap(theirs: ConsumerPort) -> Callable[[str, str, Context, StorePort], UserConsumer]:
            return lambda name, projection, context, store: UserConsumer(
                name, projection, context, store, self.name, theirs
            )

        return Deployment(
            self.name,
            application,
            emit,
            log=GuardedLog(self.name, made.log, application),
            capabilities=self.capabilities,
            designs={name: (wrap(theirs), theirs.projection) for name, theirs in made.consumers.items()},
            sources=self.sources,
        )
