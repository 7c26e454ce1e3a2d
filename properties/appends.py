"""Appends: what clients asked the log for, and how much of it is visible; the part of the oracle that is kept for each operation.

It is fed before the properties judge a record, so that they all see the same append behind an event, and it judges nothing itself.
"""

from __future__ import annotations

from itertools import islice

import msgspec

from refold.model.event import NewEvent, Stored
from refold.model.expectation import Exact, NoStream
from refold.model.record import Aborted, Prepared, Refused, Retried, read_payloads
from refold.properties.window import Window

REMEMBERED = 10_000
"""Appends that are remembered, to recognise their events and to judge them at their place."""


class Operation(msgspec.Struct, gc=False):
    """One append. `number` is that of the record `prepared`, the last one if it was decided several times, `before` the version of its
    stream then; `earlier` are the other ways in which it was decided, `seen` is how many of its events are visible, in their order;
    `only` is its event if it has one alone, was decided once, and the event was regular."""

    number: int
    prepared: Prepared
    before: int
    earlier: tuple[Prepared, ...] = ()
    seen: int = 0
    placed: bool = False
    ended: tuple[int, Refused | Aborted] | None = None
    retried: bool = False
    only: Stored | None = None

    def forms(self) -> tuple[Prepared, ...]:
        """All ways in which it was decided, the last one first; it may take effect in any of them."""
        return (self.prepared, *self.earlier)

    def asked(self, place: int) -> list[tuple[Prepared, NewEvent]]:
        """What was asked for as event number `place` (from 0), in all forms that have so many."""
        return [(form, form.events[place]) for form in self.forms() if place < len(form.events)]

    def place_of(self, event_id: str) -> int | None:
        """Which event of the append bears this id; None if there is none."""
        for form in self.forms():
            for place, event in enumerate(form.events):
                if event.id == event_id:
                    return place
        return None

    def whole(self) -> bool:
        """Whether as many events are visible as were asked for, any of the times."""
        return any(len(form.events) == self.seen for form in self.forms())

    def lacking(self) -> bool:
        """Whether fewer events are visible than were asked for. An operation that was decided anew may be stored as it was asked for any
        of the times: a log that knows its ids answers with what it has."""
        return self.seen < len(self.prepared.events) if not self.earlier else not self.whole()


class Appends:
    """All operations, and the one behind the event at hand.

    `operation` is the append of the event that is judged now, None if nobody asked for it; `place` is the event's number in it if it is
    the next one that is due, else -1; `first` says whether it is the first event of an append that was not refused, so that the append has
    its place here. Of those in `older` the beginning is not known: they were sent again after they had been forgotten, so they may have had
    their effect already, and are not judged.
    """

    def __init__(self, versions: dict[str, int], window: Window) -> None:
        self.versions = versions
        self.window = window
        self.full = window.full
        self.operations: dict[str, Operation] = {}
        self.older: dict[str, None] = {}
        self.lingering: dict[str, int] = {}
        """Stream -> how many events may still come of appends that are forgotten."""
        self.operation: Operation | None = None
        self.place = -1
        self.first = False
        self.partial: Operation | None = None
        """The batch of which events are due, as `identity` sees it, and its last one so far."""
        self.last: tuple[int, Stored] | None = None

    def on_prepared(self, number: int, record: Prepared) -> None:
        """A new operation, or one that is decided anew under the same event ids, and may take effect in either way."""
        operations = self.operations
        known = operations.get(record.op)
        if self.older and record.op in self.older:
            return
        before = self.versions.get(record.stream, 0)
        if known is not None:
            for form in (*known.forms(), record):
                read_payloads(form)
            others = [
                form for form in known.forms() if form.events != record.events or form.expected != record.expected
            ]
            known.earlier = tuple(others)
            known.number, known.prepared, known.before, known.only = number, record, before, None
            return
        operations[record.op] = Operation(number, record, before)
        if len(operations) >= self.full:
            self.trim()

    def trim(self) -> None:
        """Forget the oldest; of those that may still be stored the number of events is kept."""
        for operation in islice(self.operations.values(), max(len(self.operations) - self.window.size, 0)):
            due = self.due(operation)
            if due:
                stream = operation.prepared.stream
                self.lingering[stream] = self.lingering.get(stream, 0) + due
        self.window.trim(self.operations)

    def due(self, operation: Operation) -> int:
        """How many events of this append may still come."""
        if operation.ended is not None or operation.whole():
            return 0
        prepared = operation.prepared
        expected, version = prepared.expected, self.versions.get(prepared.stream, 0)
        if not operation.placed and not operation.earlier:
            if type(expected) is Exact and expected.version < version:
                return 0
            if type(expected) is NoStream and version:
                return 0
        return max(len(form.events) for form in operation.forms()) - operation.seen

    def under_way(self, stream: str, own: Prepared | None) -> int:
        """How many events may still come to this stream, but for an append that was asked for just now and never before. It looks at all
        appends: only where something is wrong or nearly so."""
        return self.lingering.get(stream, 0) + sum(
            self.due(operation)
            for operation in self.operations.values()
            if operation.prepared.stream == stream and (operation.prepared is not own or operation.retried)
        )

    def on_stored(self, number: int, event: Stored) -> None:
        """Which operation, which event of it?"""
        self.operation = operation = self.operations.get(event.id.rpartition("/")[0])
        self.place = -1
        self.first = False
        if operation is None:
            return
        if not operation.placed:
            operation.placed = True
            self.first = operation.ended is None or type(operation.ended[1]) is Aborted
        seen = operation.seen
        events = operation.prepared.events
        if (seen < len(events) and events[seen].id == event.id) or (
            operation.earlier and any(asked.id == event.id for _, asked in operation.asked(seen))
        ):
            operation.seen = seen + 1
            self.place = seen

    def on_ended(self, number: int, record: Refused | Aborted) -> None:
        """A definite no."""
        operation = self.operations.get(record.op)
        if operation is not None and operation.ended is None:
            operation.ended = (number, record)

    def on_retried(self, number: int, record: Retried) -> None:
        """From now on a second effect is the retry's."""
        operation = self.operations.get(record.op)
        if operation is not None:
            operation.retried = True
        elif self.window.dropped:
            self.forgotten(record.op)

    def forgotten(self, op: str) -> None:
        """Of this append nobody knows the beginning."""
        self.older[op] = None
        if len(self.older) >= self.full:
            self.window.trim(self.older)
