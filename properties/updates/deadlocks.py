"""Deadlocks: nobody waits for somebody who waits for him.

Usually broken by two locks that are taken in different orders, and by a lock that is held during a call that needs it too.
"""

from __future__ import annotations

from refold.model.parts.calls import Deadlocked
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Deadlocks(Property):
    """At no time do processes wait for each other in a circle, each for a lock, or for the end, of the next one.

    A deadlock that a server notices by itself, and refuses, is no finding. This property is kept although no broken system of the zoo
    needs it: those systems are parts of the model, and this property judges a user's own code (tests/systems/user).
    """

    name = "deadlocks"
    guarantee = "LIVE"
    clauses = {"no circle": "a caller that waits for a lock waits for somebody who can go on"}

    def __init__(self, oracle: Oracle) -> None:
        super().__init__()
        self.oracle = oracle

    def handlers(self) -> dict[type, Handler]:
        """Circles."""
        return {Deadlocked: self.on_deadlocked}

    def on_deadlocked(self, number: int, record: Deadlocked) -> Finding:
        """Whatever it is, it has no end."""
        return self.finding(
            "deadlock",
            " and ".join(sorted(record.waits)),
            number,
            clause="no circle",
            expected="somebody who can go on",
            actual=record.waits,
            evidence=[Evidence(number, record, "is the circle")],
        )
