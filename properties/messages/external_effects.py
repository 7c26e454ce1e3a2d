"""Effects on the outside world: each once, none by a replay, none forgotten (A12).

What has left the system cannot be taken back, so a consumer that starts over must not send again what it has recorded as done. Sending
twice is excused only by a crash between sending a message and recording that it was sent, once for each crash. This is usually broken by
a rebuild that runs the same handlers as the live path (catalogue: side-effects-on-replay), and by keeping the boundary as one number
although some later positions were done too (replay-boundary-token-bug).
"""

from __future__ import annotations

from refold.model.event import Stored
from refold.model.parts.consuming.mailer import Covered, MailerJoined, Sent
from refold.model.record import Crashed, Observed, Recovered
from refold.properties.messages.coverage import Coverage
from refold.properties.messages.stream_order import StreamOrder
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class ExternalEffects(Property):
    """For every consumer c with effects on the outside world and every event e: what is sent for e goes to the receiver that e is about.
    It is first sent after what was sent for e's predecessors in its stream, and never after c has durably recorded that e is done. Until
    then it is sent once, and may be sent once more after each crash or new start of c. The consumer records that e is done only after
    something was sent for e. Messages are sent only for events in the log, and at rest every event that c has passed is done. Consumers
    of this kind declare it when they join, or show it by what they send and record."""

    name = "external-effects"
    guarantee = "REPL"
    clauses = {
        "not after it is done": "nothing is sent for an event that the consumer has recorded as done",
        "once for each start": "the message for an event that is not recorded as done is sent again only after a crash or a new start",
        "for an event": "a message is sent only because of an event that is in the log",
        "to whom it is about": "what is sent for an event goes to the receiver that the event is about",
        "in the order of streams": "what is sent for an event is first sent after what was sent for its predecessors in its stream",
        "done only if sent": "an event is recorded as done only after something was sent for it",
        "none forgotten": "at rest every event that the consumer has passed is recorded as done",
    }
    judges = (Sent,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.done = Coverage(
            oracle, "whether consumers with effects on the outside world did so for events older than the newest {size}"
        )
        self.windows = (self.done.window,)
        self.notes: dict[str, dict[int, tuple[int, Covered]]] = {}
        self.went: dict[str, dict[int, tuple[int, Sent]]] = {}
        self.excused: dict[str, set[int]] = {}
        self.down: set[str] = set()
        self.order = StreamOrder()

    def handlers(self) -> dict[type, Handler]:
        """What leaves the system, what is noted, deaths, and where the consumer comes to rest."""
        return {
            MailerJoined: self.on_joined,
            Sent: self.on_sent,
            Covered: self.on_covered,
            Crashed: self.on_down,
            Recovered: self.on_down,
            Observed: self.on_observed,
        }

    def on_joined(self, number: int, record: MailerJoined) -> None:
        """From here on every event asks something of it."""
        self.begins(record.consumer)

    def begins(self, consumer: str) -> dict[int, tuple[int, Sent]]:
        """What this consumer has sent and not noted; from here on it is one with effects on the outside world."""
        if consumer not in self.went:
            self.went[consumer] = {}
            self.done.of(consumer)
        return self.went[consumer]

    def on_down(self, number: int, record: Crashed | Recovered) -> None:
        """What was sent and not noted by then may be sent once more. A start that follows a crash is no second reason."""
        name = record.process
        if name not in self.went:
            return
        if type(record) is Crashed or name not in self.down:
            self.excused[name] = set(self.went[name])
        if type(record) is Crashed:
            self.down.add(name)
        else:
            self.down.discard(name)

    def on_sent(self, number: int, record: Sent) -> Finding | None:
        """Nothing is sent that is known to be done, nor twice without a crash."""
        name, position = record.consumer, record.position
        went = self.begins(name)
        before = went.get(position)
        went[position] = (number, record)
        event = self.oracle.events.get(position)
        if self.oracle.nowhere(position):
            return self.without_cause(number, record)
        if self.done.unknown(name, position):
            return None
        if self.done.includes(name, position):
            return self.repeated(number, record)
        if event is None:
            return None
        if before is None:
            return self.in_its_place(number, record, event)
        excused = self.excused.get(name, set())
        if position in excused:
            excused.remove(position)
            return self.in_its_place(number, record, event, again=True)
        return self.finding(
            "side-effect-twice",
            name,
            number,
            clause="once for each start",
            guarantee="DUAL",
            position=position,
            expected="one message",
            actual=f"sent to {record.to} again",
            evidence=[
                Evidence(*before, "was sent"),
                Evidence(number, record, "was sent again, without a crash between"),
            ],
        )

    def repeated(self, number: int, record: Sent) -> Finding | None:
        """What is known to be done came again."""
        position = record.position
        event = self.oracle.events.get(position)
        noted = self.notes.get(record.consumer, {}).get(position)
        evidence = [] if event is None else [Evidence(self.oracle.numbers[position], event, "is the event")]
        return self.finding(
            "effect-repeated-on-replay",
            record.consumer,
            number,
            clause="not after it is done",
            position=position,
            expected="nothing: it is known to be done",
            actual=f"sent to {record.to} again",
            evidence=[
                *evidence,
                *([] if noted is None else [Evidence(*noted, "is the note that it is done")]),
                Evidence(number, record, "came again"),
            ],
        )

    def in_its_place(self, number: int, record: Sent, event: Stored, again: bool = False) -> Finding | None:
        """To whom the event is about, and the first time after the earlier ones of its stream."""
        proof = Evidence(self.oracle.numbers[record.position], event, "is the event")
        if record.to != event.stream:
            return self.finding(
                "sent-elsewhere",
                record.consumer,
                number,
                clause="to whom it is about",
                guarantee="DUAL",
                position=record.position,
                expected=event.stream,
                actual=record.to,
                evidence=[proof, Evidence(number, record, "went elsewhere")],
            )
        if again:
            return None
        return self.order.sent(self, record.consumer, record.consumer, number, record, event, [proof])

    def without_cause(self, number: int, record: Sent) -> Finding:
        """There is no such event, whatever the consumer has passed."""
        return self.finding(
            "side-effect-without-cause",
            record.consumer,
            number,
            clause="for an event",
            guarantee="DUAL",
            position=record.position,
            expected="nothing: there is no such event",
            actual=f"sent to {record.to}",
            evidence=[Evidence(number, record, "was sent all the same")],
        )

    def on_covered(self, number: int, record: Covered) -> Finding | None:
        """Only what was sent is noted as done."""
        name, position = record.consumer, record.position
        sent = self.begins(name).pop(position, None)
        self.remember(number, record)
        known = not self.oracle.nowhere(position) and self.done.includes(name, position)
        self.done.add(name, position)
        if sent is not None or known:
            return None
        return self.finding(
            "effect-never-happened",
            name,
            number,
            clause="done only if sent",
            guarantee="DUAL",
            position=position,
            expected="sent",
            actual="noted as done",
            evidence=[Evidence(number, record, "notes what was never sent")],
        )

    def remember(self, number: int, record: Covered) -> None:
        """The first note for each event that the oracle remembers."""
        notes = self.notes.setdefault(record.consumer, {})
        notes.setdefault(record.position, (number, record))
        if len(notes) > 2 * max(self.oracle.kept, len(self.oracle.events)):
            self.notes[record.consumer] = {at: note for at, note in notes.items() if at >= self.oracle.low}

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """Every event that it has passed is noted as done."""
        if record.consumer not in self.went:
            return None
        missing = self.done.lacking(record.consumer, record.position)
        if missing is None:
            return None
        return self.finding(
            "effect-never-happened",
            record.consumer,
            number,
            clause="none forgotten",
            guarantee="DUAL",
            position=missing.position,
            expected="sent",
            actual="passed over",
            evidence=[
                Evidence(self.oracle.numbers[missing.position], missing, "is the event"),
                Evidence(number, record, "has passed it"),
            ],
        )
