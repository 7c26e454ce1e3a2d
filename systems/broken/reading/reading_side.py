"""Broken reading sides: caches, indexes, listings, queries (READ, LIVE)."""

from __future__ import annotations

from refold.model.consumer import CacheConsumer
from refold.model.event import Stored
from refold.model.parts.reading.links import Links
from refold.model.parts.reading.query import Queries
from refold.systems.broken.registry import broken


@broken(
    "stale-overwrites-newer",
    "cache",
    guarantee="READ/ORD",
    reference="elasticsearch PR#37284, #15451",
    fix="an external version with every row; older writes lose",
)
class StaleOverwritesNewer(CacheConsumer):
    """Writes whatever arrives over whatever is there. An update that comes late undoes a newer one, and nothing ever puts it right."""

    def newer(self, key: str, position: int, value: object) -> bool:
        """The last to come wins."""
        return True


@broken(
    "dangling-pointer",
    "queries",
    guarantee="READ",
    reference="KurrentDB#783, #1388, PR#5652, #1340",
    fix="check that the target resolves, discard hits that do not, delete pointers with their targets",
)
class DanglingPointer(Queries):
    """Shows what the index has found without checking whether the target is there. The index runs ahead of the store, and users follow
    pointers to nothing."""

    def shown(self, version: int) -> bool:
        """A hit is a hit."""
        return True


@broken(
    "dangling-link-stalls",
    "links",
    guarantee="LIVE",
    reference="KurrentDB PR#5652 (review)",
    fix="advance the checkpoint past links that are skipped",
    tier=2,
)
class DanglingLinkStalls(Links):
    """Skips a link without a target and does not move its checkpoint. If that is the last link, the reader never gets past it."""

    def dangling(self, link: Stored) -> None:
        """Nothing to show, so nothing to do."""


@broken(
    "tombstoned-events-resurface",
    "links",
    guarantee="READ",
    reference="marten#4745; KurrentDB PR#3035 (documentation)",
    fix="filter archived events at the source, and tell projections by a tombstone event",
)
class TombstonedEventsResurface(Links):
    """Hides archived streams where they are shown, but not where they are read. A rebuild, or a reader that is late, brings them back."""

    def resolve(self, link: Stored) -> Stored | None:
        """The event is still in the log, after all."""
        page = self.log.read(link.position - 1, 1)
        return page[0] if page and page[0].position == link.position else None


@broken(
    "read-your-own-writes",
    "queries",
    guarantee="READ/LIVE",
    reference="commanded#82, #101; marten#5161, #4749",
    fix="wait until the view has reached the position of the client's own write, with a time-out",
    tier=2,
)
class ReadYourOwnWrites(Queries):
    """Answers from the view as it is. A user who has just saved does not see what was saved, and saves again."""

    def needed(self, client: str) -> int:
        """Whatever there is."""
        return 0


@broken(
    "sync-wait-bar-wrong",
    "queries",
    guarantee="LIVE/READ",
    reference="marten#5161",
    fix="wait on the named consumer that will be read",
    tier=3,
)
class SyncWaitBarWrong(Queries):
    """Takes “somebody has come this far” for “all have caught up”. The wait ends with another consumer's progress, and the view that is
    then read is old."""

    def reached(self, needed: int) -> bool:
        """Any row of the progress table will do."""
        return any(consumer.store.applied >= needed for consumer in self.consumers.values())


@broken(
    "tenant-scope-leak",
    "queries",
    guarantee="READ/CKPT",
    reference="marten#4801, #5234, #4645",
    fix="the tenant is part of every key: cache, identity map, checkpoint",
    tier=3,
    application="accounts",
)
class TenantScopeLeak(Queries):
    """Caches the names of an organisation under a key without the organisation. The second tenant is shown the first one's data."""

    def slot(self, key: str) -> str:
        """There is but one list of names."""
        return "names"
