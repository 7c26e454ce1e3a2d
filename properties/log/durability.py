"""Durability: an acknowledged append is in every later history: after a crash, a restart, a power cut (A6).

So is every event that a reader has seen. Usually broken by acknowledging before the data is synced (catalogue: ack-before-fsync), by
recovery that gives up at a torn record, and by a new primary that lacks the tail.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.record import Acknowledged, Scanned
from refold.model.words import counted
from refold.properties.log.identity import Identity, Operation
from refold.properties.property import Evidence, Finding, Handler, Property

WINDOW = 10_000
"""Events that can be named individually when a scan misses some; that any is missing is noticed for all."""


def lacking(operation: Operation) -> bool:
    """Whether fewer events are visible than were asked for. An operation that was decided anew may be stored as it was asked for any of
    the times: a log that knows its ids answers with what it has."""
    asked = len(operation.prepared.events)
    if not operation.earlier:
        return operation.seen < asked
    return operation.seen not in {asked, *(len(prepared.events) for prepared in operation.earlier)}


class Durability(Property):
    """For every scan s and event e visible or acknowledged before s: e is in s, at its position."""

    name = "durability"
    guarantee = "LOG"
    judges = (Stored,)

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self.operations = identity.operations
        self.digest = 0
        self.digested = 0
        self.positions: list[int] = []
        self.ids: list[str] = []
        self.recent: deque[tuple[int, Stored]] = deque(maxlen=WINDOW)
        self.unseen: dict[str, tuple[int, Acknowledged]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Events, answers, scans."""
        return {Stored: self.on_stored, Acknowledged: self.on_acknowledged, Scanned: self.on_scanned}

    def on_stored(self, number: int, event: Stored) -> None:
        """One more event that must stay."""
        self.positions.append(event.position)
        self.ids.append(event.id)
        self.recent.append((number, event))
        if len(self.ids) >= WINDOW:
            self.condense()

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """If its events are not visible yet, they must be in the next scan."""
        operation = self.operations.get(record.op)
        if operation is not None and lacking(operation):
            self.unseen[record.op] = (number, record)

    def never_seen(self) -> tuple[Operation, int, Acknowledged] | None:
        """An operation that was acknowledged and is still not visible."""
        unseen, self.unseen = self.unseen, {}
        for op, (number, answer) in unseen.items():
            operation = self.operations.get(op)
            if operation is not None and lacking(operation):
                return operation, number, answer
        return None

    def condense(self) -> None:
        """Keep only a digest of the events so far: memory does not grow with the log."""
        self.digest ^= self.digest_of(self.positions, self.ids)
        self.digested += len(self.ids)
        self.positions.clear()
        self.ids.clear()

    @staticmethod
    def digest_of(positions: Sequence[int], ids: Sequence[str]) -> int:
        """One number for a set of events at their positions."""
        digest = 0
        for place in zip(positions, ids, strict=True):
            digest ^= hash(place)
        return digest

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """Compare with all that was ever visible."""
        if self.unseen and (missed := self.never_seen()) is not None:
            operation, acknowledged, answer = missed
            return self.finding(
                "acknowledged-append-lost",
                operation.prepared.stream,
                number,
                position=answer.positions[0] if answer.positions else None,
                expected=f"{answer.op} in the log",
                actual="it is not there",
                evidence=[
                    Evidence(acknowledged, answer, "was acknowledged"),
                    Evidence(number, record, "is a scan without it"),
                ],
            )
        if self.as_expected(record):
            return None
        after = record.after
        there = set(zip(record.positions, record.ids, strict=True))
        lost = [(n, e) for n, e in self.recent if e.position > after and (e.position, e.id) not in there]
        start = bisect_right(self.positions, after)
        expected = len(self.ids) - start + (self.digested if not after else 0)
        missing = expected - len(record.ids)
        self.learn(record, start)
        if not lost and missing <= 0:
            return None  # more than was visible: the business of the property `visibility`
        evidence = [Evidence(n, event, "was in the log") for n, event in lost[:3]]
        return self.finding(
            "acknowledged-append-lost",
            lost[0][1].stream if lost else "log",
            number,
            position=lost[0][1].position if lost else None,
            expected=f"{counted(expected, 'event')} behind position {after}",
            actual=counted(len(record.ids), "event"),
            evidence=[*evidence, Evidence(number, record, "is a scan without it")],
        )

    def as_expected(self, record: Scanned) -> bool:
        """Whether the scan shows just what was visible before; the usual case, decided fast."""
        old = 0 if record.after else self.digested
        start = bisect_right(self.positions, record.after)
        if record.ids[old:] != tuple(self.ids[start:]) or record.positions[old:] != tuple(self.positions[start:]):
            return False
        return not old or self.digest == self.digest_of(record.positions[:old], record.ids[:old])

    def learn(self, record: Scanned, start: int) -> None:
        """From here on, what the scan showed is what must stay."""
        if not record.after:
            self.digested = self.digest = start = 0
        self.positions[start:] = record.positions
        self.ids[start:] = record.ids
        places = set(zip(self.positions, self.ids, strict=True))
        self.recent = deque((pair for pair in self.recent if (pair[1].position, pair[1].id) in places), maxlen=WINDOW)
