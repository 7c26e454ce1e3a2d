"""Cases of the properties of the log: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from refold.model.examples.accounts import Registered, Released, Rename
from refold.model.expectation import Exact
from refold.model.parts.reading.range_reads import RangeRead
from refold.model.record import Aborted, Altered, Disordered, Scanned, Settled, Started, StreamScanned

from .case import Case
from .records import ADA, BOB, FIRST, SECOND, asked, event, yes

FREED = Released("acme", "ada")
CLEO = Registered("acme", "cleo")
BATCH = asked("bob-1", FREED, BOB, expected=Exact(1), command=Rename("acme", "ada", "bob"))
"""Bob renames ada: two events in one append."""
ODD = asked("bob-1", BOB, expected=Exact(1))
"""Bob registers bob, at whatever position."""
BOTH = ("alice-1/0", "bob-1/0")

CASES: dict[tuple[str, str], Case] = {
    # identity
    ("identity", "asked for"): Case(
        (*FIRST, event(2, 2, BOB, "nobody-1/0")),
        (*FIRST, asked("nobody-1", BOB, expected=Exact(1)), event(2, 2, BOB, "nobody-1/0")),
    ),
    ("identity", "as asked"): Case(
        (*FIRST, Altered(1, "acme", 1, "alice-1/0", "Registered", BOB)),
        (*FIRST, Altered(1, "acme", 1, "alice-1/0", "Registered", ADA)),
    ),
    ("identity", "same place"): Case(
        (*FIRST, Altered(1, "acme", 2, "alice-1/0", "Registered", ADA)),
        (*FIRST, Altered(1, "acme", 1, "alice-1/0", "Registered", ADA)),
    ),
    ("identity", "once"): Case(
        (*FIRST, event(2, 2, ADA, "alice-1/0")),
        FIRST,
        also=frozenset(),
    ),
    ("identity", "whole"): Case(
        (*FIRST, BATCH, event(2, 2, FREED, "bob-1/0"), Settled(0)),
        (*FIRST, BATCH, event(2, 2, FREED, "bob-1/0"), event(3, 3, BOB, "bob-1/1"), Settled(0)),
    ),
    ("identity", "refused leaves no trace"): Case(
        (
            *FIRST,
            asked("bob-1", BOB),
            Started("bob", "bob-1", (2,)),
            Aborted("bob", "bob-1"),
            event(2, 2, BOB, "bob-1/0"),
        ),
        (*FIRST, asked("bob-1", BOB), Started("bob", "bob-1", (2,)), event(2, 2, BOB, "bob-1/0")),
    ),
    ("identity", "answered in full"): Case(
        (*FIRST, BATCH, event(2, 2, FREED, "bob-1/0"), event(3, 3, BOB, "bob-1/1"), yes("bob-1", 2)),
        (*FIRST, BATCH, event(2, 2, FREED, "bob-1/0"), event(3, 3, BOB, "bob-1/1"), yes("bob-1", 2, 3)),
    ),
    # visibility
    ("visibility", "positions grow"): Case(
        (asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), asked("bob-1", BOB), event(1, 2, BOB, "bob-1/0")),
        (asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), asked("bob-1", BOB), event(3, 2, BOB, "bob-1/0")),
    ),
    ("visibility", "versions"): Case(
        (*FIRST, asked("bob-1", BOB), event(2, 3, BOB, "bob-1/0")),
        (*FIRST, asked("bob-1", BOB), event(2, 2, BOB, "bob-1/0")),
    ),
    ("visibility", "answers below"): Case(
        (asked("bob-1", BOB), asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), yes("bob-1", 1)),
        (asked("bob-1", BOB), asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), yes("bob-1", 3)),
    ),
    ("visibility", "answers"): Case(
        (*FIRST, asked("carol-1", CLEO, expected=Exact(2)), yes("carol-1", 2), ODD, event(2, 2, BOB, "bob-1/0")),
        (*FIRST, asked("carol-1", CLEO, expected=Exact(2)), yes("carol-1", 3), ODD, event(2, 2, BOB, "bob-1/0")),
    ),
    ("visibility", "pages"): Case(
        (*FIRST, *SECOND, Disordered("observer", (2, 1))),
        (*FIRST, *SECOND, Disordered("observer", (1, 2))),
    ),
    ("visibility", "scans in order"): Case(
        (*FIRST, *SECOND, Scanned((2, 1), ("bob-1/0", "alice-1/0"))),
        (*FIRST, *SECOND, Scanned((1, 2), BOTH)),
    ),
    ("visibility", "scans"): Case(
        (asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), Scanned((1, 2), ("bob-1/0", "alice-1/0"))),
        (asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), Scanned((2,), ("alice-1/0",))),
    ),
    # durability
    ("durability", "visible"): Case(
        (*FIRST, *SECOND, Scanned((1,), ("alice-1/0",))),
        (*FIRST, *SECOND, Scanned((1, 2), BOTH)),
    ),
    ("durability", "acknowledged"): Case(
        (*FIRST, ODD, yes("bob-1", 2), Scanned((1,), ("alice-1/0",))),
        (*FIRST, ODD, Scanned((1,), ("alice-1/0",))),
    ),
    # ranges
    ("ranges", "bounds"): Case(
        (*FIRST, *SECOND, RangeRead(0, 1, 9, (1, 2), BOTH)),
        (*FIRST, *SECOND, RangeRead(0, 2, 9, (1, 2), BOTH)),
    ),
    ("ranges", "limit"): Case(
        (*FIRST, *SECOND, RangeRead(1, 2, 1, (1, 2), BOTH)),
        (*FIRST, *SECOND, RangeRead(1, 2, 1, (1,), BOTH[:1])),
    ),
    ("ranges", "order"): Case(
        (*FIRST, *SECOND, RangeRead(1, 2, 9, (2, 1), BOTH[::-1])),
        (*FIRST, *SECOND, RangeRead(1, 2, 9, (1, 2), BOTH)),
    ),
    ("ranges", "contents"): Case(
        (*FIRST, asked("bob-1", BOB), Started("bob", "bob-1", (2,)), RangeRead(1, 1, 4, (1,), ("other/0",))),
        (*FIRST, asked("bob-1", BOB), Started("bob", "bob-1", (2,)), RangeRead(1, 1, 4, (1,), ("alice-1/0",))),
    ),
    # reachability
    ("reachability", "numbered"): Case(
        (*FIRST, *SECOND, StreamScanned("acme", (2, 1))),
        (*FIRST, *SECOND, StreamScanned("acme", (1, 2))),
    ),
    ("reachability", "seen"): Case(
        (*FIRST, StreamScanned("acme", (1, 2))),
        (*FIRST, StreamScanned("acme", (1,))),
    ),
    ("reachability", "found"): Case(
        (*FIRST, *SECOND, StreamScanned("acme", (1,)), Settled(0)),
        (*FIRST, *SECOND, StreamScanned("acme", (1, 2)), Settled(0)),
    ),
}
