"""Watched consumers: what a consumer of the user's own shows is what the log says, each event once.

Only the consumer knows what a call did with an event. But its rows can be seen, and the fold of the log says which events must be in
them: one that is in none of them is lost, one that counts twice was applied twice. Usually broken by a checkpoint that is saved in a
transaction of its own, before the rows or after them, by a hand-over between catching up and listening, and by a position that nothing
moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from refold.model.application import Application, Projection
from refold.model.datastore import write
from refold.model.event import Stored
from refold.model.parts.calls import Die, FailStep, HandledAgain, LoseAnswer, Shown
from refold.model.parts.rebuilds import GIVEN_UP, BeginRebuild, RebuildEnded
from refold.model.record import ConsumerSpec, Crashed, Failed, Opened, Recovered, Step
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

Rows = dict[str, Any]
SEARCHED = 100
"""Values of a row, each with the shortest way to it, that are followed while it is asked which events were lost, or applied again."""
PASSED_OVER_MAX = 24
"""Events of a row among which successive ones are sought that were passed over."""
LOST, DOUBLED = (0, 1), (1, 2, 3)
"""How often an event may count where some are lost, and where some are applied again."""
RULE = 4
"""So many events, at least, are lost or applied again by rule: all of them, or all of one type."""


class _Seen:
    """What is known of one consumer: `furthest` is the position up to which its rows were the fold of the log, `shown` the record that said
    so; `ahead` is what it showed dead, or after a restart, when its checkpoint first covered events that were not in its rows, and `lost`
    are the positions of all such events. `back` tells of rows that went back, which is said at rest: what lacks an event may look like what
    it was before, and then that is the matter."""

    def __init__(self, spec: ConsumerSpec, project: Projection) -> None:
        self.spec = spec
        self.projection = project
        self.rows: Rows = {}
        self.furthest = 0
        self.shown: tuple[int, Shown] | None = None
        self.ahead: tuple[int, Shown] | None = None
        self.lost: set[int] = set()
        self.troubled = False
        self.rebuilding = False
        self.several = False
        """Others have rows of the same projection: they may be the same rows, and each deals with some of the events."""
        self.back: Finding | None = None

    def project(self, event: Stored, rows: Rows) -> Rows:
        """What the event changes; nothing if the consumer did not ask for it."""
        types = self.spec.types
        return self.projection(event, rows) if not types or event.type in types else {}

    def from_nothing(self) -> None:
        """Its rows may be anything from here on: what was shown before says nothing about them."""
        self.rows, self.furthest, self.shown = {}, 0, None


class WatchedConsumers(Property):
    """For every watched consumer: at rest its rows are fold(log), without the events that it did not ask for, each event once, and its
    checkpoint, if it has one, is the end of the log; while its process lives, its rows do not go back from fold(log[:p]) to an earlier
    one; and what is written in the transaction of the append is fold(log) whenever the log can be read.

    In the middle of its work, and while it is down, rows may be wrong if they are put right later. A checkpoint may be behind by
    fewer events than the consumer says that it saves at once, and one that handles events at most once may lack some if something
    went wrong; one whose rows are volatile may then begin from nothing.

    This property is kept, although no broken system of the zoo needs it: those are parts of the model, and it judges a user's own code
    (tests/systems/user).
    """

    name = "watched-consumers"
    guarantee = "CKPT"
    more_guarantees = ("REPL", "LIVE", "ORD")
    needs_application = True
    watches = True
    judges = (Shown,)
    clauses = {
        "not lost": "at rest, every event is in the rows",
        "not saved ahead": "at rest, every event is in the rows: also one that a checkpoint had covered before it was in them",
        "once": "at rest, no event is in the rows twice",
        "to the end": "at rest, the rows end where the log ends",
        "rows": "at rest, the rows are the fold of the log in every other respect",
        "checkpoint": "at rest, the checkpoint has come to the end of the log",
        "not beyond": "at rest, the checkpoint is not beyond the end of the log",
        "not again": "a consumer that handles events at most once, started again at rest, handles none once more",
        "forward": "while its process lives, the rows do not go back to what they were",
        "inline": "rows that are written with the append are there whenever the event is",
        "rebuilt": "a rebuild in which nothing goes wrong comes to its end",
    }

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.seen: dict[str, _Seen] = {}
        self.window = oracle.window(
            REMEMBERED, "what watched consumers show when events are forgotten that are older than the newest {size}"
        )
        self.windows = (self.window,)

    def handlers(self) -> dict[type, Handler]:
        """What consumers show."""
        return {
            Opened: self.on_opened,
            Shown: self.on_shown,
            Recovered: self.on_recovered,
            Step: self.on_step,
            Crashed: self.on_crashed,
            Failed: self.on_failed,
            RebuildEnded: self.on_rebuild_ended,
            HandledAgain: self.on_handled_again,
        }

    def on_opened(self, number: int, record: Opened) -> None:
        """Who is watched."""
        self.seen = {
            spec.name: _Seen(spec, self.decider.projection(spec.projection))
            for spec in record.consumers
            if spec.watched
        }
        shared = Counter(seen.spec.projection for seen in self.seen.values())
        for seen in self.seen.values():
            seen.several = shared[seen.spec.projection] > 1

    def on_recovered(self, number: int, record: Recovered) -> None:
        """A new process may begin with what it finds, and build the rest again."""
        seen = self.seen.get(record.process)
        if seen is not None:
            seen.from_nothing()

    def on_step(self, number: int, record: Step) -> None:
        """What goes wrong in the work of a consumer; rows that are rebuilt from here on."""
        if isinstance(record.action, BeginRebuild):
            self.begin_anew(record.action.consumer, rebuilding=True)
        elif isinstance(record.action, FailStep | LoseAnswer | Die):
            self.trouble(record.action.who)

    def on_crashed(self, number: int, record: Crashed) -> None:
        """Its process has died."""
        self.trouble(record.process)

    def on_failed(self, number: int, record: Failed) -> None:
        """It has raised."""
        self.trouble(record.consumer)

    def begin_anew(self, name: str, *, rebuilding: bool) -> None:
        """What was shown up to here says nothing about the rows that are made anew."""
        seen = self.seen.get(name)
        if seen is not None:
            seen.rebuilding = rebuilding
            seen.from_nothing()
            seen.ahead = None
            seen.lost.clear()

    def on_rebuild_ended(self, number: int, record: RebuildEnded) -> Finding | None:
        """One that died or raised is begun again, up to its end."""
        self.begin_anew(record.consumer, rebuilding=record.how != "done")
        if record.how != GIVEN_UP or record.consumer not in self.seen:
            return None
        return self.finding(
            "rebuild-never-ends",
            record.consumer,
            number,
            clause="rebuilt",
            guarantee="LIVE",
            expected="the rebuild comes to its end",
            actual="each attempt ends with an error",
            evidence=[Evidence(number, record, "is the last attempt")],
        )

    def trouble(self, name: str) -> None:
        """From now on one that handles events at most once may have lost some."""
        if name in self.seen:
            self.seen[name].troubled = True

    def on_handled_again(self, number: int, record: HandledAgain) -> Finding | None:
        """Once is enough for some."""
        seen = self.seen.get(record.consumer)
        if seen is None or not seen.spec.at_most_once:
            return None
        events = self.oracle.between(record.position - 1, record.position)
        if not events:
            return None
        event = events[0]
        return self.finding(
            "handled-again-at-rest",
            record.consumer,
            number,
            clause="not again",
            position=record.position,
            expected=f"to go on after position {record.position}",
            actual=f"handles event {record.position} once more",
            evidence=[self.proof(event, "is handled already"), Evidence(number, record, "would come to it again")],
        )

    def on_shown(self, number: int, record: Shown) -> Finding | None:
        """Rows and checkpoint, as they are seen."""
        seen = self.seen.get(record.consumer)
        if seen is None:
            return None
        if self.oracle.low:
            self.window.miss()
            return None
        if seen.rebuilding and record.when != "resting":
            return None
        if seen.spec.inline:
            return self.judge_inline(number, record, seen)
        if record.when == "resting":
            return self.judge_rest(number, record, seen)
        if record.when != "working":
            if record.checkpoint:
                self.note_ahead(number, record, seen, record.checkpoint)
            return None
        place = self.forward(seen, record.rows)
        if place is not None:
            seen.furthest, seen.shown = place, (number, record)
            return None
        if seen.shown is None or (seen.spec.volatile and seen.troubled):
            return None
        back = self.furthest(seen, record.rows, self.oracle.between(0, seen.furthest))
        if back is not None and not self.each_moves_on(seen, seen.shown[1].rows, record.rows):
            if seen.several and self.moved_by_some(seen, seen.shown[1].rows, record.rows):
                return None
            found = self.went_back(number, record, seen, back)
            seen.back = seen.back or found
        return None

    def note_ahead(self, number: int, record: Shown, seen: _Seen, checkpoint: int) -> None:
        """Remember the events that the checkpoint covers and the rows lack."""
        kept = [event for event in self.oracle.between(0, self.oracle.tail) if event.position not in seen.lost]
        place = self.furthest(seen, record.rows, kept)
        if place is not None and place < checkpoint:
            seen.ahead = seen.ahead or (number, record)
            seen.lost.update(event.position for event in self.oracle.between(place, checkpoint))

    # -- where rows are

    def forward(self, seen: _Seen, rows: Rows) -> int | None:
        """The first position, not before the furthest one, up to which the rows are the fold of the log; None if there is none."""
        if self.same(rows, seen.rows):
            return seen.furthest
        for event, folded in self.folds(seen, self.oracle.between(seen.furthest, self.oracle.tail), seen.rows):
            if self.same(rows, folded):
                seen.rows = folded
                return event.position
        return None

    def furthest(self, seen: _Seen, rows: Rows, events: Iterable[Stored]) -> int | None:
        """The last position up to which the rows are the fold of these events; None if there is none."""
        found = None if rows else 0
        for event, folded in self.folds(seen, events):
            if self.same(rows, folded):
                found = event.position
        return found

    def folds(self, seen: _Seen, events: Iterable[Stored], start: Rows | None = None) -> Iterator[tuple[Stored, Rows]]:
        """Each event, and what the events up to it make of the rows at the start (none); these are the same rows every time."""
        rows = dict(start or {})
        for event in events:
            write(rows, seen.project(event, rows))
            yield event, rows

    def each_moves_on(self, seen: _Seen, before: Rows, rows: Rows) -> bool:
        """Whether each row that has changed has become what later events make of it. Where some rows are ahead of others, because several
        work on one table, they may all be as they were at an earlier position, and none has gone back."""
        waits = {key: before.get(key) for key in {**before, **rows} if not self.same(before.get(key), rows.get(key))}
        moving = {key for key, value in waits.items() if value is None}
        for _, folded in self.folds(seen, self.oracle.between(0, self.oracle.tail)):
            for key in [key for key in moving if self.same(folded.get(key), rows.get(key))]:
                moving.remove(key)
                del waits[key]
            moving.update(key for key, value in waits.items() if self.same(folded.get(key), value))
        return not waits

    def moved_by_some(self, seen: _Seen, before: Rows, rows: Rows) -> bool:
        """Whether some events, in their order, make what a row is now of what it was, for each row that has changed. Where several work on
        one table, each with events of its own, some are ahead of others."""
        events = self.oracle.between(0, self.oracle.tail)
        for key in {**before, **rows}:
            was, now = before.get(key), rows.get(key)
            if not self.same(was, now) and self.way(seen, key, now, events, LOST, was, usual=0) is None:
                return False
        return True

    def fold(self, seen: _Seen, events: Iterable[Stored]) -> Rows:
        """What the events make."""
        rows: Rows = {}
        for event in events:
            write(rows, seen.project(event, rows))
        return rows

    def prefix(self, seen: _Seen, rows: Rows, events: Sequence[Stored]) -> int | None:
        """The smallest number of first events, not all, of which the rows are the fold; None if there is none."""
        if not rows and events:
            return 0
        folds = enumerate(self.folds(seen, events[:-1]), 1)
        return next((count for count, (_, folded) in folds if self.same(rows, folded)), None)

    def went_back(self, number: int, record: Shown, seen: _Seen, place: int) -> Finding:
        """Rows that were further before."""
        assert seen.shown is not None
        before, furthest = seen.shown, seen.furthest
        seen.from_nothing()
        return self.finding(
            "rows-go-back",
            record.consumer,
            number,
            clause="forward",
            guarantee="REPL",
            position=furthest,
            expected=before[1].rows,
            actual=record.rows,
            evidence=[Evidence(*before, "were the rows"), Evidence(number, record, "are those of fewer events")],
        )

    # -- at rest

    def finish(self) -> list[Finding]:
        """Rows that went back in a history that never came to rest."""
        return [seen.back for seen in self.seen.values() if seen.back is not None]

    def judge_rest(self, number: int, record: Shown, seen: _Seen) -> Finding | None:
        """Every event is in the rows, once; the checkpoint is at the end."""
        events = self.oracle.between(0, self.oracle.tail)
        expected = self.fold(seen, events)
        back, seen.back = seen.back, None
        if not self.same(record.rows, expected):
            found = self.explained(number, record, seen, events, expected)
            return back if back is not None and found is not None and found.clause == "rows" else found
        if back is not None:
            return back
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
    ) -> Finding | None:
        """Why the rows are not the fold of the log: an end that never came, lost events, events that count twice, or nobody knows."""
        if seen.spec.at_most_once and seen.troubled and self.may_be_lost(seen, record.rows, events, expected):
            return None
        end = self.prefix(seen, record.rows, events)
        if end is not None and (record.checkpoint or 0) < events[end].position:
            return self.told(
                number, record, expected, "never-reaches-tail", "to the end", events[end], "never arrived", "LIVE"
            )
        rest = Evidence(number, record, "is what it shows at rest")
        kept = [event for event in events if event.position not in seen.lost]
        if len(kept) < len(events) and self.same(record.rows, self.fold(seen, kept)):
            return self.saved_ahead(number, seen, next(event for event in events if event.position in seen.lost), rest)
        lost, twice = self.causes(seen, record.rows, events, expected)
        if lost is not None and twice is None:
            ahead = seen.ahead
            if ahead is not None and (ahead[1].checkpoint or 0) >= lost.position:
                return self.saved_ahead(number, seen, lost, rest)
            return self.told(number, record, expected, "event-never-applied", "not lost", lost, "is not in the rows")
        if twice is not None and lost is None:
            return self.told(number, record, expected, "effect-applied-twice", "once", twice, "is in the rows twice")
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

    def saved_ahead(self, number: int, seen: _Seen, lost: Stored, rest: Evidence) -> Finding:
        """A checkpoint had covered an event that is in the rows neither then nor at rest."""
        assert seen.ahead is not None
        return self.finding(
            "checkpoint-ahead-of-effects",
            seen.spec.name,
            number,
            clause="not saved ahead",
            position=lost.position,
            expected=self.oracle.before[lost.position],
            actual=seen.ahead[1].checkpoint,
            evidence=[self.proof(lost, "is not in the rows"), Evidence(*seen.ahead, "says that it is"), rest],
        )

    def told(
        self,
        number: int,
        record: Shown,
        expected: Rows,
        anomaly: str,
        clause: str,
        event: Stored,
        role: str,
        guarantee: str | None = None,
    ) -> Finding:
        """A finding about one event."""
        keys = [key for key in {**expected, **record.rows} if expected.get(key) != record.rows.get(key)]
        return self.finding(
            anomaly,
            record.consumer,
            number,
            clause=clause,
            guarantee=guarantee,
            position=event.position,
            expected={key: expected.get(key) for key in keys},
            actual={key: record.rows.get(key) for key in keys},
            evidence=[self.proof(event, role), Evidence(number, record, "is what it shows at rest")],
        )

    def causes(
        self, seen: _Seen, rows: Rows, events: Sequence[Stored], expected: Rows
    ) -> tuple[Stored | None, Stored | None]:
        """The first event that must be lost, and the first that must have counted twice, for the rows to be as they are; both, or none, if
        that does not explain them. Of two ways to explain a row, the one with fewer such events; but what happens to all events, or to all
        of one type, is a rule, however many they are."""
        ruled = self.by_rule(seen, rows, events)
        if ruled is not None:
            return ruled
        lost: list[Stored] = []
        twice: list[Stored] = []
        for key in {**expected, **rows}:
            if self.same(rows.get(key), expected.get(key)):
                continue
            missing = self.way(seen, key, rows.get(key), events, LOST)
            again = self.way(seen, key, rows.get(key), events, DOUBLED)
            if again is not None and again[1] > 1 and (passed := self.passed_over(seen, key, rows.get(key), events)):
                missing = passed, 1
            if missing is not None and (again is None or missing[1] <= again[1]):
                lost.append(missing[0])
            elif again is not None:
                twice.append(again[0])
            else:
                return None, None
        first = [min(some, key=lambda event: event.position) if some else None for some in (lost, twice)]
        return first[0], first[1]

    def by_rule(self, seen: _Seen, rows: Rows, events: Sequence[Stored]) -> tuple[Stored | None, Stored | None] | None:
        """The first event lost, or applied twice, where all events are, or all of one type; None if that does not explain the rows."""
        groups = [
            list(events),
            *([e for e in events if e.type == kind] for kind in dict.fromkeys(e.type for e in events)),
        ]
        for group in groups:
            if len(group) < RULE:
                continue
            chosen = {event.position for event in group}
            if self.same(rows, self.fold(seen, [event for event in events if event.position not in chosen])):
                return group[0], None
            twice = [event for event in events for _ in range(1 + (event.position in chosen))]
            if self.same(rows, self.fold(seen, twice)):
                return None, group[0]
        return None

    def passed_over(self, seen: _Seen, key: str, value: Any, events: Sequence[Stored]) -> Stored | None:
        """The first of some successive events without which the row would be as it is: one mistake, however many they are. None if there
        are none, or too many events to try."""
        of_row, rows = [], dict[str, Any]()
        for event in events:
            writes = seen.project(event, rows)
            if key in writes:
                of_row.append(event)
            write(rows, writes)
        if len(of_row) > PASSED_OVER_MAX:
            return None
        for count in range(2, len(of_row) + 1):
            for first in range(len(of_row) - count + 1):
                left = [*of_row[:first], *of_row[first + count :]]
                if self.same(self.fold(seen, left).get(key), value):
                    return of_row[first]
        return None

    def may_be_lost(self, seen: _Seen, rows: Rows, events: Sequence[Stored], expected: Rows) -> bool:
        """Whether lost events, however many, explain every row that is not as it should be."""
        differ = [key for key in {**expected, **rows} if not self.same(rows.get(key), expected.get(key))]
        return all(self.way(seen, key, rows.get(key), events, LOST) is not None for key in differ)

    def way(
        self,
        seen: _Seen,
        key: str,
        value: Any,
        events: Sequence[Stored],
        times: Sequence[int],
        start: Any = None,
        usual: int = 1,
    ) -> tuple[Stored, int] | None:
        """The first event that did not count as often as is `usual`, on the shortest way to this value of a row, from `start`, on which
        each event counts as often as one of `times` says, and how long it is; None if there is no such way. Of many ways the shortest are
        followed."""
        rows: Rows = {}
        ways: dict[str, tuple[Any, int, Stored | None]] = {repr(start): (start, 0, None)}
        for event in events:
            writes = seen.project(event, rows)
            if key in writes:
                ways = self.ways_on(seen, key, rows, ways, event, times, usual)
                if len(ways) > SEARCHED:
                    ways = dict(sorted(ways.items(), key=lambda way: way[1][1])[:SEARCHED])
            write(rows, writes)
        found = [way for way in ways.values() if self.same(value, way[0]) and way[2] is not None]
        if not found:
            return None
        _, cost, first = min(found, key=lambda way: way[1])
        return None if first is None else (first, cost)

    def ways_on(
        self,
        seen: _Seen,
        key: str,
        rows: Rows,
        ways: dict[str, tuple[Any, int, Stored | None]],
        event: Stored,
        times: Sequence[int],
        usual: int,
    ) -> dict[str, tuple[Any, int, Stored | None]]:
        """What one more event makes of a row, on the shortest way to each value."""
        after: dict[str, tuple[Any, int, Stored | None]] = {}
        mixed = dict(rows)
        for value, cost, first in ways.values():
            now = value
            for count in range(max(times) + 1):
                if count:
                    write(mixed, {key: now})
                    now = seen.project(event, mixed).get(key, now)
                if count not in times:
                    continue
                odd = cost + abs(count - usual)
                name = repr(now)
                if name not in after or odd < after[name][1]:
                    after[name] = (now, odd, first or (event if count != usual else None))
        return after

    # -- in the transaction of the append

    def judge_inline(self, number: int, record: Shown, seen: _Seen) -> Finding | None:
        """The rows are those of everything that is visible."""
        events = self.oracle.between(0, self.oracle.tail)
        expected = self.fold(seen, events)
        if self.same(record.rows, expected):
            return None
        count = self.prefix(seen, record.rows, events)
        if count is not None:
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
