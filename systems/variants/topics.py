"""Correct topics: retention that waits for the subscriber."""

from __future__ import annotations

from refold.model.parts.messages.topic import Topic
from refold.systems.variants.registry import variant


@variant("retention-after-consumers", "topic", fixes=("retention-trims-undelivered", "stale-snapshot-truncated-log"))
class RetentionAfterConsumers(Topic):
    """Removes only what the subscriber has counted and has in its snapshot: nobody ever meets a gap."""

    def floor(self) -> int:
        """What is in the snapshot of this epoch."""
        return self.saved.offset if self.saved.epoch == self.epoch == self.tally.epoch else 0


@variant("epoch-at-every-failover", "topic", fixes=("acked-lost-on-failover", "checkpoint-ahead-of-log"))
class EpochAtEveryFailover(Topic):
    """Begins a new epoch with every new primary, whether anything was lost or not: the subscriber builds anew more often than it must."""

    def cut(self, tail: int) -> None:
        """Also where there is nothing to cut."""
        if tail == self.tail:
            self.begin_epoch(tail)
        super().cut(tail)
