"""Positions: a place in a log, comparable only with places in the same coordinate space.

A bare integer invites four bugs of the catalogue: comparing as text ("9" > "10", checkpoint-compare-as-text), comparing a
stream's version with a global position (per-key-vs-global-sequence), comparing across a log that lost its tail and
grew another (checkpoint-ahead-of-log), and mixing the position of a retry queue with the main one
(parked-replay-checkpoint). A `Position` carries its space and its epoch and refuses those comparisons.
"""

from __future__ import annotations

import msgspec


class IncomparablePositions(TypeError):
    """Two positions of different coordinate spaces, or of different epochs of one log, were compared."""


class Position(msgspec.Struct, frozen=True, eq=False):
    """The `number`-th place (from 1; 0 is “before the first”) of coordinate space `space` in its `epoch` (from 0).

    `space` names what is counted: ``log`` (the global order), ``stream:cart-7``, ``category:cart``, ``parked:index``.
    Laws (tested): within one space and epoch a total order; over spaces or epochs every comparison raises
    `IncomparablePositions`, equality included (a silent False hides the bug).
    """

    number: int
    space: str = "log"
    epoch: int = 0

    def _peer(self, other: object) -> Position:
        if not isinstance(other, Position):
            raise IncomparablePositions(f"position {self} compared with {other!r}, which is not a position")
        if self.space != other.space:
            raise IncomparablePositions(f"position {self} compared with {other}: their coordinate spaces differ")
        if self.epoch != other.epoch:
            raise IncomparablePositions(f"position {self} compared with {other}: the log began a new epoch in between")
        return other

    def __eq__(self, other: object) -> bool:
        return self.number == self._peer(other).number

    def __ne__(self, other: object) -> bool:
        return self.number != self._peer(other).number

    # spelt out: functools.total_ordering takes the comparisons that every Struct refuses for ours and adds none
    def __lt__(self, other: object) -> bool:
        return self.number < self._peer(other).number

    def __le__(self, other: object) -> bool:
        return self.number <= self._peer(other).number

    def __gt__(self, other: object) -> bool:
        return self.number > self._peer(other).number

    def __ge__(self, other: object) -> bool:
        return self.number >= self._peer(other).number

    def __hash__(self) -> int:
        return hash((self.space, self.epoch, self.number))

    def __str__(self) -> str:
        return f"{self.space}@{self.number}" + (f" (epoch {self.epoch})" if self.epoch else "")
