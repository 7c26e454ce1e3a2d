"""The bounds algebra of reads: a range holds what is visible between its bounds, and nothing else (A4).

For every read with bounds l, u and limit n: the answer is the first n visible events with l <= position <= u, in order. The answer is
therefore empty for inverted bounds and for n <= 0, and a bound outside the log stands for the nearest end of the log. While a slow append
is open, the answer may continue with events that readers of the whole log reach later; the next answer and the end of the run show
whether they really are at those positions. Removed events are not in an answer. Events that an unanswered removal may have taken may be
there or not. This is usually broken at the edges: by an index of -1, by a fabricated first entry (catalogue: phantom-position), or by a
limit of 0 that means “no limit”.
"""

from __future__ import annotations

from itertools import islice, pairwise

from refold.model.parts.reading.range_reads import RangeRead
from refold.model.record import Settled
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Ranges(Property):
    """For every read of a range: answer == [e in visible log : lower <= position(e) <= upper][:limit]."""

    name = "ranges"
    guarantee = "LOG"
    needs = "bounds"
    judges = (RangeRead,)
    clauses = {
        "bounds": "every entry of the answer lies between the bounds, both of them included",
        "limit": "the answer holds no more entries than the limit; for a limit of 0 or less it is empty",
        "order": "the positions of the answer only increase",
        "contents": "the entries are the first visible events between the bounds, none left out, each under its own id",
    }

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.window = oracle.window(REMEMBERED, "what reads of ranges show of events older than the newest {size}")
        self.windows = (self.window,)
        self.early: dict[tuple[int, str], tuple[int, RangeRead]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Answers, and the end, when everything is visible."""
        return {RangeRead: self.on_read, Settled: self.on_settled}

    def on_read(self, number: int, record: RangeRead) -> Finding | None:
        """Bounds, order and limit need no log; the contents are compared with what is visible."""
        if self.early and (finding := self.come_true(number, self.oracle.tail)) is not None:
            return finding
        positions = record.positions
        if not self.oracle.low and self.exactly(record):
            return None  # the usual case, decided fast
        phantom = [position for position in positions if not record.lower <= position <= record.upper]
        if phantom:
            return self.differs("phantom-entry", "bounds", number, record, position=phantom[0])
        if any(after <= before for before, after in pairwise(positions)):
            return self.differs("read-out-of-order", "order", number, record, guarantee="ORD")
        if len(positions) > max(record.limit, 0):
            return self.differs("range-differs", "limit", number, record)
        return self.contents(number, record)

    def exactly(self, record: RangeRead) -> bool:
        """Whether the answer is what is visible, entry by entry."""
        return tuple(zip(record.positions, record.ids, strict=False)) == self.expected(record) and (
            len(record.ids) == len(record.positions)
        )

    def contents(self, number: int, record: RangeRead) -> Finding | None:
        """The first visible events, and behind them, while appends are open, what was hidden when the log was read last."""
        oracle = self.oracle
        if oracle.low and record.lower <= oracle.low:
            self.window.miss()
            return None
        expected = self.expected(record)
        there = tuple(zip(record.positions, record.ids, strict=False))
        same = there[: len(expected)] == expected and len(record.ids) == len(record.positions)
        more = there[len(expected) :]
        if same and all(oracle.slow and position > oracle.tail for position, _ in more):
            self.early.update((entry, (number, record)) for entry in more)
            return None
        return self.differs("range-differs", "contents", number, record)

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """By now everything that was committed is visible."""
        return self.come_true(number, max((position for position, _ in self.early), default=0))

    def come_true(self, number: int, tail: int) -> Finding | None:
        """Whether what answers showed before readers of the whole log came to it is there, up to position `tail`."""
        oracle = self.oracle
        due = [entry for entry in self.early if entry[0] <= tail]
        shown = {entry: self.early.pop(entry) for entry in due}
        for (position, event_id), (asked, record) in shown.items():
            event = oracle.events.get(position)
            if (event is None and position > oracle.low) or (event is not None and event.id != event_id):
                return self.finding(
                    "range-differs",
                    "log",
                    number,
                    clause="contents",
                    position=position,
                    expected="nothing" if event is None else event.id,
                    actual=event_id,
                    evidence=[Evidence(asked, record, "is the answer to this read")],
                )
        return None

    def expected(self, record: RangeRead) -> tuple[tuple[int, str], ...]:
        """Positions and ids of the first visible events between the bounds."""
        oracle = self.oracle
        low, high = max(record.lower, 1) - 1, min(record.upper, oracle.tail)
        events = oracle.between(low, high)
        if oracle.removed is not None:
            gone, doubt = oracle.removed.gone, oracle.removed.doubt
            answer = set(zip(record.positions, record.ids, strict=False))
            events = [
                event
                for event in events
                if not gone.names(event) and ((event.position, event.id) in answer or not doubt.names(event))
            ]
        return tuple([(event.position, event.id) for event in islice(events, max(record.limit, 0))])

    def differs(
        self,
        anomaly: str,
        clause: str,
        number: int,
        record: RangeRead,
        *,
        guarantee: str | None = None,
        position: int | None = None,
    ) -> Finding:
        """The finding, with both answers: ids are shown where the positions are right."""
        expected = self.expected(record)
        places = tuple([position for position, _ in expected])
        same = places == record.positions
        return self.finding(
            anomaly,
            "log",
            number,
            clause=clause,
            guarantee=guarantee,
            position=position,
            expected=tuple([event_id for _, event_id in expected]) if same else places,
            actual=record.ids if same else record.positions,
            evidence=[Evidence(number, record, "is the answer to this read")],
        )
