"""Broken topics and subscribers: retention, failover, epochs, truncated logs (LOG, CKPT, SNAP)."""

from __future__ import annotations

import msgspec

from refold.model.parts.messages.topic import Tally, Topic
from refold.systems.broken.registry import broken


@broken(
    "acked-lost-on-failover",
    "topic",
    guarantee="LOG",
    reference="KurrentDB#1367; Jepsen Redis 2013; KAFKA-10751 (apache/kafka#9533)",
    fix="acknowledge when a quorum has it; fence the old primary by epoch",
    tier=2,
)
class AckedLostOnFailover(Topic):
    """Acknowledges an append that only the primary has. The follower that takes over has never seen it."""

    def replicate(self) -> None:
        """The follower will catch up, later."""


@broken(
    "retention-trims-undelivered",
    "topic",
    guarantee="LOG/CKPT",
    reference="KurrentDB#1777; Redis Streams MAXLEN",
    fix="strict order: fail on a gap at the checkpoint, and fetch a full copy",
)
class RetentionTrimsUndelivered(Topic):
    """Continues with the first message that is left after retention has removed some that it had not read. Nobody gets an error."""

    def meet_gap(self) -> None:
        """What is gone is gone."""
        self.tally = msgspec.structs.replace(self.tally, offset=self.low - 1)
        self.count(self.messages[0])


@broken(
    "checkpoint-ahead-of-log",
    "topic",
    guarantee="CKPT/LOG",
    reference="KurrentDB#3195; protean PR#1530; kafkajs#818 (KIP-320); librdkafka#5158",
    fix="keep the epoch in the checkpoint; notice an offset beyond the tail; reset and build anew",
)
class CheckpointAheadOfLog(Topic):
    """Keeps its offset when the topic was restored from a backup. It waits beyond the tail and skips messages that are newly written
    before its offset."""

    def notices(self) -> bool:
        """An offset is a number."""
        return False


@broken(
    "stale-snapshot-truncated-log",
    "topic",
    guarantee="SNAP/LOG",
    reference="akka-core#21842, #26584; pekko PR#2797",
    fix="fail if the first message that is left is not the one after the snapshot",
)
class StaleSnapshotTruncatedLog(Topic):
    """Recovers from a snapshot and the messages that are left, although some messages between the two are gone. Their changes are missing
    from the state."""

    def usable(self, saved: Tally) -> bool:
        """Any snapshot of this epoch."""
        return saved.epoch == self.epoch
