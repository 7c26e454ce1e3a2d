"""Broken consumers: effects and checkpoints (CKPT)."""

from __future__ import annotations

from refold.model.consumer import Consumer, SnapshotConsumer
from refold.model.event import Stored
from refold.systems.broken.registry import broken


@broken(
    "checkpoint-before-effect",
    "index",
    guarantee="CKPT",
    reference="KurrentDB#1301; Eventuous#222",
    fix="save the checkpoint after the effect, or both in one transaction",
)
class CheckpointBeforeEffect(Consumer):
    """Saves the position, then applies the event. A crash in between loses the event for ever: nobody sends it again."""

    def handle(self, event: Stored) -> None:
        """The two durable steps in the wrong order."""
        self.save_checkpoint(event.position)
        self.effect(event)


@broken(
    "effect-before-checkpoint",
    "index",
    guarantee="CKPT",
    reference="PacktPublishing Hands-On-DDD#17; KurrentDB#1732; cqrs-journey#266",
    fix="make the effect idempotent by position, or save effect and checkpoint in one transaction",
)
class EffectBeforeCheckpoint(Consumer):
    """Applies the event, then saves the position, and does not notice on redelivery that the rows already contain the event. A
    crash in between makes counters count twice."""

    def applied_before(self, event: Stored) -> bool:
        """Forgets to ask the rows."""
        return False


@broken(
    "dedupe-window-too-small",
    "totals",
    guarantee="CKPT/CAS",
    reference="nats-server#7302; Particular/docs#3552; orchestrix",
    fix="durable dedupe that lasts as long as the business cares, or idempotence by position",
)
class DedupeWindowTooSmall(SnapshotConsumer):
    """Recognises duplicates of the last two events only. A duplicate that comes later is applied again."""

    def seen(self, event: Stored) -> bool:
        """Looks back two positions."""
        return self.position - 2 < event.position <= self.position
