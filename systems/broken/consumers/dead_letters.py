"""Broken dead letters and dedupe tables (CKPT, ORD, LIVE)."""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.parts.consuming.dead_letters import ParkingConsumer
from refold.model.parts.consuming.inbox import InboxConsumer
from refold.systems.broken.registry import broken


@broken(
    "poison-skip-corrupts-tail",
    "ledger",
    guarantee="ORD/READ",
    reference="AxonFramework#2021, PR#2258; marten#1731",
    fix="a dead letter queue that knows sequences",
)
class PoisonSkipCorruptsTail(ParkingConsumer):
    """Puts aside an event that it cannot handle, and continues with the next event of the same stream as if there were no gap."""

    def blocked(self, event: Stored) -> bool:
        """Every event for itself."""
        return False


@broken(
    "poison-blocks-all",
    "ledger",
    guarantee="LIVE",
    reference="JasperFx/fisher#5; marten#1731",
    tier=2,
    fix="park per sequence",
)
class PoisonBlocksAll(ParkingConsumer):
    """Retries for ever an event that it cannot handle. Every other stream waits behind it."""

    def put_aside(self, event: Stored) -> bool:
        """There is no aside."""
        return False


@broken(
    "dead-letter-lost",
    "ledger",
    guarantee="CKPT",
    reference="marten#5229",
    tier=2,
    fix="the dead letter and the checkpoint in one transaction",
)
class DeadLetterLost(ParkingConsumer):
    """Skips the event even if its dead letter could not be written. The skip is recorded nowhere."""

    def put_aside(self, event: Stored) -> bool:
        """It did its best."""
        super().put_aside(event)
        return True


@broken(
    "parked-replay-checkpoint",
    "ledger",
    guarantee="CKPT",
    reference="KurrentDB#500, PR#1890",
    tier=2,
    fix="positions of the dead letters and of the log are kept apart",
)
class ParkedReplayCheckpoint(ParkingConsumer):
    """Saves the number of the dead letter that it has just replayed as the checkpoint of its subscription."""

    def replayed(self, number: int) -> None:
        """A position is a position."""
        self.save_checkpoint(number)


@broken(
    "dedupe-key-lacks-consumer",
    "inbox",
    guarantee="CKPT",
    reference="NServiceBus.NHibernate#117; NServiceBus.RavenDB#111",
    fix="the key is the pair of consumer and event id",
)
class DedupeKeyLacksConsumer(InboxConsumer):
    """Shares its table of handled messages with another consumer, without a column that says who handled them. The second consumer
    handles nothing."""

    def mark(self, event: Stored) -> str:
        """The id will do."""
        return event.id


@broken(
    "dedupe-not-persisted",
    "inbox",
    guarantee="CKPT",
    reference="nats-server#3272",
    fix="save the entry with the effect",
)
class DedupeNotPersisted(InboxConsumer):
    """Keeps the table of handled messages in memory. After a restart every duplicate is new."""

    def crash(self) -> None:
        """Gone."""
        super().crash()
        self.table.clear()


@broken(
    "dedupe-false-positive",
    "inbox",
    guarantee="CKPT/LOG",
    reference="nats-server#3645, #5142",
    tier=2,
    fix="compare whole ids; count what is dropped",
)
class DedupeFalsePositive(InboxConsumer):
    """Compares only the end of the message id. The first order of bob looks like the first order of alice and is dropped."""

    def mark(self, event: Stored) -> str:
        """Without the client."""
        return f"{self.name}|{event.id.partition('-')[2]}"
