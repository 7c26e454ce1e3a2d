"""The observer: what a reader of the whole log sees, which is what the harness takes for the log.

It reads on at the end whenever something may have become visible, and records every event once. Where the log has come back, or the
system is at rest, it reads again from further back, and stream by stream: what is durable must still be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from refold.model.declarations.ports import DrivenLog
from refold.model.documents.json_values import encode
from refold.model.event import Stored, ascending
from refold.model.log import pages
from refold.model.process import Emit
from refold.model.record import Altered, Disordered, Scanned, StreamScanned

PAGE = 1024
"""Events that the observer reads at once."""

RESCANNED = 64
"""Positions before the tail from which the log is read again after its restart; at rest it is read from the beginning."""

REMEMBERED = 4_096
"""Events, at least, whose first form is remembered, so that another one is noticed when the log is read again."""

POLLS = 8
"""How often the observer looks again when nothing moves any more: readers may wait for something, for a bounded time."""


class Observer:
    """Reads `log` and emits what it finds. `seen` is the position up to which it has read."""

    def __init__(self, log: DrivenLog, emit: Emit) -> None:
        self.log = log
        self.emit = emit
        self.seen = 0
        self.known: dict[int, Stored] = {}

    def tail(self) -> Sequence[Stored]:
        """Read on to the end, in as many pages as the log likes, and record what became visible."""
        log = self.log
        if log.down:
            return ()
        after = self.seen
        found = log.read(after, PAGE)  # most looks find nothing, or one page
        if found:
            self.record(found)
            for page in pages(log, self.seen, PAGE) if self.seen > after else ():
                self.record(page)
                found = [*found, *page]
        return found

    def record(self, page: Sequence[Stored]) -> None:
        """What became visible, as it was read."""
        emit, known = self.emit, self.known
        if len(page) > 1 and not ascending(page):
            emit(Disordered("observer", tuple([event.position for event in page])))
        for event in page:
            emit(event)
            known[event.position] = event
        if len(known) >= 2 * REMEMBERED:
            self.known = dict(islice(known.items(), len(known) - REMEMBERED, None))
        self.seen = page[-1].position

    def news(self) -> bool:
        """Look a few times whether there is anything to read."""
        return any(self.log.read(self.seen, 1) for _ in range(POLLS))

    def scan(self, start: int = 0) -> None:
        """Read the log after `start`, as a reader does that has just come."""
        positions: list[int] = []
        ids: list[str] = []
        for page in pages(self.log, start, PAGE):
            places = [event.position for event in page]
            positions.extend(places)
            ids.extend([event.id for event in page])
            if list(map(self.known.get, places)) != page:
                self.recognise(page)
        self.emit(Scanned(tuple(positions), tuple(ids), start))

    def recognise(self, page: Iterable[Stored]) -> None:
        """Record those events that are the same and do not look the same, as they are written."""
        known = self.known
        for event in page:
            before = known.get(event.position)
            if before is not None and before.id == event.id and altered(before, event):
                self.emit(Altered(*msgspec.structs.astuple(event)))

    def finds_another(self, events: Iterable[Stored]) -> bool:
        """Whether one of these events stands where another one was read, or this one in another form."""
        known = self.known
        read = ((known.get(event.position), event) for event in events)
        return any(before is not None and (before.id != event.id or altered(before, event)) for before, event in read)

    def scan_streams(self, streams: Iterable[str]) -> None:
        """Read the streams one by one, those that commands decide on."""
        for stream in streams:
            events = self.log.read_stream(stream, 0)
            if events or self.seen:
                self.emit(StreamScanned(stream, tuple([event.version for event in events])))

    def scan_what_is_left(self, removed_to: int, streams: Iterable[str]) -> None:
        """Events up to `removed_to` were removed: read what is behind, then each stream, then from the beginning, which leads there."""
        self.scan(removed_to)
        self.scan_streams(streams)
        self.scan()

    def scan_again(self, before: int, streams: Iterable[str]) -> None:
        """The log is back: is everything still there that was there up to `before`?"""
        if before < RESCANNED:
            self.scan_streams(streams)
        self.scan(max(before - RESCANNED, 0))


def altered(before: Stored, event: Stored) -> bool:
    """Whether they are written in different ways."""
    if before is event or before == event:
        return False
    try:
        return encode(before) != encode(event)
    except (TypeError, ValueError, RecursionError):
        return False  # payloads that no history can hold, so no history can tell
