"""Journeys: process managers, one per key, that live in memory and are saved as snapshots of their own.

When a journey ends, its snapshot ends too: the next journey of the same key begins with nothing.
"""

from __future__ import annotations

from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.parts.side_consumers import SideConsumer
from refold.model.process import Process
from refold.model.record import Applied, Record, Recovered, SnapshotLoaded, SnapshotTaken, record_kind
from refold.model.snapshot import Snapshot, SnapshotStore


@record_kind
class Finished(Record, frozen=True, tag="finished"):
    """The process `owner` came to its end; its snapshots mean nothing any more."""

    phrase = "a process had come to its end"

    owner: str

    def __str__(self) -> str:
        return f"process {self.owner} comes to its end"


class JourneyConsumer(Consumer):
    """Rows are the journeys under way; snapshots and checkpoint are saved in one step."""

    promises = {"atomic": True}
    snapshots: SnapshotStore

    def handle(self, event: Stored) -> None:
        """Start, move on or end a journey."""
        writes = self.fold(event)
        self.durable()
        self.store.apply(event.position, writes, True)
        self.emit(Applied(self.name, event.position, self.store.read(writes)))
        for key, value in writes.items():
            owner = f"{self.name}:{key}"
            if value is None:
                self.emit(Finished(owner))
                self.forget(owner)
            else:
                self.snapshots.save(Snapshot(owner, event.position, value, self.context.schema))
                self.emit(SnapshotTaken(owner, event.position, value, self.context.schema))

    def forget(self, owner: str) -> None:
        """A journey is over: so is its snapshot."""
        self.snapshots.delete(owner)

    def restart(self) -> None:
        """Every journey that has a snapshot is under way."""
        Process.restart(self)
        rows = {}
        for owner in self.snapshots.owners(f"{self.name}:"):
            snapshot = self.snapshots.newest(owner)
            if snapshot is not None:
                self.emit(SnapshotLoaded(owner, snapshot.position, snapshot.state, snapshot.schema))
                rows[owner.removeprefix(f"{self.name}:")] = snapshot.state
        position = self.store.checkpoint
        self.store.replace(position, rows)
        self.resume(position)
        self.emit(Recovered(self.name, position, self.store.rows()))


class Journeys(SideConsumer):
    """The process managers."""

    name = "journeys"
    title = "process managers that end"
    covers = "one state for each stream, kept in snapshots and deleted at the end"
    family = "journeys"
    names = ("journeys",)
    design = JourneyConsumer
    projection = "journeys"
