"""The baton: it goes to one actor at a time, and comes back when the actor stops, ends or is blocked."""

from __future__ import annotations

import gc
import queue
import time
from collections.abc import Iterator

from refold.systems.gate.actor import RUNNING, Actor, Host, Process
from refold.systems.gate.crossing import Blocked, Died, Ended, Idle, Status, Stopped, Wait, end_of
from refold.systems.gate.decision import Decision
from refold.systems.gate.network.proxy import Monitor, Proxy, Switchboard, Way
from refold.systems.gate.stillness import Stillness

COLLECTION = 1000
"""Garbage is collected after so many steps and never in between: it closes what the code has forgotten to close, and the same has to
happen in every run."""


ASKED_AGAIN = 0.016
"""Seconds between two questions to a server about one that takes its time; the first question comes earlier."""


class Baton:
    """Lets one actor go on, and waits for it. `deadline` and `patience` as in `Gate`."""

    def __init__(self, deadline: float, patience: float) -> None:
        self.deadline = deadline
        self.patience = patience
        self.actors: dict[str, Actor] = {}
        self.told_time: set[str] = set()
        """The processes that have asked what time of day it is."""
        self.measured: set[str] = set()
        """Those that have asked a clock that only ever goes on."""
        self.blocked: set[Actor] = set()
        self.backends: dict[int, str] = {}
        """Whose connection it is, by the number that the server gives it."""
        self.abandoned: list[tuple[Monitor, int]] = []
        """Connections that a server may still keep for a client that is dead."""
        self._given = 0
        self._events: queue.SimpleQueue[Host] = queue.SimpleQueue()
        self._board: Switchboard | None = None
        self._proxies: list[Proxy] = []

    # --- waiting for each other ---

    def unblock(self, actor: Actor) -> None:
        """What a blocked actor waited for has come: it stands again."""
        status = actor.status
        if isinstance(status, Blocked) and status.crossing is not None and status.wait.seen == "gate":
            self.blocked.discard(actor)
            actor.status = Stopped(status.crossing)

    def unblock_waiting_for(self, ended: Actor) -> None:
        """Those who wait for the end of an actor."""
        for actor in self._in_order(self.blocked):
            status = actor.status
            if isinstance(status, Blocked) and status.wait.what == end_of(ended.name):
                self.unblock(actor)

    # --- the baton ---

    def report(self, host: Host) -> None:
        """An actor's thread has stopped. Called from there."""
        host.running = False
        if self._board is None:
            self._events.put(host)
        else:
            self._board.wake()

    def _let(self, actor: Actor, decision: Decision) -> Status:
        host = actor.host
        if host.ended:
            actor.status = Died(actor.crossing)
            return actor.status
        actor.decision = decision
        actor.status = RUNNING
        self._given += 1
        if self._given % COLLECTION == 0:
            gc.collect(1)
        if actor.held is not None:
            actor.held.decided(decision)
        elif not host.running:
            if host.loop is not None:
                host.loop.picked = actor
            host.give()
        self._wait(actor)
        if host.failure is not None:
            raise host.failure
        if host.loop is not None and self._board is not None:
            self._settle(actor.process, host)
        if isinstance(actor.status, Died) or actor.process.dead:
            self._end(actor.process)
        if self.blocked:
            self._look_at_blocked()
        return actor.status

    def _next(self, seconds: float) -> bool:
        """Wait at most that long for something to happen; whether there was anything."""
        if self._board is not None:
            return self._board.serve(seconds)
        try:
            self._events.get(True, seconds)
        except queue.Empty:
            return False
        return True

    def _wait(self, actor: Actor) -> None:
        """Until the thread of an actor has reported, or a request of it stands at a proxy, or it is blocked."""
        host = actor.host
        seconds = 0.002
        began = time.monotonic()
        still: Stillness | None = None
        while host.running and actor.held is None:
            if self._next(seconds):
                continue  # maybe of somebody else: who was blocked and is back says so in his status
            waited = time.monotonic() - began
            if actor.free:
                wait = None
            elif _can_be_asked(actor):
                wait = _asked(actor)
                seconds = min(2 * seconds, ASKED_AGAIN)
            else:
                still = still or Stillness(actor.host.thread)
                wait = still.seen(self.patience)
                if wait is not None and actor.way is not None and actor.way.asked:
                    wait = Wait("an answer of the server", seen="still")
                if host.loop is not None and still.looks:
                    for way in self._ways(actor.process):
                        way.go_on(forced=True)
            if wait is None and waited >= self.deadline:
                wait = Wait(f"something that took more than {self.deadline:g} s", seen="still")
            if wait is not None and self._flag(actor, wait):
                return

    def _ways(self, process: Process) -> list[Way]:
        """The connections of a process through proxies."""
        return [way for proxy in self._proxies for way in proxy.ways if way.process is process]

    def _settle(self, process: Process, host: Host) -> None:
        """See what a loop has sent, wait for what servers answer at once, and let the loop see it."""
        waited = 0.0
        while waited < self.deadline:
            self._next(0)
            for way in self._ways(process):
                way.go_on()
            asked = [way for way in self._ways(process) if way.asked and not way.flagged]
            if not asked:
                if not self._poll(host):
                    return
            elif not self._next(0.002):
                waited += 0.002
                for way in asked:
                    wait = way.probe() if way.can_ask else None
                    if wait is None and not way.can_ask and waited >= self.patience:
                        wait = Wait("an answer of the server", seen="still")
                    if wait is not None:
                        way.flagged = True
                        way.actor.status = Blocked(way.actor.crossing, wait)
                        self.blocked.add(way.actor)

    def _flag(self, actor: Actor, wait: Wait) -> bool:
        """Call a running actor blocked, unless it has just come back."""
        with actor.mutex:
            if actor.status is not RUNNING or not actor.host.running:
                return False
            if actor.way is not None and actor.way.asked:
                actor.way.flagged = True
            else:
                actor.flagged = actor.boundary is not None
            actor.status = Blocked(actor.crossing, wait)
            self.blocked.add(actor)
        actor.host.keep_others(actor)
        return True

    def _look_at_blocked(self) -> None:
        """Bring the blocked ones up to date: who has come back stands, and who has not says for whom it waits."""
        polled: set[Host] = set()
        for actor in self._in_order(self.blocked):
            status = actor.status
            if not isinstance(status, Blocked):
                self.blocked.discard(actor)
            elif status.wait.seen == "loop":
                if actor.host not in polled:
                    polled.add(actor.host)
                    self._poll(actor.host, asks=True)
            elif status.wait.seen != "gate":
                self._look_at(actor)

    def _poll(self, host: Host, asks: bool = False) -> bool:
        """Let a loop see what has come from outside; whether there was anything. If it `asks`, also what servers say."""
        loop = host.loop
        if host.running or loop is None or not loop.at_choice or not (loop.news() or (asks and loop.in_server)):
            return False
        host.give()
        until = time.monotonic() + self.deadline
        while host.running and time.monotonic() < until:
            self._next(0.01)
        return not host.running

    def _look_at(self, actor: Actor) -> None:
        """Whether it still waits outside of the gate; if not, wait until it stands."""
        still = Stillness(actor.host.thread)
        until = time.monotonic() + self.deadline
        looked = 0
        while isinstance(actor.status, Blocked) and _in_a_server(actor) and time.monotonic() < until:
            if _can_be_asked(actor):
                wait = _asked(actor)
            elif actor.way is not None and actor.way.asked:
                wait = actor.status.wait if looked else None
            else:
                wait = still.seen(0.001)
            if wait is not None:
                with actor.mutex:
                    if isinstance(actor.status, Blocked) and _in_a_server(actor):
                        actor.status = Blocked(actor.status.crossing, wait)
                return
            looked += not self._next(0.0005)

    def until_still(self, actor: Actor) -> None:
        """Wait until a thread is in its library, so that what happens to it there happens at the same place in every run."""
        still = Stillness(actor.host.thread)
        for _ in range(100):
            if still.seen(0.002) is not None:
                break
            time.sleep(0.001)

    def _in_order(self, some: set[Actor]) -> Iterator[Actor]:
        return iter([actor for actor in self.actors.values() if actor in some])

    # --- death ---

    def _end(self, process: Process) -> None:
        """Death for all actors of a process: those who stand or wait at the gate unwind now, the others as soon as they can."""
        process.die()
        for host in dict.fromkeys(actor.host for actor in process.actors):
            if host.running:
                host.interrupt()
            if not (host.running or host.ended or host.unwind(process)):  # it may have come back just now
                self._unwind(host, process)
        for actor in process.actors:
            self.blocked.discard(actor)
            if not isinstance(actor.status, Idle | Ended):
                actor.status = Died(actor.crossing)

    def _unwind(self, host: Host, process: Process) -> None:
        """Let a thread of a dead process come to its end; where it resists, go on without it after a second."""
        host.give()
        for turn in range(100):
            if host.ended or (not host.running and host.unwind(process)):
                return
            if turn > 2:
                host.interrupt()
            self._next(0.01)


def _in_a_server(actor: Actor) -> bool:
    """Whether it is blocked where the gate does not see it by itself."""
    status = actor.status
    return isinstance(status, Blocked) and status.wait.seen not in ("gate", "loop")


def _can_be_asked(actor: Actor) -> bool:
    """Whether the server in which it may be waiting can be asked."""
    way, boundary = actor.way, actor.boundary
    if way is not None and way.asked:
        return way.can_ask
    return boundary is not None and boundary.probe is not None


def _asked(actor: Actor) -> Wait | None:
    """What the server says that it waits for; None where it waits for nothing, or has just come back by itself."""
    way, boundary = actor.way, actor.boundary
    if way is not None and way.asked:
        return way.probe()
    return None if boundary is None or boundary.probe is None else boundary.probe()
