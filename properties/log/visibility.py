"""Order of the log: versions in a stream are 1, 2, 3, …, and nothing becomes visible below a position that was already readable (A2, A3).

Usually broken by logs that give out positions at insert and show them at commit (catalogue: seq-gap-commit-order): a reader that
has passed position 2 never sees position 1, which appears later. The full scan at rest shows what tailing readers missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.record import Acknowledged, Disordered, Scanned
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Visibility(Property):
    """For events a, b: visible(a) before visible(b) implies position(a) < position(b); versions of a stream are gapless and unique.

    Kept although the log that loses its tail (ack-before-fsync) is convicted by `durability` as well: no broken system shows an event
    late so far (seq-gap-commit-order will), real logs do.
    """

    name = "visibility"
    guarantee = "LOG"
    judges = (Stored,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def handlers(self) -> dict[type, Handler]:
        """Visible events, answers, pages and scans."""
        return {
            Stored: self.on_stored,
            Acknowledged: self.on_acknowledged,
            Disordered: self.on_disordered,
            Scanned: self.on_scanned,
        }

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """Next position, next version."""
        oracle = self.oracle
        if event.position <= oracle.tail:
            there = oracle.events.get(event.position)
            evidence = [Evidence(number, event, "became visible late")]
            if there is not None:
                evidence.insert(0, Evidence(oracle.numbers[event.position], there, "was visible at this position"))
            return self.finding(
                "duplicate-position" if there is not None else "visible-below-read-position",
                "log",
                number,
                position=event.position,
                expected=f"a position above {oracle.tail}",
                actual=event.position,
                evidence=evidence,
            )
        version = oracle.versions.get(event.stream, 0) + 1
        if event.version != version:
            return self.finding(
                "duplicate-version" if event.version < version else "version-gap",
                event.stream,
                number,
                position=event.position,
                expected=version,
                actual=event.version,
                evidence=[Evidence(number, event, "has this version")],
            )
        return None

    def expected(self, record: Scanned) -> bool:
        """Whether the scan shows just what a tailing reader has seen; the usual case, decided fast."""
        oracle = self.oracle
        positions = record.positions
        if not positions or positions[-1] != oracle.tail:
            return False
        if record.after == 0:
            return oracle.low == 0 and tuple(oracle.events) == positions
        return tuple(oracle.positions(record.after, oracle.tail)) == positions

    def on_acknowledged(self, number: int, record: Acknowledged) -> Finding | None:
        """Nothing is stored at a position that readers have passed without seeing it, and answers name the right positions."""
        oracle = self.oracle
        for position in record.positions:
            event = oracle.events.get(position)
            if event is not None:
                if event.id.rpartition("/")[0] != record.op:
                    return self.finding(
                        "acknowledged-elsewhere",
                        event.stream,
                        number,
                        position=position,
                        expected=f"an event of {record.op}",
                        actual=event.id,
                        evidence=[
                            Evidence(oracle.numbers[position], event, "is at this position"),
                            Evidence(number, record, "says that its own event is there"),
                        ],
                    )
            elif oracle.low < position <= oracle.tail:
                own = [event for event in oracle.events.values() if event.operation == record.op]
                if own:
                    return self.elsewhere(number, record, position, own)
                return self.finding(
                    "visible-below-read-position",
                    "log",
                    number,
                    position=position,
                    expected=f"a position above {oracle.tail}, which readers have reached",
                    actual=position,
                    evidence=[
                        Evidence(oracle.numbers[oracle.tail], oracle.events[oracle.tail], "was read before"),
                        Evidence(number, record, "says that it is stored below"),
                    ],
                )
        return None

    def elsewhere(self, number: int, record: Acknowledged, position: int, own: Sequence[Stored]) -> Finding:
        """The events of the append are visible, and not where the answer says."""
        return self.finding(
            "acknowledged-elsewhere",
            own[0].stream,
            number,
            position=position,
            expected=tuple([event.position for event in own]),
            actual=record.positions,
            evidence=[
                *(Evidence(self.oracle.numbers[event.position], event, "is at this position") for event in own),
                Evidence(number, record, "says that its own event is there"),
            ],
        )

    def on_disordered(self, number: int, record: Disordered) -> Finding | None:
        """A reader follows the log in the order of its positions."""
        falls = (n for n in range(1, len(record.positions)) if record.positions[n] <= record.positions[n - 1])
        fall = next(falls, None)
        if fall is None:
            return None
        return self.finding(
            "read-out-of-order",
            record.reader,
            number,
            guarantee="ORD",
            position=record.positions[fall],
            expected=tuple(sorted(record.positions)),
            actual=record.positions,
            evidence=[Evidence(number, record, "is what one read returned")],
        )

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """What a full scan finds below the tail, a tailing reader must have seen; and scans are in order."""
        oracle = self.oracle
        if self.expected(record):
            return None
        last = record.after
        for position, event_id in zip(record.positions, record.ids, strict=True):
            if position <= last:
                return self.finding(
                    "scan-out-of-order",
                    "log",
                    number,
                    guarantee="ORD",
                    position=position,
                    expected=f"a position above {last}",
                    actual=position,
                    evidence=[Evidence(number, record, "is a scan of the log")],
                )
            last = position
            if oracle.low < position < oracle.tail and position not in oracle.events:
                return self.finding(
                    "visible-below-read-position",
                    "log",
                    number,
                    position=position,
                    expected="seen by a reader that tails the log",
                    actual=f"{event_id} appeared behind it",
                    evidence=[Evidence(number, record, "is a scan of the log")],
                )
        return None
