"""The bounds algebra of reads: a range holds what is visible between its bounds, and nothing else (A4).

For every read with bounds l, u and limit n: the answer is the first n visible events with l <= position <= u, in order. So it is empty for
inverted bounds and for n <= 0, and bounds outside of the log mean its ends. Usually broken at the edges: an index of -1, a
fabricated first entry (catalogue: phantom-position), a limit of 0 that means «no limit».
"""

from __future__ import annotations

from itertools import islice

from refold.model.parts.reading.range_reads import RangeRead
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Ranges(Property):
    """For every read of a range: answer == [e in visible log : lower <= position(e) <= upper][:limit]."""

    name = "ranges"
    guarantee = "LOG"
    needs = "bounds"

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def handlers(self) -> dict[type, Handler]:
        """Answers."""
        return {RangeRead: self.on_read}

    def on_read(self, number: int, record: RangeRead) -> Finding | None:
        """Compare with the visible log."""
        oracle = self.oracle
        if oracle.low and record.lower <= oracle.low:
            return None  # those events are no longer kept
        low, high = max(record.lower, 1) - 1, min(record.upper, oracle.tail)
        wanted = list(islice(oracle.between(low, high), max(record.limit, 0))) if low < high else []
        expected = tuple([event.position for event in wanted])
        if record.positions == expected and record.ids == tuple([event.id for event in wanted]):
            return None
        if (
            oracle.slow
            and record.positions[: len(expected)] == expected
            and record.positions[len(expected)] > oracle.tail
        ):
            return None  # it goes on with events that were hidden when the log was read last
        phantom = [position for position in record.positions if not record.lower <= position <= record.upper]
        unordered = sorted(record.positions) == sorted(expected)
        return self.finding(
            "phantom-entry" if phantom else "read-out-of-order" if unordered else "range-differs",
            "log",
            number,
            guarantee="ORD" if unordered and not phantom else None,
            position=phantom[0] if phantom else None,
            expected=expected,
            actual=record.positions,
            evidence=[Evidence(number, record, "is the answer to this read")],
        )
