"""Consumers: subscriptions that fold the log into datastores of their own, at their own speed.

The contract of delivery is at-least-once: a message may come late, more than once, and (within what is in flight) before its
predecessors. What a consumer owes in return: its rows are the fold of a prefix of the log, its checkpoint never runs ahead of its
effects, and it reaches the tail by itself.
"""

from __future__ import annotations

from typing import Any

from refold.model.context import Context
from refold.model.declarations.ports import StoredRows, StorePort
from refold.model.event import Stored, ascending
from refold.model.log import pages
from refold.model.process import Process
from refold.model.record import (
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Disordered,
    Failed,
    Held,
    Ignored,
    Observed,
    Record,
    Recovered,
    SnapshotLoaded,
    SnapshotTaken,
)
from refold.model.snapshot import Snapshot

PAGE = 4
"""Events that a subscription reads at once, and so has in flight at most."""


class Consumer(Process):
    """An ordered consumer with two durable steps per event: the effect, then the checkpoint.

    After a crash between the two, the event is delivered again, so the effect is guarded by the position of the newest applied event,
    which the datastore keeps together with the rows.
    """

    promises: StoredRows = {}

    def __init__(
        self,
        name: str,
        projection: str,
        context: Context,
        store: StorePort,
    ) -> None:
        self.name = name
        self.spec = ConsumerSpec(name=name, projection=projection, **self.promises)
        self.context = context
        self.application = context.application
        self.project = context.application.projection(projection)
        self.log = context.log
        self.store = store
        self.snapshots = context.snapshots
        self.clock = context.clock
        self.emit = context.emit
        self.position = 0
        self.fetched = 0
        self.inbox: list[Stored] = []
        self.asleep = False

    # -- the subscription

    def idle(self) -> bool:
        """Whether the consumer has nothing to do until the log announces new events."""
        return not self.inbox and (self.asleep or self.log.down)

    def turn(self, index: int) -> None:
        """Go once through the subscription loop: read on if nothing is in flight, then receive message `index` of those in flight."""
        if not self.inbox:
            self.fetch()
            if not self.inbox:
                return
        inbox = self.inbox
        if index and (index := index % len(inbox)):
            self.receive(inbox[index], inbox[index - 1].position)
        else:
            self.receive(inbox[0], self.position)

    def fetch(self) -> None:
        """Listen for announcements, then read; sleep if there was nothing to read. This order ensures that no event
        arrives unannounced."""
        page = self.log.read(self.fetched, PAGE)
        if page:
            if len(page) > 1 and not ascending(page):
                self.emit(Disordered(self.name, tuple([event.position for event in page])))
            self.inbox = list(page)
            self.fetched = page[-1].position
        else:
            self.asleep = True

    def resting(self) -> Record:
        """The record of the consumer's position and rows when the system is at rest."""
        return Observed(self.name, self.position, self.store.rows())

    def done_with(self) -> int:
        """The position up to which the consumer never reads the log again, no matter which process dies now."""
        return self.store.checkpoint

    def wake(self) -> None:
        """Called when the log announces new events."""
        self.asleep = False

    def redeliver(self, back: int) -> bool:
        """Receive a finished event again. With p as the position of the last finished event, this is the first event
        after position p - `back`. Returns False if there is no such finished event."""
        page = self.log.read(max(self.position - back, 0), 1)
        if not page or page[0].position > self.position:
            return False
        self.receive(page[0], 0)
        return True

    def disconnect(self) -> None:
        """The subscription raises an error, and the messages in flight are lost. Nothing that was applied, and nothing
        that will be sent again, may be lost."""
        self.reconnect()

    def reconnect(self) -> None:
        """Catch the error and subscribe again after the last finished event."""
        self.resume(self.position)

    # -- one message

    def receive(self, event: Stored, after: int) -> None:
        """Deal with one message; `after` is the position of the message before it in the subscription."""
        if self.seen(event):
            self.emit(Ignored(self.name, event.position))
            self.done(event)
        elif after > self.position:
            self.emit(Held(self.name, event.position))
        else:
            self.handle(event)
            self.done(event)

    def seen(self, event: Stored) -> bool:
        """Whether this message is a duplicate of one that was dealt with earlier."""
        return event.position <= self.position

    def done(self, event: Stored) -> None:
        """Remove the message from those in flight, because it needs no more attention."""
        inbox = self.inbox
        if inbox and inbox[0] is event:
            del inbox[0]
        if event.position > self.position:
            self.position = event.position

    def handle(self, event: Stored) -> None:
        """Apply the event, then save the checkpoint."""
        self.effect(event)
        self.save_checkpoint(event.position)

    def effect(self, event: Stored) -> None:
        """Change the rows, unless an earlier delivery already did."""
        if self.applied_before(event):
            self.emit(Ignored(self.name, event.position))
        else:
            self.apply(event)

    def applied_before(self, event: Stored) -> bool:
        """Whether the rows already contain this event, according to the datastore itself."""
        return event.position <= self.store.applied

    def apply(self, event: Stored, checkpoint: bool = False) -> None:
        """Fold the event into the rows and record what the store holds afterwards."""
        store = self.store
        writes = self.fold(event)
        if self.fuse:
            self.durable()
        store.apply(event.position, writes, checkpoint)
        self.emit(Applied(self.name, event.position, store.read(writes)))

    def fold(self, event: Stored) -> StoredRows:
        """The rows that the event changes, as the projection says; they depend only on the event and the rows."""
        return self.project(event, self.store.view())

    def save_checkpoint(self, position: int) -> None:
        """Make the position that this consumer has reached durable."""
        if self.fuse:
            self.durable()
        self.store.save_checkpoint(position)
        self.emit(CheckpointSaved(self.name, position))

    def fail(self) -> None:
        """The handler raises an error once, for the next message. The message stays in flight and is handled again when
        its turn comes."""
        if not self.inbox and not self.log.down:
            self.fetch()
        if self.inbox:
            self.emit(Failed(self.name, self.inbox[0].position))
            self.failed(self.inbox[0])

    def failed(self, event: Stored) -> None:
        """Deal with a message whose handler raised an error. This class does nothing: the message stays in flight, and
        its successors have to wait."""

    # -- snapshots and faults

    def take_snapshot(self) -> None:
        """Save the rows as they are now."""
        snapshot = self.snapshot()
        if self.fuse:
            self.durable()
        self.snapshots.save(snapshot)
        self.emit(SnapshotTaken(snapshot.owner, snapshot.position, dict(snapshot.state), snapshot.schema))

    def snapshot(self) -> Snapshot:
        """The rows, with the position up to which events were folded into them."""
        return Snapshot(self.name, self.store.applied, self.copy_rows(), self.context.schema)

    def copy_rows(self) -> StoredRows:
        """The rows for a snapshot: a copy, which later events do not change."""
        return self.store.rows()

    def crash(self) -> None:
        """Lose what is in flight and in memory."""
        super().crash()
        self.store.crash()
        self.inbox = []

    def restart(self) -> None:
        """Continue after the checkpoint."""
        super().restart()
        self.store.reopen()
        self.resume(self.store.checkpoint)
        self.emit(Recovered(self.name, self.position, self.store.rows()))

    def resume(self, position: int) -> None:
        """Read on after `position`."""
        self.position = self.fetched = position
        self.inbox = []
        self.asleep = False


