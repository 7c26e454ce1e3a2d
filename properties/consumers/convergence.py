"""Convergence: once faults stop, every consumer reaches the tail without another append (A13).

This is a liveness property, so it has its own phase: the harness restarts everything, appends nothing, and lets consumers run until none
of them does anything more by itself. It is usually broken by a wake-up that arrives between “nothing to read” and “now listening”
(catalogue: lost-wakeup).
"""

from __future__ import annotations

from refold.model.record import Applied, Observed, Settled
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Convergence(Property):
    """For every consumer c when everything is at rest: position(c) == tail(log).

    This is judged where the history says that everything is at rest (`settled`). The position of c is the one at which it was seen at
    rest (`observed`) before that record, but after the previous `settled` record, if there is one. If some consumers were seen and c was
    not, its position is where its effects end. If no consumer was seen, nothing is judged.
    """

    name = "convergence"
    guarantee = "LIVE"
    clauses = {
        "not before the tail": "a consumer that was seen at rest is not before the end of the log",
        "not beyond the tail": "a consumer that was seen at rest is not beyond the end of the log",
        "every consumer": "a consumer that was not seen at rest, while others were, has dealt with every event",
    }
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
        """Every consumer is at the tail."""
        seen, self.resting = self.resting, {}
        for name, (observed, resting) in seen.items():
            if resting.position < self.oracle.tail:
                proof = Evidence(observed, resting, "is where it came to rest")
                return self.behind("not before the tail", number, name, resting.position, proof)
            if resting.position > self.oracle.tail:
                return self.finding(
                    "checkpoint-beyond-tail",
                    name,
                    number,
                    clause="not beyond the tail",
                    guarantee="CKPT",
                    position=resting.position,
                    expected=self.oracle.tail,
                    actual=resting.position,
                    evidence=[Evidence(observed, resting, "is where it came to rest")],
                )
        for name, progress in self.oracle.consumers.items() if seen else ():
            if name not in seen and progress.contiguous < self.oracle.tail:
                proof = Evidence(number, record, "is the end")
                return self.behind("every consumer", number, name, progress.contiguous, proof)
        return None

    def behind(self, clause: str, number: int, name: str, position: int, proof: Evidence) -> Finding:
        """A consumer has not come to the end."""
        oracle = self.oracle
        missed = oracle.between(position, oracle.tail)
        evidence = [Evidence(oracle.numbers[event.position], event, "never arrived") for event in missed[:1]]
        return self.finding(
            "never-reaches-tail",
            name,
            number,
            clause=clause,
            position=missed[0].position if missed else position,
            expected=oracle.tail,
            actual=position,
            evidence=[*evidence, proof],
        )
