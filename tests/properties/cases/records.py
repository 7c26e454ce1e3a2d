"""The small histories that cases are made of: two clients, an ordered consumer “index” (projection pointers), a volatile “totals” with
snapshots, a “cache” without order."""

from __future__ import annotations

from typing import Any

from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Delete, Deleted, Register, Registered
from refold.model.expectation import ANY, NO_STREAM, AnyExpectation, Exact
from refold.model.record import Acknowledged, ConsumerSpec, Opened, Prepared

ADA, BOB = Registered("acme", "ada"), Registered("acme", "bob")
GONE = Deleted("acme", "ada")
ROW = ("acme", 1, "acme")
OPENED = Opened(
    1,
    "by hand",
    "accounts",
    ("alice", "bob"),
    (
        ConsumerSpec(name="index", projection="pointers"),
        ConsumerSpec(name="totals", projection="totals", volatile=True, snapshots=True),
        ConsumerSpec(name="cache", projection="views", ordered=False, volatile=True),
    ),
)


def asked(
    op: str, *payloads: Any, expected: AnyExpectation = ANY, command: Any = None, stream: str = "acme"
) -> Prepared:
    """An invocation."""
    events = tuple(NewEvent(f"{op}/{n}", type(p).__name__, p) for n, p in enumerate(payloads))
    if command is None:
        command = Register("acme", payloads[0].name)
    return Prepared(op.partition("-")[0], op, command, "store", stream, 0, expected, events)


def event(position: int, version: int, payload: Any, id: str, stream: str = "acme") -> Stored:
    """A visible event."""
    return Stored(position, stream, version, id, type(payload).__name__, payload)


def yes(op: str, *positions: int) -> Acknowledged:
    """The log's yes."""
    return Acknowledged(op.partition("-")[0], op, positions)


FIRST = (asked("alice-1", ADA, expected=NO_STREAM), event(1, 1, ADA, "alice-1/0"), yes("alice-1", 1))
"""Alice registers ada at position 1: the beginning of most histories (records 2, 3, 4)."""
SECOND = (
    asked("bob-1", BOB, expected=Exact(1)),
    event(2, 2, BOB, "bob-1/0"),
    yes("bob-1", 2),
)
"""Bob registers bob at position 2 (records 5, 6, 7)."""
DELETED = (
    asked("bob-1", GONE, expected=Exact(1), command=Delete("acme", "ada")),
    event(2, 2, GONE, "bob-1/0"),
    yes("bob-1", 2),
)
"""Bob deletes ada at position 2."""
