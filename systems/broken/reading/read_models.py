"""Broken caches and read models (READ), wake-ups (LIVE) and handlers (REPL)."""

from __future__ import annotations

from refold.model.consumer import PAGE, CacheConsumer, Consumer
from refold.model.declarations.ports import StoredRows
from refold.model.event import Stored
from refold.systems.broken.registry import broken


@broken(
    "cache-resurrects-deleted",
    "cache",
    guarantee="READ",
    reference="elastic/elasticsearch#101178; qldb-simple-demo#17",
    fix="a tombstone that keeps the version of the deletion",
    application="accounts",
)
class CacheResurrectsDeleted(CacheConsumer):
    """Forgets the version of a row together with the row. A late update brings back what was deleted, for ever."""

    def remember(self, versions: dict[str, int], key: str, position: int, value: object) -> None:
        """No tombstones."""
        if value is None:
            versions.pop(key, None)
        else:
            versions[key] = position


@broken(
    "lost-wakeup",
    "index",
    guarantee="LIVE",
    reference="eventsourcing#305; commanded/eventstore#309; dbos-transact-py#562; marten#362",
    fix="listen, then read; or poll with a time-out",
)
class LostWakeup(Consumer):
    """Reads, finds nothing, and only then starts to listen. It is not notified of an event that is committed in between, and sleeps until
    the next one."""

    drowsy = False

    def fetch(self) -> None:
        """Read in one turn, listen in the next."""
        page = () if self.drowsy else self.log.read(self.fetched, PAGE)
        if page:
            self.inbox = list(page)
            self.fetched = page[-1].position
        self.asleep = self.drowsy
        self.drowsy = not page and not self.drowsy


@broken(
    "nondeterministic-handler",
    "index",
    guarantee="REPL",
    application="accounts",
    reference="temporal sdk-python#1573, #1109; PostHog PR#76658; aion#1",
    fix="put times, random numbers and ids into the event; inject the clock",
)
class NondeterministicHandler(Consumer):
    """Stamps rows with the time at which they are processed. A replay at another time gives other rows."""

    def fold(self, event: Stored) -> StoredRows:
        """Looks at the clock."""
        writes = super().fold(event)
        return {
            key: None if row is None else (*row[:-1], f"{row[-1]} at {self.clock.now}") for key, row in writes.items()
        }
