"""Cases of the properties of the log: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from typing import Any

import msgspec

from refold.model.event import Stored
from refold.model.examples.accounts import Registered, Released, Rename
from refold.model.expectation import NO_STREAM, Exact
from refold.model.parts.calls import Moved
from refold.model.parts.reading.range_reads import RangeRead
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.record import (
    Aborted,
    Altered,
    Crashed,
    Disordered,
    NotRecovered,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Started,
    StreamScanned,
    Unknown,
)

from .case import Case
from .records import ADA, BOB, FIRST, OPENED, SECOND, asked, event, yes

FREED = Released("acme", "ada")
CLEO = Registered("acme", "cleo")
BATCH = asked("bob-1", FREED, BOB, expected=Exact(1), command=Rename("acme", "ada", "bob"))
"""Bob renames ada: two events in one append."""
ODD = asked("bob-1", BOB, expected=Exact(1))
"""Bob registers bob, at whatever position."""
BOTH = ("alice-1/0", "bob-1/0")
LATER = event(3, 2, BOB, "bob-1/0")
"""Bob's event, with a free position before it."""

PROMISED_TWICE = (asked("bob-1", BOB), asked("carol-1", CLEO), yes("bob-1", 2), yes("carol-1", 2))
"""Both are told that their event is at position 2."""
COMES_TO_BOB = (event(2, 2, BOB, "bob-1/0"), event(3, 3, CLEO, "carol-1/0"))
COMES_TO_CLEO = (event(2, 2, CLEO, "carol-1/0"), event(3, 3, BOB, "bob-1/0"))

LASTING = msgspec.structs.replace(
    OPENED, capabilities=("durable-removal", "retention", "stream-deletion", "truncation")
)
"""A log whose removals are durable."""
TWO = (*FIRST, *SECOND)

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
    # removals
    ("removals", "stays removed"): Case(
        (*TWO, LogTrimmed(1), Scanned((1, 2), BOTH)),
        (*TWO, LogTrimmed(1), Scanned((2,), BOTH[1:])),
    ),
    ("removals", "in streams"): Case(
        (*TWO, StreamTruncated("acme", 1), StreamScanned("acme", (1, 2))),
        (*TWO, StreamTruncated("acme", 1), StreamScanned("acme", (2,))),
    ),
    ("removals", "durable"): Case(
        (LASTING, *TWO, StreamDeleted("acme", 2), Crashed("log", 0), Recovered("log", 0, None), Scanned((1, 2), BOTH)),
        (*TWO, StreamDeleted("acme", 2), Crashed("log", 0), Recovered("log", 0, None), Scanned((1, 2), BOTH)),
    ),
    ("removals", "positions go on"): Case(
        (*TWO, LogTrimmed(2), asked("carol-1", CLEO), yes("carol-1", 2)),
        (*TWO, LogTrimmed(2), asked("carol-1", CLEO), yes("carol-1", 3)),
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
    ("visibility", "versions go on"): Case(
        (*FIRST, StreamDeleted("acme", 1), asked("bob-1", BOB), event(2, 1, BOB, "bob-1/0")),
        (*FIRST, StreamDeleted("acme", 1), asked("bob-1", BOB), event(2, 2, BOB, "bob-1/0")),
    ),
    ("visibility", "answers below"): Case(
        (asked("bob-1", BOB), asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), yes("bob-1", 1)),
        (asked("bob-1", BOB), asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), yes("bob-1", 3)),
    ),
    ("visibility", "answers"): Case(
        (*FIRST, asked("carol-1", CLEO, expected=Exact(2)), yes("carol-1", 2), ODD, event(2, 2, BOB, "bob-1/0")),
        (*FIRST, asked("carol-1", CLEO, expected=Exact(2)), yes("carol-1", 3), ODD, event(2, 2, BOB, "bob-1/0")),
    ),
    ("visibility", "stays"): Case(
        (*FIRST, asked("bob-1", ADA), Altered(1, "acme", 1, "bob-1/0", "Registered", ADA)),
        (*FIRST, asked("bob-1", ADA), Altered(1, "acme", 1, "alice-1/0", "Registered", ADA)),
    ),
    ("visibility", "moves"): Case(
        (*FIRST, *SECOND, Moved("alice-1/0", 1, 2)),
        (*FIRST, *SECOND),
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
    ("durability", "spared"): Case(
        (*TWO, LogTrimmed(1), Scanned((), ())),
        (*TWO, LogTrimmed(2), Scanned((), ())),
    ),
    ("durability", "reached"): Case(
        (*TWO, LogTrimmed(1), Scanned((2,), BOTH[1:], 1), Scanned((), ())),
        (*TWO, LogTrimmed(1), Scanned((2,), BOTH[1:], 1), Scanned((2,), BOTH[1:])),
    ),
    ("durability", "recovers"): Case(
        (*FIRST, NotRecovered("log", "it ended while it started")),
        (*FIRST, Recovered("log", 0, None), Scanned((1,), ("alice-1/0",))),
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

RENAMED = (BATCH, event(2, 2, FREED, "bob-1/0"))
AGAIN = asked("bob-1", BOB, expected=Exact(1))
"""Bob's append of unknown outcome, decided anew as a single event."""
SENT_AGAIN = (Unknown("bob", "bob-1"), Retried("bob", "bob-1"))
OPEN = (asked("carol-1", CLEO, stream="zeta"), Started("carol", "carol-1", (3,)))
"""A slow append is open."""
COMES = (event(3, 1, CLEO, "carol-1/0", "zeta"), yes("carol-1", 3))
EARLY = (*FIRST, *OPEN, RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "other/0")), *COMES)
"""An answer showed another event at the place of the open append."""


