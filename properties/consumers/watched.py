"""Watched consumers: what a consumer of the user's own shows is what the log says, each event once.

Only the consumer knows what a call did with an event. But its rows can be seen, and the fold of the log says which events must be in
them: an event that is missing was lost, and one that counts twice was applied twice. This is usually broken by a checkpoint that is saved
in its own transaction, before or after the rows, by a hand-over between catching up and listening, and by a position that is never
advanced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from refold.model.application import Application, Projection
from refold.model.event import Stored
from refold.model.parts.calls import Die, FailStep, HandledAgain, LoseAnswer, Shown
from refold.model.parts.rebuilds import GIVEN_UP, BeginRebuild, RebuildEnded
from refold.model.parts.side_consumers import Joined
from refold.model.record import ConsumerSpec, Crashed, Failed, Opened, Recovered, Step
from refold.properties.consumers.odd_events import LOST, OddEvents, Rows, fold, folds, imagined_fold, imagined_folds
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class _Seen:
    """What is known of one consumer: `furthest` is the position up to which its rows were the fold of the log, `shown` the record that said
    so; `ahead` is what it showed dead, or after a restart, when its checkpoint first covered events that were not in its rows, and `lost`
    are the positions of all such events. `back` tells of rows that went back, which is said at rest: what lacks an event may look like what
    it was before, and then that is the matter. No event up to the position `sure` is lost: rows were there, and the checkpoint, if any."""

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
        self.sure = 0

    def asked_for(self, event: Stored) -> bool:
        """Whether it is of a type that the consumer asked for."""
        return not self.spec.types or event.type in self.spec.types

    def project(self, event: Stored, rows: Rows) -> Rows:
        """What the event changes; nothing if the consumer did not ask for it."""
        return self.projection(event, rows) if self.asked_for(event) else {}

    def from_nothing(self) -> None:
        """Its rows may be anything from here on: what was shown before says nothing about them."""
        self.rows, self.furthest, self.shown, self.sure = {}, 0, None, 0


class WatchedConsumers(Property):
    """For every watched consumer: at rest, its rows are fold(log) without the events that it did not ask for, with each event counted
    once, and its checkpoint, if it has one, is at the end of the log. While its process is alive, its rows do not go back from
    fold(log[:p]) to an earlier fold. Rows that are written in the transaction of the append are fold(log) whenever the log can be read.

    While a consumer is working or is down, its rows may be wrong if they are corrected later. A checkpoint may be behind by fewer events
    than the consumer says that it saves at once, and by events that it did not ask for. If rows are written in the transaction of the
    append, no checkpoint is judged, because nothing resumes from one. If something went wrong, a consumer that handles events at most
    once may lack some of them, and a consumer with volatile rows may start from nothing.

    This property is kept, although no broken system of the zoo needs it: those systems are parts of the model, and this property judges a
    user's own code (tests/systems/user).
    """

    name = "watched-consumers"
    guarantee = "CKPT"
    more_guarantees = ("REPL", "LIVE", "ORD")
    needs_application = True
    watches = True
    judges = (Shown,)
    clauses = {
        "not lost": "at rest, every event is in the rows",
        "not saved ahead": "at rest, every event is in the rows, even one that a checkpoint covered before it was in them",
        "once": "at rest, no event is in the rows twice",
        "to the end": "at rest, the rows end where the log ends",
        "rows": "at rest, the rows are the fold of the log in every other respect",
        "checkpoint": "at rest, the checkpoint has reached the end of the log",
        "not beyond": "at rest, the checkpoint is not beyond the end of the log",
        "not again": "a consumer that handles events at most once handles none a second time when it is restarted at rest",
        "forward": "while its process is alive, the rows do not go back to an earlier state",
        "inline": "rows that are written with the append exist whenever the event does",
        "rebuilt": "a rebuild in which nothing goes wrong finishes",
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
            Joined: self.on_joined,
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
        self.look_for_shared()

    def on_joined(self, number: int, record: Joined) -> None:
        """One more."""
        spec = record.spec
        if spec.watched:
            self.seen[spec.name] = _Seen(spec, self.decider.projection(spec.projection))
            self.look_for_shared()

    def look_for_shared(self) -> None:
        """Whose projection is that of another one, too."""
        shared = Counter(seen.spec.projection for seen in self.seen.values())
        for seen in self.seen.values():
            seen.several = shared[seen.spec.projection] > 1

    def on_recovered(self, number: int, record: Recovered) -> None:
        """A new process may begin with what it finds, and build the rest again."""
        seen = self.seen.get(record.process)
        if seen is not None:
            sure = 0 if seen.spec.volatile else seen.sure
            seen.from_nothing()
            seen.sure = sure

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
            seen.sure = place if record.checkpoint in (None, place) else seen.sure
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
            seen.sure = min(seen.sure, place)
            seen.ahead = seen.ahead or (number, record)
            seen.lost.update(event.position for event in self.oracle.between(place, checkpoint))

    # -- where rows are

    def forward(self, seen: _Seen, rows: Rows) -> int | None:
        """The first position, not before the furthest one, up to which the rows are the fold of the log; None if there is none."""
        if self.same(rows, seen.rows):
            return seen.furthest
        for event, folded in folds(seen.project, self.oracle.between(seen.furthest, self.oracle.tail), seen.rows):
            if self.same(rows, folded):
                seen.rows = folded
                return event.position
        return None

    def furthest(self, seen: _Seen, rows: Rows, events: Iterable[Stored]) -> int | None:
        """The last position up to which the rows are the fold of these events, which need not be all; None if there is none."""
        found = None if rows else 0
        for event, folded in imagined_folds(seen.project, events):
            if self.same(rows, folded):
                found = event.position
        return found

    def each_moves_on(self, seen: _Seen, before: Rows, rows: Rows) -> bool:
        """Whether each row that has changed has become what later events make of it. Where some rows are ahead of others, because several
        work on one table, they may all be as they were at an earlier position, and none has gone back."""
        waits = {key: before.get(key) for key in {**before, **rows} if not self.same(before.get(key), rows.get(key))}
        moving = {key for key, value in waits.items() if value is None}
        for _, folded in folds(seen.project, self.oracle.between(0, self.oracle.tail)):
            for key in [key for key in moving if self.same(folded.get(key), rows.get(key))]:
                moving.remove(key)
                del waits[key]
            moving.update(key for key, value in waits.items() if self.same(folded.get(key), value))
        return not waits

    def moved_by_some(self, seen: _Seen, before: Rows, rows: Rows) -> bool:
        """Whether some events, in their order, make what a row is now of what it was, for each row that has changed. Where several work on
        one table, each with events of its own, some are ahead of others."""
        odd = self.odd_events(seen)
        for key in {**before, **rows}:
            was, now = before.get(key), rows.get(key)
            if not self.same(was, now) and odd.way(key, now, LOST, start=was, usual=0) is None:
                return False
        return True

    def prefix(self, seen: _Seen, rows: Rows, events: Sequence[Stored]) -> int | None:
        """The smallest number of first events, not all, of which the rows are the fold; None if there is none."""
        if not rows and events:
            return 0
        counted = enumerate(folds(seen.project, events[:-1]), 1)
        return next((count for count, (_, folded) in counted if self.same(rows, folded)), None)

    def odd_events(self, seen: _Seen) -> OddEvents:
        """Which events of the log did not count once for the rows of a consumer to be as they are."""
        return OddEvents(seen.project, self.same, self.oracle.between(0, self.oracle.tail), seen.sure)

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
        events = self.events_for(seen)
        expected = fold(seen.project, events)
        back, seen.back = seen.back, None
        if not self.same(record.rows, expected):
            found = self.explained(number, record, seen, events, expected)
            if found is not None:
                return back if back is not None and found.clause == "rows" else found
        elif back is not None:
            return back
        else:
            seen.rows, seen.furthest, seen.shown = expected, self.oracle.tail, (number, record)
        return self.judge_checkpoint(number, record, seen, events, expected)

    def events_for(self, seen: _Seen) -> list[Stored]:
        """The events of the log that a consumer asked for."""
        events = self.oracle.between(0, self.oracle.tail)
        return [event for event in events if seen.asked_for(event)] if seen.spec.types else events

    def left(self, seen: _Seen, checkpoint: int | None, events: Sequence[Stored]) -> list[Stored]:
        """The events that a checkpoint should cover at rest and does not."""
        if checkpoint is None or checkpoint >= self.oracle.tail:
            return []
        left = [event for event in events if event.position > checkpoint]
        return left if len(left) >= seen.spec.saves_every else []

    def judge_checkpoint(
        self, number: int, record: Shown, seen: _Seen, events: Sequence[Stored], expected: Rows
    ) -> Finding | None:
        """It is at the end, and not beyond it."""
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
        left = self.left(seen, checkpoint, events)
        if not left:
            return None
        there = "is in the rows" if self.same(record.rows, expected) else "is done with"
        return self.finding(
            "checkpoint-left-behind",
            record.consumer,
            number,
            clause="checkpoint",
            position=left[0].position,
            expected=self.oracle.tail,
            actual=checkpoint,
            evidence=[self.proof(left[0], there), Evidence(number, record, "does not say so")],
        )

    def proof(self, event: Stored, role: str) -> Evidence:
        """An event as evidence."""
        return Evidence(self.oracle.numbers[event.position], event, role)

    def explained(
        self, number: int, record: Shown, seen: _Seen, events: Sequence[Stored], expected: Rows
    ) -> Finding | None:
        """Why the rows are not the fold of the log: an end that never came, lost events, events that count twice, or nobody knows."""
        odd = self.odd_events(seen)
        end = self.prefix(seen, record.rows, events)
        stopped = end is not None and (record.checkpoint or 0) < events[end].position
        may_lose = seen.spec.at_most_once and seen.troubled and odd.explained_by_loss(record.rows, expected)
        if may_lose and not (stopped and self.left(seen, record.checkpoint, events)):
            return None
        if end is not None and stopped:
            return self.told(
                number, record, expected, "never-reaches-tail", "to the end", events[end], "never arrived", "LIVE"
            )
        rest = Evidence(number, record, "is what it shows at rest")
        kept = [event for event in events if event.position not in seen.lost]
        without = None if len(kept) == len(events) else imagined_fold(seen.project, kept)
        if without is not None and self.same(record.rows, without):
            return self.saved_ahead(number, seen, next(event for event in events if event.position in seen.lost), rest)
        lost, twice = odd.causes(record.rows, expected)
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

    # -- in the transaction of the append

    def judge_inline(self, number: int, record: Shown, seen: _Seen) -> Finding | None:
        """The rows are those of everything that is visible. What was in them when they were last seen whole may have been overwritten by a
        call that had read them before; what was in them the time before that hardly."""
        events = self.events_for(seen)
        expected = fold(seen.project, events)
        if self.same(record.rows, expected):
            seen.sure, seen.furthest = seen.furthest, self.oracle.tail
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
