"""Actors of a user's system at the gate: who is at work, where he stands, and what happens when his work is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from refold.model.parts.calls import Stood
from refold.model.process import Emit
from refold.systems.gate import Blocked, Busy, Died, Exited, Fail, Gate, Lose, Raised, Returned, Status, Stop, Stopped
from refold.systems.gate.crossing import Ended
from refold.systems.gate.decision import DIE, GO, Decision
from refold.systems.user.errors import AdapterError, told

Finish = Callable[[Status], None]
"""What is done when a piece of work is over: with a status after which nothing comes."""

STEPS = 10_000
"""Steps after which a piece of work is said to have no end."""


@attrs.define
class Work:
    """What an actor is at, and what follows its end."""

    finish: Finish


class Stage:
    """A gate, and the work that is under way at it. `look` is called after each step with the name of who took it."""

    def __init__(self, title: str, emit: Emit, look: Callable[[str], None]) -> None:
        self.title = title
        self.emit = emit
        self.look = look
        self.gate = Gate()
        self.work: dict[str, Work] = {}
        self.gate.__enter__()

    def close(self) -> None:
        """End what is left."""
        self.work.clear()
        self.gate.__exit__(None, None, None)

    def busy(self, name: str) -> bool:
        """Whether somebody is in the middle of work."""
        return name in self.work

    def stands(self, name: str) -> bool:
        """Whether somebody waits for a decision."""
        return name in self.work and isinstance(self.gate.status(name), Stopped)

    def at_once(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Let an actor do something without a stop: set up what its work needs."""
        try:
            return self.gate.run(name, function, *arguments)
        except Busy as busy:
            raise AdapterError(f"{self.title}: {busy}") from busy

    def begin(self, name: str, function: Callable[[], Any], finish: Finish) -> None:
        """Begin a piece of work: up to its first stop."""
        self.work[name] = Work(finish)
        self.after(name, self.gate.start(name, function))

    def step(self, name: str, decision: Decision = GO) -> None:
        """One step, as decided."""
        self.after(name, self.gate.step(name, decision))

    def after(self, name: str, status: Status) -> None:
        """Look at what a step has done; somebody else may have come to an end by it, too."""
        if isinstance(status, Blocked):
            self.refuse_one_of_a_deadlock(name)
            status = self.gate.status(name)
        self.look(name)
        if isinstance(status, Ended):
            self.over(name, status)

    def refuse_one_of_a_deadlock(self, name: str) -> None:
        """A server refuses one of those who wait for each other in it: here whoever came last."""
        deadlock = self.gate.refuse(name)
        if deadlock is not None:
            self.emit(Stood(name, f"in a {deadlock}; the server refuses {name}"))

    def over(self, name: str, status: Status) -> None:
        """Work has come to its end."""
        work = self.work.pop(name, None)
        if work is not None:
            work.finish(status)

    def halt(self, name: str, before: str) -> None:
        """Let somebody go on to the first place that is called like this."""
        for _ in range(STEPS):
            if not self.stands(name) or self.before(name).startswith(before):
                break
            self.step(name)
        self.tell(name)

    def before(self, name: str) -> str:
        """What somebody stands before."""
        status = self.gate.status(name)
        return status.crossing.words if isinstance(status, Stopped) else ""

    def tell(self, name: str) -> None:
        """Record where somebody stands."""
        if name not in self.work:
            return
        status = self.gate.status(name)
        if isinstance(status, Stopped):
            self.emit(Stood(name, f"{status.crossing.phase} {status.crossing.words}"))
        elif isinstance(status, Blocked):
            self.emit(Stood(name, str(status.wait)))

    def go_on(self, name: str) -> None:
        """Let somebody go on, to the end of his work or to where somebody is in the way."""
        for _ in range(STEPS):
            if not self.stands(name):
                break
            self.step(name)
        else:
            raise AdapterError(
                f"{self.title}: {name} has taken {STEPS:,} steps without an end of its work; it loops for ever"
            )
        self.tell(name)

    def fail(self, name: str) -> None:
        """The step is not done, and the library raises."""
        self.step(name, Fail())
        self.tell(name)

    def lose(self, name: str) -> None:
        """The step is done, and the library raises."""
        self.step(name, Lose())
        self.tell(name)

    def die(self, name: str) -> None:
        """The process dies where it is."""
        self.step(name, DIE)

    def stop(self, name: str, handler: Callable[[], object] | None) -> None:
        """Tell the process to end, in the middle of its work; it goes on to that end."""
        self.gate.on_stop(name, handler)
        self.step(name, Stop())
        self.go_on(name)

    def end(self, process: str) -> None:
        """End a process that does nothing now: what it has open is closed."""
        if process in self.gate.actors:
            self.gate.kill(process)

    def pass_time(self) -> bool:
        """Let time pass up to the next moment for which somebody waits; whether somebody stands again."""
        return bool(self.gate.advance()) and bool(self.gate.stopped())

    def finish(self, names: list[str] | None = None) -> None:
        """Let everybody, or those of `names`, go on in turn until nobody can, and time pass where only time helps."""
        for _ in range(STEPS):
            moved = False
            for name in [one for one in self.work if names is None or one in names]:
                while self.stands(name):
                    self.step(name)
                    moved = True
            if not any(names is None or one in names for one in self.work):
                return
            if not moved and not self.pass_time():
                others = [one for one in self.work if self.stands(one)]
                for one in others:
                    self.step(one)
                if not others:
                    break
        stuck = ", ".join(f"{name} {told_status(self.gate.status(name))}" for name in self.work)
        raise AdapterError(f"{self.title}: work that has no end: {self.gate.deadlock() or stuck}")


def told_status(status: Status) -> str:
    """Where somebody stands, in words."""
    if isinstance(status, Blocked):
        return str(status.wait)
    return str(status.crossing) if isinstance(status, Stopped) else "runs"


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