EARLY_AND_RIGHT = RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "carol-1/0"))
LONGER = (*FIRST, *RENAMED, event(3, 3, BOB, "bob-1/1"))
"""Bob's batch is visible at positions 2 and 3."""


def also_wrong() -> list[tuple[str, str, tuple[Any, ...]]]:
    """(property, clause, history): more histories that break a clause of theirs, in ways of their own."""
    return [
        ("visibility", "versions", (*FIRST, asked("bob-1", BOB), event(2, 1, BOB, "bob-1/0"))),
        ("identity", "asked for", (*FIRST, Altered(1, "acme", 1, "nobody-1/0", "Registered", ADA))),
        ("identity", "asked for", (*FIRST, Altered(1, "acme", 1, "alice-1/1", "Registered", ADA))),
        ("identity", "asked for", (*FIRST, event(2, 2, BOB, "alice-1/1"))),
        ("identity", "as asked", (ODD, event(1, 1, ADA, "bob-1/0"))),
        ("identity", "as asked", (ODD, event(1, 1, BOB, "bob-1/0", "ACME"))),
        ("identity", "as asked", (ODD, Stored(1, "acme", 1, "bob-1/0", "Deleted", BOB))),
        ("identity", "as asked", (*FIRST, Altered(1, "zeta", 1, "alice-1/0", "Registered", ADA))),
        ("identity", "as asked", (*FIRST, Altered(1, "acme", 1, "alice-1/0", "Deleted", ADA))),
        (
            "identity",
            "once",
            (*FIRST, *SENT_AGAIN, BATCH, *RENAMED[1:], event(3, 3, BOB, "bob-1/1"), event(4, 4, BOB, "bob-1/1")),
        ),
        ("identity", "whole", (*FIRST, *RENAMED, asked("carol-1", CLEO), event(3, 3, CLEO, "carol-1/0"))),
        ("identity", "whole", (*FIRST, *RENAMED, yes("bob-1", 2, 3))),
        ("identity", "whole", (*FIRST, *RENAMED, yes("bob-1", 2))),
        ("identity", "whole", (*FIRST, *RENAMED, Scanned((1, 2), BOTH))),
        ("identity", "whole", (*FIRST, BATCH, event(2, 2, BOB, "bob-1/1"))),
        ("identity", "refused leaves no trace", (*FIRST, ODD, event(2, 2, BOB, "bob-1/0"), Refused("bob", "bob-1", 1))),
        ("identity", "refused leaves no trace", (*FIRST, ODD, event(2, 2, BOB, "bob-1/0"), Aborted("bob", "bob-1"))),
        (
            "identity",
            "refused leaves no trace",
            (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1), event(2, 2, BOB, "bob-1/0")),
        ),
        ("identity", "answered in full", (*FIRST, ODD, event(2, 2, BOB, "bob-1/0"), yes("bob-1", 2, 3))),
        ("identity", "answered in full", (*FIRST, *RENAMED, event(3, 3, BOB, "bob-1/1"), yes("bob-1", 3, 3))),
        # the answer to another append
        ("identity", "whole", (*FIRST, *RENAMED, asked("cy-1", CLEO, expected=Exact(9)), Refused("cy", "cy-1", 1))),
        (
            "identity",
            "refused leaves no trace",
            (
                *FIRST,
                asked("bob-1", ADA),
                Refused("bob", "bob-1", 1),
                Altered(1, "acme", 1, "bob-1/0", "Registered", ADA),
            ),
        ),
        # a scan that shows what readers have not come to
        ("identity", "asked for", (*FIRST, Scanned((1, 2), ("alice-1/0", "nobody-1/0")))),
        ("identity", "asked for", (*FIRST, Scanned((2,), ("alice-1/7",), 1))),
        ("identity", "once", (*FIRST, Scanned((1, 2), ("alice-1/0", "alice-1/0")))),
        ("identity", "once", (*FIRST, ODD, Scanned((1, 2, 3), (*BOTH, "bob-1/0")))),
        ("identity", "whole", (*FIRST, BATCH, Scanned((1, 2), BOTH))),
        ("identity", "whole", (*FIRST, BATCH, *SENT_AGAIN, AGAIN, Scanned((1, 2), ("alice-1/0", "bob-1/1")))),
        (
            "identity",
            "whole",
            (*FIRST, BATCH, asked("carol-1", CLEO), Scanned((1, 2, 3, 4), (*BOTH, "carol-1/0", "bob-1/1"))),
        ),
        (
            "identity",
            "refused leaves no trace",
            (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1), Scanned((1, 2), BOTH)),
        ),
        ("visibility", "positions grow", (*FIRST, ODD, event(1, 2, BOB, "bob-1/0"))),
        ("visibility", "versions", (*FIRST, ODD, event(2, 1, BOB, "bob-1/0"))),
        ("visibility", "versions", (ODD, event(1, 2, BOB, "bob-1/0"))),
        ("visibility", "answers", (*FIRST, *SECOND[:2], yes("bob-1", 1))),
        ("visibility", "answers", (*FIRST, ODD, event(3, 2, BOB, "bob-1/0"), yes("bob-1", 2))),
        ("visibility", "answers", (*FIRST, ODD, yes("bob-1", 2), event(3, 2, BOB, "bob-1/0"))),
        ("visibility", "answers below", (*FIRST, ODD, yes("bob-1", 0))),
        ("visibility", "answers below", (ODD, yes("bob-1", -1))),
        ("visibility", "pages", (*FIRST, *SECOND, Disordered("index", (2, 2)))),
        ("visibility", "scans in order", (*FIRST, *SECOND, Scanned((1, 1, 2), ("alice-1/0", *BOTH)))),
        ("visibility", "scans in order", (*FIRST, *SECOND, Scanned((1, 2), BOTH, 1))),
        ("durability", "visible", (*FIRST, *SECOND, Scanned((), (), 1))),
        ("durability", "visible", (*FIRST, *SECOND, Scanned((1, 2), BOTH[::-1]))),
        ("durability", "visible", (*FIRST, *SECOND, Scanned((1, 3), BOTH))),
        ("durability", "acknowledged", (ODD, yes("bob-1"), Scanned((), ()))),
        ("durability", "acknowledged", (yes("nobody-1", 1), Scanned((), ()))),
        ("durability", "acknowledged", (*FIRST, *RENAMED, yes("bob-1"), Scanned((1, 2), BOTH))),
        # readers have come to the end, and nobody has scanned the log
        ("durability", "acknowledged", (*FIRST, ODD, yes("bob-1", 2), Settled(0))),
        ("durability", "acknowledged", (*FIRST, ODD, yes("bob-1"), Settled(0))),
        # a scan that begins behind what was confirmed leaves it to the next one
        ("durability", "acknowledged", (yes("nobody-1", 1), Scanned((), (), 1), Scanned((), ()))),
        ("durability", "acknowledged", (*FIRST, ODD, yes("bob-1", 2), Scanned((), (), 2), Scanned((1,), BOTH[:1]))),
        # a scan that shows a part of it, or shows it elsewhere, or something else in its place
        ("durability", "acknowledged", (*FIRST, BATCH, yes("bob-1", 2, 3), Scanned((1, 2), BOTH))),
        ("durability", "acknowledged", (*FIRST, ODD, yes("bob-1", 3), Scanned((1, 2), BOTH))),
        (
            "durability",
            "acknowledged",
            (*FIRST, *PROMISED_TWICE[:3], Scanned((1, 2), ("alice-1/0", "carol-1/0"))),
        ),
        ("durability", "visible", (*FIRST, ODD, yes("bob-1", 2), Scanned((1, 2), BOTH), Scanned((1,), BOTH[:1]))),
        # what only a scan has shown, before readers came to it or without them
        ("durability", "visible", (*FIRST, ODD, Scanned((1, 2), BOTH), Scanned((1,), BOTH[:1]))),
        ("durability", "visible", (*FIRST, ODD, Scanned((1, 2), BOTH), Scanned((), (), 1))),
        (
            "durability",
            "visible",
            (*FIRST, ODD, Scanned((1, 2), BOTH), event(2, 2, BOB, "bob-1/0"), Scanned((1,), BOTH[:1])),
        ),
        ("ranges", "bounds", (*FIRST, *SECOND, RangeRead(2, 9, 9, (1, 2), BOTH))),
        ("ranges", "bounds", (*FIRST, RangeRead(2, 1, 9, (1,), BOTH[:1]))),
        ("ranges", "bounds", (*FIRST, RangeRead(0, 0, 9, (1,), BOTH[:1]))),
        ("ranges", "limit", (*FIRST, RangeRead(1, 9, 0, (1,), BOTH[:1]))),
        ("ranges", "limit", (*FIRST, RangeRead(1, 9, -1, (1,), BOTH[:1]))),
        ("ranges", "limit", (*FIRST, *OPEN, RangeRead(1, 9, 1, (1, 3), ("alice-1/0", "carol-1/0")))),
        ("ranges", "order", (*FIRST, *SECOND, RangeRead(1, 2, 9, (1, 1), BOTH))),
        ("ranges", "contents", (*FIRST, RangeRead(1, 1, 9, (1,), ("other/0",)))),
        ("ranges", "contents", (*FIRST, RangeRead(1, 1, 9, (), ()))),
        ("ranges", "contents", (*FIRST, RangeRead(1, 1, 9, (1,), ()))),
        ("ranges", "contents", (*FIRST, RangeRead(1, 1, 9, (1,), BOTH))),
        ("ranges", "contents", (*FIRST, *SECOND, RangeRead(-1, 9, 1, (2,), BOTH[1:]))),
        ("ranges", "contents", (*FIRST, RangeRead(0, 9, 9, (0, 1), ("nobody/0", "alice-1/0")))),
        ("ranges", "contents", (*FIRST, RangeRead(1, 9, 9, (1, 2), BOTH))),
        ("ranges", "contents", (*FIRST, *OPEN, RangeRead(1, 9, 9, (3,), ("carol-1/0",)))),
        # what an answer showed early, and readers never came to, or not as it was shown
        ("ranges", "contents", (*FIRST, *OPEN, RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "carol-1/0")), Settled(0))),
        ("ranges", "contents", (*EARLY, RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "carol-1/0")))),
        ("ranges", "contents", (*EARLY, Settled(0))),
        # nor is what one answer showed made right by another one, before or behind it
        ("ranges", "contents", (*EARLY[:-2], EARLY_AND_RIGHT, *COMES, Settled(0))),
        ("ranges", "contents", (*EARLY[:-3], EARLY_AND_RIGHT, *EARLY[-3:], Settled(0))),
        # two answers that name the same position, to which readers have not come, whichever of them is right
        *(("visibility", "answers", (*FIRST, *PROMISED_TWICE, *comes)) for comes in ((), COMES_TO_BOB, COMES_TO_CLEO)),
        # an answer that names a place where nothing ever comes, although its events are there
        ("visibility", "answers", (*LONGER, yes("bob-1", 2, 4), Settled(0))),
        ("visibility", "answers", (*LONGER, yes("bob-1", 2, 4), Scanned((1, 2, 3), (*BOTH, "bob-1/1")))),
        ("visibility", "answers", (*FIRST, ODD, yes("bob-1", 3), event(2, 2, BOB, "bob-1/0"), Settled(0))),
        # what was removed is read again, in one way or another
        ("removals", "stays removed", (*TWO, LogTrimmed(1), Altered(1, "acme", 1, "alice-1/0", "Registered", ADA))),
        *(
            ("removals", "stays removed", (*FIRST, ODD, LATER, LogTrimmed(trimmed), Scanned((2, 3), ("x/0", BOTH[1]))))
            for trimmed in (2, 3)
        ),
        ("ranges", "contents", (*TWO, LogTrimmed(1), RangeRead(1, 9, 9, (1, 2), BOTH))),
        ("ranges", "contents", (*TWO, LogTrimmed(1, done=False), RangeRead(1, 9, 9, (), ()))),
        ("reachability", "numbered", (*FIRST, *SECOND, StreamScanned("acme", (2,)))),
        ("reachability", "numbered", (*FIRST, *SECOND, StreamScanned("acme", (1, 1)))),
        ("reachability", "seen", (StreamScanned("zeta", (1,)),)),
        ("reachability", "found", (*FIRST, StreamScanned("acme", ()), Settled(0))),
        ("reachability", "found", (*TWO, StreamScanned("acme", (1,)), StreamTruncated("acme", 1), Settled(0))),
    ]


