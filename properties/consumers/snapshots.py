"""Snapshot equality: snapshot(v) == fold(log[:v]), and a snapshot never changes once taken (A11).

If this holds, load(snapshot) + tail equals a full replay. It is usually broken by a version that is off by one (the last event is folded
twice, or never), by saving before the append is durable, and by sharing mutable state with the live object.
"""

from __future__ import annotations

from typing import Any

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.consuming.journey import Finished
from refold.model.parts.consuming.upgrade import Upgraded
from refold.model.record import Settled, SnapshotLoaded, SnapshotTaken
from refold.properties.consumers.replay import ReplayEquality
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property

_STREAM = "stream:"
TAKEN = 4
"""Snapshots of an owner that are remembered, to recognise one that is loaded."""
KEPT = 16
"""Events of a stream that are kept unfolded, for snapshots of versions that are not the newest."""


class SnapshotIntegrity(Property):
    """Every snapshot that is loaded was taken before, and its state has not changed. It is not loaded under an older schema than it was
    taken under. The snapshot of a process is not loaded if the process has ended since. Every snapshot that is taken is filed under the
    schema of the running code, which is that of the application until an upgrade (or that of the first snapshot, if the application is
    not known). Everything that a snapshot contains is in the log.

    A snapshot of a stream may contain events that readers of the whole log cannot see yet, so it is judged when everything is at rest.
    """

    name = "snapshot-integrity"
    guarantee = "SNAP"
    clauses = {
        "one that was taken": "a snapshot that is loaded was taken before, of the same owner and at the same position",
        "unchanged": "a snapshot is loaded with the state with which it was taken",
        "no older schema": "a snapshot is not loaded under an older schema than it was taken under",
        "none of the finished": "the snapshot of a process is not loaded if the process has ended since it was taken",
        "schema of its code": "a snapshot is filed under the schema of the running code",
        "not ahead of the log": "everything that a snapshot contains is in the log",
    }
    judges = (SnapshotTaken,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.taken: dict[str, dict[int, tuple[int, SnapshotTaken]]] = {}
        self.outdated: set[str] = set()
        self.window = oracle.window(
            TAKEN, "whether snapshots were taken that are older than the newest {size} of their owner"
        )
        self.windows = (self.window,)
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
        """The snapshots that it has by now mean nothing from here on."""
        self.finished[record.owner] = (number, record)

    def on_taken(self, number: int, record: SnapshotTaken) -> Finding | None:
        """It is filed under the schema of the code that runs, and what it contains is in the log."""
        self.remember(number, record)
        if self.schema is None:
            application = self.oracle.application
            self.schema = record.schema if application is None else application.schema
        if record.schema != self.schema:
            return self.finding(
                "snapshot-under-other-schema",
                record.owner,
                number,
                clause="schema of its code",
                position=record.position,
                expected=self.schema,
                actual=record.schema,
                evidence=[Evidence(number, record, "was taken by code of another schema")],
            )
        if self.oracle.slow and record.owner.startswith(_STREAM):
            self.early.append((number, record))
            return None
        return self.ahead(number, record)

    def remember(self, number: int, record: SnapshotTaken) -> None:
        """The newest snapshots of an owner, any of which may be loaded."""
        taken = self.taken.get(record.owner)
        if taken is None:
            taken = self.taken[record.owner] = {}
        taken.pop(record.position, None)
        taken[record.position] = (number, record)
        if len(taken) > self.window.size:
            del taken[next(iter(taken))]
            self.outdated.add(record.owner)

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
            clause="not ahead of the log",
            position=record.position,
            expected=f"at most {there}, which is where the log ends",
            actual=record.position,
            evidence=[Evidence(number, record, "contains what is not in the log")],
        )

    def on_loaded(self, number: int, record: SnapshotLoaded) -> Finding | None:
        """It was taken, by a process that goes on, and is what it was."""
        snapshots = self.taken.get(record.owner, {})
        taken = snapshots.get(record.position)
        finished = self.finished.get(record.owner)
        if finished is not None:
            of_its_own = next(reversed(snapshots.values()), finished) if taken is None else taken
            if of_its_own[0] <= finished[0]:
                return self.returns(number, record, finished)
        if taken is None:
            return self.never_taken(number, record)
        if taken[1].state != record.state:
            return self.changed("unchanged", number, record, taken, taken[1].state, record.state)
        if taken[1].schema > record.schema:
            schemas = (f"schema {taken[1].schema}", f"schema {record.schema}")
            return self.changed("no older schema", number, record, taken, *schemas)
        return None

    def returns(self, number: int, record: SnapshotLoaded, finished: tuple[int, Finished]) -> Finding:
        """A process that has ended is there again."""
        return self.finding(
            "finished-process-returns",
            record.owner,
            number,
            clause="none of the finished",
            position=record.position,
            expected="no snapshot: the process came to its end",
            actual=record.state,
            evidence=[Evidence(*finished, "was its end"), Evidence(number, record, "brings it back")],
        )

    def never_taken(self, number: int, record: SnapshotLoaded) -> Finding | None:
        """Nobody took a snapshot of this owner at this position, unless it is one that is forgotten."""
        if record.owner in self.outdated:
            self.window.miss()
            return None
        newest = max(self.taken.get(record.owner, ()), default=None)
        evidence = (
            [] if newest is None else [Evidence(*self.taken[record.owner][newest], "is the newest that was saved")]
        )
        return self.finding(
            "snapshot-never-taken",
            record.owner,
            number,
            clause="one that was taken",
            position=record.position,
            expected="none at this position" if newest is None else f"one at {newest}, or none",
            actual=record.position,
            evidence=[*evidence, Evidence(number, record, "is what was loaded")],
        )

    def changed(
        self,
        clause: str,
        number: int,
        record: SnapshotLoaded,
        taken: tuple[int, SnapshotTaken],
        expected: Any,
        actual: Any,
    ) -> Finding:
        """What was loaded is not what was saved."""
        return self.finding(
            "snapshot-changed",
            record.owner,
            number,
            clause=clause,
            position=record.position,
            expected=expected,
            actual=actual,
            evidence=[Evidence(*taken, "was saved"), Evidence(number, record, "is what came back")],
        )


