"""Actors: pieces of the user's code on threads of their own, of which one runs at a time.

A baton goes from the gate to the thread of an actor and back. Between two stops an actor runs freely, and alone.
"""

from __future__ import annotations

import _thread
import asyncio
import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import attrs

from refold.model.errors import SystemUnavailable
from refold.systems.gate.boundary import PLAIN, QUIET, Boundary, raise_unless_none
from refold.systems.gate.crossing import (
    AFTER,
    Blocked,
    Crossing,
    Died,
    Exited,
    Idle,
    Raised,
    Returned,
    Running,
    Status,
    Stopped,
    Wait,
)
from refold.systems.gate.decision import Decision, Die, Fail, Go, Hold, Lose, Pause, Stop, error_of
from refold.systems.gate.network.exhaustion import why_it_cannot_go_on
from refold.systems.gate.tracebacks import forget_locals

T = TypeVar("T")

ENDS = (SystemExit, KeyboardInterrupt, asyncio.CancelledError)
"""What a process that is told to stop ends with, if it does not come to its end by itself."""
RUNNING = Running()
RESISTS = 1000
"""After so many deaths that it caught, a thread is never let run again."""


class Death(BaseException):
    """The process of this code is dead. It is no `Exception`, and whoever catches it gets it again at the next crossing."""


class Turns(Protocol):
    """What an actor knows of its gate."""

    now: float
    told_time: set[str]
    measured: set[str]
    deadline: float
    actors: dict[str, Actor]
    blocked: set[Actor]
    backends: dict[int, str]
    abandoned: list[tuple[Any, int]]

    def report(self, host: Host) -> None:
        """A thread has stopped."""

    def admit(self, actor: Actor) -> Actor:
        """Take in an actor."""

    def dismiss(self, actor: Actor) -> None:
        """Forget an actor that has come to its end."""

    def process(self, name: str) -> Process:
        """The living process of that name."""

    def unblock(self, actor: Actor) -> None:
        """What it waited for has come."""

    def unblock_waiting_for(self, ended: Actor) -> None:
        """The same for all who wait for the end of an actor."""

    def share(self, key: object, make: Callable[[], T]) -> T:
        """One thing of its kind for the whole gate."""

    def signal(self, actor: Actor, decision: Stop) -> None:
        """Tell a process to end whose actor is in a library."""

    def step(self, name: str, decision: Decision = ..., /) -> Status:
        """Let an actor go on as decided."""

    @property
    def proxies(self) -> Sequence[Any]:
        """The ways to servers."""


class Line(Protocol):
    """What an actor knows of its connection through a proxy."""

    asked: bool
    flagged: bool

    @property
    def can_ask(self) -> bool:
        """Whether the server can be asked."""

    def probe(self) -> Wait | None:
        """What the server says that it waits for."""

    def decided(self, decision: Decision) -> None:
        """Do with the request as decided."""


class TaskLoop(Protocol):
    """What the thread of an event loop knows of it."""

    at_choice: bool
    outdated: bool
    picked: Actor | None
    last: Actor | None
    incoming: list[tuple[Actor, Callable[..., Any], tuple[Any, ...]]]

    def keep_others(self, actor: Actor) -> None:
        """The others have to wait for this one."""

    @property
    def in_server(self) -> bool:
        """Whether somebody's work is in a server."""

    def news(self) -> bool:
        """Whether something has come from outside."""

    def bury(self) -> None:
        """Close what is left of a dead process."""


