"""Correct variants of the reading side."""

from __future__ import annotations

from refold.model.application import State
from refold.model.context import Context
from refold.model.extension import Clients, Consumers, Step
from refold.model.log import pages
from refold.model.parts.reading.links import Links
from refold.model.parts.reading.query import Entry, Queries
from refold.systems.variants.registry import variant


@variant("catch-up-read", "queries", fixes=("read-your-own-writes", "sync-wait-bar-wrong"))
class CatchUpRead(Queries):
    """Answers out of a view of its own, which it brings up to the end of the log before each answer: nobody ever waits, unless the log
    is down."""

    def __init__(self, context: Context, consumers: Consumers, clients: Clients, step: Step) -> None:
        super().__init__(context, consumers, clients, step)
        self.position = 0
        self.states: dict[str, tuple[int, State]] = {}

    def reached(self, needed: int) -> bool:
        """The log has everything."""
        return not self.log.down

    def look_up(self, key: str) -> Entry:
        """Fold what is new, then look."""
        application = self.context.application
        for page in pages(self.log, self.position, 1024):
            for event in page:
                name = application.key(event.data)
                version, state = self.states.get(name, (0, application.initial(name)))
                self.states[name] = (version + 1, application.evolve(state, event.data))
            self.position = page[-1].position
        version, state = self.states.get(key, (0, application.initial(key)))
        return Entry(self.position, version, state)


@variant("uncached-read", "queries", fixes=("read-your-own-writes", "tenant-scope-leak"))
class UncachedRead(Queries):
    """Caches nothing: every answer comes from the authoritative store."""

    def fill(self, key: str, entry: Entry) -> None:
        """No."""


@variant(
    "links-deleted-with-targets",
    "links",
    fixes=("dangling-pointer", "dangling-link-stalls", "tombstoned-events-resurface"),
)
class LinksDeletedWithTargets(Links):
    """Deletes the links of a stream when it is archived, so that a reader hardly ever meets one without a target."""

    def forget(self, stream: str) -> None:
        """Items and links."""
        super().forget(stream)
        passed = self.links[: self.cursor]
        self.cursor -= sum(link.stream == stream for link in passed)
        self.links = [link for link in self.links if link.stream != stream]
