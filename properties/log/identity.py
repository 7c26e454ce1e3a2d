"""Identity of appends: every visible event was asked for, once, and together with the rest of its batch (A1, A8).

An append is atomic: whenever the log is at rest, either all of its events are visible, next to each other, or none is. A refused or
rolled-back append leaves no trace. An append that was sent again because its first outcome was unknown has at most one effect. What
becomes visible is what was asked for: the same type and payload, in the same stream, at every read. This is usually broken by encoders
that lose, truncate or mix up fields (such as the payload of a batch's last event under all of its ids), and by stream names that are not
compared character by character.
"""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.event import NewEvent, Stored
from refold.model.record import Aborted, Acknowledged, Altered, Refused, Scanned, Settled, read_payloads
from refold.properties.appends import Operation
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Identity(Property):
    """For every append a: either none of its events is visible, or all of them are, unchanged, adjacent and each exactly once; none is
    visible if a was refused. Nothing else is visible or found in a scan of the log. An acknowledgement names a different position for
    each event, or no positions at all.

    All events of an append must be visible as soon as any other event is, and whenever an append is answered, the log is scanned, or the
    run has settled. Payloads are compared with Python's `==`, so 1, 1.0 and True are equal.
    """

    name = "identity"
    guarantee = "LOG"
    after = ("appends",)
    judges = (Stored,)
    clauses = {
        "asked for": "an event is visible, or found when the log is read again, only if some append asked for it",
        "as asked": "whenever an event is read, it has the stream, type and payload that its append gave it",
        "same place": "an event that is read again has the same version as before",
        "once": "no event of an append is visible twice",
        "whole": "the events of an append are visible together: either all of them, adjacent and in order, or none",
        "refused leaves no trace": "no event of an append that was refused or rolled back is visible",
        "answered in full": "an acknowledgement names as many different positions as the append has events, or none",
    }
    passes = frozenset({Stored, Acknowledged})

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.appends = oracle.appends

    def handlers(self) -> dict[type, Handler]:
        """Visible events, refusals, and the places where a batch must be whole."""
        return {
            Stored: self.on_stored,
            Altered: self.on_altered,
            Refused: self.on_refused,
            Aborted: self.on_ended,
            Acknowledged: self.on_acknowledged,
            Scanned: self.on_scanned,
            Settled: self.on_whole,
        }

    def on_stored(self, number: int, event: Stored) -> Finding | None:
        """It is the next event of an append that is not refused, and no batch is left behind in pieces."""
        appends = self.appends
        operation = appends.operation
        if operation is None:
            return self.unasked(number, event)
        if operation.ended is not None:
            return self.untrue_refusal(number, event, operation, *operation.ended)
        if self.appends.partial is not None and self.appends.partial is not operation:
            return self.torn(number)
        place = appends.place
        if place < 0:
            return self.out_of_place(number, event, operation)
        prepared = operation.prepared
        self.appends.partial = None if operation.seen == len(prepared.events) or operation.whole() else operation
        self.appends.last = (number, event)
        if place < len(prepared.events):
            asked = prepared.events[place]
            if (
                event.stream == prepared.stream
                and event.type == asked.type
                and event.tags is asked.tags
                and (event.data is asked.data or event.data == asked.data)
            ):
                return None
        return self.compare(number, event, operation, place)

    def unasked(self, number: int, event: Stored | Altered, operation: Operation | None = None) -> Finding | None:
        """An event of no append, or of none of its events; nobody knows where appends are forgotten."""
        if operation is None and self.appends.window.dropped:
            return None
        known = [] if operation is None else [Evidence(operation.number, operation.prepared, "is the append")]
        return self.finding(
            "phantom-event",
            event.stream,
            number,
            clause="asked for",
            position=event.position,
            expected="an event that some client appended"
            if operation is None
            else f"one of the events of {operation.prepared.op}",
            actual=event.id,
            evidence=[
                *known,
                Evidence(number, event, "was asked for by nobody" if operation is None else "is none of its events"),
            ],
        )

    def untrue_refusal(
        self, number: int, event: Stored | Altered, operation: Operation, ended: int, how: Refused | Aborted
    ) -> Finding:
        """An event of an append that did not happen."""
        return self.finding(
            "refused-append-visible",
            event.stream,
            number,
            clause="refused leaves no trace",
            position=event.position,
            expected="no trace of a refused append",
            actual=event.id,
            evidence=[
                Evidence(operation.number, operation.prepared, "is the append"),
                Evidence(ended, how, "said that it did not happen"),
                Evidence(number, event, "is its event"),
            ],
        )

    def out_of_place(self, number: int, event: Stored, operation: Operation) -> Finding | None:
        """An event that is not the next one of its append: visible already, none of its events, or one that comes before others."""
        place = operation.place_of(event.id)
        if place is None:
            return self.unasked(number, event, operation)
        if place >= operation.seen:
            self.appends.partial = operation
            self.appends.last = (number, event)
            return self.torn(number, operation.seen + 1)
        return self.repeated(number, event, operation)

    def repeated(self, number: int, event: Stored, operation: Operation) -> Finding:
        """An event that was visible before."""
        return self.finding(
            "double-effect-of-retry" if operation.retried else "duplicate-append",
            event.stream,
            number,
            clause="once",
            guarantee="CAS",
            position=event.position,
            expected="one effect of this append",
            actual=f"{event.id} a second time",
            evidence=[
                Evidence(operation.number, operation.prepared, "is the append"),
                Evidence(number, event, "is its event, stored again"),
            ],
        )

    def on_altered(self, number: int, record: Altered) -> Finding | None:
        """What is read again was asked for, as it looks now, and is where it was."""
        operation = self.appends.operations.get(record.id.rpartition("/")[0])
        if operation is None:
            return self.unasked(number, record)
        place = operation.place_of(record.id)
        if place is None:
            return self.unasked(number, record, operation)
        if operation.ended is not None:
            return self.untrue_refusal(number, record, operation, *operation.ended)
        before = self.oracle.events.get(record.position)
        if before is not None and before.id == record.id and before.version != record.version:
            seen = Evidence(self.oracle.numbers[record.position], before, "is what readers got")
            return self.altered(number, record, "same place", before.version, record.version, seen)
        return self.compare(number, record, operation, place)

    def compare(self, number: int, event: Stored | Altered, operation: Operation, place: int) -> Finding | None:
        """Whether the log shows what it was given, the first time or any other time that the operation was decided."""
        for record in (event, *operation.forms()):
            read_payloads(record)
        asked = operation.asked(place)
        if any(self.is_what(event, form.stream, new) for form, new in asked):
            return None
        prepared, wanted = asked[0]
        expected: dict[str, Any] = {"stream": prepared.stream, "type": wanted.type, "data": wanted.data}
        actual: dict[str, Any] = {"stream": event.stream, "type": event.type, "data": event.data}
        if wanted.tags or event.tags:
            expected["tags"], actual["tags"] = wanted.tags, event.tags
        return self.altered(
            number,
            event,
            "as asked",
            expected,
            actual,
            Evidence(operation.number, prepared, "is what was appended"),
        )

    def altered(
        self, number: int, event: Stored | Altered, clause: str, expected: Any, actual: Any, before: Evidence
    ) -> Finding:
        """The finding that the log gives another event than it was given."""
        stream = before.record.stream
        return self.finding(
            "event-altered",
            stream,
            number,
            clause=clause,
            position=event.position,
            expected=expected,
            actual=actual,
            evidence=[before, Evidence(number, event, "is what readers get")],
        )

    def is_what(self, event: Stored | Altered, stream: str, asked: NewEvent) -> bool:
        """Whether this is the event that was asked for; a history may leave the payloads of requests out (null)."""
        if event.stream != stream or event.type != asked.type:
            return False
        if event.tags != asked.tags and set(event.tags) != set(asked.tags):
            return False
        return asked.data is None or self.same(event.data, asked.data)

    def on_ended(self, number: int, record: Refused | Aborted) -> Finding | None:
        """No event of an append that did not happen is visible already."""
        operation = self.appends.operations.get(record.op)
        if operation is None or not operation.seen or operation.ended is not None:
            return None
        return self.finding(
            "refused-append-visible",
            operation.prepared.stream,
            number,
            clause="refused leaves no trace",
            expected="no trace of a refused append",
            actual=f"{operation.seen} of its events are visible",
            evidence=[
                Evidence(operation.number, operation.prepared, "is the append"),
                Evidence(number, record, "says that it did not happen"),
            ],
        )

    def on_refused(self, number: int, record: Refused) -> Finding | None:
        """Nothing of what was refused is visible, and the last batch is complete."""
        finding = self.on_ended(number, record)
        return self.torn(number) if finding is None and self.appends.partial is not None else finding

    def on_whole(self, number: int, record: object) -> Finding | None:
        """Wherever the log is at rest, the last batch is complete."""
        return self.torn(number) if self.appends.partial is not None else None

    def on_scanned(self, number: int, record: Scanned) -> Finding | None:
        """The last batch is complete; and what readers have not come to yet was asked for, is there once, and with its batch."""
        if self.appends.partial is not None:
            return self.torn(number)
        if not record.positions or record.positions[-1] <= self.oracle.tail:
            return None  # the usual case; what is below, `visibility` and `durability` compare
        finding = self.ahead(number, record)
        if finding is None:
            return None
        proofs = [proof for proof in finding.evidence if type(proof.record) is not Stored]
        return attrs.evolve(finding, evidence=(*proofs, Evidence(number, record, "is a scan that shows it")))

    def ahead(self, number: int, record: Scanned) -> Finding | None:
        """The first of those events that should not be there, or not without others of its batch."""
        found: dict[str, int] = {}
        last = ""
        for position, event_id in zip(record.positions, record.ids, strict=True):
            if position <= self.oracle.tail:
                continue
            op = event_id.rpartition("/")[0]
            if op != last and last in found and (finding := self.incomplete(number, last, found[last])) is not None:
                return finding
            last = op
            operation = self.appends.operations.get(op)
            stream = "log" if operation is None else operation.prepared.stream
            event = Stored(position, stream, 0, event_id, "", None)
            place = None if operation is None else operation.place_of(event_id)
            if operation is None or place is None:
                if (finding := self.unasked(number, event, operation)) is not None:
                    return finding
                continue
            if operation.ended is not None:
                return self.untrue_refusal(number, event, operation, *operation.ended)
            due = found.get(op, operation.seen)
            if place < due:
                return self.repeated(number, event, operation)
            if place > due:
                self.appends.partial = operation
                return self.torn(number, due + 1)
            found[op] = due + 1
        return next((torn for op, count in found.items() if (torn := self.incomplete(number, op, count))), None)

    def incomplete(self, number: int, op: str, count: int) -> Finding | None:
        """Whether so many events are not all that the append has asked for, any of the times."""
        operation = self.appends.operations[op]
        if any(len(form.events) == count for form in operation.forms()):
            return None
        self.appends.partial = operation
        return self.torn(number, count)

    def on_acknowledged(self, number: int, record: Acknowledged) -> Finding | None:
        """The last batch is complete, and the answer names a position for each of its events, or none at all."""
        if self.appends.partial is not None:
            return self.torn(number)
        operation = self.appends.operations.get(record.op)
        answered = len(record.positions)
        if answered > 1:
            answered = len(set(record.positions))
        if operation is None or not answered or answered == len(operation.prepared.events):
            return None
        if any(answered == len(form.events) for form in operation.earlier):
            return None
        return self.finding(
            "answer-misses-events",
            operation.prepared.stream,
            number,
            clause="answered in full",
            expected=f"{len(operation.prepared.events)} positions",
            actual=record.positions,
            evidence=[
                Evidence(operation.number, operation.prepared, "is the append"),
                Evidence(number, record, "names as many positions as these"),
            ],
        )

    def torn(self, number: int, visible: int | None = None) -> Finding:
        """The finding that a batch is visible in part: as far as its beginning was seen, if nothing else is said."""
        operation, self.appends.partial = self.appends.partial, None
        assert operation is not None
        evidence = [Evidence(operation.number, operation.prepared, "is the append of a batch")]
        if self.appends.last is not None:
            evidence.append(Evidence(*self.appends.last, "is the last event that is visible of it"))
        return self.finding(
            "partial-batch",
            operation.prepared.stream,
            number,
            clause="whole",
            expected=len(operation.prepared.events),
            actual=operation.seen if visible is None else visible,
            evidence=evidence,
        )
