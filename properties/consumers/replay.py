"""Replay equality: for every ordered consumer c and position p at which its rows are seen, stored rows of c at p == fold(log[:p]) (A10).

The *stored* rows are compared with a fold, never a fold with itself. Changed rows are seen whenever an event is applied; all rows are
seen after every recovery and at rest. This is usually broken by handlers that use a clock or a random number, and by recovery that starts
from the wrong place.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application, Projection
from refold.model.parts.consuming.rebuild import Rebuilt
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, ConsumerSpec, Observed, Opened, Recovered, SnapshotTaken
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property, rows_of_lists


class Fold:
    """The rows that one consumer ought to have: the fold of the log up to `position`."""

    __slots__ = ("position", "project", "rows", "saved", "spec")

    def __init__(self, spec: ConsumerSpec, project: Projection) -> None:
        self.spec = spec
        self.project = project
        self.position = 0
        self.rows: dict[str, Any] = {}
        self.saved: tuple[int, dict[str, Any]] = (0, {})

    def step(self, event: Any) -> dict[str, Any]:
        """Fold one event; returns what it changed."""
        rows = self.rows
        writes = self.project(event, rows)
        for key, value in writes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        self.position = event.position
        return writes

    def advance(self, oracle: Oracle, position: int) -> None:
        """Fold all events up to `position`."""
        for event in oracle.between(self.position, position):
            self.step(event)

    def rewind(self, oracle: Oracle, position: int) -> bool:
        """Go back to `position`: from the last snapshot, or from the beginning; False if the events are no longer kept."""
        start, rows = self.saved
        if start > position:
            start, rows = 0, {}
        if start < oracle.low:
            return False
        self.position, self.rows = start, dict(rows)
        self.advance(oracle, position)
        return True

    def at(self, oracle: Oracle, position: int) -> Fold | None:
        """The fold up to another position; None if the events that it needs are no longer kept."""
        if position == self.position:
            return self
        other = fold_for(self.spec, self.project)
        other.saved = self.saved
        return other if other.rewind(oracle, position) else None


class ChoosyFold(Fold):
    """The rows of a consumer that asked for some types of events only."""

    __slots__ = ()

    def step(self, event: Any) -> dict[str, Any]:
        """Pass over what it did not ask for."""
        if event.type in self.spec.types:
            return super().step(event)
        self.position = event.position
        return {}


class StreamFold(Fold):
    """The rows of a consumer whose streams go at speeds of their own: the fold of what was applied, each stream in its order.

    `gaps` are the streams of which an event was applied while one before it was not: no log leads to their rows, so the application need
    not know what comes next.
    """

    __slots__ = ("gaps", "versions")

    def __init__(self, spec: ConsumerSpec, project: Projection) -> None:
        super().__init__(spec, project)
        self.versions: dict[str, int] = {}
        self.gaps: set[str] = set()

    def step(self, event: Any) -> dict[str, Any]:
        """Pass over what it did not ask for, if it asked for some types only."""
        if not self.spec.types or event.type in self.spec.types:
            return super().step(event)
        self.position = event.position
        return {}

    def applied(self, event: Any, keys: Any) -> dict[str, Any] | None:
        """What these rows ought to be after `event`; one that was folded before changes nothing. None if nobody can say."""
        stream, version = event.stream, event.version
        before = self.versions.get(stream, 0)
        if version <= before:
            return {key: self.rows.get(key) for key in keys}
        self.versions[stream] = version
        if version != before + 1:
            self.gaps.add(stream)
        if stream not in self.gaps:
            return self.step(event)
        try:
            return self.step(event)
        except Exception:
            return None

    def rewind(self, oracle: Oracle, position: int) -> bool:
        """Begin again: every stream is where it was at this position of the log."""
        if oracle.low:
            return False
        self.rows, self.versions, self.gaps = {}, {}, set()
        for event in oracle.between(0, position):
            self.applied(event, ())
        self.position = position
        return True

    def catch_up(self, oracle: Oracle, position: int) -> None:
        """Fold what ought to be applied by now: everything up to `position` but what is parked."""
        progress = oracle.consumers[self.spec.name]
        for event in oracle.between(progress.contiguous, position):
            self.applied(event, ())
        self.position = max(self.position, position)


def fold_for(spec: ConsumerSpec, project: Projection) -> Fold:
    """The fold that such a consumer's rows are compared with."""
    return (StreamFold if spec.by_stream else ChoosyFold if spec.types else Fold)(spec, project)


