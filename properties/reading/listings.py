"""Links and archives: a listing shows what is there and not archived, nothing else, and its reader comes to the end (READ, LIVE, A14).

Usually broken by a rebuild that reads archived events again (catalogue: tombstoned-events-resurface) and by a reader that cannot pass a
link without a target (dangling-link-stalls)."""

from __future__ import annotations

from refold.model.parts.reading.links import Archived, LinkDiscarded, LinkShown, ListingAtRest
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Listings(Property):
    """For every link to event e: it is shown if and only if e is in the log and not archived; and at rest the listing holds exactly the
    living events."""

    name = "listings"
    guarantee = "READ"
    needs = "links"
    judges = (LinkShown,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.archived: dict[str, tuple[int, Archived]] = {}

    def handlers(self) -> dict[type, Handler]:
        """Archives, links, and the listing at rest."""
        return {
            Archived: self.on_archived,
            LinkShown: self.on_shown,
            LinkDiscarded: self.on_discarded,
            ListingAtRest: self.on_rest,
        }

    def on_archived(self, number: int, record: Archived) -> None:
        """From now on nobody may see these."""
        self.archived[record.stream] = (number, record)

    def on_shown(self, number: int, record: LinkShown) -> Finding | None:
        """Living, and there?"""
        archived = self.archived.get(record.stream)
        if archived is not None and record.position <= archived[1].position:
            return self.finding(
                "archived-item-resurfaced",
                record.stream,
                number,
                position=record.position,
                expected="discarded",
                actual="shown",
                evidence=[Evidence(*archived, "took it away"), Evidence(number, record, "shows it all the same")],
            )
        if not record.version:
            return self.finding(
                "dangling-pointer",
                record.stream,
                number,
                position=record.position,
                expected="discarded: there is nothing at this position",
                actual="shown",
                evidence=[Evidence(number, record, "is shown")],
            )
        return None

    def on_discarded(self, number: int, record: LinkDiscarded) -> Finding | None:
        """Really gone?"""
        archived = self.archived.get(record.stream)
        alive = record.position in self.oracle.events
        if not alive or (archived is not None and record.position <= archived[1].position):
            return None
        return self.finding(
            "living-pointer-discarded",
            record.stream,
            number,
            position=record.position,
            expected="shown",
            actual="discarded",
            evidence=[Evidence(number, record, "was discarded")],
        )

    def on_rest(self, number: int, record: ListingAtRest) -> Finding | None:
        """At the end, and complete?"""
        if record.cursor < record.links:
            return self.finding(
                "reader-stuck-at-link",
                "listing",
                number,
                guarantee="LIVE",
                expected=record.links,
                actual=record.cursor,
                evidence=[Evidence(number, record, "is where it came to rest")],
            )
        for stream, version in self.oracle.versions.items():
            archived = self.archived.get(stream)
            living = version - (0 if archived is None else archived[1].version)
            shown = record.rows.get(stream, 0)
            if shown != living:
                return self.finding(
                    "archived-item-resurfaced" if shown > living else "item-missing",
                    stream,
                    number,
                    expected=living,
                    actual=shown,
                    evidence=[Evidence(number, record, "shows the listing at rest")],
                )
        return None
