"""Snapshot equality: snapshot(v) == fold(log[:v]), and a snapshot never changes once taken (A11).

Then load(snapshot) + tail equals full replay. Usually broken by a version that is one off (the last event is folded twice, or
never), by saving before the append is durable, and by sharing mutable state with the live object.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.consuming.journey import Finished
from refold.model.parts.consuming.upgrade import Upgraded
from refold.model.record import Settled, SnapshotLoaded, SnapshotTaken
from refold.properties.consumers.replay import Fold, ReplayEquality
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

_STREAM = "stream:"
KEPT = 16
"""Events of a stream that are kept unfolded, for snapshots of versions that are not the newest."""


class SnapshotIntegrity(Property):
    """For every snapshot loaded: it is one that was taken, unchanged."""

    name = "snapshot-integrity"
    guarantee = "SNAP"
    judges = (SnapshotTaken,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.taken: dict[str, tuple[int, SnapshotTaken]] = {}
        self.early: list[tuple[int, SnapshotTaken]] = []
        self.finished: dict[str, tuple[int, Finished]] = {}
        self.schema: int | None = None

    def handlers(self) -> dict[type, Handler]:
        """Taken and loaded; the end, for snapshots of what a slow append was hiding."""
        return {
            SnapshotTaken: self.on_taken,
            SnapshotLoaded: self.on_loaded,
            Finished: self.on_finished,
            Upgraded: self.on_upgraded,
            Settled: self.on_settled,
        }

    def on_upgraded(self, number: int, record: Upgraded) -> None:
        """Whose code runs from here on."""
        self.schema = record.schema

    def on_finished(self, number: int, record: Finished) -> None:
        """From here on its snapshots mean nothing."""
        self.finished[record.owner] = (number, record)

    def on_taken(self, number: int, record: SnapshotTaken) -> Finding | None:
        """Not of what is not in the log, and under the schema of the code that runs."""
        if self.schema is None:
            application = self.oracle.application
            self.schema = record.schema if application is None else application.schema
        if record.schema != self.schema:
            return self.finding(
                "snapshot-under-other-schema",
                record.owner,
                number,
                position=record.position,
                expected=self.schema,
                actual=record.schema,
                evidence=[Evidence(number, record, "was taken by code of another schema")],
            )
        self.taken[record.owner] = (number, record)
        if self.finished:
            self.finished.pop(record.owner, None)
        if self.oracle.slow and record.owner.startswith(_STREAM):
            self.early.append((number, record))
            return None
        return self.ahead(number, record)

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """By now everything that was committed is visible."""
        early, self.early = self.early, []
        return next((finding for taken in early if (finding := self.ahead(*taken)) is not None), None)

    def ahead(self, number: int, record: SnapshotTaken) -> Finding | None:
        """Whether the snapshot contains more than the log."""
        owner = record.owner
        if owner.startswith(_STREAM):
            there = self.oracle.versions.get(owner[len(_STREAM) :], 0)
        else:
            there = self.oracle.tail
        if record.position <= there:
            return None
        return self.finding(
            "snapshot-ahead-of-log",
            owner,
            number,
            position=record.position,
            expected=f"at most {there}, which is where the log ends",
            actual=record.position,
            evidence=[Evidence(number, record, "contains what is not in the log")],
        )

    def on_loaded(self, number: int, record: SnapshotLoaded) -> Finding | None:
        """What was taken, to the letter."""
        taken = self.taken.get(record.owner)
        finished = self.finished.get(record.owner)
        if finished is not None:
            return self.finding(
                "finished-process-returns",
                record.owner,
                number,
                position=record.position,
                expected="no snapshot: the process came to its end",
                actual=record.state,
                evidence=[Evidence(*finished, "was its end"), Evidence(number, record, "brings it back")],
            )
        if taken is None or taken[1].position != record.position:
            return None
        if taken[1].state == record.state and taken[1].schema <= record.schema:
            return None
        return self.finding(
            "snapshot-changed",
            record.owner,
            number,
            position=record.position,
            expected=taken[1].state,
            actual=record.state,
            evidence=[Evidence(*taken, "was saved"), Evidence(number, record, "is what came back")],
        )


class SnapshotEquality(Property):
    """For every snapshot s taken at v: s == fold(log[:v])."""

    name = "snapshots"
    guarantee = "SNAP"
    needs_application = True
    judges = (SnapshotTaken,)

    def __init__(self, application: Application, oracle: Oracle, replay: ReplayEquality) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.replay = replay
        self.streams: dict[str, list[Any]] = {}
        self.window = oracle.window(
            KEPT, "snapshots of states that are older than the newest {size} events of their stream"
        )
        self.rewound = oracle.window(REMEMBERED, "snapshots of consumers at events older than the newest {size}")
        self.windows = (self.window, self.rewound)

    def handlers(self) -> dict[type, Handler]:
        """Events (for the states of streams) and snapshots."""
        return {Stored: self.on_stored, SnapshotTaken: self.on_taken}

    def on_stored(self, number: int, event: Stored) -> None:
        """Remember the events of a stream since its last snapshot; fold them only when a snapshot comes."""
        tail = self.streams.get(event.stream)
        if tail is None:
            self.streams[event.stream] = [0, None, [event]]
        else:
            tail[2].append(event)
            if len(tail[2]) > self.window.size:
                self.fold(event.stream, event.version - self.window.size // 2)

    def fold(self, stream: str, version: int) -> Any:
        """The state of `stream` at `version`; folds up to there for good."""
        tail = self.streams.setdefault(stream, [0, None, []])
        evolve = self.decider.evolve
        state = self.decider.initial(stream) if tail[0] == 0 else tail[1]
        rest = []
        for event in tail[2]:
            if event.version <= version:
                state = evolve(state, event.data)
            else:
                rest.append(event)
        if version > tail[0]:
            tail[0], tail[1], tail[2] = version, state, rest
        return state

    def on_taken(self, number: int, record: SnapshotTaken) -> Finding | None:
        """Compare with the fold at the position that the snapshot claims."""
        owner = record.owner
        expected: Any
        if owner.startswith(_STREAM):
            stream = owner[len(_STREAM) :]
            if record.position < self.streams.get(stream, [0])[0]:
                self.window.miss()
                return None  # older than the fold that is kept
            if record.position > self.oracle.versions.get(stream, 0):
                return None  # not visible yet, or never: `snapshot-integrity` tells
            expected = self.fold(stream, record.position)
        else:
            fold = self.replay.folds.get(owner)
            if fold is None:
                return None
            if fold.position == record.position:
                expected = fold.rows
            else:
                other = Fold(fold.spec, fold.project)
                other.saved = fold.saved
                if not other.rewind(self.oracle, record.position):
                    self.rewound.miss()
                    return None
                expected = other.rows
        if self.same(record.state, expected):
            return None
        return self.finding(
            "snapshot-differs",
            owner,
            number,
            position=record.position,
            expected=dict(expected) if isinstance(expected, dict) else expected,
            actual=record.state,
            evidence=[Evidence(number, record, "claims to be the fold up to this position")],
        )
