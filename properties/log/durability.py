"""Durability: an acknowledged append is in every later history: after a crash, a restart, a power cut (A6).

An event that a reader has seen must not be lost either. A log that does not come back after a fault has lost all of its events. This is
usually broken by acknowledging before the data is synced (catalogue: ack-before-fsync), by recovery that gives up at a torn record, and
by a new primary that lacks the tail.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.record import Acknowledged, NotRecovered, Scanned, Settled
from refold.model.words import counted
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.removed import Removal, Removed

REMEMBERED = 10_000
"""Events that can be named one by one when a scan misses some; of older ones it is noticed that the scan shows something else."""

TOGETHER = 256
"""Events that are put with the others at once."""


class Durability(Property):
    """For every scan s of the log after position p, and every event e after p: if e was visible before s or was in an earlier scan, then
    e is in s at its position. If the append of e was acknowledged before s, then e is visible by then or is in s. A log that a fault has
    stopped comes back.

    An event that is missing from a scan is reported once, and is not looked for in later scans."""

    name = "durability"
    guarantee = "LOG"
    judges = (Stored,)
    clauses = {
        "visible": "what was visible before a scan is in the scan, at its position",
        "acknowledged": "what was acknowledged before a scan is visible, or in the scan at the positions that the answer named;"
        " without a scan, it is visible once the run has settled",
        "spared": "what a removal does not name is still there after it",
        "reached": "a read that begins before removed events reaches the events after them",
        "recovers": "a log that a fault has stopped comes back and can be read",
    }
    passes = frozenset({Acknowledged})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.operations = oracle.appends.operations
        self.window = oracle.window(
            REMEMBERED, "whether a scan of a part of the log shows those events that are older than the newest {size}"
        )
        self.windows = (self.window,)
        self.digest = 0
        self.digested = 0
        self.floor = 0
        self.positions: list[int] = []
        self.ids: list[str] = []
        self.known: list[tuple[int, Stored]] = []
        self.newest: list[tuple[int, Stored]] = []
        self.unseen: dict[str, tuple[int, Acknowledged]] = {}
        self.changes = 0
        """Removals, and what else changes what is gone, that were looked at."""
        self.behind: set[str] = set()
        """Ids that a read behind the last removal has found."""

    def handlers(self) -> dict[type, Handler]:
        """Events, answers, scans, and what takes the place of a scan where none is possible."""
        return {
            Stored: self.on_stored,
            Acknowledged: self.on_acknowledged,
            Scanned: self.on_scanned,
            Settled: self.on_settled,
            NotRecovered: self.on_not_recovered,
        }

    def on_stored(self, number: int, event: Stored) -> None:
        """One more event that must stay: put with the others when somebody asks, or when there are many."""
        self.newest.append((number, event))
        if len(self.newest) >= TOGETHER:
            self.catch_up()

    def catch_up(self) -> None:
        """Put the newest events with the others: together, if they are in order and nothing has to be forgotten."""
        if not self.newest:
            return
        newest, self.newest = self.newest, []
        positions = [event.position for _, event in newest]
        last = self.positions[-1:]
        if len(self.ids) + len(newest) < self.window.full and [*last, *positions] == sorted({*last, *positions}):
            self.positions += positions
            self.ids += [event.id for _, event in newest]
            self.known += newest
            return
        for number, event in newest:
            self.keep(number, event)

    def keep(self, number: int, event: Stored) -> None:
        """Put one event with the others."""
        if self.positions and event.position <= self.positions[-1]:
            self.late(number, event)
            return
        self.positions.append(event.position)
        self.ids.append(event.id)
        self.known.append((number, event))
        if len(self.ids) >= self.window.full:
            self.condense()

    def late(self, number: int, event: Stored) -> None:
        """One that becomes visible below others, which `visibility` tells; it has to stay all the same, where nothing is condensed."""
        place = bisect_right(self.positions, event.position)
        if event.position > self.floor and event.id not in self.ids[max(place - 1, 0) : place]:
            self.positions.insert(place, event.position)
            self.ids.insert(place, event.id)
            self.known.append((number, event))

    def condense(self) -> None:
        """Keep only a digest of all but the newest events: memory does not grow with the log."""
        size = self.window.size
        old = len(self.ids) - size
        self.digest ^= self.digest_of(self.positions[:old], self.ids[:old])
        self.digested += old
        self.floor = max(self.floor, *self.positions[:old])
        del self.positions[:old], self.ids[:old], self.known[: max(len(self.known) - size, 0)]

    @staticmethod
    def digest_of(positions: Sequence[int], ids: Sequence[str]) -> int:
        """One number for a set of events at their positions."""
        digest = 0
        for place in zip(positions, ids, strict=True):
            digest ^= hash(place)
        return digest

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """What is not visible yet must be so at the next scan; of an append that nobody knows, only its positions tell."""
        operation = self.operations.get(record.op)
        if operation is None:
            self.catch_up()
            if record.positions and record.positions[-1] > (self.positions[-1] if self.positions else 0):
                self.unseen[record.op] = (number, record)
        elif operation.lacking():
            self.unseen[record.op] = (number, record)

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """All that was acknowledged and all that was ever visible is there."""
        self.catch_up()
        removed = self.oracle.removed
        if removed is not None:
            self.leave_out(removed, record)
        if self.unseen and (finding := self.never_seen(number, record)) is not None:
            return finding
        if self.as_expected(record):
            return None
        lost, expected, changed = self.missing(record)
        if removed is not None:
            lost = [(n, event) for n, event in lost if not removed.doubt.names(event)]
        self.learn(record)
        if not lost and not changed:
            return None  # more than was visible: the business of the property `visibility`
        if removed is not None and removed.fresh is not None and lost:
            return self.taken(number, record, lost, removed.fresh)
        evidence = [Evidence(n, event, "was in the log") for n, event in lost[:3]]
        return self.finding(
            "acknowledged-append-lost",
            lost[0][1].stream if lost else "log",
            number,
            clause="visible",
            position=lost[0][1].position if lost else None,
            expected=f"{counted(expected, 'event')} after position {record.after}",
            actual=counted(len(record.ids), "event") + (", others than before" if len(record.ids) >= expected else ""),
            evidence=[*evidence, Evidence(number, record, "is a scan without it")],
        )

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """Readers have come to the end, and no scan was to show what they lack."""
        for op, (acknowledged, answer) in list(self.unseen.items()):
            operation = self.operations.get(op)
            if operation is not None and operation.lacking():
                del self.unseen[op]
                proof = Evidence(number, record, "is the end")
                return self.gone(number, op, operation.prepared.stream, acknowledged, answer, proof)
        return None

    def leave_out(self, removed: Removed, record: Scanned) -> None:
        """What was removed need not stay. Of events that are known by their digest alone nobody can tell which are left."""
        if removed.changes != self.changes:
            self.changes = removed.changes
            self.behind.clear()
            if self.digested:
                self.window.miss()
                self.digest = self.digested = self.floor = 0
            gone = {(event.position, event.id) for _, event in self.known if removed.gone.names(event)}
            left = [place for place in zip(self.positions, self.ids, strict=True) if place not in gone]
            self.positions = [position for position, _ in left]
            self.ids = [event_id for _, event_id in left]
            self.known = [pair for pair in self.known if not removed.gone.names(pair[1])]
        if removed.fresh is not None and record.after:
            self.behind.update(record.ids)

    def taken(
        self, number: int, record: Scanned, lost: Sequence[tuple[int, Stored]], removal: tuple[int, Removal]
    ) -> Finding:
        """The first read after a removal misses what it does not name: it has taken too much, or readers that begin before what was removed
        do not come to what is behind."""
        reached = all(event.id in self.behind for _, event in lost)
        return self.finding(
            "read-stops-at-removed" if reached else "removal-takes-more",
            lost[0][1].stream,
            number,
            clause="reached" if reached else "spared",
            position=lost[0][1].position,
            expected=tuple([event.position for _, event in lost]),
            actual=f"a scan after position {record.after} without {'them' if len(lost) > 1 else 'it'}",
            evidence=[
                *[Evidence(n, event, "was in the log") for n, event in lost[:3]],
                Evidence(*removal, "does not name it"),
                Evidence(number, record, "is a scan without it"),
            ],
        )

    def on_not_recovered(self, number: int, record: NotRecovered) -> Finding:
        """All that was acknowledged or visible is gone."""
        self.catch_up()
        gone = (
            len(self.ids) + self.digested + sum(self.events_of(op, answer) for op, (_, answer) in self.unseen.items())
        )
        return self.finding(
            "log-does-not-recover",
            record.process,
            number,
            clause="recovers",
            expected=f"the log, with {counted(gone, 'event')} that it had confirmed or shown",
            actual=record.reason,
            evidence=[
                *[Evidence(n, event, "was in the log") for n, event in self.known[-1:]],
                *[Evidence(n, answer, "was acknowledged") for n, answer in list(self.unseen.values())[:1]],
                Evidence(number, record, "is the end of it"),
            ],
        )

    def events_of(self, op: str, answer: Acknowledged) -> int:
        """How many events of an acknowledged append are not visible yet."""
        operation = self.operations.get(op)
        if operation is None:
            return len(answer.positions)
        return len(answer.positions) if operation.lacking() else 0

    def never_seen(self, number: int, record: Scanned) -> Finding | None:
        """The finding that an append was acknowledged, and is neither visible by now nor where its answer says."""
        for op, (acknowledged, answer) in list(self.unseen.items()):
            operation = self.operations.get(op)
            lacking = operation is None or operation.lacking()
            if lacking and answer.positions and record.after >= min(answer.positions):
                continue  # the scan begins behind it, and a later one may not
            del self.unseen[op]
            if lacking and not self.shows(record, answer, known=operation is not None):
                stream = "log" if operation is None else operation.prepared.stream
                proof = Evidence(number, record, "is a scan without it")
                return self.gone(number, op, stream, acknowledged, answer, proof)
        return None

    def gone(
        self, number: int, op: str, stream: str, acknowledged: int, answer: Acknowledged, proof: Evidence
    ) -> Finding:
        """An append that was acknowledged is not there, as `proof` shows."""
        return self.finding(
            "acknowledged-append-lost",
            stream,
            number,
            clause="acknowledged",
            position=answer.positions[0] if answer.positions else None,
            expected=f"{op} in the log",
            actual="it is not there",
            evidence=[Evidence(acknowledged, answer, "was acknowledged"), proof],
        )

    def shows(self, record: Scanned, answer: Acknowledged, *, known: bool) -> bool:
        """Whether a scan has the events of an append where its answer says. Those of an append that is `known` are told by their ids, and
        readers have yet to come to them: what they have passed, they will never see."""
        there = dict(zip(record.positions, record.ids, strict=True))
        places = [place for place in answer.positions if place in there]
        if known:
            tail = self.oracle.tail
            places = [place for place in places if place > tail and there[place].rpartition("/")[0] == answer.op]
        return bool(places) and len(places) == len(answer.positions)

    def as_expected(self, record: Scanned) -> bool:
        """Whether the scan shows just what was visible before; the usual case, decided fast."""
        if record.after and record.after < self.floor:
            return False
        old = 0 if record.after else self.digested
        start = bisect_right(self.positions, record.after)
        if record.ids[old:] != tuple(self.ids[start:]) or record.positions[old:] != tuple(self.positions[start:]):
            return False
        return not old or self.digest == self.digest_of(record.positions[:old], record.ids[:old])

    def missing(self, record: Scanned) -> tuple[list[tuple[int, Stored]], int, bool]:
        """Those of the events that can be named which the scan lacks; how many it should hold; and whether others, which only a scan has
        shown, or which are known by their digest alone, are not what they were."""
        after = record.after
        there = set(zip(record.positions, record.ids, strict=True))
        lost = [(n, e) for n, e in self.known if e.position > after and (e.position, e.id) not in there]
        newer = set(zip(self.positions, self.ids, strict=True))
        expected = sum(1 for position in self.positions if position > after)
        scanned_only = newer - {(event.position, event.id) for _, event in self.known}
        unnamed = any(place[0] > after and place not in there for place in scanned_only) and not self.in_doubt()
        if after and after < self.floor:
            self.window.miss()
            return lost, expected, unnamed
        if after or not self.digested:
            return lost, expected, unnamed
        old = [place for place in there if place[0] <= self.floor and place not in newer]
        digest = self.digest_of([place[0] for place in old], [place[1] for place in old])
        return lost, expected + self.digested, unnamed or digest != self.digest

    def in_doubt(self) -> bool:
        """Whether a removal without an answer may have taken events that nobody can name."""
        removed = self.oracle.removed
        return removed is not None and bool(removed.doubt.position or removed.doubt.versions)

    def learn(self, record: Scanned) -> None:
        """From here on, what the scan showed is what must stay."""
        after = max(record.after, self.floor if record.after else 0)
        if not record.after:
            self.digest = self.digested = self.floor = 0
        start = bisect_right(self.positions, after)
        shown = sorted({place for place in zip(record.positions, record.ids, strict=True) if place[0] > after})
        self.positions[start:] = [position for position, _ in shown]
        self.ids[start:] = [event_id for _, event_id in shown]
        places = set(zip(self.positions, self.ids, strict=True))
        self.known = [pair for pair in self.known if (pair[1].position, pair[1].id) in places]
