"""Effects on the outside world: each once, none by a replay, none forgotten (A12).

What has left the system cannot be taken back, so a consumer that begins again must not send again what it knows to be done.
Sending twice is excused only by a crash between the sending and the note that it was sent. Usually broken by a rebuild that runs the
same handlers as the live path (catalogue: side-effects-on-replay) and by a boundary that is one number where single
later positions were done too (replay-boundary-token-bug).
"""

from __future__ import annotations

from refold.model.mailer import Covered, Sent
from refold.model.record import ConsumerSpec, Observed
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.truth import Progress, Truth


class Outside(Property):
    """For every consumer c with effects on the outside world and event e: nothing is sent for e after c made durable that e is done;
    and at rest every event that c has passed is done."""

    name = "outside"
    guarantee = "REPL"
    judges = (Sent,)

    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.truth = truth
        self.done: dict[str, Progress] = {}
        self.last: dict[str, tuple[int, Covered]] = {}

    def handlers(self) -> dict[type, Handler]:
        """What leaves the system, what is noted, and where the consumer comes to rest."""
        return {Sent: self.on_sent, Covered: self.on_covered, Observed: self.on_observed}

    def on_sent(self, number: int, record: Sent) -> Finding | None:
        """Not if it is known to be done."""
        done = self.done.get(record.consumer)
        position = record.position
        if done is None or not (position <= done.contiguous or position in done.beyond):
            return None
        event = self.truth.events.get(position)
        evidence = [] if event is None else [Evidence(self.truth.numbers[position], event, "is the event")]
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

    def on_covered(self, number: int, record: Covered) -> None:
        """Done, and known to be."""
        done = self.done.get(record.consumer)
        if done is None:
            done = self.done[record.consumer] = Progress(ConsumerSpec(name=record.consumer, projection=""))
        self.last[record.consumer] = (number, record)
        self.truth.advance(done, record.position)

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """Everything that it has passed."""
        done = self.done.get(record.consumer)
        if done is None or record.position <= done.contiguous:
            return None
        missing = [
            event for event in self.truth.between(done.contiguous, record.position) if event.position not in done.beyond
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
                Evidence(self.truth.numbers[missing[0].position], missing[0], "is the event"),
                Evidence(number, record, "has passed it"),
            ],
        )
