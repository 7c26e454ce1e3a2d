"""Deadlocks: nobody waits for somebody who waits for him.

This is usually broken by two locks that are taken in different orders, and by a lock that is held during a call that needs it too.
"""

from __future__ import annotations

from refold.model.parts.calls import Deadlocked
from refold.properties.oracle import Oracle
from refold.properties.property import Evidence, Finding, Handler, Property


class Deadlocks(Property):
    """Processes never wait for each other in a circle in which each one waits for a lock that the next one holds, or for the next one to
    end.

    A deadlock that a server detects and breaks by itself is not a finding. This property is kept, although no broken system of the zoo
    needs it: those systems are parts of the model, and this property judges a user's own code (tests/systems/user).
    """

    name = "deadlocks"
    guarantee = "LIVE"
    clauses = {"no circle": "a caller that waits for a lock waits for somebody who can continue"}

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
