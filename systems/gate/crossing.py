"""Crossings and statuses: where an actor stands, as values that a plan and a report can hold."""

from __future__ import annotations

from typing import Any

import attrs

BEFORE = "before"
"""Phase of a crossing whose work has not been done."""
AFTER = "after"
"""Phase of a crossing whose work has been done by somebody else (a server, an awaited future); only the answer is still to come."""


@attrs.frozen
class Crossing:
    """One place where an actor left its own code.

    `number` counts the crossings of this actor from 1, so that the same decisions give the same numbers. `words` is what a person reads:
    ``INSERT ev``, ``COMMIT``, ``message 3``, ``publish``. `kind` is one of ``statement``, ``commit``, ``rollback``, ``connect``,
    ``call``, ``message``, ``await``, ``durable``, ``thread``, ``sleep``, ``lock``.
    """

    actor: str
    number: int
    words: str
    kind: str
    phase: str = BEFORE

    def __str__(self) -> str:
        return f"{self.actor} stops {self.phase} {self.words}"


@attrs.frozen
class Wait:
    """What a blocked actor waits for.

    `holders` are the actors that have it, where that is known. `until` is the time of the gate, in seconds, at which it gives up or goes on
    by itself; None if it would wait for ever. `seen` says how it is known: ``gate`` (the gate's own lock, clock or loop),
    ``server`` (the server was asked), ``still`` (its thread has stood still for a while: a guess).
    """

    what: str
    holders: tuple[str, ...] = ()
    until: float | None = None
    seen: str = "gate"

    def __str__(self) -> str:
        held = f", which {' and '.join(self.holders)} has" if self.holders else ""
        return f"waits for {self.what}{held}"


@attrs.frozen
class Idle:
    """It has nothing to do yet."""


@attrs.frozen
class Running:
    """It runs; nobody but the gate ever sees this."""


@attrs.frozen
class Stopped:
    """It stands at a crossing and waits for a decision."""

    crossing: Crossing


@attrs.frozen
class Blocked:
    """It waits for a server, for time, or for another actor, and no decision but death can move it. It comes back by itself: as soon
    as there is nothing more to wait for, its status is `Stopped`."""

    crossing: Crossing | None
    wait: Wait


@attrs.frozen
class Returned:
    """Its code came to its end."""

    value: Any = None


@attrs.frozen
class Raised:
    """Its code raised, and nobody caught it."""

    error: BaseException


@attrs.frozen
class Exited:
    """It ended in an orderly way, because it was told to (`Stop`): it raised `SystemExit`, or was cancelled."""


@attrs.frozen
class Died:
    """Its process is dead. `crossing` is where it happened; None if it was blocked or elsewhere in its process."""

    crossing: Crossing | None = None


Status = Idle | Running | Stopped | Blocked | Returned | Raised | Exited | Died
"""Where an actor stands."""

Ended = Returned | Raised | Exited | Died
"""A status after which nothing comes."""


@attrs.frozen
class Deadlock:
    """Nobody of `waits` can go on, because each waits for another of them; or, with `everybody`, nobody is left who could.

    Each pair is an actor and what it waits for. It loses nothing by itself; a server may end it by refusing one of them.
    """

    waits: tuple[tuple[str, Wait], ...]
    everybody: bool = False

    def __str__(self) -> str:
        return "deadlock: " + "; ".join(f"{name} {wait}" for name, wait in self.waits)


def end_of(name: str) -> str:
    """What somebody waits for who joins a thread."""
    return f"the end of {name}"