class AtomicConsumer(Consumer):
    """Saves rows and checkpoint in one transaction of its datastore: the strongest of the usual designs."""

    promises = {"atomic": True}

    def handle(self, event: Stored) -> None:
        """One durable step."""
        self.apply(event, checkpoint=True)


class SnapshotConsumer(Consumer):
    """Keeps its rows in memory and recovers them from the newest snapshot and the tail of the log."""

    promises = {"volatile": True, "snapshots": True}

    def handle(self, event: Stored) -> None:
        """Memory only; nothing is durable until the next snapshot."""
        self.apply(event)

    def done_with(self) -> int:
        """What is in the newest snapshot."""
        snapshot = self.newest_snapshot()
        return 0 if snapshot is None else snapshot.position

    def restart(self) -> None:
        """Load the newest usable snapshot, or begin at the beginning."""
        Process.restart(self)
        snapshot = self.newest_snapshot()
        if snapshot is None:
            self.store.replace(0, {})
            self.resume(0)
        else:
            rows = self.understood(snapshot)
            self.store.replace(snapshot.position, rows)
            self.emit(SnapshotLoaded(snapshot.owner, snapshot.position, dict(rows), snapshot.schema))
            self.resume(snapshot.position)
        self.emit(Recovered(self.name, self.position, self.store.rows()))

    def newest_snapshot(self) -> Snapshot | None:
        """The newest snapshot that this version of the code can read."""
        snapshot = self.snapshots.newest(self.name)
        return snapshot if snapshot is not None and snapshot.schema == self.context.schema else None

    def understood(self, snapshot: Snapshot) -> StoredRows:
        """The rows that this version of the code finds in a snapshot: in those of another version it looks for other fields."""
        return dict(snapshot.state) if snapshot.schema == self.context.schema else {}


