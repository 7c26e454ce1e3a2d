"""Broken replays and rebuilds (REPL, READ, CKPT), and snapshots across versions and restarts (SNAP)."""

from __future__ import annotations

import msgspec

from refold.model.application import Rows, Writes
from refold.model.consumer import CacheConsumer, SnapshotConsumer
from refold.model.declarations.ports import StoredRows
from refold.model.event import Stored
from refold.model.parts.consuming.journey import JourneyConsumer
from refold.model.parts.consuming.mailer import MailConsumer
from refold.model.parts.consuming.rebuild import ReportsConsumer
from refold.model.parts.consuming.replica import ReplicaConsumer
from refold.model.snapshot import Snapshot
from refold.systems.broken.registry import broken


@broken(
    "snapshot-schema-mismatch",
    "totals",
    guarantee="SNAP",
    reference="protean#1362; commanded PR#196",
    fix="the schema's version in the snapshot; discard what is older and replay",
)
class SnapshotSchemaMismatch(SnapshotConsumer):
    """Loads the newest snapshot whatever version of the code took it. The new code looks for fields that the old one did not write."""

    def newest_snapshot(self) -> Snapshot | None:
        """The newest will be right."""
        return self.snapshots.newest(self.name)


@broken(
    "snapshot-not-deleted",
    "journeys",
    guarantee="SNAP",
    reference="commanded#565",
    tier=2,
    fix="delete the snapshot in the store, not only the process",
)
class SnapshotNotDeleted(JourneyConsumer):
    """Ends the process and leaves its snapshot in the store. After a restart the finished process manager is back."""

    def forget(self, owner: str) -> None:
        """The process is gone; that is enough."""


@broken(
    "snapshot-loses-side-metadata",
    "replica",
    guarantee="SNAP",
    reference="pekko PR#2372; commanded PR#196",
    tier=2,
    fix="everything that replay looks at belongs in the snapshot",
)
class SnapshotLosesSideMetadata(ReplicaConsumer):
    """Takes snapshots of the state without the version vector next to it. After recovery every duplicate is new."""

    def copy_rows(self) -> StoredRows:
        """The state."""
        return {key: value for key, value in super().copy_rows().items() if not key.startswith("last/")}


@broken(
    "hash-order-dependence",
    "reports",
    guarantee="REPL",
    reference="no direct incident found; simloom ships _hashseed.py for it",
    application="accounts",
    fix="sort before the order can matter; run replays under two hash seeds",
)
class HashOrderDependence(ReportsConsumer):
    """Lists the members of a set in iteration order. Another process has another hash seed and another order. The number of starts stands
    in for the hash seed here, so that the history does not depend on the real seed.
    """

    def interpret(self, event: Stored, rows: Rows) -> Writes:
        """Every other process sees sets the other way round."""
        writes = super().interpret(event, rows)
        turn = -1 if self.starts % 2 else 1
        return {key: value[::turn] if key.startswith("names/") and value else value for key, value in writes.items()}


@broken(
    "side-effects-on-replay",
    "mailer",
    guarantee="REPL/DUAL",
    reference="AxonFramework#3604, #970, PR#4458; marten#4729; jasperfx#480",
    fix="a replay flag, or a gate at the position that was reached before",
)
class SideEffectsOnReplay(MailConsumer):
    """Runs the same handlers when it starts over as when it is live. Every customer gets every mail a second time."""

    def replaying(self, event: Stored) -> bool:
        """Always live."""
        return False


@broken(
    "replay-boundary-token-bug",
    "mailer",
    guarantee="REPL",
    reference="AxonFramework#3604",
    tier=2,
    fix="compare with the whole token; test the laws of its algebra",
)
class ReplayBoundaryTokenBug(MailConsumer):
    """Remembers the low end of its token as the boundary of the replay. Events that were done beyond a gap look new and are sent again."""

    def replaying(self, event: Stored) -> bool:
        """One number instead of a token."""
        return event.position <= self.boundary.low


@broken(
    "upcaster-shadowed",
    "reports",
    guarantee="REPL",
    reference="marten#4680",
    fix="one read path; compare the paths",
)
class UpcasterShadowed(ReportsConsumer):
    """Folds single streams on its own read path, which bypasses the upcasters. Old events are not understood there."""

    def read_one(self, event: Stored) -> Stored:
        """As it is in the log."""
        return self.raw(event)


@broken(
    "replay-without-upcast",
    "reports",
    guarantee="REPL",
    reference="serverlesstechnology/cqrs#80, PR#81",
    fix="the same decoder for live and rebuild",
)
class ReplayWithoutUpcast(ReportsConsumer):
    """Rebuilds from the events as they are in the log, without the upcasters of the live path."""

    def refold(self, event: Stored, rows: Rows) -> Writes:
        """Whatever it says."""
        return self.interpret(self.raw(event), rows)


@broken(
    "rebuild-skips-side-table",
    "reports",
    guarantee="READ",
    reference="marten#4788",
    fix="rebuild all derived tables",
)
class RebuildSkipsSideTable(ReportsConsumer):
    """Rebuilds the main table and forgets the look-up table that the live path fills with it."""

    def refold(self, event: Stored, rows: Rows) -> Writes:
        """The main table."""
        return {key: value for key, value in super().refold(event, rows).items() if not key.startswith("lookup/")}


@broken(
    "rebuild-swap-race",
    "reports",
    guarantee="READ/CKPT",
    reference="emmett PR#286; idiomatic-critter-stack#25; marten#577, #2597",
    fix="a lock, or shadow tables that are swapped in at the same position",
)
class RebuildSwapRace(ReportsConsumer):
    """Swaps the rebuilt tables in as they are, although live consumption has continued. Events that arrived in the meantime are missing,
    although the position says that they are there."""

    def catch_up(self) -> None:
        """It was complete when it began."""


@broken(
    "event-payload-mutated",
    "cache",
    guarantee="REPL",
    reference="no public reference found; replaycheck copies events defensively",
    application="accounts",
    fix="freeze events, or hand every reader a copy",
)
class EventPayloadMutated(CacheConsumer):
    """Tidies up the event that it was given, which is the same object that the in-memory log keeps. The next reader sees something else."""

    def learn(self, event: Stored) -> None:
        """After this the log too holds an event of this consumer's liking: the same fields, as the last event class."""
        super().learn(event)
        entries: list[Stored] = self.log.entries  # type: ignore[attr-defined]
        fields = msgspec.to_builtins(event.data)
        other: dict[str, object] = {"data": msgspec.convert(fields, self.application.events[-1])}
        entries[entries.index(event)] = msgspec.structs.replace(event, **other)
