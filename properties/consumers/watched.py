"""Watched consumers: what a consumer of the user's own shows is what the log says, each event once.

What a call has made of an event nobody knows but the consumer. Rows are seen, and the fold of the log says which events must be in them: one
that is in none of them is lost, one that counts twice was applied twice. Usually broken by a checkpoint that is saved in a transaction of its
own, before the rows or after them, by a hand-over between catching up and listening, and by a position that nothing moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from refold.model.application import Application, Projection
from refold.model.datastore import write
from refold.model.event import Stored
from refold.model.parts.calls import Shown
from refold.model.record import ConsumerSpec, Opened, Recovered
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

Rows = dict[str, Any]
SEARCHED = 400
"""Ways to have lost or doubled some events that are tried, for each row, before the difference stays unexplained."""


class _Seen:
    """What is known of one consumer: `furthest` is the position up to which its rows were the fold of the log, `shown` the record that said
    so; `left` is what it showed dead, or after a restart, for the first time since it was right."""

    def __init__(self, spec: ConsumerSpec, project: Projection) -> None:
        self.spec = spec
        self.project = project
        self.rows: Rows = {}
        self.furthest = 0
        self.shown: tuple[int, Shown] | None = None
        self.ahead: tuple[int, Shown] | None = None


class WatchedConsumers(Property):
    """For every watched consumer: at rest its rows are fold(log), each event once, and its checkpoint, if it has one, is the end of the log;
    while its process lives, its rows do not go back from fold(log[:p]) to an earlier one; and what is written in the transaction of the append
    is fold(log) whenever the log can be read.

    In the middle of its work, and while it is down, rows may be anything that is mended later.
    """

    name = "watched-consumers"
    guarantee = "CKPT"
    more_guarantees = ("REPL", "LIVE", "ORD")
    needs_application = True
    judges = (Shown,)
    clauses = {
        "not lost": "at rest, every event is in the rows",
        "not saved ahead": "at rest, every event is in the rows: also one that a checkpoint had covered before it was in them",
        "once": "at rest, no event is in the rows twice",
        "to the end": "at rest, the rows end where the log ends",
        "rows": "at rest, the rows are the fold of the log in every other respect",
        "checkpoint": "at rest, the checkpoint has come to the end of the log",
        "not beyond": "at rest, the checkpoint is not behind the end of the log",
        "forward": "while its process lives, the rows do not go back to what they were",
        "inline": "rows that are written with the append are there whenever the event is",
    }

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.seen: dict[str, _Seen] = {}

    def handlers(self) -> dict[type, Handler]:
        """What consumers show."""
        return {Opened: self.on_opened, Shown: self.on_shown, Recovered: self.on_recovered}

    def on_opened(self, number: int, record: Opened) -> None:
        """Who is watched."""
        self.seen = {
            spec.name: _Seen(spec, self.decider.projection(spec.projection))
            for spec in record.consumers
            if spec.watched
        }

    def on_recovered(self, number: int, record: Recovered) -> None:
        """A new process may begin with what it finds, and build the rest again."""
        seen = self.seen.get(record.process)
        if seen is not None:
            seen.rows, seen.furthest, seen.shown = {}, 0, None

    def on_shown(self, number: int, record: Shown) -> Finding | None:
        """Rows and checkpoint, as they are seen."""
        seen = self.seen.get(record.consumer)
        if seen is None or self.oracle.low:
            return None
        if seen.spec.inline:
            return self.judge_inline(number, record, seen)
        if record.when == "resting":
            return self.judge_rest(number, record, seen)
        place = self.place(seen, record.rows)
        if record.when != "working":
            if seen.ahead is None and place is not None and place < (record.checkpoint or 0):
                seen.ahead = (number, record)
            return None
        if place is None:
            return None
        if place < seen.furthest and seen.shown is not None:
            return self.went_back(number, record, seen, place)
        seen.furthest, seen.shown = place, (number, record)
        return None

    # -- where rows are

    def place(self, seen: _Seen, rows: Rows) -> int | None:
        """The furthest position up to which the rows are the fold of the log; None if they are no such fold."""
        found = None
        if not seen.furthest or not self.same(rows, seen.rows):
            folded: Rows = {}
            start = 0
        else:
            folded, start = seen.rows, seen.furthest
        folded = dict(folded)
        if self.same(rows, folded):
            found, best = start, dict(folded)
        for event in self.oracle.between(start, self.oracle.tail):
            write(folded, seen.project(event, folded))
            if self.same(rows, folded):
                found, best = event.position, dict(folded)
        if found is not None and found >= seen.furthest:
            seen.rows = best
        return found

    def fold(self, seen: _Seen, events: Iterable[Stored]) -> Rows:
        """What the events make."""
        rows: Rows = {}
        for event in events:
            write(rows, seen.project(event, rows))
        return rows

    def went_back(self, number: int, record: Shown, seen: _Seen, place: int) -> Finding | None:
        """Rows that were further before."""
        assert seen.shown is not None
        before, seen.shown = seen.shown, None
        furthest, seen.furthest, seen.rows = seen.furthest, 0, {}
        if seen.spec.volatile:
            return None
        return self.finding(
            "rows-go-back",
            record.consumer,
            number,
            clause="forward",
            guarantee="REPL",
            position=furthest,
            expected=before[1].rows,
            actual=record.rows,
            evidence=[Evidence(*before, "were the rows"), Evidence(number, record, f"are those up to event {place}")],
        )

    # -- at rest

    def judge_rest(self, number: int, record: Shown, seen: _Seen) -> Finding | None:
        """Every event is in the rows, once; the checkpoint is at the end."""
        events = self.oracle.between(0, self.oracle.tail)
        expected = self.fold(seen, events)
        if not self.same(record.rows, expected):
            return self.explained(number, record, seen, events, expected)
        checkpoint = record.checkpoint
        if checkpoint is None or checkpoint == self.oracle.tail:
            return None
        if checkpoint > self.oracle.tail:
            return self.finding(
                "checkpoint-beyond-tail",
                record.consumer,
                number,
                clause="not beyond",
                position=checkpoint,
                expected=self.oracle.tail,
                actual=checkpoint,
                evidence=[Evidence(number, record, "is what it shows at rest")],
            )
        left = [event for event in events if event.position > checkpoint]
        if len(left) < max(seen.spec.saves_every, 1):
            return None
        return self.finding(
            "checkpoint-left-behind",
            record.consumer,
            number,
            clause="checkpoint",
            position=left[0].position,
            expected=self.oracle.tail,
            actual=checkpoint,
            evidence=[self.proof(left[0], "is in the rows"), Evidence(number, record, "does not say so")],
        )

    def proof(self, event: Stored, role: str) -> Evidence:
        """An event as evidence."""
        return Evidence(self.oracle.numbers[event.position], event, role)

    def explained(
        self, number: int, record: Shown, seen: _Seen, events: Sequence[Stored], expected: Rows
    ) -> Finding:
        """Why the rows are not the fold of the log: an end that never came, lost events, events that count twice, or nobody knows."""
        end = next((n for n in range(len(events)) if self.same(record.rows, self.fold(seen, events[:n]))), None)
        if end is not None and (record.checkpoint or 0) < events[end].position:
            return self.told(number, record, "never-reaches-tail", "to the end", "LIVE", events[end], "never arrived")
        rest = Evidence(number, record, "is what it shows at rest")
        lost, twice = self.causes(seen, record.rows, events, expected)
        if lost is not None and twice is None:
            ahead = seen.ahead
            if ahead is not None and (ahead[1].checkpoint or 0) >= lost.position:
                return self.finding(
                    "checkpoint-ahead-of-effects",
                    record.consumer,
                    number,
                    clause="not saved ahead",
                    position=lost.position,
                    expected=expected,
                    actual=record.rows,
                    evidence=[self.proof(lost, "is not in the rows"), Evidence(*ahead, "says that it is"), rest],
                )
            return self.told(number, record, "event-never-applied", "not lost", None, lost, "is not in the rows")
        if twice is not None and lost is None:
            return self.told(number, record, "effect-applied-twice", "once", None, twice, "is in the rows twice")
        return self.finding(
            "replayed-state-differs",
            record.consumer,
            number,
            clause="rows",
            guarantee="REPL",
            position=self.oracle.tail,
            expected=expected,
            actual=record.rows,
            evidence=[rest],
        )

    def told(
        self, number: int, record: Shown, anomaly: str, clause: str, guarantee: str | None, event: Stored, role: str
    ) -> Finding:
        """A finding about one event."""
        rows = self.fold(self.seen[record.consumer], self.oracle.between(0, self.oracle.tail))
        keys = [key for key in {**rows, **record.rows} if rows.get(key) != record.rows.get(key)]
        return self.finding(
            anomaly,
            record.consumer,
            number,
            clause=clause,
            guarantee=guarantee,
            position=event.position,
            expected={key: rows.get(key) for key in keys},
            actual={key: record.rows.get(key) for key in keys},
            evidence=[self.proof(event, role), Evidence(number, record, "is what it shows at rest")],
        )

    def causes(
        self, seen: _Seen, rows: Rows, events: Sequence[Stored], expected: Rows
    ) -> tuple[Stored | None, Stored | None]:
        """The first event that must be lost, and the first that must have counted twice, for the rows to be as they are; both, or none, if
        that does not explain them."""
        lost: list[Stored] = []
        twice: list[Stored] = []
        for key in {**expected, **rows}:
            if self.same(rows.get(key), expected.get(key)):
                continue
            about = self.about(seen, key, events)
            if (found := self.without(seen, key, rows.get(key), about)) is not None:
                lost.append(found)
            elif (found := self.doubled(seen, key, rows.get(key), about)) is not None:
                twice.append(found)
            else:
                return None, None
        first = [min(some, key=lambda event: event.position) if some else None for some in (lost, twice)]
        return first[0], first[1]

    def about(self, seen: _Seen, key: str, events: Sequence[Stored]) -> list[Stored]:
        """The events that write to one row."""
        rows: Rows = {}
        found = []
        for event in events:
            writes = seen.project(event, rows)
            if key in writes:
                found.append(event)
            write(rows, writes)
        return found

    def without(self, seen: _Seen, key: str, value: Any, about: Sequence[Stored]) -> Stored | None:
        """The first of some events in a row without which this row is as it is; few rather than many, late rather than early."""
        count = len(about)
        tried = 0
        for size in range(1, count + 1):
            for start in range(count - size, -1, -1):
                tried += 1
                if tried > SEARCHED:
                    return None
                if self.same(self.fold(seen, [*about[:start], *about[start + size :]]).get(key), value):
                    return about[start]
        return None

    def doubled(self, seen: _Seen, key: str, value: Any, about: Sequence[Stored]) -> Stored | None:
        """The first of some events in a row which, applied once more, make this row what it is."""
        count = len(about)
        tried = 0
        for size in range(1, count + 1):
            for start in range(count - size + 1):
                again = about[start : start + size]
                for times in (1, 2):
                    tried += 1
                    if tried > SEARCHED:
                        return None
                    events = [*about[: start + size], *again * times, *about[start + size :]]
                    if self.same(self.fold(seen, events).get(key), value):
                        return again[0]
        return None

    # -- in the transaction of the append

    def judge_inline(self, number: int, record: Shown, seen: _Seen) -> Finding | None:
        """The rows are those of everything that is visible."""
        events = self.oracle.between(0, self.oracle.tail)
        expected = self.fold(seen, events)
        if self.same(record.rows, expected):
            return None
        for count in range(len(events)):
            if self.same(record.rows, self.fold(seen, events[:count])):
                return self.finding(
                    "inline-rows-behind",
                    record.consumer,
                    number,
                    clause="inline",
                    guarantee="REPL",
                    position=events[count].position,
                    expected=expected,
                    actual=record.rows,
                    evidence=[
                        self.proof(events[count], "is in the log"),
                        Evidence(number, record, "does not contain it"),
                    ],
                )
        return self.explained(number, record, seen, events, expected)
