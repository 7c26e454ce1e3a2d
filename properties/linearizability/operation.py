"""An operation is one call by one client: invoked, and later returned, failed, or never heard of again.

A history without positions is all that an outside observer has: *when* each client asked and *when* it was answered,
as indices into one total order of events, and what was asked and answered. Nothing says where in between an operation
took effect. Intervals are closed: an operation takes effect at its invocation, at its return, or in between.
"""

import enum
from collections.abc import Hashable, Iterable
from typing import Any

import attrs

__all__ = ["History", "Operation", "Outcome", "known_after"]


class Outcome(enum.Enum):
    """How an operation ended, as its client saw it."""

    OK = "ok"
    """It took effect, and `result` is what it answered."""
    FAIL = "fail"
    """It took no effect; whether that says anything about the state is for the specification to decide."""
    UNKNOWN = "info"
    """It may take effect at any time after its invocation, or never."""

    __hash__ = object.__hash__  # it is part of a million keys


@attrs.frozen(slots=True)
class Operation:
    """One call by one client, from its invocation to its return."""

    process: Hashable
    """Who called."""
    f: str
    """What was called: `read`, `write`, `cas`, `add`, …"""
    argument: Any = None
    """What it was called with (hashable)."""
    outcome: Outcome = Outcome.UNKNOWN
    """How it ended."""
    result: Any = None
    """What it answered (hashable), where `outcome` is `OK`."""
    invoked: int = 0
    """Index of the event that called it."""
    returned: int | None = None
    """Index of the event that ended it; None while nothing was heard. An `UNKNOWN` one stays open past this event."""
    key: Hashable = None
    """Which object it was called on; objects are independent of each other."""
    line_invoked: int | None = None
    """Line of the file that holds the invocation."""
    line_returned: int | None = None
    """Line of the file that holds the return."""


@attrs.frozen(slots=True)
class History:
    """Operations in the order of their invocations, and how many events they span."""

    operations: tuple[Operation, ...]
    """In the order of `invoked`."""
    events: int
    """Events are numbered from 0 to `events - 1`."""
    source: str = "history"
    """Where it was read: named in messages."""
    records: int = 0
    """Records read, those of no client (a nemesis, a comment) included."""

    def prefix(self, events: int) -> "History":
        """What was known after the first `events` events: later returns are unheard, later calls unmade."""
        known = known_after(self.operations, events)
        return History(tuple(known), min(events, self.events), self.source, self.records)


def known_after(operations: Iterable[Operation], events: int) -> list[Operation]:
    """The operations invoked in the first `events` events; an outcome that came later is unknown."""
    return [
        operation
        if operation.returned is None or operation.returned < events
        else attrs.evolve(operation, outcome=Outcome.UNKNOWN, result=None, returned=None, line_returned=None)
        for operation in operations
        if operation.invoked < events
    ]
