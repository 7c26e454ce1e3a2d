"""Actors of a user's system at the gate: who is at work, where he stands, and what happens when his work is over."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from refold.model.parts.calls import ANSWER, Deadlocked, Stood
from refold.model.process import Emit
from refold.systems.gate import Blocked, Busy, Died, Exited, Fail, Gate, Lose, Raised, Returned, Status, Stop, Stopped
from refold.systems.gate.actor import Actor
from refold.systems.gate.crossing import Ended, Wait
from refold.systems.gate.decision import DIE, GO, HOLD, Decision
from refold.systems.gate.runtime.driven import Carrier
from refold.systems.user.coroutines import first_of, others_of
from refold.systems.user.errors import AdapterError, told

Finish = Callable[[Status], None]
"""What is done when a piece of work is over: with a status after which nothing comes."""

STEPS = 10_000
"""Steps after which a piece of work is said to have no end."""
LOOSE_STEPS = 500
"""Steps that what goes on by itself may take before others get a turn."""
NAPS = 12
"""How often time passes until what goes on by itself comes to a place."""
SHORT_NAPS = 6
"""How many of these end at the next moment for which somebody waits. Each later one is twice as long as the one before: a minute passes,
and whoever looks once a second does not look sixty times."""
OTHERS_STEPS = 300
"""Steps that a group may take while its leader waits for somebody else."""
AGAIN = re.compile(r"(.*) \((\d+)\)")
"""A place that is not the first of its kind."""
ROUNDS = 50
"""How often time passes at rest for what somebody has left in the background."""


@attrs.define
class Work:
    """What an actor is at, and what follows its end."""

    finish: Finish


class Stage:
    """A gate, and the work that is under way at it. `look` is called after each step with the name of who took it."""

    def __init__(
        self, title: str, emit: Emit, look: Callable[[str], None], threaded: bool = False, known: set[str] | None = None
    ) -> None:
        self.title = title
        self.emit = emit
        self.look = look
        self.gate = Gate()
        self.work: dict[str, Work] = {}
        self.tasks: dict[str, str] = {}
        """Who awaits something in his work, and on which loop."""
        self.loose: set[str] = set()
        """Who works without being asked to: its group goes on although there is no piece of work."""
        self.threaded = threaded
        """Loops have threads of their own."""
        self.known: set[str] = set() if known is None else known
        """Whose work is known to be asynchronous, in this run and all others."""
        self.kept: set[str] = set()
        """Whose work nobody cancels: consumers are told to stop instead."""
        self.held: dict[str, Actor] = {}
        """Who of a group has stopped where the plan has him stop."""
        self.in_vain: Callable[[str], None] = lambda name: None
        """Called with who had to wait for somebody, and whose work ended with an error: as far as one can see, a lock that was not given
        back in time."""
        self.waited: set[str] = set()
        """Who has had to wait in the work that is under way."""
        self.hindered: set[str] = set()
        """Who has had to wait in the work that is under way, or was refused a step, or has lost an answer."""
        self.ended = False
        """A process was ended to resolve a deadlock, and its work is not over yet."""
        self.closed = False
        self.gate.__enter__()

    def close(self) -> None:
        """End what is left. What was closed already stays so."""
        self.work.clear()
        if not self.closed:
            self.closed = True
            self.gate.__exit__(None, None, None)

    def busy(self, name: str) -> bool:
        """Whether somebody is in the middle of work."""
        return name in self.work

    def is_dead(self, name: str) -> bool:
        """Whether somebody's process has died in the work that is under way."""
        return name in self.gate.actors and isinstance(self.gate.status(name), Died)

    def stands(self, name: str) -> bool:
        """Whether somebody waits for a decision."""
        return self.leads(name) is not None

    def queues(self, name: str) -> bool:
        """Whether somebody waits in the middle of work for a lock of the process, and not for one of a database or a server."""
        actor = self.gate.actors.get(name)
        if (
            actor is None
            or not self.busy(name)
            or not isinstance(actor.status, Blocked)
            or actor.status.crossing is None
        ):
            return False
        if isinstance(actor.host, Carrier):
            return bool(actor.host.driven.has_what(actor))
        return actor.status.crossing.kind == "lock"

    def awaits(self, name: str, loop: str) -> None:
        """Somebody's work is asynchronous. Where loops have threads, each process has its own."""
        self.tasks[name] = loop if self.threaded else "loop"

    def learn(self, name: str) -> str:
        """Somebody's work has turned out to be asynchronous; on which loop it is."""
        self.known.add(name)
        self.awaits(name, name)
        return self.tasks[name]

    def leads(self, name: str) -> Actor | None:
        """Who of somebody's group goes on first; None if nobody can, or if there is no work."""
        main = self.gate.actors.get(name)
        if main is None or not (name in self.work or name in self.tasks or name in self.loose):
            return None
        held = self.held.get(name)
        found = None if held is None else others_of(main.process, held)
        return found or first_of(main, name in self.work)

    def at_once(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Let an actor do something without a stop: set up what its work needs. Raises what it raises."""
        loop = self.tasks.get(name)
        if loop is None:
            try:
                found = self.gate.run(name, function, *arguments)
            except Busy as busy:
                raise AdapterError(f"{self.title}: {busy}") from busy
            if not inspect.iscoroutine(found):
                return found
            loop, function, arguments = self.learn(name), lambda: found, ()
        self.gate.task(name, function, *arguments, loop=loop, threaded=self.threaded, free=True)
        self.tidy(name)
        status = self.gate.status(name)
        if isinstance(status, Raised):
            raise status.error
        if not isinstance(status, Returned):
            raise AdapterError(
                f"{self.title}: {name} {told_status(status)} before it has begun to work, and nothing will ever let it go on"
            )
        return status.value

    def tidy(self, name: str) -> None:
        """Let a group go on to the end of what its leader does, with as much time as that takes."""
        for _ in range(STEPS):
            if isinstance(self.gate.status(name), Ended):
                return
            one = self.leads(name)
            if one is not None:
                self.gate.step(one.name)  # who is asleep stays so until time passes
            elif not self.pass_time():
                return

    def begin(self, name: str, function: Callable[[], Any], finish: Finish) -> None:
        """Begin a piece of work: up to its first stop."""
        self.work[name] = Work(finish)
        self.waited.discard(name)
        self.hindered.discard(name)
        self.launch(name, function)
        self.after(name)

    def launch(self, name: str, function: Callable[[], Any]) -> None:
        """Let an actor run a function up to its first stop. What turns out to be asynchronous is awaited."""
        loop = self.tasks.get(name)
        if loop is None:
            status = self.gate.start(name, function)
            if not (isinstance(status, Returned) and inspect.iscoroutine(status.value)):
                return
            found = status.value
            loop, function = self.learn(name), lambda: found
        self.gate.task(name, function, loop=loop, threaded=self.threaded)

    def set_loose(self, name: str, function: Callable[[], Any]) -> None:
        """Begin what goes on by itself from now on."""
        self.loose.add(name)
        self.launch(name, function)
        self.look(name)

    def step(self, name: str, decision: Decision = GO) -> None:
        """One step, as decided."""
        one = self.leads(name)
        if one is None:
            return
        if isinstance(one.status, Blocked) and one.status.wait.until is not None:
            self.gate.advance(max(0.0, one.status.wait.until - self.gate.now))
        self.gate.step(one.name, decision)
        self.after(name)

    def after(self, name: str) -> None:
        """Look at what a step has done; somebody else may have come to an end by it, too."""
        if isinstance(self.gate.status(name), Blocked):
            self.waited.add(name)
            self.hindered.add(name)
            self.refuse_one_of_a_deadlock(name)
            self.end_a_deadlock(name)
        self.look(name)
        if name in self.work and isinstance(status := self.gate.status(name), Ended):
            self.over(name, status)
        if self.tasks or self.ended:
            self.ended = False
            for other in [one for one in self.work if isinstance(self.gate.status(one), Ended)]:
                self.over(other, self.gate.status(other))

    def refuse_one_of_a_deadlock(self, name: str) -> None:
        """A server refuses one of those who wait for each other in it: here whoever came last."""
        deadlock = self.gate.refuse(name)
        if deadlock is not None:
            self.emit(Stood(name, f"in a {deadlock}; the server refuses {name}"))

    def end_a_deadlock(self, last: str = "") -> bool:
        """Record who waits for each other for ever, and end the process of whoever came last, as somebody would in the end; whether there
        was such a circle."""
        found = self.gate.deadlock()
        if found is None or found.everybody or any(wait.until is not None or not ours(wait) for _, wait in found.waits):
            return False
        names = [name for name, _ in found.waits]
        process = self.gate.actors[last if last in names else names[-1]].process.name
        self.emit(Deadlocked(process, {name: str(wait) for name, wait in found.waits}))
        self.gate.kill(process)
        self.ended = True
        return True

    def over(self, name: str, status: Status) -> None:
        """Work has come to its end."""
        work = self.work.pop(name, None)
        self.held.pop(name, None)
        if name in self.waited:
            self.waited.discard(name)
            if isinstance(status, Raised):
                self.in_vain(name)
        if work is not None:
            work.finish(status)

    def halt(self, name: str, before: str) -> None:
        """Let somebody go on to the first place that is called like this; “COMMIT (2)” is the second one from here on, and “after SELECT”
        is where somebody has read and not heard of it yet."""
        answer = before.startswith(ANSWER)
        before, left = numbered(before.removeprefix(ANSWER))
        others = naps = 0
        for _ in range(STEPS if self.busy(name) else LOOSE_STEPS):
            one = self.leads(name)
            if one is None and name in self.loose and naps < NAPS and self.pass_time():
                naps += 1
                if naps > SHORT_NAPS:
                    self.gate.advance(2.0 ** (naps - SHORT_NAPS))
                continue
            others = 0 if one is not None and one.name == name else others + 1
            if one is None or others > OTHERS_STEPS:
                break
            if self.before(name).startswith(before):
                left -= 1
                if not left:
                    if answer:
                        self.step(name, HOLD)
                    break
            self.step(name)
        one = self.leads(name)
        if one is not None and len(one.process.actors) > 1:
            self.held[name] = one
        self.tell(name)

    def others_go_on(self, names: Iterable[str]) -> None:
        """What goes on by itself takes its steps, up to where it only waits; but not who was made to stop."""
        for name in names:
            for _ in range(LOOSE_STEPS):
                one = self.leads(name)
                if one is None or one is self.held.get(name):
                    break
                self.step(name)

    def before(self, name: str) -> str:
        """What somebody stands before."""
        one = self.leads(name)
        crossing = one.status.crossing if one is not None and isinstance(one.status, Stopped | Blocked) else None
        return crossing.words if crossing is not None else ""

    def tell(self, name: str) -> None:
        """Record where somebody stands."""
        if name not in self.work:
            return
        one = self.held.get(name) or self.leads(name)
        status = self.gate.status(name) if one is None else one.status
        if one is not None and isinstance(status, Stopped | Blocked) and status.crossing is not None:
            crossing = status.crossing
            helper = f", in {crossing.actor}" if crossing.actor != name else ""
            self.emit(Stood(name, f"{crossing.phase} {crossing.words}{helper}"))
        elif isinstance(status, Blocked):
            self.emit(Stood(name, str(status.wait)))

    def run(self, name: str) -> bool:
        """Let somebody go on while he can, to the end of his work; whether he himself took a step, and not only his group. Raises
        `AdapterError` for what loops for ever."""
        main = self.gate.actors.get(name)
        began = self.busy(name)
        own = steps = others = 0
        limit = STEPS if began else LOOSE_STEPS
        while steps < limit and (one := self.leads(name)) is not None and not (began and not self.busy(name)):
            steps += 1
            own += one is main
            others = 0 if one is main else others + 1
            if others > OTHERS_STEPS:
                break
            self.step(name)
        if own == STEPS:
            raise AdapterError(
                f"{self.title}: {name} has taken {STEPS:,} steps without an end of its work; it loops for ever"
            )
        return own > 0

    def go_on(self, name: str) -> None:
        """Let somebody go on, to the end of his work or to where somebody is in the way."""
        self.held.pop(name, None)
        self.run(name)
        self.tell(name)

    def fail(self, name: str) -> None:
        """The step is not done, and the library raises."""
        self.hindered.add(name)
        main = self.gate.actors.get(name)
        if main is not None and isinstance(main.host, Carrier) and self.at_await(name) and self.cancels(name):
            main.host.driven.cancel(main)
            self.after(name)
        else:
            self.step(name, Fail())
        self.tell(name)

    def at_await(self, name: str) -> bool:
        """Whether somebody stands where no library is in between."""
        one = self.leads(name)
        crossing = one.status.crossing if one is not None and isinstance(one.status, Stopped | Blocked) else None
        return crossing is not None and crossing.kind == "await"

    def cancels(self, name: str) -> bool:
        """Whether whoever called somebody may give up, and have the call cancelled, as servers do."""
        return name in self.tasks and name not in self.kept

    def lose(self, name: str) -> None:
        """The step is done, and the library raises."""
        self.hindered.add(name)
        self.step(name, Lose())
        self.tell(name)

    def die(self, name: str) -> None:
        """The process dies where it is."""
        self.step(name, DIE)

    def stop(self, name: str, handler: Callable[[], object] | None) -> None:
        """Tell the process to end, in the middle of its work; it goes on to that end."""
        self.gate.on_stop(name, handler and functools.partial(self.handle, name, handler))
        self.step(name, Stop())
        self.go_on(name)

    def handle(self, name: str, handler: Callable[[], object]) -> None:
        """What a process does that is told to end; if that is to be awaited, it is one more task of it."""
        answer = handler()
        if inspect.iscoroutine(answer):
            loop = self.tasks.get(name, "loop")
            self.gate.driven(loop, self.threaded).beside(self.gate.process(name), answer, "stop")

    def end(self, process: str) -> None:
        """End a process that does nothing now: what it has open is closed."""
        if process in self.gate.actors:
            self.gate.kill(process)

    def pass_time(self) -> bool:
        """Let time pass up to the next moment for which somebody waits; whether somebody stands again. What a server sends comes first."""
        return self.gate.hear() or (bool(self.gate.advance()) and bool(self.gate.stopped()))

    def let_holders_go_on(self) -> bool:
        """What goes on by itself takes a step, where it has what somebody's work waits for; whether there is any such."""
        stood = [
            one.status.wait for one in map(self.gate.actors.get, self.work) if one and isinstance(one.status, Blocked)
        ]
        processes = {
            self.gate.actors[holder].process.name
            for wait in stood
            for holder in wait.holders
            if holder in self.gate.actors
        }
        holders = [name for name in self.loose if name in processes and self.stands(name)]
        for name in holders:
            self.step(name)
        return bool(holders)

    def finish(self, names: list[str] | None = None) -> None:
        """Let everybody, or those of `names`, go on in turn until nobody can, and time pass where only time helps."""
        self.held.clear()
        for _ in range(STEPS):
            moved = False
            for name in [one for one in self.work if names is None or one in names]:
                moved = self.run(name) or moved
            if not any(names is None or one in names for one in self.work):
                return
            if not moved and not self.let_holders_go_on() and not self.pass_time():
                others = [one for one in self.work if self.stands(one)]
                for one in others:
                    self.step(one)
                if not others:
                    break
        if self.end_a_deadlock():
            for other in [one for one in self.work if isinstance(self.gate.status(one), Ended)]:
                self.over(other, self.gate.status(other))
            self.ended = False
            self.finish(names)
            return
        deadlock = self.gate.deadlock()
        if deadlock is not None and len(deadlock.waits) > 1:
            raise AdapterError(f"{self.title}: work that has no end: {deadlock}")
        stuck = ", ".join(f"{name} {told_status(self.gate.status(name))}" for name in self.work)
        raise AdapterError(f"{self.title}: work that has no end: {stuck}")

    def rest(self) -> None:
        """Let what was left in the background go on, and some time pass for it."""
        for _ in range(ROUNDS):
            left = [
                name
                for name in self.tasks
                if name not in self.loose
                and name in self.gate.actors
                and len(self.gate.actors[name].process.actors) > 1
            ]
            moved = False
            for name in left:
                if self.stands(name):
                    self.run(name)
                    moved = True
            if not left or (not moved and not self.pass_time()):
                break


def answer_of(place: str) -> str:
    """What the place is called at which that of this name is done, and its answer is still to come."""
    return f"{ANSWER}{place}"


def numbered(place: str) -> tuple[str, int]:
    """A place in words, and which of those that are called so it is."""
    again = AGAIN.fullmatch(place)
    return (again[1], int(again[2])) if again else (place, 1)


def ours(wait: Wait) -> bool:
    """Whether it is seen without a server, which would end a deadlock by itself."""
    return wait.seen in ("gate", "loop")


def told_status(status: Status) -> str:
    """Where somebody stands, in words."""
    if isinstance(status, Blocked):
        return str(status.wait)
    return f"stands {status.crossing.phase} {status.crossing.words}" if isinstance(status, Stopped) else "runs"


def how(status: Status) -> tuple[str, str]:
    """How work has ended, and what more there is to say."""
    if isinstance(status, Raised):
        return "raised", told(status.error)
    if isinstance(status, Died):
        return "unknown", "its process died"
    return (
        ("done", "")
        if isinstance(status, Returned)
        else ("unknown", "it was told to stop")
        if isinstance(status, Exited)
        else ("unknown", "")
    )
