"""Broken snapshots (SNAP)."""

from __future__ import annotations

import msgspec

from refold.model.client import AggregateClient
from refold.model.consumer import SnapshotConsumer
from refold.model.declarations.ports import StoredRows
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.snapshot import Snapshot
from refold.systems.broken.registry import broken


@broken(
    "snapshot-off-by-one",
    "totals",
    guarantee="SNAP",
    reference="AxonFramework#1408; event-nest PR#64; prooph/snapshotter#30; edomata#389; orchestrix",
    fix="the snapshot's version is that of the last event folded into it; the tail is strictly greater",
)
class SnapshotOffByOne(SnapshotConsumer):
    """Files the rows under the position before the last event that they contain. Recovery folds that event a second time."""

    def snapshot(self) -> Snapshot:
        """One too low."""
        snapshot = super().snapshot()
        return msgspec.structs.replace(snapshot, position=snapshot.position - 1)


@broken(
    "snapshot-aliased",
    "totals",
    guarantee="SNAP",
    reference="AxonFramework#4865; eventsourcing release notes 9.2.4",
    fix="serialise or copy the state when the snapshot is taken",
)
class SnapshotAliased(SnapshotConsumer):
    """Keeps the live rows as the snapshot. Every later event changes the snapshot too, and recovery folds those events again."""

    def copy_rows(self) -> StoredRows:
        """Not a copy."""
        rows = self.store.view()
        return dict(rows) if not isinstance(rows, dict) else rows


@broken(
    "snapshot-of-uncommitted",
    "carol",
    guarantee="SNAP",
    reference="AxonFramework PR#1457; patchlevel/event-sourcing#237; SpineEventEngine/core-jvm#838",
    fix="snapshot after the commit, from the log alone",
)
class SnapshotOfUncommitted(AggregateClient):
    """Takes the snapshot of the aggregate, including its new events, before the log has accepted them. A refused append lives on in the
    snapshot."""

    def send(self, request: AppendRequest) -> Appended | Conflict:
        """Snapshot first, append second."""
        view = self.view(request.stream)
        state = view.state
        for event in request.events:
            state = self.application.evolve(state, event.data)
        self.save(f"stream:{request.stream}", view.version + len(request.events), state)
        return super().send(request)