class CacheConsumer(Consumer):
    """Takes messages in whatever order they come; every row carries the position of its newest change, also after its deletion.

    Its messages are changes with whole values, as a change stream of the authoritative store sends them (`upstream` is where
    they come from): increments could not be taken out of order. A crash empties the cache; what is missing from
    a cache is looked up in the authoritative store.
    """

    promises = {"ordered": False, "volatile": True}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.versions: dict[str, int] = {}
        self.upstream: StoredRows = {}
        self.changes: dict[int, StoredRows] = {}
        self.floor = 0

    def fetch(self) -> None:
        """Read on, and learn what each event changed upstream."""
        super().fetch()
        for event in self.inbox:
            self.learn(event)

    def learn(self, event: Stored) -> None:
        """The change that the event made upstream, as whole values."""
        self.changes[event.position] = writes = self.project(event, self.upstream)
        self.upstream.update(writes)

    def receive(self, event: Stored, after: int) -> None:
        """Put those rows that the event has newer values for."""
        position = event.position
        if position not in self.changes:
            self.learn(event)  # a log that shows an event late: this message is the first that is heard of it
        writes = {key: value for key, value in self.changes[position].items() if self.newer(key, position, value)}
        if writes:
            versions = self.versions
            for key, value in writes.items():
                self.remember(versions, key, position, value)
            self.store.apply(position, writes)
            self.emit(Applied(self.name, position, self.store.read(writes)))
        else:
            self.emit(Ignored(self.name, position))
        self.done(event)

    def newer(self, key: str, position: int, value: Any) -> bool:
        """Whether a change at `position` is newer than what the cache knows of the row, and than its own restart."""
        return position > self.versions.get(key, self.floor)

    def remember(self, versions: dict[str, int], key: str, position: int, value: Any) -> None:
        """Keep the version of the row; of a deleted row too (a tombstone)."""
        versions[key] = position

    def done_with(self) -> int:
        """All before what is in flight: after a restart it goes on at the tail."""
        return self.position

    def reconnect(self) -> None:
        """The changes that were in flight are buffered on this side; go on with them."""

    def done(self, event: Stored) -> None:
        """Out of order: the low-water mark is the position before the first message still in flight."""
        inbox = self.inbox
        for n, message in enumerate(inbox):
            if message.position == event.position:
                del inbox[n]
                break
        self.position = max(self.position, (inbox[0].position - 1) if inbox else self.fetched)

    def restart(self) -> None:
        """Start empty, at the tail; what is older than the tail stays out, because the versions of deleted rows are forgotten."""
        Process.restart(self)
        self.versions = {}
        tail = self.fetched
        for page in () if self.log.down else pages(self.log, tail, 1024):
            for event in page:
                self.learn(event)
            tail = page[-1].position
        self.floor = tail
        self.store.replace(tail, {})
        self.resume(tail)
        self.emit(Recovered(self.name, tail, {}))
