"""What a search is, and how it ends."""

from collections.abc import Generator, Iterator
from typing import Any, TypeAlias

import attrs

__all__ = ["Found", "Order", "Search", "Trail", "steps"]

Trail: TypeAlias = tuple[int, int, Any] | None
"""The changes put in the order, the last one first: (operation, index of the moment, the trail before it)."""
Order: TypeAlias = list[tuple[int, int]]
"""Operations from the first to the last: (operation, the event that it is put before)."""


@attrs.frozen(slots=True)
class Found:
    """The end of a search."""

    linearizable: bool
    moments: int
    """Moments passed: all of them, or those up to the return that no configuration allows."""
    trails: list[Trail] = attrs.Factory(list)
    """One way through, or the ways that lead up to the return that cannot be."""
    earliest: bool = True
    """Whether no earlier moment is impossible as well."""
    order: Order | None = None
    """The whole order, from a search that has it; then there are no trails."""


Search: TypeAlias = Generator[int, None, Found]
"""Yields the work done since the last time; returns what it found."""


def steps(trail: Trail) -> Iterator[tuple[int, int]]:
    """The steps of a trail, the last one first: (operation, index of the moment)."""
    while trail is not None:
        operation, index, trail = trail
        yield operation, index
