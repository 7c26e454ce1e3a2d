"""Schedules: who took a step, and how it was decided; drawn blindly, followed again, and compared.

A schedule is total: a step of an actor that is not there, or waits for no decision, is passed over, so that each part of a schedule is one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from refold.systems.gate.crossing import Blocked, Died, Exited, Idle, Raised, Returned, Status, Stopped
from refold.systems.gate.decision import GO, Decision
from refold.systems.gate.gate import Gate


@attrs.frozen
class Step:
    """An actor and what is decided about it."""

    actor: str
    decision: Decision = GO


@attrs.frozen
class Took:
    """A step, and where the actor stood before and after it, in words."""

    step: Step
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}: {type(self.step.decision).__name__.lower()}; {self.after}"


@attrs.frozen
class Difference:
    """The first place where two runs of one schedule are not the same; None where one of them was at its end."""

    number: int
    first: Took | None
    second: Took | None

    def __str__(self) -> str:
        return f"step {self.number}: first {self.first}, then {self.second}"


def told(name: str, status: Status) -> str:
    """Where an actor stands, in words that are the same in every run."""
    if isinstance(status, Stopped):
        return str(status.crossing)
    if isinstance(status, Blocked):
        return f"{name} {status.wait}"
    if isinstance(status, Raised):
        return f"{name} raised {type(status.error).__name__}"
    words = {Returned: "is done", Exited: "has stopped", Died: "is dead", Idle: "has nothing to do"}
    return f"{name} {words.get(type(status), 'runs')}"


def take(gate: Gate, step: Step) -> Took | None:
    """One step; None if nobody stood there."""
    status = gate.actors[step.actor].status if step.actor in gate.actors else None
    if not isinstance(status, Stopped):
        return None
    before = told(step.actor, status)
    return Took(step, before, told(step.actor, gate.step(step.actor, step.decision)))


def follow(gate: Gate, schedule: Sequence[Step]) -> list[Took]:
    """Take the steps of a schedule that can be taken; then everybody goes on to his end."""
    taken = [took for step in schedule if (took := take(gate, step)) is not None]
    gate.finish()
    return taken


def wander(
    gate: Gate,
    draw: random.Random,
    *,
    faults: Sequence[Decision] = (),
    odds: float = 0.0,
    steps_max: int = 10_000,
    pass_time: bool = True,
) -> list[Took]:
    """A blind schedule: whoever stands may be next, and with the probability `odds` one of `faults` happens to him. It ends when nobody
    stands any more; where `pass_time`, time passes if only time helps."""
    taken = []
    for _ in range(steps_max):
        standing = gate.stopped()
        if not standing:
            if not pass_time or not gate.advance() or not gate.stopped():
                break
            continue
        decision = draw.choice(faults) if faults and draw.random() < odds else GO
        took = take(gate, Step(draw.choice(standing), decision))
        if took is not None:
            taken.append(took)
    return taken


def twice(
    begin: Callable[[Gate], Any], schedule: Sequence[Step], options: Mapping[str, Any] | None = None
) -> Difference | None:
    """Follow a schedule twice, each time at a fresh gate on which `begin` has started the actors (in a fresh world); the first difference
    between what was seen, None if there is none. `options` are those of `Gate`."""
    seen = []
    for _ in range(2):
        with Gate(**(options or {})) as gate:
            begin(gate)
            seen.append(follow(gate, schedule))
    first, second = seen
    for number in range(max(len(first), len(second))):
        one = first[number] if number < len(first) else None
        other = second[number] if number < len(second) else None
        if one is None or other is None or (one.before, one.after) != (other.before, other.after):
            return Difference(number + 1, one, other)
    return None
