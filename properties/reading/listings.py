"""Links and archives: a listing shows what is there and not archived, nothing else, and its reader comes to the end (READ, LIVE, A14).

This is usually broken by a rebuild that reads archived events again (catalogue: tombstoned-events-resurface) and by a reader that cannot
get past a link without a target (dangling-link-stalls)."""

from __future__ import annotations

from refold.model.parts.reading.links import Archived, LinkDiscarded, LinkShown, ListingAtRest
from refold.properties.oracle import REMEMBERED, Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Listings(Property):
    """For every link that is followed to an event e: if e is in the log and not archived, it is shown as it is in the log; otherwise the
    link is discarded. At rest, the reader has dealt with all of its links, and the listing holds as many items of each stream as the
    stream has living events, that is, events that are not archived."""

    name = "listings"
    guarantee = "READ"
    clauses = {
        "archived stays out": "a link to an event that is archived is not shown",
        "shown is there": "what is shown is in the log, at this position, in this stream and with this version",
        "living is shown": "a link to an event that is in the log and not archived is not discarded",
        "comes to the end": "at rest the reader has dealt with all of its links",
        "complete at rest": "at rest the listing holds no fewer items of a stream than there are living events in it",
        "nothing else at rest": "at rest the listing holds no more items of a stream than there are living events in it",
    }
    needs = "links"
    judges = (LinkShown,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.window = oracle.window(REMEMBERED, "links to events older than the newest {size}")
        self.windows = (self.window,)
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
        """From now on nobody may see these; what is archived stays so."""
        archived = self.archived.get(record.stream)
        if archived is None or archived[1].position <= record.position:
            self.archived[record.stream] = (number, record)

    def on_shown(self, number: int, record: LinkShown) -> Finding | None:
        """Only what is not archived is shown, and as it is in the log."""
        archived = self.archived.get(record.stream)
        if archived is not None and record.position <= archived[1].position:
            return self.finding(
                "archived-item-resurfaced",
                record.stream,
                number,
                clause="archived stays out",
                position=record.position,
                expected="discarded",
                actual="shown",
                evidence=[Evidence(*archived, "took it away"), Evidence(number, record, "shows it all the same")],
            )
        oracle = self.oracle
        event = oracle.events.get(record.position)
        if event is None and record.position < oracle.low:
            self.window.miss()
            return None
        if event is not None and (event.stream, event.version) == (record.stream, record.version):
            return None
        proof = [] if event is None else [Evidence(oracle.numbers[record.position], event, "is what is there")]
        return self.finding(
            "dangling-pointer",
            record.stream,
            number,
            clause="shown is there",
            position=record.position,
            expected="discarded: there is nothing like it at this position",
            actual="shown",
            evidence=[*proof, Evidence(number, record, "is shown")],
        )

    def on_discarded(self, number: int, record: LinkDiscarded) -> Finding | None:
        """Only what is archived, or not in the log, is discarded."""
        archived = self.archived.get(record.stream)
        event = self.oracle.events.get(record.position)
        if event is None or event.stream != record.stream:
            if event is None and record.position < self.oracle.low:
                self.window.miss()
            return None
        if archived is not None and record.position <= archived[1].position:
            return None
        return self.finding(
            "living-pointer-discarded",
            record.stream,
            number,
            clause="living is shown",
            position=record.position,
            expected="shown",
            actual="discarded",
            evidence=[
                Evidence(self.oracle.numbers[record.position], event, "is what it points at"),
                Evidence(number, record, "was discarded"),
            ],
        )

    def on_rest(self, number: int, record: ListingAtRest) -> Finding | None:
        """The reader is at the end of its links, and the listing holds what is living."""
        if record.cursor < record.links:
            return self.finding(
                "reader-stuck-at-link",
                "listing",
                number,
                clause="comes to the end",
                guarantee="LIVE",
                expected=record.links,
                actual=record.cursor,
                evidence=[Evidence(number, record, "is where it came to rest")],
            )
        versions = self.oracle.versions
        for stream in sorted({*versions, *record.rows}):
            archived = self.archived.get(stream)
            living = max(versions.get(stream, 0) - (0 if archived is None else archived[1].version), 0)
            shown = record.rows.get(stream, 0)
            if shown != living:
                return self.miscounted(number, record, stream, living, shown)
        return None

    def miscounted(self, number: int, record: ListingAtRest, stream: str, living: int, shown: int) -> Finding:
        """The listing holds another number of items of this stream than there are living events."""
        archived = self.archived.get(stream)
        return self.finding(
            "item-missing" if shown < living else "item-too-many" if archived is None else "archived-item-resurfaced",
            stream,
            number,
            clause="complete at rest" if shown < living else "nothing else at rest",
            expected=living,
            actual=shown,
            evidence=[
                *([] if archived is None else [Evidence(*archived, "took items away")]),
                Evidence(number, record, "shows the listing at rest"),
            ],
        )
