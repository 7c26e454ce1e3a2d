"""Broken entities and buckets: more than one writer, more than one creator (CAS)."""

from __future__ import annotations

from refold.model.parts.claims.entity import Entity
from refold.model.parts.reading.revisioned_keys import Bucket
from refold.systems.broken.registry import broken


@broken(
    "two-live-writers",
    "entity",
    guarantee="CAS/ORD",
    reference="akka-core#28093, #17598; akka-persistence-cassandra#430, #372",
    fix="a writer id in every event and a filter at replay; fencing by epoch",
)
class TwoLiveWriters(Entity):
    """Accepts events from any node that believes it is the writer. After a split brain, two instances write the same versions."""

    def admits(self, epoch: int) -> bool:
        """There can be only one, so why ask."""
        return True


@broken(
    "create-after-delete-race",
    "bucket",
    guarantee="CAS/LOCK",
    reference="nats-io/nats.rs#1301",
    fix="update the tombstone at its revision",
)
class CreateAfterDeleteRace(Bucket):
    """Falls back to an unconditional write where the key was deleted before. Two creators that saw the tombstone both win."""

    def create_over_tombstone(self, key: str, revision: int) -> int:
        """The key is free, so put it."""
        return self.put(key, exists=True)
