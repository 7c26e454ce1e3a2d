"""Dead ends: at rest no consumer is left that fails each time on the same event.

Usually broken by a handler that does not know an event, or rows that it finds, and by an event that was applied twice where once is a
constraint of the table.
"""

from __future__ import annotations

from refold.model.parts.calls import Stuck
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class DeadEnds(Property):
    """When nothing goes wrong any more, every consumer comes to the end of the log; none is stopped by an event on which it fails however
    often it is tried, and in a new process as well.

    This property is kept although no broken system of the zoo needs it: those systems are parts of the model, and this property judges a
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
