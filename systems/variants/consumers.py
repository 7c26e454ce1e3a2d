"""Correct ways to consume: other fixes for what the broken subscriptions, groups, inboxes and replays get wrong."""

from __future__ import annotations

import msgspec

from refold.model.consumer import PAGE, Consumer, SnapshotConsumer
from refold.model.declarations.ports import StoredRows
from refold.model.event import Stored
from refold.model.parts.consuming.group import ConsumerGroup, Member
from refold.model.parts.consuming.mailer import MailConsumer
from refold.model.parts.consuming.rebuild import ReportsConsumer
from refold.model.record import Held
from refold.model.snapshot import Snapshot
from refold.systems.variants.position import Position
from refold.systems.variants.registry import variant


@variant("typed-positions", "index", fixes=("checkpoint-compare-as-text",))
class TypedPositions(Consumer):
    """Compares positions as what they are: places in the order of one log."""

    def seen(self, event: Stored) -> bool:
        """By the order of positions."""
        return Position(event.position) <= Position(self.position)


@variant("polling", "index", fixes=("wake-loop-dies", "lost-wakeup", "subscribe-at-head-ends"))
class Polling(Consumer):
    """Never listens, always asks. There is no announcement that could be missed."""

    def idle(self) -> bool:
        """Nothing in flight, and nothing to read."""
        return not self.inbox and (self.log.down or not self.log.read(self.fetched, 1))

    def fetch(self) -> None:
        """An empty page means nothing."""
        page = self.log.read(self.fetched, PAGE)
        if page:
            self.inbox = list(page)
            self.fetched = page[-1].position


@variant("serial-pool", "pool", fixes=("out-of-order-completion",))
class SerialPool(Consumer):
    """One worker. It has nothing to finish out of order."""

    promises = {"by_stream": True}


@variant(
    "idempotent-by-position",
    "inbox",
    fixes=("dedupe-not-persisted", "dedupe-key-lacks-consumer", "dedupe-false-positive"),
)
class IdempotentByPosition(Consumer):
    """Needs no table: the rows know the position of the newest event that they contain."""


@variant("drain-and-commit", "group", fixes=("rebalance-double-processing",))
class DrainAndCommit(ConsumerGroup):
    """Commits offsets at the end of a batch and when partitions are taken away. What a stalled member did not commit is recognised by
    the positions that the store keeps with the rows."""

    def start(self) -> None:
        """Nothing is applied yet."""
        self.applied: dict[int, int] = {}
        super().start()

    def handled(self, member: Member, event: Stored) -> None:
        """With the effect only its position is saved."""
        partition = self.partition(event)
        self.applied[partition] = max(self.applied.get(partition, 0), event.position)
        if not member.inbox:
            self.commit_all(member)

    def applied_before(self, event: Stored) -> bool:
        """The store knows."""
        return event.position <= self.applied.get(self.partition(event), 0)

    def revoke(self, member: Member) -> None:
        """Commit what was done."""
        self.commit_all(member)
        super().revoke(member)

    def commit_all(self, member: Member) -> None:
        """Offsets follow effects, if the store still takes the member's word."""
        if self.admits(member):
            for partition in member.read:
                self.offsets[partition] = max(self.offsets[partition], self.applied.get(partition, 0))


@variant("snapshot-upcast", "totals", fixes=("snapshot-schema-mismatch",))
class SnapshotUpcast(SnapshotConsumer):
    """Converts a snapshot of an older schema instead of throwing it away."""

    def newest_snapshot(self) -> Snapshot | None:
        """As this version of the code would have taken it."""
        snapshot = self.snapshots.newest(self.name)
        return None if snapshot is None else msgspec.structs.replace(snapshot, schema=self.context.schema)


@variant("gate-by-high-water", "mailer", fixes=("side-effects-on-replay", "replay-boundary-token-bug"))
class GateByHighWater(MailConsumer):
    """Sends in the order of the log only, so that one number says what was done before."""

    def receive(self, event: Stored, after: int) -> None:
        """The first in flight, or none."""
        if self.inbox and event is self.inbox[0]:
            super().receive(event, after)
        else:
            self.emit(Held(self.name, event.position))

    def replaying(self, event: Stored) -> bool:
        """One number is enough where there are no gaps."""
        return event.position <= self.boundary.low


@variant("rebuild-under-lock", "reports", fixes=("rebuild-swap-race",))
class RebuildUnderLock(ReportsConsumer):
    """Rebuilds with live consumption held from beginning to end: nothing can come in the meantime."""

    def begin(self) -> None:
        """Begin, fold and swap under one lock."""
        super().begin()
        self.swap()

    def catch_up(self) -> None:
        """There is nothing to catch up with."""

    def fold(self, event: Stored) -> StoredRows:
        """Live consumption goes on only when no rebuild is under way."""
        assert self.shadow is None
        return super().fold(event)
