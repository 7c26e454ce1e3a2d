"""The gate: it decides which actor goes on, and what happens to it at its crossing.

One thread calls the gate, the caller's. Everything that the gate is asked comes back: a step ends when its actor stops again, ends, or is
blocked; where an actor does none of these within `deadline` seconds, it is called blocked with these words.
"""

from __future__ import annotations

import _thread
import gc
import random
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import attrs

from refold.systems.gate.actor import OPEN, Actor, Host, Process
from refold.systems.gate.baton import Baton
from refold.systems.gate.crossing import (
    Blocked,
    Crossing,
    Deadlock,
    Ended,
    Idle,
    Raised,
    Returned,
    Status,
    Stopped,
    Wait,
)
from refold.systems.gate.decision import GO, Decision, Die, Stop, error_of
from refold.systems.gate.network.proxy import Monitor, Proxy, Switchboard
from refold.systems.gate.patches import Patches
from refold.systems.gate.runtime import chance
from refold.systems.gate.runtime.driven import Carrier, Driven
from refold.systems.gate.runtime.hosting import Hosted

EPOCH = 1_600_000_000.0
"""The gate's time at the beginning of a run, in seconds since 1970: the same in every run."""

T = TypeVar("T")

HEARD = 20
"""Answers of a server that are listened to before time passes."""
LIMIT = 100_000
"""Steps that `finish` takes at most."""


class Unknown(LookupError):
    """There is no actor of this name."""


class Busy(RuntimeError):
    """An actor was given something to do before it was done with what it had."""


