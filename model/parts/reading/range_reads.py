"""Bounds: reads of a part of the log, with bounds and limits as people really pass them: zero, negative, inverted, beyond the end (A4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, Whole, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, places

LOWER = (1, 0, 2, 3, -1)
UPPER = (1 << 30, 1, 2, 4, 0)
LIMIT = (100, 1, 2, 0)


@action_kind
class ReadRange(Action, frozen=True, tag="read-range"):
    """A reader asks for the events from `lower` to `upper`, at most `limit` of them."""

    lower: Whole
    upper: Whole
    limit: Whole

    def __str__(self) -> str:
        upper = "the end" if self.upper == UPPER[0] else self.upper
        return f"a reader asks for positions {self.lower} to {upper}, at most {counted(self.limit, 'event')}"


@record_kind
class RangeRead(Record, frozen=True, tag="range-read"):
    """The answer to a read with these bounds: positions and event ids, in the order in which they came."""

    phrase = "a reader asked for a range of positions"

    lower: int
    upper: int
    limit: int
    positions: tuple[int, ...]
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"a read of {self.lower} to {self.upper}, at most {self.limit}, returns {places(self.positions)}"


class Bounds(Extension):
    """A reader that asks for all kinds of ranges."""

    name = "bounds"
    title = "reads of ranges"
    covers = "bounds and limits that are zero, negative, inverted or beyond the end"
    counts = (count("ranges_read", "reads of ranges that were answered", RangeRead),)
    family = "bounds"

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Every combination."""
        ranges: list[Action] = [ReadRange(lower, upper, limit) for limit in LIMIT for upper in UPPER for lower in LOWER]
        return [(cls.family, 3, ranges)]

    def handlers(self) -> dict[type, Handler]:
        """One action."""
        return {ReadRange: self.read}

    def read(self, action: ReadRange) -> bool:
        """Ask, and record the answer."""
        if self.log.down:
            return False
        self.step(action)
        page = self.log.select(action.lower, action.upper, action.limit)
        positions = tuple([event.position for event in page])
        self.emit(RangeRead(action.lower, action.upper, action.limit, positions, tuple([event.id for event in page])))
        return True