class Process:
    """What dies together: actors, what they opened, and a clock of their own.

    `offset` is what this clock is ahead of the gate's, in seconds. `on_stop` is what runs when it is told to end.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.stopping = False
        self.offset = 0.0
        self.on_stop: Callable[[], object] | None = None
        self.actors: list[Actor] = []
        self.children = 0
        self.resisted = 0
        self._open: dict[int, Callable[[], object]] = {}

    def opened(self, thing: object, close: Callable[[], object]) -> None:
        """Remember what the operating system would close when this process ends. `close` must not raise."""
        self._open[id(thing)] = close

    def closed(self, thing: object) -> None:
        """It has closed that by itself."""
        self.forget(id(thing))

    def forget(self, key: int) -> None:
        """The same for one of which only its `id` is left."""
        self._open.pop(key, None)

    def die(self) -> None:
        """From here on nothing of it reaches anything."""
        self.dead = True
        while self._open:
            self._open.popitem()[1]()

    def death(self) -> Death:
        """What is raised in code of a dead process; code that catches it again and again gets no processor any more."""
        self.resisted += 1
        if self.resisted > RESISTS:
            lock = _thread.allocate_lock()
            lock.acquire()
            lock.acquire()  # for ever: there is no way to end a thread that catches everything
        return Death(f"the process of {self.name} is dead")


class Host:
    """A thread that has the baton or waits for it."""

    def __init__(self, gate: Turns) -> None:
        self.gate = gate
        self.baton = _thread.allocate_lock()
        self.baton.acquire()
        self.thread: threading.Thread | None = None
        self.job: Callable[[], None] | None = None
        self.ended = False
        self.failure: BaseException | None = None
        """Why nothing can be gone on with."""
        self.running = False
        """It has the baton, even if it is blocked where nobody sees it."""
        self.loop: TaskLoop | None = None
        """The event loop that runs on it."""

    def launch(self, first: Actor) -> None:
        """Begin the thread; it waits for a job."""
        self.thread = threading.Thread(target=self._loop, args=(first,), daemon=True, name=f"gate:{first.name}")
        _real_start(self.thread)

    def _loop(self, first: Actor) -> None:
        """Work, and leave; a death may come at any moment, also in the middle of leaving."""
        ident = _thread.get_ident()
        BY_THREAD[ident] = first
        working = True
        while True:
            try:
                if working:
                    working = False
                    self._work(first)
                self._leave(ident)
                return
            except Death:
                """It came so late that nobody waits for it."""
            except BaseException:
                self._leave(ident)
                raise

    def _leave(self, ident: int) -> None:
        """The thread is at its end."""
        self.ended = True
        BY_THREAD.pop(ident, None)
        self.gate.report(self)

    def _work(self, first: Actor) -> None:
        """One job after the other."""
        while not first.process.dead:
            self.baton.acquire()
            job, self.job = self.job, None
            if job is None:
                return
            job()
            if not first.process.dead:
                self.gate.report(self)

    def hand_over(self) -> None:
        """Give the baton to the gate, and wait until it comes back."""
        self.gate.report(self)
        self.baton.acquire()

    def give(self) -> None:
        """Give it the baton. Called by the gate."""
        self.running = True
        self.baton.release()

    def keep_others(self, actor: Actor) -> None:
        """One actor of this thread stands outside of the loop's choices: the others have to wait for it."""
        if self.loop is not None:
            self.loop.keep_others(actor)

    def unwind(self, process: Process) -> bool:
        """End what belongs to a dead process, if that can be done without the thread; whether it was."""
        return False

    def shut(self) -> None:
        """The gate is closed."""

    def bury(self) -> None:
        """The process is dead: nothing of a loop is left to be collected as garbage later."""
        if self.loop is not None:
            self.loop.bury()

    def interrupt(self, error: type[BaseException] = Death) -> None:
        """Raise an error in the thread, wherever its Python code is next."""
        if self.thread is not None and self.thread.ident is not None and not self.ended:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread.ident), ctypes.py_object(error))


_real_start = threading.Thread.start

BY_THREAD: dict[int, Actor] = {}
"""The actor that runs on a thread now, by the thread's number."""

OPEN: dict[int, list[Any]] = {}
"""The gates that are open, by the number of the thread that opened them: what is made there is made for their actors."""


def current() -> Actor | None:
    """The actor whose code this is; None outside of every gate."""
    return BY_THREAD.get(_thread.get_ident())


