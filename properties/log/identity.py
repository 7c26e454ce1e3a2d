"""Identity of appends: every visible event was asked for, once, and together with the rest of its batch (A1, A8).

An append is atomic: all of its events become visible, next to each other, or none. A refused or rolled back append leaves no trace. An
append whose first outcome was unknown, and which was sent again, has at most one effect. What becomes visible is what was asked for: the
same type and payload, in the same stream. Usually broken by encoders that lose, cut or mix fields (the payload of a batch's last event
under all of its ids), and by stream names that are not compared letter by letter.
"""

from __future__ import annotations

import msgspec

from refold.model.event import NewEvent, Stored
from refold.model.record import Aborted, Acknowledged, Altered, Prepared, Refused, Retried, Scanned, Settled
from refold.properties.property import Evidence, Finding, Handler, Property, forget_oldest

REMEMBERED = 10_000
"""Finished operations that are remembered, to recognise an event that appears a second time."""


class Operation(msgspec.Struct, gc=False):
    """One append and what has become visible of it; `number` is that of the record `prepared`."""

    number: int
    prepared: Prepared
    earlier: tuple[Prepared, ...] = ()
    seen: int = 0
    ended: tuple[int, Refused | Aborted] | None = None
    retried: bool = False


class Identity(Property):
    """For every append a: the visible events of a are none of it or all of it, as they were asked for, adjacent, once; none if a was
    refused."""

    name = "identity"
    guarantee = "LOG"
    judges = (Stored,)

    def __init__(self) -> None:
        super().__init__()
        self.operations: dict[str, Operation] = {}
        self.partial: Operation | None = None
        self.last: tuple[int, Stored] | None = None

    def handlers(self) -> dict[type, Handler]:
        """Invocations, visible events, refusals, and the places where a batch must be whole."""
        return {
            Prepared: self.on_prepared,
            Stored: self.on_stored,
            Altered: self.on_altered,
            Retried: self.on_retried,
            Refused: self.on_ended,
            Aborted: self.on_ended,
            Acknowledged: self.on_acknowledged,
            Scanned: self.on_whole,
            Settled: self.on_whole,
        }

    def on_prepared(self, number: int, record: Prepared) -> Finding | None:
        """A new operation."""
        operations = self.operations
        known = operations.get(record.op)
        if known is not None:  # decided anew, under the same event ids
            if known.prepared.events != record.events:
                known.earlier = (*known.earlier, known.prepared)
            known.number, known.prepared = number, record
            return None
        operations[record.op] = Operation(number, record)
        if len(operations) >= 2 * REMEMBERED:
            forget_oldest(operations, REMEMBERED)
        return None

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """Which operation, which event of it?"""
        op = event.id.rpartition("/")[0]
        operation = self.operations.get(op)
        if operation is None:
            if len(self.operations) >= REMEMBERED:
                return None
            return self.finding(
                "phantom-event",
                event.stream,
                number,
                position=event.position,
                expected="an event that some client appended",
                actual=event.id,
                evidence=[Evidence(number, event, "was asked for by nobody")],
            )
        if operation.ended is not None:
            ended, how = operation.ended
            return self.finding(
                "refused-append-visible",
                event.stream,
                number,
                position=event.position,
                expected="no trace of a refused append",
                actual=event.id,
                evidence=[
                    Evidence(operation.number, operation.prepared, "is the append"),
                    Evidence(ended, how, "said that it did not happen"),
                    Evidence(number, event, "is its event"),
                ],
            )
        if self.partial is not None and self.partial is not operation:
            return self.torn(number)
        wanted = operation.seen
        events = operation.prepared.events
        if wanted < len(events) and events[wanted].id == event.id:
            operation.seen = wanted + 1
            self.partial = operation if wanted + 1 < len(events) else None
            self.last = (number, event)
            asked = events[wanted]
            if event.data is asked.data and event.stream == operation.prepared.stream and event.type == asked.type:
                return None
            return self.compare(number, event, operation, wanted)
        if event.id in {new.id for new in events[:wanted]}:
            return self.finding(
                "double-effect-of-retry" if operation.retried else "duplicate-append",
                event.stream,
                number,
                guarantee="CAS",
                position=event.position,
                expected="one effect of this append",
                actual=f"{event.id} a second time",
                evidence=[
                    Evidence(operation.number, operation.prepared, "is the append"),
                    Evidence(number, event, "is its event, stored again"),
                ],
            )
        if event.id not in {new.id for new in events}:
            return self.finding(
                "phantom-event",
                event.stream,
                number,
                position=event.position,
                expected=f"one of the events of {op}",
                actual=event.id,
                evidence=[
                    Evidence(operation.number, operation.prepared, "is the append"),
                    Evidence(number, event, "is none of its events"),
                ],
            )
        self.partial = operation
        self.last = (number, event)
        return self.torn(number, operation.seen + 1)

    def on_altered(self, number: int, record: Altered) -> Finding | None:
        """Another form than before; is it one that was asked for?"""
        op, _, _ = record.id.rpartition("/")
        operation = self.operations.get(op)
        if operation is None:
            return None
        ids = [event.id for event in operation.prepared.events]
        return self.compare(number, record, operation, ids.index(record.id)) if record.id in ids else None

    def compare(self, number: int, event: Stored | Altered, operation: Operation, place: int) -> Finding | None:
        """Whether the log shows what it was given, the first time or any other time that the operation was decided."""
        for prepared in (operation.prepared, *operation.earlier):
            if place < len(prepared.events) and self.is_what(event, prepared.stream, prepared.events[place]):
                return None
        prepared = operation.prepared
        asked = prepared.events[place]
        return self.finding(
            "event-altered",
            prepared.stream,
            number,
            position=event.position,
            expected={"stream": prepared.stream, "type": asked.type, "data": asked.data},
            actual={"stream": event.stream, "type": event.type, "data": event.data},
            evidence=[
                Evidence(operation.number, prepared, "is what was appended"),
                Evidence(number, event, "is what readers get"),
            ],
        )

    def is_what(self, event: Stored | Altered, stream: str, asked: NewEvent) -> bool:
        """Whether this is the event that was asked for; a history may leave the payloads of requests out (null)."""
        if event.stream != stream or event.type != asked.type:
            return False
        return asked.data is None or self.same(event.data, asked.data)

    def on_retried(self, number: int, record: Retried) -> None:
        """From now on a second effect is the retry's."""
        operation = self.operations.get(record.op)
        if operation is not None:
            operation.retried = True

    def on_ended(self, number: int, record: Refused | Aborted) -> Finding | None:
        """Nothing of it may be visible, now or later."""
        operation = self.operations.get(record.op)
        if operation is None:
            return None
        if operation.seen:
            return self.finding(
                "refused-append-visible",
                operation.prepared.stream,
                number,
                expected="no trace of a refused append",
                actual=f"{operation.seen} of its events are visible",
                evidence=[
                    Evidence(operation.number, operation.prepared, "is the append"),
                    Evidence(number, record, "says that it did not happen"),
                ],
            )
        operation.ended = (number, record)
        return None

    def on_whole(self, number: int, record: object) -> Finding | None:
        """Wherever the log is at rest, the last batch is complete."""
        return self.torn(number) if self.partial is not None else None

    def on_acknowledged(self, number: int, record: Acknowledged) -> Finding | None:
        """The batch is whole, and the answer names a position for each of its events, or none at all."""
        if self.partial is not None:
            return self.torn(number)
        operation = self.operations.get(record.op)
        answered = len(record.positions)
        if operation is None or not answered or answered == len(operation.prepared.events):
            return None
        if any(answered == len(prepared.events) for prepared in operation.earlier):
            return None
        return self.finding(
            "answer-misses-events",
            operation.prepared.stream,
            number,
            expected=f"{len(operation.prepared.events)} positions",
            actual=record.positions,
            evidence=[
                Evidence(operation.number, operation.prepared, "is the append"),
                Evidence(number, record, "names as many positions as these"),
            ],
        )

    def torn(self, number: int, visible: int | None = None) -> Finding:
        """The finding that a batch is visible in part: as far as its beginning was seen, if nothing else is said."""
        operation, self.partial = self.partial, None
        assert operation is not None
        evidence = [Evidence(operation.number, operation.prepared, "is the append of a batch")]
        if self.last is not None:
            evidence.append(Evidence(*self.last, "is the last event that is visible of it"))
        return self.finding(
            "partial-batch",
            operation.prepared.stream,
            number,
            expected=len(operation.prepared.events),
            actual=operation.seen if visible is None else visible,
            evidence=evidence,
        )
