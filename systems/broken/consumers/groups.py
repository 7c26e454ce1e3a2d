"""Broken consumer groups and batches (CKPT, LOCK, ORD)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.parts.consuming.batch import BatchConsumer
from refold.model.parts.consuming.group import MEMBERS, ConsumerGroup, Member
from refold.systems.broken.registry import broken


@broken(
    "rebalance-double-processing",
    "group",
    guarantee="CKPT",
    reference="kafka-pixy#62; zio-kafka#591; fs2-kafka#1502",
    fix="finish and commit when partitions are revoked; make effects idempotent",
)
class RebalanceDoubleProcessing(ConsumerGroup):
    """Commits offsets at the end of a batch, but not when its partitions are taken away. The next owner handles the batch again."""

    def handled(self, member: Member, event: Stored) -> None:
        """Once for all that it had in hand."""
        if not member.inbox:
            for partition in member.read:
                self.offsets[partition] = max(self.offsets[partition], member.read[partition])


@broken(
    "zombie-consumer",
    "group",
    guarantee="CKPT/LOCK",
    reference="getsentry/sentry#95753",
    fix="the store checks the generation of whoever writes",
)
class ZombieConsumer(ConsumerGroup):
    """Its store accepts writes from members whose session has expired. A member that was paused resumes work that others have done in the
    meantime."""

    def admits(self, member: Member) -> bool:
        """Everybody."""
        return True


@broken(
    "cross-partition-order",
    "group",
    guarantee="ORD",
    reference="Jepsen on Bufstream and Redpanda (partial order); commanded/eventstore#162",
    fix="partition by entity; guard causality",
)
class CrossPartitionOrder(ConsumerGroup):
    """Spreads events evenly over the partitions and still expects them in order. There is no order across partitions."""

    def partition(self, event: Stored) -> int:
        """Round robin."""
        return event.position % len(MEMBERS)


@broken(
    "batch-timer-race",
    "batcher",
    guarantee="CKPT",
    reference="commanded CHANGELOG 1.4.10",
    tier=2,
    fix="clear the buffer before the batch is handled",
)
class BatchTimerRace(BatchConsumer):
    """Clears its buffer after the batch. A timer that fires in the middle finds the buffer full and hands the batch out again."""

    def take(self) -> Sequence[Stored]:
        """They stay in the buffer for now."""
        return tuple(self.buffer)