DOUBTFUL = ((LogTrimmed(1, done=False),), (LogTrimmed(1), Crashed("log", 0)))
DOUBTED = (
    RangeRead(1, 9, 9, (1, 2), BOTH),
    RangeRead(1, 9, 9, (2,), BOTH[1:]),
    RangeRead(1, 9, 1, (1,), BOTH[:1]),
    RangeRead(1, 9, 1, (2,), BOTH[1:]),
)
"""Reads of two events of which the first may be removed."""


def also_right() -> list[tuple[Any, ...]]:
    """Histories that come close to breaking a clause."""
    longer = (event(2, 2, FREED, "bob-1/0"), event(3, 3, BOB, "bob-1/1"))
    return [
        # decided anew as a shorter batch, stored as the longer one that was sent first; and the other way round
        (*FIRST, BATCH, *SENT_AGAIN, AGAIN, *longer, Scanned((1, 2, 3), ("alice-1/0", "bob-1/0", "bob-1/1"))),
        (*FIRST, AGAIN, *SENT_AGAIN, BATCH, event(2, 2, BOB, "bob-1/0"), yes("bob-1", 2), Scanned((1, 2), BOTH)),
        (*FIRST, BATCH, *SENT_AGAIN, AGAIN, *longer, yes("bob-1", 2, 3)),
        # what a slow append hides comes later, and at the position that the answer named
        (*FIRST, ODD, yes("bob-1", 2), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, ODD, yes("bob-1", 2), *SENT_AGAIN, yes("bob-1", 2), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, *RENAMED, event(3, 3, BOB, "bob-1/1"), yes("bob-1")),
        (
            *FIRST,
            ODD,
            Scanned((1, 2), BOTH),
            event(2, 2, BOB, "bob-1/0"),
            Scanned((1, 2), BOTH),
            Scanned((2,), BOTH[1:], 1),
        ),
        # a scan that shows what readers come to later
        (*FIRST, ODD, yes("bob-1", 2), Scanned((1, 2), BOTH), event(2, 2, BOB, "bob-1/0"), Scanned((1, 2), BOTH)),
        (*FIRST, ODD, yes("bob-1", 2), Scanned((2,), BOTH[1:], 1), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, ODD, yes("bob-1", 2), event(2, 2, BOB, "bob-1/0"), Settled(0)),
        (*FIRST, ODD, yes("bob-1", 2), Scanned((), (), 2), event(2, 2, BOB, "bob-1/0"), Scanned((1, 2), BOTH)),
        (*FIRST, BATCH, yes("bob-1", 2, 3), Scanned((1, 2, 3), (*BOTH, "bob-1/1")), *longer),
        (*FIRST, BATCH, Scanned((1, 2, 3), (*BOTH, "bob-1/1")), *longer, yes("bob-1", 2, 3)),
        (
            *FIRST,
            BATCH,
            asked("carol-1", CLEO),
            Scanned((1, 2, 3, 4), ("alice-1/0", "carol-1/0", "bob-1/0", "bob-1/1")),
        ),
        (*FIRST, BATCH, *SENT_AGAIN, AGAIN, Scanned((2,), ("bob-1/0",), 1), event(2, 2, BOB, "bob-1/0")),
        # a position that nobody took stays empty
        (
            *FIRST,
            ODD,
            event(3, 2, BOB, "bob-1/0"),
            yes("bob-1", 3),
            Scanned((1, 3), BOTH),
            RangeRead(1, 3, 2, (1, 3), BOTH),
        ),
        # reads with odd bounds
        (
            *FIRST,
            *SECOND,
            RangeRead(2, 1, 9, (), ()),
            RangeRead(1, 2, 0, (), ()),
            RangeRead(-1, 1 << 30, 9, (1, 2), BOTH),
        ),
        # an answer that goes on with what the open append hides
        (*FIRST, *OPEN, RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "carol-1/0"))),
        (
            *FIRST,
            *OPEN,
            RangeRead(1, 9, 9, (1, 3), ("alice-1/0", "carol-1/0")),
            *COMES,
            RangeRead(3, 3, 1, (3,), ("carol-1/0",)),
            Settled(0),
        ),
        (*FIRST, StreamScanned("acme", (1,)), *SECOND, Settled(0)),
        (*FIRST, *SECOND, StreamScanned("acme", (1,)), StreamScanned("acme", (1, 2)), Settled(0)),
        (*FIRST, *SECOND, Scanned((2,), BOTH[1:], 1)),
        (yes("nobody-1", 1), Scanned((), (), 1)),
        (*LONGER, yes("bob-1", 2, 3), Scanned((1, 2, 3), (*BOTH, "bob-1/1")), Settled(0)),
        # what a reader of the stream had not come to was removed
        (*TWO, StreamScanned("acme", (1,)), StreamDeleted("acme", 2), Settled(0)),
        (*TWO, StreamScanned("acme", (1,)), LogTrimmed(2, done=False), Settled(0)),
        # what a removal without an answer has taken, or one that a death may have undone, is there or not
        *((*TWO, *removal, read) for removal in DOUBTFUL for read in DOUBTED),
        (*TWO, LogTrimmed(1), Altered(2, "acme", 2, "bob-1/0", "Registered", BOB)),
        # what readers have not come to yet was not removed
        (*TWO, LogTrimmed(2), asked("carol-1", CLEO, expected=Exact(2)), Scanned((3,), ("carol-1/0",))),
    ]