class SnapshotEquality(Property):
    """For every snapshot s taken at v: s == fold(log[:v]). The snapshot of a stream is the state after its first v events; the snapshot
    of an ordered consumer is its rows; the snapshot of a process (``CONSUMER:KEY``) is the consumer's row for that key.

    A snapshot of a stream may contain events that readers of the whole log cannot see yet, so it is judged when everything is at rest.
    """

    name = "snapshots"
    guarantee = "SNAP"
    clauses = {
        "of streams": "the snapshot of a stream at version v is the fold of its first v events",
        "of consumers": "the snapshot of an ordered consumer at position p holds the rows that the log up to p gives",
        "of processes": "the snapshot of a process at position p holds the row that the log up to p gives for its key",
    }
    needs_application = True
    judges = (SnapshotTaken,)

    def __init__(self, application: Application, oracle: Oracle, replay: ReplayEquality) -> None:
        super().__init__(application)
        self.decider = application
        self.oracle = oracle
        self.replay = replay
        self.streams: dict[str, list[Any]] = {}
        self.early: list[tuple[int, SnapshotTaken]] = []
        self.window = oracle.window(
            KEPT, "snapshots of states that are older than the newest {size} events of their stream"
        )
        self.rewound = oracle.window(REMEMBERED, "snapshots of consumers at events older than the newest {size}")
        self.windows = (self.window, self.rewound)

    def handlers(self) -> dict[type, Handler]:
        """Events (for the states of streams) and snapshots; the end, for snapshots of what a slow append was hiding."""
        return {Stored: self.on_stored, SnapshotTaken: self.on_taken, Settled: self.on_settled}

    def on_stored(self, number: int, event: Stored) -> None:
        """Remember the events of a stream since its last snapshot; fold them only when a snapshot comes."""
        tail = self.streams.get(event.stream)
        if tail is None:
            self.streams[event.stream] = [0, None, [event]]
        else:
            tail[2].append(event)
            if len(tail[2]) >= self.window.full:
                self.fold(event.stream, event.version - self.window.size)

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
        """It is the fold at the position that it claims."""
        if record.owner.startswith(_STREAM):
            return self.of_stream(number, record)
        return self.of_consumer(number, record)

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """By now everything that was committed is visible."""
        early, self.early = self.early, []
        return next((finding for taken in early if (finding := self.of_stream(*taken)) is not None), None)

    def of_stream(self, number: int, record: SnapshotTaken) -> Finding | None:
        """The state of a stream; one that is not visible yet is looked at again at rest."""
        stream = record.owner[len(_STREAM) :]
        if record.position > self.oracle.versions.get(stream, 0):
            if self.oracle.slow:
                self.early.append((number, record))
            return None
        if record.position >= self.streams.get(stream, [0])[0]:
            return self.compare("of streams", number, record, self.fold(stream, record.position))
        if self.oracle.low:
            self.window.miss()
            return None
        state = self.decider.initial(stream)
        for event in self.oracle.between(0, self.oracle.tail):
            if event.stream == stream and event.version <= record.position:
                state = self.decider.evolve(state, event.data)
        return self.compare("of streams", number, record, state)

    def of_consumer(self, number: int, record: SnapshotTaken) -> Finding | None:
        """The rows of a consumer, or one of them."""
        name, _, key = record.owner.partition(":")
        fold = self.replay.folds.get(record.owner) or self.replay.folds.get(name)
        if fold is None:
            return None
        there = fold.at(self.oracle, record.position)
        if there is None:
            self.rewound.miss()
            return None
        if record.owner in self.replay.folds:
            return self.compare("of consumers", number, record, there.rows)
        return self.compare("of processes", number, record, there.rows.get(key))

    def compare(self, clause: str, number: int, record: SnapshotTaken, expected: Any) -> Finding | None:
        """The snapshot holds what it should."""
        if self.same(record.state, expected):
            return None
        return self.finding(
            "snapshot-differs",
            record.owner,
            number,
            clause=clause,
            position=record.position,
            expected=dict(expected) if isinstance(expected, dict) else expected,
            actual=record.state,
            evidence=[Evidence(number, record, "claims to be the fold up to this position")],
        )
