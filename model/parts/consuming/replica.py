"""Replica: an aggregate that is fed by replication and recognises duplicates by a version vector.

The vector (``last/STREAM`` -> version) is state like any other: it is in every snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import TakeSnapshot
from refold.model.consumer import SnapshotConsumer
from refold.model.event import Stored
from refold.model.extension import Group
from refold.model.parts.side_consumers import SideConsumer


class ReplicaConsumer(SnapshotConsumer):
    """Rows and version vector in memory, recovered from the newest snapshot and the tail."""

    def seen(self, event: Stored) -> bool:
        """By the version vector."""
        return event.version <= (self.store.get(f"last/{event.stream}") or 0)


class Replica(SideConsumer):
    """One replica."""

    name = "replica"
    title = "replicas"
    covers = "duplicates recognised by a version vector that is in the snapshots too"
    family = "replica"
    names = ("replica",)
    design = ReplicaConsumer
    projection = "replicas"

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """It takes snapshots."""
        return [
            *super().groups(commands, clients, consumers),
            (cls.family, 2, [TakeSnapshot(name) for name in cls.names]),
        ]
