"""Convergence: once faults stop, every consumer reaches the tail without another append (A13).

A liveness property, so it has a phase of its own: the harness restarts everything, appends nothing, and lets consumers run until none
of them would do anything by itself. Usually broken by a wake-up that falls between «nothing to read» and «now
listening» (catalogue: lost-wakeup).
"""

from __future__ import annotations

from refold.model.record import Applied, Observed, Settled
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Convergence(Property):
    """For every consumer c at rest: position(c) == tail(log)."""

    name = "convergence"
    guarantee = "LIVE"
    judges = (Applied,)

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle
        self.resting: dict[str, tuple[int, Observed]] = {}

    def handlers(self) -> dict[type, Handler]:
        """The end of the run."""
        return {Observed: self.on_observed, Settled: self.on_settled}

    def on_observed(self, number: int, record: Observed) -> None:
        """Where a consumer came to rest."""
        self.resting[record.consumer] = (number, record)

    def on_settled(self, number: int, record: Settled) -> Finding | None:
        """Everybody at the tail?"""
        oracle = self.oracle
        for name, (observed, resting) in self.resting.items():
            if resting.position < oracle.tail:
                missed = oracle.between(resting.position, oracle.tail)
                evidence = [Evidence(oracle.numbers[event.position], event, "never arrived") for event in missed[:1]]
                return self.finding(
                    "never-reaches-tail",
                    name,
                    number,
                    position=missed[0].position if missed else resting.position,
                    expected=oracle.tail,
                    actual=resting.position,
                    evidence=[*evidence, Evidence(observed, resting, "is where it came to rest")],
                )
        return None