class Actor:
    """One piece of the user's code with a name, and where it stands."""

    def __init__(self, gate: Turns, name: str, process: Process, host: Host) -> None:
        self.gate = gate
        self.name = name
        self.process = process
        self.host = host
        self.status: Status = Idle()
        self.number = 0
        self.decision: Decision = Go()
        self.helps = False
        """It is a thread that another actor has started."""
        self.free = False
        """Set while it is to run without stops."""
        self.boundary: Boundary | None = None
        """That of the work it is in, while it is in one."""
        self.mutex = _thread.allocate_lock()
        self.flagged = False
        """The gate has called it blocked while it was at work."""
        self.crossing: Crossing | None = None
        self.held: Line | None = None
        """The connection on which a request of it, or the answer to one, waits for a decision."""
        self.way: Line | None = None
        """The connection on which it has last stood."""
        process.actors.append(self)

    # --- its own thread ---

    def perform(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Run a function to its end."""
        try:
            self.ended(Returned(function(*arguments, **named)))
        except Death:
            self.host.bury()
            self.ended(Died(self.crossing))
        except BaseException as error:  # whatever it is, it ended the user's code, and the gate says so
            self.ended(self.outcome(error))

    def outcome(self, error: BaseException) -> Status:
        """What it means that its code ended with an error."""
        if self.process.dead:
            return Died(self.crossing)
        if self.process.stopping and isinstance(error, ENDS):
            return Exited()
        self.heard(error)
        forget_locals(error)
        return Raised(error)

    def ended(self, status: Status) -> None:
        """It has come to an end; a process that was told to stop and is at its end has stopped."""
        if self.process.dead:
            status = Died(self.crossing)
        elif self.process.stopping and isinstance(status, Returned):
            status = Exited()
        with self.mutex:
            self.flagged = False
            self.status = status
        self.gate.unblock_waiting_for(self)

    def cross(self, kind: str, words: str, work: Callable[[], T], boundary: Boundary = PLAIN) -> T:
        """Stop, and do the work as it is decided. Raises `Death`, what the work raises, and the errors of `boundary`."""
        decision = self.decide(kind, words, boundary)
        if decision is None:
            return work()
        crossing = self.crossing
        assert crossing is not None
        result = self.work(work, crossing, boundary)
        if type(decision) is Lose:
            raise_unless_none(error_of(decision.error, boundary.lose))
        elif type(decision) is Hold:
            self.stand_before_the_answer(crossing, boundary)
        return result

    def decide(self, kind: str, words: str, boundary: Boundary = PLAIN) -> Decision | None:
        """Stop, and raise what is decided; return the decision if the work is to be done, None if there was no stop. Raises `Death`."""
        process = self.process
        if process.dead:
            raise process.death()
        if self.free:
            return None
        self.number += 1
        self.crossing = crossing = Crossing(self.name, self.number, words, kind)
        decision = self.stand(crossing)
        if type(decision) is not Go:
            self.obey(decision, crossing, boundary)
        self.crossing = crossing
        return decision

    def stand(self, crossing: Crossing) -> Decision:
        """Stop until something is decided that is no pause. Raises `Death`."""
        if self.process.dead:
            raise self.process.death()
        with self.mutex:
            self.flagged = False
            self.status = Stopped(crossing)
        self.host.keep_others(self)
        self.host.hand_over()
        return self.decided(crossing)

    def decided(self, crossing: Crossing) -> Decision:
        """What was decided here, after all pauses. Raises `Death`."""
        while True:
            if self.process.dead:
                raise self.process.death()
            decision = self.decision
            if not isinstance(decision, Pause):
                return decision
            self.status = Blocked(crossing, Wait("the end of its pause", until=self.gate.now + decision.seconds))
            self.gate.blocked.add(self)
            self.host.hand_over()

    def obey(self, decision: Decision, crossing: Crossing, boundary: Boundary) -> None:
        """Raise what a decision raises at this crossing; return if the work is to be done."""
        if isinstance(decision, Die):
            self.process.die()
            raise self.process.death()
        if isinstance(decision, Stop):
            self.told_to_stop(decision)
        elif crossing.phase == AFTER and isinstance(decision, Fail | Lose):
            raise_unless_none(error_of(decision.error, boundary.lose))
        elif isinstance(decision, Fail) or (isinstance(decision, Lose) and not boundary.may_lose):
            raise_unless_none(error_of(decision.error, boundary.fail))

    def told_to_stop(self, decision: Stop) -> None:
        """What a signal does: run the handler here, or raise."""
        process = self.process
        process.stopping = True
        if decision.error is None and process.on_stop is not None:
            process.on_stop()
        else:
            raise_unless_none(error_of(decision.error, SystemExit))

    def work(self, work: Callable[[], T], crossing: Crossing, boundary: Boundary) -> T:
        """Do the work. If the gate has called it blocked in the meantime, stop again before the answer is heard."""
        outer, self.boundary = self.boundary, boundary
        try:
            return work()
        except Exception as error:
            self.heard(error)
            raise
        finally:
            with self.mutex:
                self.boundary = outer
                came_back = self.flagged
            if came_back:
                self.stand_before_the_answer(crossing, boundary)

    def stand_before_the_answer(self, crossing: Crossing, boundary: Boundary) -> None:
        """Stop once more where the work is done, and raise what is decided there."""
        answer = attrs.evolve(crossing, phase=AFTER)
        self.obey(self.stand(answer), answer, boundary)

    def heard(self, error: BaseException) -> None:
        """An error of what it has called: if it is the word of a server that cannot go on, the run ends here."""
        why = why_it_cannot_go_on(error)
        if why:
            self.host.failure = SystemUnavailable(why)

    def wait(self, crossing: Crossing, wait: Wait) -> Decision:
        """Be blocked until somebody calls `Gate.unblock`, or the time has come; then stand at `crossing` until something is decided."""
        with self.mutex:
            self.flagged = False
            self.status = Blocked(crossing, wait)
        self.host.keep_others(self)
        self.gate.blocked.add(self)
        self.host.hand_over()
        return self.decided(crossing)

    def wait_at(self, kind: str, words: str, wait: Wait, boundary: Boundary = QUIET) -> Crossing:
        """Wait where there is no work to be done but waiting: a lock, a sleep. What comes back is the crossing."""
        if self.process.dead:
            raise self.process.death()
        self.number += 1
        self.crossing = crossing = Crossing(self.name, self.number, words, kind, AFTER)
        self.obey(self.wait(crossing, wait), crossing, boundary)
        return crossing


def made_for_actors() -> bool:
    """Whether what is made here and now is for actors: by one of them, or by who holds a gate open."""
    ident = _thread.get_ident()
    return ident in BY_THREAD or bool(OPEN.get(ident))