class ReplayEquality(Property):
    """For every ordered consumer c and position p at which its rows are seen: rows(c, p) == fold(log[:p]), without the events that c did
    not ask for. If the streams of a consumer advance independently, its rows are the fold of the events that it was seen to apply; a
    consumer that puts events aside, or shows rows while one stream is ahead of another, has to declare this (`by_stream`). After a
    rebuild is swapped in, the rows continue from the position of the rebuild."""

    name = "replay"
    guarantee = "REPL"
    clauses = {
        "rows that change": "an event changes the same rows as in the fold and gives them the same values, and no other rows change",
        "rows after a restart": "after a restart all rows are those of the fold up to the newest event in them; the checkpoint may be "
        "older",
        "rows at rest": "at rest all rows are those of the fold up to the position of the consumer",
    }
    needs_application = True
    judges = (Applied,)

    def __init__(self, application: Application, oracle: Oracle) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.folds: dict[str, Fold] = {}
        self.window = oracle.window(
            REMEMBERED,
            "the rows of a consumer that began again after a place whose events are older than the newest {size}",
        )
        self.windows = (self.window,)

    def handlers(self) -> dict[type, Handler]:
        """Everything that shows rows."""
        return {
            Opened: self.on_opened,
            Joined: self.on_joined,
            Applied: self.on_applied,
            Recovered: self.on_recovered,
            Observed: self.on_observed,
            SnapshotTaken: self.on_snapshot,
            Rebuilt: self.on_rebuilt,
        }

    def on_opened(self, number: int, record: Opened) -> None:
        """One fold per ordered consumer; a cache is no fold of a prefix."""
        self.folds = {
            spec.name: fold_for(spec, self.decider.projection(spec.projection))
            for spec in record.consumers
            if spec.ordered
        }

    def on_joined(self, number: int, record: Joined) -> None:
        """One more fold."""
        spec = record.spec
        if spec.ordered and not self.oracle.low:
            self.folds[spec.name] = fold_for(spec, self.decider.projection(spec.projection))

    def on_applied(self, number: int, record: Applied) -> Finding | None:
        """The event changed the rows that its projection names, to what it says."""
        fold = self.folds.get(record.consumer)
        if fold is None:
            return None
        position = record.position
        writes = record.writes
        oracle = self.oracle
        if type(fold) is StreamFold:
            event = oracle.events.get(position)
            if event is None:
                return None
            told = fold.applied(event, writes)
            if told is None:
                return None
            expected = told
        elif position > fold.position:
            event = oracle.events.get(position)
            if event is None:
                return None
            before = oracle.before.get(position, 0)
            if before != fold.position:
                fold.advance(oracle, before)
            expected = fold.step(event)
        else:
            rows = fold.rows
            expected = {key: rows.get(key) for key in writes}
        if writes == expected:
            return None
        if self.plain is not None and (rows_of_lists(writes, expected) or self.same(writes, expected)):
            return None
        writes, expected = self.without_unchanged(fold, position, writes, expected)
        if self.same(writes, expected):
            return None
        return self.differs("rows that change", number, record.consumer, position, expected, writes, record)

    def without_unchanged(
        self, fold: Fold, position: int, writes: dict[str, Any], expected: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both without those rows that only one of them names, and that are what they were before: they have not changed."""
        more = {key for key in writes if key not in expected and self.same(writes[key], fold.rows.get(key))}
        fewer = {key for key in expected if key not in writes}
        before = (
            fold.at(self.oracle, self.oracle.before.get(position, 0))
            if fewer and type(fold) is not StreamFold
            else None
        )
        same = set() if before is None else {key for key in fewer if self.same(before.rows.get(key), expected[key])}
        return (
            {key: value for key, value in writes.items() if key not in more},
            {key: value for key, value in expected.items() if key not in same},
        )

    def on_recovered(self, number: int, record: Recovered) -> Finding | None:
        """After a restart all rows are the fold."""
        fold = self.folds.get(record.process)
        if fold is None or record.rows is None:
            return None
        if (fold.spec.volatile or fold.spec.atomic) and not self.go_on(record.process, fold, record.position):
            return None
        return self.compare("rows after a restart", number, record.process, fold, record.rows, record)

    def on_rebuilt(self, number: int, record: Rebuilt) -> None:
        """From here on the rows are those of the rebuild; whether they are right, `rebuild` has said."""
        fold = self.folds.get(record.consumer)
        if fold is not None:
            self.go_on(record.consumer, fold, record.position)

    def go_on(self, name: str, fold: Fold, position: int) -> bool:
        """The rows are those up to another position from here on; False if the events that this needs are no longer kept. Streams that go
        at speeds of their own are all there then, wherever they were."""
        of_streams = type(fold) is StreamFold
        if position > fold.position and not of_streams:
            fold.advance(self.oracle, position)
        elif (of_streams or position != fold.position) and not fold.rewind(self.oracle, position):
            del self.folds[name]
            self.window.miss()
            return False
        return True

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """At rest all rows are the fold."""
        fold = self.folds.get(record.consumer)
        if fold is None:
            return None
        if type(fold) is StreamFold:
            fold.catch_up(self.oracle, record.position)
        elif record.position > fold.position:
            fold.advance(self.oracle, record.position)
        elif record.position < fold.position:
            earlier = fold.at(self.oracle, record.position)
            if earlier is None:
                self.window.miss()
                return None
            fold = earlier
        return self.compare("rows at rest", number, record.consumer, fold, record.rows, record)

    def on_snapshot(self, number: int, record: SnapshotTaken) -> None:
        """A place to rewind to later."""
        fold = self.folds.get(record.owner)
        if fold is not None and fold.position == record.position:
            fold.saved = (fold.position, dict(fold.rows))

    def compare(
        self, clause: str, number: int, consumer: str, fold: Fold, rows: dict[str, Any], record: Recovered | Observed
    ) -> Finding | None:
        """All rows of one consumer."""
        if self.same(rows, fold.rows):
            return None
        keys = sorted(key for key in {*rows, *fold.rows} if not self.same(rows.get(key), fold.rows.get(key)))
        return self.differs(
            clause,
            number,
            consumer,
            fold.position,
            {key: fold.rows.get(key) for key in keys},
            {key: rows.get(key) for key in keys},
            record,
        )

    def differs(
        self,
        clause: str,
        number: int,
        consumer: str,
        position: int,
        expected: dict[str, Any],
        actual: dict[str, Any],
        record: Any,
    ) -> Finding:
        """These rows are not those of the fold."""
        evidence = [Evidence(number, record, "shows the stored rows")]
        event = self.oracle.events.get(position)
        if event is not None:
            evidence.insert(0, Evidence(self.oracle.numbers[position], event, "is the last event that they contain"))
        return self.finding(
            "replayed-state-differs",
            consumer,
            number,
            clause=clause,
            position=position,
            expected=expected,
            actual=actual,
            evidence=evidence,
        )
