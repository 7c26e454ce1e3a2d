"""Links: a listing that holds pointers to events instead of events, and an archive that takes the targets away.

Contract: a link whose target is archived or gone is recognised, discarded and passed; the listing never shows an archived item, not even
after a rebuild; and the reader comes to the end of its links, whatever the last one points at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted


@action_kind
class FollowLink(Action, frozen=True, tag="follow-link"):
    """The listing follows its next link and shows what it points at."""

    def __str__(self) -> str:
        return "the listing follows its next link"


@action_kind
class Archive(Action, frozen=True, tag="archive"):
    """All events of a stream so far are archived: they disappear from every listing, now and later. The stream itself may go on."""

    key: str

    def __str__(self) -> str:
        return f"{self.key} is archived"


@action_kind
class RebuildListing(Action, frozen=True, tag="rebuild-listing"):
    """The listing is emptied and starts again at its first link."""

    def __str__(self) -> str:
        return "the listing is rebuilt from its first link"


@record_kind
class Archived(Record, frozen=True, tag="archived"):
    """Everything of `stream` up to `version`, which is at `position`, is archived."""

    phrase = "a stream was archived"

    stream: str
    version: int
    position: int

    def __str__(self) -> str:
        return f"{self.stream} is archived up to version {self.version}, position {self.position}"


@record_kind
class LinkShown(Record, frozen=True, tag="link-shown"):
    """The listing shows the target of link `link`: the event at `position`, read from the log. `version` 0: there was no such event."""

    link: int
    stream: str
    position: int
    version: int

    def __str__(self) -> str:
        return f"the listing shows event {self.position} of {self.stream}"


@record_kind
class LinkDiscarded(Record, frozen=True, tag="link-discarded"):
    """Link `link` points at `position`, where nothing is to be shown; it was discarded."""

    link: int
    stream: str
    position: int

    def __str__(self) -> str:
        return f"the listing discards its link to event {self.position} of {self.stream}"


@record_kind
class ListingEmptied(Record, frozen=True, tag="listing-emptied"):
    """A rebuild begins."""

    def __str__(self) -> str:
        return "the listing is emptied"


@record_kind
class ListingAtRest(Record, frozen=True, tag="listing-at-rest"):
    """At rest the reader has dealt with `cursor` of `links` links, and the listing shows this many items of each stream."""

    cursor: int
    links: int
    rows: dict[str, int]

    def __str__(self) -> str:
        return f"at rest the listing is at link {self.cursor} of {self.links} and shows {counted(sum(self.rows.values()), 'item')}"


class Links(Extension):
    """The listing, its links, its reader and the archive. At rest until its first action."""

    name = "links"
    title = "listings of pointers"
    covers = "links whose target is archived or gone"
    counts = (count("links_shown", "links of a listing whose target was shown", LinkShown),)
    family = "links"
    called_by = (FollowLink, Archive, RebuildListing)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.links: list[Stored] = []
        self.last: dict[str, Stored] = {}
        self.archived: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.cursor = 0
        self.used = False

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Following and rebuilding."""
        return [(cls.family, 8, [FollowLink()]), (cls.family, 1, [RebuildListing()])]

    @classmethod
    def lookups(cls, keys: Sequence[str], clients: Sequence[str]) -> list[Group]:
        """Any stream may be archived."""
        return [(cls.family, 3, [Archive(key) for key in keys])]

    def handlers(self) -> dict[type, Handler]:
        """Three actions."""
        return {FollowLink: self.follow_link, Archive: self.archive, RebuildListing: self.rebuild}

    def visible(self, events: Sequence[Any]) -> None:
        """A link for every event."""
        self.links.extend(events)
        for event in events:
            self.last[event.stream] = event

    def follow_link(self, action: FollowLink) -> bool:
        """One link."""
        if self.cursor >= len(self.links) or self.log.down:
            return False
        self.step(action)
        self.used = True
        self.follow()
        return True

    def follow(self) -> None:
        """Resolve the link and show or discard it."""
        link = self.links[self.cursor]
        target = self.resolve(link)
        if target is None:
            self.dangling(link)
        else:
            self.show(link, target)

    def resolve(self, link: Stored) -> Stored | None:
        """The event that a link points at, if it is there and not archived."""
        if link.position <= self.archived.get(link.stream, 0):
            return None
        page = self.log.read(link.position - 1, 1)
        target: Stored | None = page[0] if page and page[0].position == link.position else None
        return target

    def show(self, link: Stored, target: Stored) -> None:
        """Put the item into the listing and go on."""
        self.rows[link.stream] = self.rows.get(link.stream, 0) + 1
        self.emit(LinkShown(self.cursor, link.stream, link.position, target.version))
        self.cursor += 1

    def dangling(self, link: Stored) -> None:
        """Discard the link, and go on."""
        self.emit(LinkDiscarded(self.cursor, link.stream, link.position))
        self.cursor += 1

    def archive(self, action: Archive) -> bool:
        """Archive a stream as far as it has come, and take its items out of the listing."""
        last = self.last.get(action.key)
        if last is None or self.archived.get(action.key) == last.position:
            return False
        self.step(action)
        self.used = True
        self.archived[action.key] = last.position
        self.emit(Archived(action.key, last.version, last.position))
        self.forget(action.key)
        return True

    def forget(self, stream: str) -> None:
        """No listing shows an archived item; what the stream still has linked is all archived."""
        self.rows.pop(stream, None)

    def rebuild(self, action: RebuildListing) -> bool:
        """Empty the listing and begin again."""
        if not self.cursor:
            return False
        self.step(action)
        self.emit(ListingEmptied())
        self.rows = {}
        self.cursor = 0
        return True

    def turn(self) -> bool:
        """Follow the links that are left."""
        if not self.used or self.cursor >= len(self.links):
            return False
        before = self.cursor
        self.follow()
        return self.cursor != before

    def rest(self) -> None:
        """Show the listing."""
        if self.used:
            self.emit(ListingAtRest(self.cursor, len(self.links), dict(self.rows)))
