"""Order of the log: versions in a stream are 1, 2, 3, …, and nothing becomes visible below a position that was already readable (A2, A3).

This is usually broken by logs that assign positions at insert and make them visible at commit (catalogue: seq-gap-commit-order): a reader
that has passed position 2 never sees position 1, which appears later. A full scan shows what tailing readers missed. If an answer names
positions, its events must be at those positions when readers get there. The event at a position must also stay there: after a failover to
a copy that lacks the tail, position 7 may hold a different event.
"""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.parts.calls import Moved
from refold.model.record import Acknowledged, Altered, Disordered, Scanned, Settled
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Visibility(Property):
    """For events a, b: visible(a) before visible(b) implies position(a) < position(b); versions of a stream are gapless and unique.

    This property is kept, although `durability` also convicts a log that loses its tail (ack-before-fsync), because only this property
    reports an event that becomes visible late.
    """

    name = "visibility"
    guarantee = "LOG"
    judges = (Stored,)
    clauses = {
        "positions grow": "an event becomes visible only at a position above all those that were readable before",
        "versions": "the versions of a stream become visible as 1, 2, 3, …",
        "versions go on": "the versions of a stream continue after those of removed events",
        "answers below": "an acknowledgement names no position that readers have passed without seeing an event there, and none below 1",
        "answers": "at each position that an acknowledgement names there is an event, and it belongs to the acknowledged append",
        "stays": "a position that is read again still holds the same event",
        "moves": "an event keeps its position: it is never read at another one while its old position holds a different event",
        "pages": "the positions that one read returns only increase",
        "scans in order": "the positions of a scan only increase, and all of them are after the position where it begins",
        "scans": "below the newest readable position, a scan finds nothing that readers have not seen",
    }
    passes = frozenset({Stored, Acknowledged})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.window = oracle.window(
            REMEMBERED,
            "whether late answers name the positions of their events, where these are older than the newest {size}",
        )
        self.windows = (self.window,)
        self.promised = oracle.promised

    def handlers(self) -> dict[type, Handler]:
        """Visible events, answers, pages and scans."""
        return {
            Moved: self.on_moved,
            Stored: self.on_stored,
            Altered: self.on_altered,
            Acknowledged: self.on_acknowledged,
            Disordered: self.on_disordered,
            Scanned: self.on_scanned,
            Settled: self.on_settled,
        }

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """Above all that was readable, with the next version of its stream, and at the position that was promised."""
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
                clause="positions grow",
                position=event.position,
                expected=f"a position above {oracle.tail}",
                actual=event.position,
                evidence=evidence,
            )
        version = oracle.versions.get(event.stream, 0) + 1
        if event.version != version:
            anomaly, clause = "duplicate-version" if event.version < version else "version-gap", "versions"
            evidence = [Evidence(number, event, "has this version")]
            removed = oracle.removed
            if removed is not None and event.version < version and removed.last_doubted(event.stream):
                anomaly, clause = "version-used-again", "versions go on"
                cause = removed.because_of(event)
                evidence[:0] = [] if cause is None else [Evidence(*cause, "has removed events of the stream")]
            return self.finding(
                anomaly,
                event.stream,
                number,
                clause=clause,
                position=event.position,
                expected=version,
                actual=event.version,
                evidence=evidence,
            )
        return self.keeps_promises(number, event) if self.promised else None

    def keeps_promises(self, number: int, event: Stored) -> Finding | None:
        """Whether what readers come to here is what answers have named before: at this position, and at those that they pass now."""
        broken = None
        for position in [position for position in self.promised if position <= event.position]:
            answered, record = self.promised.pop(position)
            if position < event.position or event.operation != record.op:
                broken = position, answered, record
        if broken is None:
            return None
        position, answered, record = broken
        there = event.id if position == event.position else f"nothing: readers have come to position {event.position}"
        return self.finding(
            "acknowledged-elsewhere",
            event.stream,
            number,
            clause="answers",
            position=position,
            expected=f"an event of {record.op}",
            actual=there,
            evidence=[
                Evidence(answered, record, "says that its own event is there"),
                Evidence(number, event, "is what readers come to"),
            ],
        )

    def on_moved(self, number: int, record: Moved) -> Finding:
        """The position of an event is not for ever: whoever has saved one goes on in the wrong place."""
        there = self.oracle.events.get(record.before)
        known = [] if there is None else [Evidence(self.oracle.numbers[record.before], there, "was read there first")]
        return self.finding(
            "position-changes",
            "log",
            number,
            clause="moves",
            position=record.before,
            expected=record.before,
            actual=record.now,
            evidence=[*known, Evidence(number, record, "is where it is now")],
        )

    def on_altered(self, number: int, record: Altered) -> Finding | None:
        """The event at a position is the one that was read there before; whether it looks as it did is for `identity` to say."""
        there = self.oracle.events.get(record.position)
        if there is None or record.id == there.id:
            return None
        return self.finding(
            "duplicate-position",
            "log",
            number,
            clause="stays",
            position=record.position,
            expected=there.id,
            actual=record.id,
            evidence=[
                Evidence(self.oracle.numbers[record.position], there, "was read at this position"),
                Evidence(number, record, "is read there now"),
            ],
        )

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
                if oracle.removed is not None and oracle.removed.gone.names(event):
                    continue  # what has come to the place of a removed event is for `removals` to judge
                if event.id.rpartition("/")[0] != record.op:
                    return self.finding(
                        "acknowledged-elsewhere",
                        event.stream,
                        number,
                        clause="answers",
                        position=position,
                        expected=f"an event of {record.op}",
                        actual=event.id,
                        evidence=[
                            Evidence(oracle.numbers[position], event, "is at this position"),
                            Evidence(number, record, "says that its own event is there"),
                        ],
                    )
            elif position > oracle.tail:
                answered, other = self.promised.get(position, (number, record))
                if other.op != record.op:
                    del self.promised[position]
                    return self.promised_twice(number, record, position, answered, other)
                self.promised[position] = (number, record)
            elif 0 < position <= oracle.low:
                self.forgotten(position)
            else:
                own = [event for event in oracle.events.values() if event.operation == record.op]
                if own:
                    return self.misplaced(number, record, position, own)
                return self.finding(
                    "visible-below-read-position",
                    "log",
                    number,
                    clause="answers below",
                    position=position,
                    expected=f"a position above {oracle.tail}, which readers have reached",
                    actual=position,
                    evidence=[
                        *(
                            [Evidence(oracle.numbers[oracle.tail], oracle.events[oracle.tail], "was read before")]
                            if oracle.tail in oracle.events
                            else []
                        ),
                        Evidence(number, record, "says that it is stored below"),
                    ],
                )
        return None

    def promised_twice(
        self, number: int, record: Acknowledged, position: int, answered: int, other: Acknowledged
    ) -> Finding:
        """Two answers name one position, to which readers have not come. One of the events is not there, whichever it is."""
        return self.finding(
            "acknowledged-elsewhere",
            "log",
            number,
            clause="answers",
            position=position,
            expected=f"an event of {other.op}",
            actual=f"an event of {record.op}",
            evidence=[
                Evidence(answered, other, "says that its own event is there"),
                Evidence(number, record, "says that its own event is there"),
            ],
        )

    def forgotten(self, position: int) -> None:
        """Nobody knows any more what readers saw there; where the history had not begun, nobody ever did."""
        if position > self.oracle.begins:
            self.window.miss()

    def misplaced(
        self, answered: int, record: Acknowledged, position: int, own: Sequence[Stored], number: int | None = None
    ) -> Finding:
        """The events of the append are visible, and not where the answer says. `number`: where that showed, if not at the answer."""
        return self.finding(
            "acknowledged-elsewhere",
            own[0].stream,
            answered if number is None else number,
            clause="answers",
            position=position,
            expected=tuple([event.position for event in own]),
            actual=record.positions,
            evidence=[
                *(Evidence(self.oracle.numbers[event.position], event, "is at this position") for event in own),
                Evidence(answered, record, "says that its own event is there"),
            ],
        )

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """Nothing more will come to where an answer has said that it is."""
        return self.never_there(number) if self.promised else None

    def never_there(self, number: int, shown: Sequence[int] = ()) -> Finding | None:
        """Whether an answer names a position at which nothing is, although all events of its append are visible: elsewhere."""
        for position, (answered, record) in list(self.promised.items()):
            operation = self.oracle.appends.operations.get(record.op)
            if operation is None or operation.lacking() or position in shown:
                continue
            own = [event for event in self.oracle.events.values() if event.operation == record.op]
            if own:
                del self.promised[position]
                return self.misplaced(answered, record, position, own, number)
        return None

    def on_disordered(self, number: int, record: Disordered) -> Finding | None:
        """A reader follows the log in the order of its positions: the first one that does not is told."""
        falls = (n for n in range(1, len(record.positions)) if record.positions[n] <= record.positions[n - 1])
        fall = next(falls, None)
        if fall is None:
            return None
        return self.finding(
            "read-out-of-order",
            record.reader,
            number,
            clause="pages",
            guarantee="ORD",
            position=record.positions[fall],
            expected=tuple(sorted(record.positions)),
            actual=record.positions,
            evidence=[Evidence(number, record, "is what one read returned")],
        )

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """What a full scan finds below the tail, a tailing reader must have seen; and scans are in order."""
        oracle = self.oracle
        if self.promised and (finding := self.never_there(number, record.positions)) is not None:
            return finding
        if self.expected(record):
            return None
        last = record.after
        for position, event_id in zip(record.positions, record.ids, strict=True):
            if position <= last:
                return self.finding(
                    "scan-out-of-order",
                    "log",
                    number,
                    clause="scans in order",
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
                    clause="scans",
                    position=position,
                    expected="seen by a reader that tails the log",
                    actual=f"{event_id} appeared behind it",
                    evidence=[Evidence(number, record, "is a scan of the log")],
                )
        return None
