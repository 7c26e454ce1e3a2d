"""Broken consumers: order (ORD)."""

from __future__ import annotations

from refold.model.consumer import SnapshotConsumer
from refold.model.event import Stored
from refold.systems.broken.registry import broken


@broken(
    "retry-reorders",
    "totals",
    guarantee="ORD",
    reference="discuss.eventstore.com t/3577; KurrentDB PR#4773; MassTransit#3512",
    fix="hold successors back until the retry is through (version guard, park successors)",
)
class RetryReorders(SnapshotConsumer):
    """Moves an event whose handler failed to the place after the next one. Two events of one stream are applied in the wrong order."""

    def failed(self, event: Stored) -> None:
        """The successor goes first."""
        if len(self.inbox) > 1:
            successor = self.inbox.pop(1)
            self.handle(successor)
            self.handle(event)
            self.inbox.pop(0)
            self.position = successor.position
