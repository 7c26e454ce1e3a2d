"""Boundaries: what goes wrong where a library meets the rest of the world."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from refold.systems.gate.crossing import Wait


@attrs.frozen
class Boundary:
    """What the library at a boundary does when something goes wrong there.

    `fail` makes the error of work that was not done, `lose` that of an answer which was lost; both also do to the connection what the
    library would do, and give None where it never raises. `probe` asks the server whether this actor waits in it: None if it does not.
    """

    fail: Callable[[], BaseException | None]
    lose: Callable[[], BaseException | None]
    probe: Callable[[], Wait | None] | None = None
    may_lose: bool = True
    """Whether the work may be done and its answer lost. A statement that raises inside a transaction has not been done: there, `Lose` is
    `Fail`."""
    refuse: Callable[[], None] | None = None
    """Has the server refuse what this actor waits for in it, as it refuses one of those who are in a deadlock."""


def _unreachable() -> BaseException:
    return ConnectionError("the connection was lost (refold: decided by the plan)")


def _never() -> None:
    return None


QUIET = Boundary(_never, _never)
"""The boundary of what never fails by itself, such as a sleep, a lock or an await: there, `Fail` and `Lose` that name no error are `Go`."""
PLAIN = Boundary(_unreachable, _unreachable)
"""The boundary of something of which nothing is known: errors are `ConnectionError`."""


def raise_unless_none(error: BaseException | None) -> None:
    """Raise an error, if there is one."""
    if error is not None:
        raise error