class Gate(Baton):
    """Actors, their clock, and the decisions about them. Use it in a ``with`` statement: what is left at its end is ended.

    `deadline` is how many real seconds an actor may go without a stop before it is called blocked; `patience` how many its thread must
    stand still for that, where nobody can be asked.
    """

    def __init__(self, *, deadline: float = 10.0, patience: float = 0.02) -> None:
        super().__init__(deadline, patience)
        self.now = EPOCH
        self.decisions = 0
        self.leaked: list[str] = []
        """Threads that did not end with their process: they catch everything, or wait in something that cannot be interrupted."""
        self._clocks: dict[str, float] = {}
        self._processes: dict[str, Process] = {}
        self._hosts: list[Host] = []
        self._driven: dict[str, Driven] = {}
        self._shared: dict[object, Any] = {}
        self._patches = Patches.all()

    # --- life ---

    def __enter__(self) -> Self:
        self._patches.__enter__()
        self._collects = gc.isenabled()
        gc.disable()
        self._chance = chance.begin()
        OPEN.setdefault(_thread.get_ident(), []).append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        OPEN[_thread.get_ident()].remove(self)
        try:
            self.close()
        finally:
            random.setstate(self._chance)
            if self._collects:
                gc.enable()
            self._patches.__exit__(kind, error, trace)

    def close(self, seconds: float = 5.0) -> None:
        """End all processes and their threads; within `seconds`, or name them in `leaked`."""
        for process in list(self._processes.values()):
            if not process.dead:
                self._end(process)
        if self._board is not None:
            self._board.close()
        for monitor, backend in self.abandoned:
            monitor.end(backend)
        self.abandoned.clear()
        for thing in self._shared.values():
            thing.close()
        self._shared.clear()
        for driven in self._driven.values():
            driven.host.shut()
        self._driven.clear()
        until = time.monotonic() + seconds
        for host in self._hosts:
            thread = host.thread
            if thread is None:
                continue
            thread.join(0.02)
            while thread.is_alive() and time.monotonic() < until:
                host.interrupt()
                thread.join(0.005)
            if thread.is_alive():
                self.leaked.append(thread.name)
        self._hosts.clear()

    # --- actors ---

    def process(self, name: str) -> Process:
        """The living process of that name; a new one if the last has died."""
        process = self._processes.get(name)
        if process is None or process.dead:
            process = self._processes[name] = Process(name)
            process.offset = self._clocks.get(name, 0.0)
        return process

    def actor(self, name: str, process: str | None = None) -> Actor:
        """The actor of that name, with a thread of its own; a new one if the last has died. `process` is what it dies with: by default a
        process of its own."""
        actor = self.actors.get(name)
        if actor is not None and not actor.process.dead:
            return actor
        host = Host(self)
        fresh = self.admit(Actor(self, name, self.process(process or name), host))
        host.launch(fresh)
        return fresh

    def admit(self, actor: Actor) -> Actor:
        """Take in an actor; its crossings are counted on from those of the former one of its name."""
        if actor.name in self.actors:
            actor.number = self.actors[actor.name].number
        self.actors[actor.name] = actor
        if not isinstance(actor.host, Carrier):
            self._hosts.append(actor.host)
        return actor

    def dismiss(self, actor: Actor) -> None:
        """Forget an actor that has come to its end."""
        if self.actors.get(actor.name) is actor:
            del self.actors[actor.name]
        if actor in actor.process.actors:
            actor.process.actors.remove(actor)
        self.blocked.discard(actor)

    def start(self, name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Status:
        """Let an actor run a function up to its first crossing. Raises `Busy` if it has something to do already."""
        return self._launch(name, False, function, arguments, named)

    def run(self, name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Let an actor run a function to its end without stops, and return what it returns or raise what it raises: for setting up,
        and for looking. Raises `Busy` also if it blocks."""
        status = self._launch(name, True, function, arguments, named)
        if isinstance(status, Raised):
            raise status.error
        if not isinstance(status, Returned):
            raise Busy(
                f"{name}: expected to come to its end at once, found {status}; start() it and take steps instead"
            )
        return status.value

    def _launch(self, name: str, free: bool, function: Callable[..., Any], arguments: Any, named: Any) -> Status:
        actor = self.actor(name)
        if not isinstance(actor.status, Idle | Ended):
            raise Busy(f"{name}: expected to have nothing to do, found {actor.status}; let it come to its end first")
        actor.free = free
        actor.host.job = lambda: actor.perform(function, arguments, named)
        return self._let(actor, GO)

    def spawn(self, name: str, function: Callable[..., Any], *arguments: Any, loop: str = "loop") -> Status:
        """Begin a task of a coroutine function and let it go on up to its first await. All tasks of one `loop` share a thread, and are
        one process. Raises `Busy` if an actor of that name has something to do already."""
        former = self.actors.get(name)
        if former is not None and not isinstance(former.status, Idle | Ended):
            raise Busy(f"{name}: expected to have nothing to do, found {former.status}; let it come to its end first")
        process = self.process(loop)
        others = [one.host for one in process.actors if one.host.loop is not None and not one.host.ended]
        host = others[0] if others else Host(self)
        actor = self.admit(Actor(self, name, process, host))
        hosted = host.loop
        if hosted is None:
            hosted = Hosted(host, None)
            host.job = lambda: hosted.serve(actor)
            host.launch(actor)
        hosted.incoming.append((actor, function, arguments))
        return self._let(actor, GO)

    def task(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        loop: str = "loop",
        process: str | None = None,
        threaded: bool = False,
        free: bool = False,
    ) -> Status:
        """Let a task of a coroutine function go on up to its first await, on a loop that the gate drives itself.

        Tasks of one `loop` may be of several processes: by default each is a process of its own. One that is `free` stops at its awaits
        only. Raises `Busy` if an actor of that name has something to do already, and `NeedsThread` where code stops that does not await,
        unless the loop is `threaded`.
        """
        actor = self.actors.get(name)
        if actor is not None and not isinstance(actor.status, Idle | Ended):
            raise Busy(f"{name}: expected to have nothing to do, found {actor.status}; let it come to its end first")
        driven = self.driven(loop, threaded)
        if actor is None or actor.process.dead or actor.host is not driven.host:
            actor = self.admit(Actor(self, name, self.process(process or name), driven.host))
        actor.free = free
        driven.incoming.append((actor, function, arguments))
        midway = driven.host.midway
        if midway is not None:
            actor.status = Blocked(None, Wait("the event loop", (midway.name,), seen="loop"))
            self.blocked.add(actor)
            return actor.status
        return self._let(actor, GO)

    def driven(self, name: str = "loop", threaded: bool = False) -> Driven:
        """The driven loop of that name; a new one, if there is none."""
        found = self._driven.get(name)
        if found is None:
            found = self._driven[name] = Driven(self, threaded)
        return found

    def status(self, name: str) -> Status:
        """Where an actor stands. Raises `Unknown`."""
        return self._known(name).status

    def statuses(self) -> dict[str, Status]:
        """Where everybody stands, in the order in which they came."""
        return {name: actor.status for name, actor in self.actors.items()}

    def stopped(self) -> list[str]:
        """Who waits for a decision, in the order in which they came."""
        return [name for name, actor in self.actors.items() if type(actor.status) is Stopped]

    def on_stop(self, name: str, handler: Callable[[], object] | None) -> None:
        """What the process of an actor does when it is told to end (`Stop`)."""
        self.actor(name).process.on_stop = handler

    def _known(self, name: str) -> Actor:
        actor = self.actors.get(name)
        if actor is None:
            raise Unknown(f"there is no actor {name!r}; there are {', '.join(map(repr, self.actors)) or 'none'}")
        return actor

    # --- decisions ---

    def step(self, name: str, decision: Decision = GO) -> Status:
        """Let an actor go on as decided, up to its next stop, and return where it stands then. One that waits for no decision stays as it
        is; but whoever is blocked can die, and be told to stop where it waits for time, for a lock or in its loop. Raises `Unknown`."""
        actor = self._known(name)
        status = actor.status
        if type(status) is Stopped or (isinstance(decision, Stop) and _hears(status)):
            self.decisions += 1
            self.blocked.discard(actor)
            return self._let(actor, decision)
        if isinstance(decision, Die) and not isinstance(actor.status, Ended):
            self.decisions += 1
            self.kill(actor.process.name)
        return actor.status

    def kill(self, process: str) -> None:
        """End a process, wherever its actors stand; contract of `Die`. Raises `Unknown`."""
        if process not in self._processes:
            raise Unknown(f"there is no process {process!r}")
        if not self._processes[process].dead:
            self._end(self._processes[process])
            self._look_at_blocked()

    def until(self, name: str, words: str, *, limit: int = 1000) -> Status:
        """Let an actor go on until it stops before a crossing whose words begin with `words`, ends, or is blocked."""
        status = self.status(name)
        for _ in range(limit):
            if not isinstance(status, Stopped) or status.crossing.words.startswith(words):
                break
            status = self.step(name)
        return status

    def advance(self, seconds: float | None = None) -> float:
        """Let time pass; None: up to the next moment for which somebody waits. Who waits no longer, stands again. Returns what passed."""
        if seconds is None:
            moments = [actor.status.wait.until for actor in self.blocked if isinstance(actor.status, Blocked)]
            moments += [driven.next_timer() for driven in self._driven.values() if driven.at_choice]
            seconds = max(0.0, min((moment for moment in moments if moment is not None), default=self.now) - self.now)
        self.now += seconds
        for actor in self._in_order(self.blocked):
            status = actor.status
            if isinstance(status, Blocked) and status.wait.until is not None and status.wait.until <= self.now:
                self.unblock(actor)
        # a loop on which nobody waits has timers too, and time would stand at one that is due
        for driven in self._driven.values():
            self._poll(driven.host)
        self._look_at_blocked()
        return seconds

    def hear(self) -> bool:
        """Let servers send what they have, before time passes; whether somebody stands who did not."""
        before = self.stopped()
        for driven in self._driven.values():
            for _ in range(HEARD):
                if self.stopped() != before or not driven.hears():
                    break
                self._poll(driven.host)
        return self.stopped() != before

    def set_clock(self, name: str, ahead: float) -> None:
        """Set how many seconds the clock of an actor's process is ahead of the gate's; negative: behind. It is the clock of a machine: the
        next process of that name has it, too."""
        actor = self.actors.get(name)
        process = self.process(name if actor is None else actor.process.name)
        self._clocks[process.name] = process.offset = ahead

    def finish(self, limit: int = LIMIT) -> dict[str, Status]:
        """Let everybody go on in turn until nobody can, and time pass where only time helps. Who is in a deadlock stays in it."""
        for _ in range(limit):
            names = self.stopped()
            for name in names:
                self.step(name)
            if not names and not self.hear() and not self.advance() and not self.stopped():
                break
        return self.statuses()

    def proxy(self, host: str, port: int, protocol: str = "plain", monitor: Monitor | None = None) -> Proxy:
        """A way to a server for all actors, for as long as this gate is open. Raises `ValueError` if the protocol is not known."""
        found = Proxy(self, host, port, protocol, monitor)
        self._proxies.append(found)
        return found

    @property
    def proxies(self) -> Sequence[Proxy]:
        """Those that there are."""
        return self._proxies

    @property
    def switchboard(self) -> Switchboard:
        """What serves the proxies."""
        if self._board is None:
            self._board = Switchboard()
        return self._board

    def share(self, key: object, make: Callable[[], T]) -> T:
        """One thing of its kind for this gate, made when it is first asked for; it is closed with the gate."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    def signal(self, actor: Actor, decision: Stop) -> None:
        """Tell a process to end whose actor waits in a library that cannot be interrupted: its handler is an actor of its own."""
        process = actor.process
        process.stopping = True
        handler = process.on_stop
        if decision.error is not None or handler is None:
            self.until_still(actor)
            error = error_of(decision.error, SystemExit)
            actor.host.interrupt(type(error or SystemExit()))
            return
        host = Host(self)
        beside = self.admit(Actor(self, f"{process.name}/signal", process, host))
        beside.number += 1
        beside.crossing = Crossing(beside.name, beside.number, "its first line", "thread")
        beside.status = Stopped(beside.crossing)
        host.job = lambda: beside.perform(handler, (), {})
        host.launch(beside)

    def refuse(self, name: str) -> Deadlock | None:
        """If this actor is in a circle of waits in a server, let the server refuse what it waits for, as it would by itself after a while:
        then it stands again, behind its statement, which raises. Returns the circle; None if there is none, or none that a server ends."""
        actor = self._known(name)
        found = self.deadlock()
        boundary = actor.boundary
        if (
            found is None
            or found.everybody
            or name not in dict(found.waits)
            or boundary is None
            or boundary.refuse is None
        ):
            return None
        boundary.refuse()
        until = time.monotonic() + self.deadline
        while isinstance(actor.status, Blocked) and time.monotonic() < until:
            if actor.status.wait.seen == "loop":
                self._poll(actor.host, asks=True)
            else:
                self._look_at(actor)
                self._next(0.0005)
        return found

    def deadlock(self) -> Deadlock | None:
        """Who waits for each other in a circle; or everybody, if nobody can go on and no time helps. None if there is neither. Threads
        that somebody else's code has started and left behind, such as those of a pool, may wait for ever."""
        waits = {name: _wait(actor) for name, actor in self.actors.items() if isinstance(actor.status, Blocked)}
        for name in waits:
            circle = _circle(name, waits)
            if circle:
                return Deadlock(tuple((one, waits[one]) for one in circle))
        living = [actor for actor in self.actors.values() if not isinstance(actor.status, Idle | Ended)]
        timers = any(driven.next_timer() is not None for driven in self._driven.values())
        if not all(actor.helps for actor in living) and len(waits) == len(living) and _for_ever(waits) and not timers:
            return Deadlock(tuple(waits.items()), everybody=True)
        return None


def _wait(actor: Actor) -> Wait:
    """What a blocked actor waits for, and who has that now."""
    assert isinstance(actor.status, Blocked)
    wait = actor.status.wait
    if wait.seen != "loop" or wait.holders or not isinstance(actor.host, Carrier):
        return wait
    return attrs.evolve(wait, holders=actor.host.driven.has_what(actor))


def _hears(status: Status) -> bool:
    """Whether a signal reaches somebody who is blocked."""
    return isinstance(status, Blocked) and status.wait.seen in ("gate", "loop") and status.wait.what != "the event loop"


def _for_ever(waits: dict[str, Wait]) -> bool:
    """Whether no time helps."""
    return all(wait.until is None for wait in waits.values())


def _circle(start: str, waits: dict[str, Wait]) -> list[str]:
    """The actors of a circle of waits through `start`, from it on; empty if there is none."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop()
        for holder in waits[path[-1]].holders:
            if holder == start:
                return path
            if holder in waits and holder not in seen:
                seen.add(holder)
                paths.append([*path, holder])
    return []
