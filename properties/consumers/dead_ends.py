"""Dead ends: at rest no consumer is left that fails each time on the same event.

This is usually broken by a handler that does not recognise an event or the rows that it finds, and by an event that was applied twice
although a constraint of the table allows it only once.
"""

from __future__ import annotations

from refold.model.parts.calls import Stuck
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class DeadEnds(Property):
    """Once nothing goes wrong any more, every consumer reaches the end of the log. No consumer is stopped by an event on which it fails
    again and again, even in a new process.

    This property is kept, although no broken system of the zoo needs it: those systems are parts of the model, and this property judges a
    user's own code (tests/systems/frameworks).
    """

    name = "dead-ends"
    guarantee = "LIVE"
    clauses = {"no dead end": "a consumer that fails on an event does not fail on it for ever"}

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def handlers(self) -> dict[type, Handler]:
        """Those that were given up."""
        return {Stuck: self.on_stuck}

    def on_stuck(self, number: int, record: Stuck) -> Finding:
        """Whatever it fails on."""
        oracle = self.oracle
        missed = oracle.between(record.position, oracle.tail)[:1]
        return self.finding(
            "never-reaches-tail",
            record.consumer,
            number,
            clause="no dead end",
            position=missed[0].position if missed else record.position,
            expected=oracle.tail,
            actual=record.position,
            evidence=[
                *(Evidence(oracle.numbers[event.position], event, "never arrived") for event in missed),
                Evidence(number, record, "is where it came to rest"),
            ],
        )
