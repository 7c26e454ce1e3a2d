"""Work in a server, on a loop that the gate drives: one crossing, however many awaits it takes.

Nobody else goes on before the server has answered, or has said for whom the work waits in it. So the same plan makes the same stops,
however long a server takes.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar

import attrs

from refold.model.errors import SystemUnavailable
from refold.systems.gate.actor import Actor
from refold.systems.gate.boundary import Boundary, raise_unless_none
from refold.systems.gate.crossing import AFTER, BEFORE, Wait
from refold.systems.gate.decision import GO, Decision, Fail, Lose, error_of

T = TypeVar("T")

SILENCE = 10.0
"""Seconds within which a server must answer who waits for nobody in it."""


class SilentServer(SystemUnavailable):
    """A server does not answer who waits for nobody in it."""


@attrs.define(eq=False)
class Serving:
    """Work that is in a server now; `wait` is for whom it waits there, which is known once the server was asked."""

    boundary: Boundary
    wait: Wait | None = None
    waited: bool = False

    def look(self) -> Wait | None:
        """Ask the server. Raises `SystemUnavailable`."""
        found = None if self.boundary.probe is None else self.boundary.probe()
        self.wait = None if found is None else attrs.evolve(found, seen="loop")
        self.waited = self.waited or found is not None
        return self.wait


@attrs.frozen
class Announced:
    """The crossing at which an actor stops with its next await."""

    kind: str
    words: str
    phase: str = BEFORE


class Driving(Protocol):
    """What work in a server needs of its loop."""

    served: dict[Actor, Serving]
    announced: dict[Actor, Announced]
    tasks: dict[Actor, asyncio.Task[Any]]


def driving(actor: Actor | None) -> Driving | None:
    """The loop that takes the steps of the code that runs now; None if that is none of an actor's own steps on such a loop, or is in a
    server already."""
    loop: Any = None if actor is None else getattr(actor.host, "driven", None)
    if loop is None or actor in loop.served or asyncio.current_task() is not loop.tasks.get(actor):
        return None
    found: Driving = loop
    return found


@types.coroutine
def _step() -> Generator[None, None, None]:
    yield


async def cross(
    loop: Driving, actor: Actor, told: tuple[str, str] | None, work: Callable[[], Awaitable[T]], boundary: Boundary
) -> T:
    """Stop, and do the work as it is decided; without a stop where nothing is told. Raises what the work raises, and the errors of
    `boundary`."""
    if actor.process.dead:
        raise actor.process.death()
    crosses = told is not None and not actor.free
    decision: Decision = GO
    if told is not None and crosses:
        await _stop(loop, actor, Announced(*told))
        decision = actor.decision
        if isinstance(decision, Fail) or (isinstance(decision, Lose) and not boundary.may_lose):
            raise_unless_none(error_of(decision.error, boundary.fail))
    serving = loop.served[actor] = Serving(boundary)
    outer, actor.boundary = actor.boundary, attrs.evolve(boundary, probe=_answers)
    result: Any = None
    refused: Exception | None = None
    try:
        result = await work()
    except Exception as error:
        actor.heard(error)
        refused = error
    finally:
        del loop.served[actor]
        actor.boundary = outer
    if told is not None and crosses and serving.waited:
        await _stop(loop, actor, Announced(*told, AFTER))
        later = actor.decision
        if isinstance(later, Fail | Lose):
            decision = later
    if isinstance(decision, Fail | Lose):
        raise_unless_none(error_of(decision.error, boundary.lose))
    if refused is not None:
        raise refused
    answer: T = result
    return answer


def _answers() -> None:
    """The loop itself asks the server."""


async def _stop(loop: Driving, actor: Actor, announced: Announced) -> None:
    loop.announced[actor] = announced
    try:
        await _step()
    finally:
        loop.announced.pop(actor, None)
    if actor.process.dead:
        raise actor.process.death()
