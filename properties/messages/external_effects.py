"""Effects on the outside world: each once, none by a replay, none forgotten (A12).

What has left the system cannot be taken back, so a consumer that begins again must not send again what it knows to be done.
Sending twice is excused only by a crash between the sending and the note that it was sent. Usually broken by a rebuild that runs the
same handlers as the live path (catalogue: side-effects-on-replay) and by a boundary that is one number where single
later positions were done too (replay-boundary-token-bug).
"""

from __future__ import annotations

from refold.model.parts.consuming.mailer import Covered, Sent
from refold.model.record import ConsumerSpec, Observed
from refold.properties.oracle import Oracle, Progress
from refold.properties.property import Evidence, Finding, Handler, Property


class Outside(Property):
    """For every consumer c with effects on the outside world and event e: what is sent for e goes to whom e is about, after what was
    sent for e's predecessors in its stream, and never after c made durable that e is done; c makes that durable only after it was sent;
    and at rest every event that c has passed is done."""

    name = "outside"
    guarantee = "REPL"
    judges = (Sent,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.done: dict[str, Progress] = {}
        self.last: dict[str, tuple[int, Covered]] = {}
        self.went: dict[str, set[int]] = {}
        self.newest: dict[tuple[str, str], tuple[int, int, Sent]] = {}

    def handlers(self) -> dict[type, Handler]:
        """What leaves the system, what is noted, and where the consumer comes to rest."""
        return {Sent: self.on_sent, Covered: self.on_covered, Observed: self.on_observed}

    def on_sent(self, number: int, record: Sent) -> Finding | None:
        """Not if it is known to be done."""
        self.went.setdefault(record.consumer, set()).add(record.position)  # until it is noted
        done = self.done.get(record.consumer)
        position = record.position
        if done is None or not (position <= done.contiguous or position in done.beyond):
            return self.in_its_place(number, record)
        event = self.oracle.events.get(position)
        evidence = [] if event is None else [Evidence(self.oracle.numbers[position], event, "is the event")]
        noted = self.last[record.consumer]
        return self.finding(
            "effect-repeated-on-replay",
            record.consumer,
            number,
            position=position,
            expected="nothing: it is known to be done",
            actual=f"sent to {record.to} again",
            evidence=[
                *evidence,
                Evidence(*noted, "is the last note of what is done"),
                Evidence(number, record, "came again"),
            ],
        )

    def in_its_place(self, number: int, record: Sent) -> Finding | None:
        """To whom the event is about, and after the earlier ones of its stream; what is not noted yet may come again."""
        event = self.oracle.events.get(record.position)
        if event is None:
            return None
        proof = Evidence(self.oracle.numbers[record.position], event, "is the event")
        if record.to != event.stream:
            return self.finding(
                "sent-elsewhere",
                record.consumer,
                number,
                guarantee="DUAL",
                position=record.position,
                expected=event.stream,
                actual=record.to,
                evidence=[proof, Evidence(number, record, "went elsewhere")],
            )
        before = self.newest.get((record.consumer, event.stream))
        if before is None or before[0] <= event.version:
            self.newest[record.consumer, event.stream] = (event.version, number, record)
            return None
        return self.finding(
            "sent-out-of-order",
            record.consumer,
            number,
            guarantee="ORD",
            position=record.position,
            expected=f"version {event.version} before version {before[0]}",
            actual="after it",
            evidence=[proof, Evidence(before[1], before[2], "went first"), Evidence(number, record, "came after it")],
        )

    def on_covered(self, number: int, record: Covered) -> Finding | None:
        """Done, and known to be."""
        finding = None
        position = record.position
        went = self.went.setdefault(record.consumer, set())
        done = self.done.get(record.consumer)
        if done is None:
            done = self.done[record.consumer] = Progress(ConsumerSpec(name=record.consumer, projection=""))
        if position not in went and position > done.contiguous and position not in done.beyond:
            finding = self.finding(
                "effect-never-happened",
                record.consumer,
                number,
                guarantee="DUAL",
                position=position,
                expected="sent",
                actual="noted as done",
                evidence=[Evidence(number, record, "notes what was never sent")],
            )
        went.discard(position)
        self.last[record.consumer] = (number, record)
        self.oracle.advance(done, position)
        return finding

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """Everything that it has passed."""
        done = self.done.get(record.consumer)
        if done is None or record.position <= done.contiguous:
            return None
        missing = [
            event
            for event in self.oracle.between(done.contiguous, record.position)
            if event.position not in done.beyond
        ]
        if not missing:
            return None
        return self.finding(
            "effect-never-happened",
            record.consumer,
            number,
            guarantee="DUAL",
            position=missing[0].position,
            expected="sent",
            actual="passed over",
            evidence=[
                Evidence(self.oracle.numbers[missing[0].position], missing[0], "is the event"),
                Evidence(number, record, "has passed it"),
            ],
        )
