"""Cases of the properties of readers: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from typing import Any

from refold.model.examples.accounts import Released, Rename
from refold.model.expectation import Exact
from refold.model.parts.reading.links import Archived, LinkDiscarded, LinkShown, ListingAtRest
from refold.model.parts.reading.query import Answered, CachedAtRest, GaveUp, Hit, Searched, Waiting
from refold.model.record import Settled, Settling, Started

from .case import Case
from .records import BOB, FIRST, SECOND, asked, event, yes

BOTH = (*FIRST, *SECOND)
"""Two events of acme: ada by alice, bob by bob."""


def answer(version: int, *names: str, client: str = "alice") -> Answered:
    """An answer about acme."""
    return Answered(client, "acme", "store", version, frozenset(names), 0, 0)


def waits(ticks: int = 1, needed: int = 1) -> Waiting:
    """Alice's query waits, for four ticks at most."""
    return Waiting("alice", "acme", needed, ticks, 4)


def gives_up(ticks: int = 4) -> GaveUp:
    """Alice's query ends without an answer."""
    return GaveUp("alice", "acme", 1, ticks, 4)


HIDDEN = (
    *FIRST,
    asked("bob-1", BOB),
    Started("bob", "bob-1", (2,)),
    yes("bob-1", 2),
)
"""Bob's event is acknowledged, and readers of the whole log do not see it yet."""
APPEARS = event(2, 2, BOB, "bob-1/0")
SILENT = (asked("bob-1", BOB, expected=Exact(1)), yes("bob-1"))
"""Bob's event is acknowledged, nobody says where."""
FREED = Released("acme", "ada")
RENAMED = (
    asked("bob-1", FREED, BOB, expected=Exact(1), command=Rename("acme", "ada", "bob")),
    *(event(2, 2, FREED, "bob-1/0"), event(3, 3, BOB, "bob-1/1")),
    yes("bob-1", 2, 3),
)
"""Bob renames ada: two events in one append."""
ASKED_TWICE = (Waiting("zoe", "acme", 2, 1, 4), Waiting("zoe", "zeta", 2, 1, 4))
"""Two queries of one client."""

ASKED_AT_ONCE = (Waiting("bob", "acme", 2, 1, 4), Waiting("bob", "zeta", 2, 1, 4))
"""Two queries of the client that wrote to acme, and not to zeta."""
ZETA_IS_EMPTY = Answered("bob", "zeta", "store", 0, frozenset(), 0, 0)

SESSIONS = {
    ("sessions", "own writes"): Case(
        (*BOTH, answer(1, "ada", client="bob")),
        (*BOTH, answer(2, "ada", "bob", client="bob")),
    ),
    ("sessions", "never back"): Case(
        (*BOTH, answer(2, "ada", "bob"), answer(1, "ada")),
        (*BOTH, answer(2, "ada", "bob"), answer(2, "ada", "bob")),
    ),
    ("sessions", "not from the future"): Case(
        (*FIRST, answer(2, "ada")),
        (*FIRST, answer(1, "ada")),
    ),
    ("sessions", "state is the fold"): Case(
        (*BOTH, answer(1, "bob")),
        (*BOTH, answer(1, "ada")),
    ),
    ("sessions", "newest at rest"): Case(
        (*BOTH, CachedAtRest({"acme": (1, frozenset({"ada"}))})),
        (*BOTH, CachedAtRest({"acme": (2, frozenset({"ada", "bob"}))})),
    ),
    ("waits", "no longer than its patience"): Case(
        (*FIRST, waits(), waits(4)),
        (*FIRST, waits(), waits(3)),
    ),
    ("waits", "ends"): Case(
        (*FIRST, waits(), Settling(), Settled(0)),
        (*FIRST, waits(), gives_up(), Settling(), Settled(0)),
    ),
    ("waits", "not before its time"): Case(
        (*FIRST, waits(), gives_up(3)),
        (*FIRST, waits(), gives_up(4)),
    ),
    ("waits", "answered in the end"): Case(
        (*FIRST, waits(), Settling(), gives_up()),
        (*FIRST, waits(), gives_up(), Settling()),
    ),
    ("pointers", "none dangling"): Case(
        (Searched("alice", "acme", (Hit("ada@acme", 0, True),)),),
        (Searched("alice", "acme", (Hit("ada@acme", 1, True),)),),
    ),
    ("pointers", "all living"): Case(
        (Searched("alice", "acme", (Hit("ada@acme", 1, False),)),),
        (Searched("alice", "acme", (Hit("ada@acme", 0, False),)),),
    ),
}


def shown(position: int, version: int, stream: str = "acme") -> LinkShown:
    """The listing shows an event."""
    return LinkShown(position - 1, stream, position, version)


def at_rest(acme: int, links: int = 2, **more: int) -> ListingAtRest:
    """The listing shows so many items of acme, and the reader is behind the second link."""
    return ListingAtRest(2, links, {"acme": acme, **more})


ARCHIVED = Archived("acme", 1, 1)

LISTINGS = {
    ("listings", "archived stays out"): Case(
        (*FIRST, ARCHIVED, shown(1, 1)),
        (*FIRST, shown(1, 1), ARCHIVED),
    ),
    ("listings", "shown is there"): Case(
        (*BOTH, shown(1, 1), shown(3, 3)),
        (*BOTH, shown(1, 1), shown(2, 2)),
    ),
    ("listings", "living is shown"): Case(
        (*BOTH, ARCHIVED, LinkDiscarded(1, "acme", 2)),
        (*BOTH, ARCHIVED, LinkDiscarded(0, "acme", 1)),
    ),
    ("listings", "comes to the end"): Case(
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(2, links=3)),
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(2, links=2)),
    ),
    ("listings", "complete at rest"): Case(
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(1)),
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(2)),
    ),
    ("listings", "nothing else at rest"): Case(
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(2, zeta=1)),
        (*BOTH, shown(1, 1), shown(2, 2), at_rest(2)),
    ),
}

CASES: dict[tuple[str, str], Case] = {**SESSIONS, **LISTINGS}
"""One for each clause."""


def also_wrong() -> list[tuple[str, str, tuple[Any, ...]]]:
    """(property, clause, history): more histories that break a clause of theirs, in ways of their own."""
    early = answer(1, "ada", client="bob")
    return [
        # an own write that was hidden when the client asked first, and is visible now
        ("sessions", "own writes", (*HIDDEN, early, APPEARS, early)),
        ("sessions", "own writes", (*HIDDEN, Waiting("bob", "acme", 2, 1, 4), APPEARS, early)),
        # the newest of several answers counts
        ("sessions", "never back", (*BOTH, answer(1, "ada"), answer(2, "ada", "bob"), answer(1, "ada"))),
        # a yes without positions, of an event that is visible, or becomes so while the client waits
        ("sessions", "own writes", (*FIRST, *SILENT, APPEARS, early)),
        ("sessions", "own writes", (*FIRST, SILENT[0], APPEARS, SILENT[1], early)),
        ("sessions", "own writes", (*FIRST, *SILENT, Waiting("bob", "acme", 2, 1, 4), APPEARS, early)),
        # what the client asks about another key at the same time changes nothing
        ("sessions", "own writes", (*BOTH, *ASKED_AT_ONCE, early)),
        # of an append of several events the last one counts
        ("sessions", "own writes", (*FIRST, *RENAMED, answer(2, client="bob"))),
        ("sessions", "state is the fold", (*FIRST, answer(-1, "ada", client="zoe"))),
        ("sessions", "state is the fold", (*BOTH, CachedAtRest({"acme": (2, frozenset({"ada"}))}))),
        ("sessions", "not from the future", (*FIRST, CachedAtRest({"acme": (2, frozenset({"ada"}))}))),
        ("waits", "ends", (*FIRST, waits(), answer(1, "ada"), waits(), Settling(), Settled(0))),
        # a query about another key has its answer
        (
            "waits",
            "ends",
            (*BOTH, *ASKED_TWICE, Answered("zoe", "zeta", "store", 0, frozenset(), 0, 0), Settling(), Settled(0)),
        ),
        ("listings", "archived stays out", (*BOTH, Archived("acme", 2, 2), ARCHIVED, shown(2, 2))),
        ("listings", "shown is there", (*BOTH, shown(2, 1))),
        ("listings", "shown is there", (*BOTH, shown(2, 2, "zeta"))),
        ("listings", "shown is there", (*BOTH, shown(2, 0))),
        ("listings", "living is shown", (*BOTH, LinkDiscarded(0, "acme", 1))),
        ("listings", "nothing else at rest", (*BOTH, ARCHIVED, at_rest(2))),
        ("listings", "nothing else at rest", (*BOTH, at_rest(3))),
    ]


def also_right() -> list[tuple[Any, ...]]:
    """Histories that come close to breaking a clause."""
    early, late = answer(1, "ada", client="bob"), answer(2, "ada", "bob", client="bob")
    return [
        (*HIDDEN, Waiting("bob", "acme", 2, 1, 4), APPEARS, late),
        (*FIRST, *SILENT, early, APPEARS, late),
        (*FIRST, *SILENT, APPEARS, Waiting("bob", "acme", 2, 1, 4), late),
        # what the client writes while it waits is concurrent
        (*FIRST, Waiting("bob", "acme", 1, 1, 4), *SECOND, answer(1, "ada", client="bob")),
        # two queries of one client, answered in any order
        (*BOTH, *ASKED_AT_ONCE, ZETA_IS_EMPTY, late),
        (*BOTH, *ASKED_AT_ONCE, late, ZETA_IS_EMPTY),
        (*BOTH, ASKED_AT_ONCE[0], GaveUp("bob", "zeta", 2, 4, 4), ZETA_IS_EMPTY),
        (*BOTH, answer(2, "ada", "bob"), answer(1, "ada", client="zoe")),
        (*FIRST, waits(needed=2), Settling(), GaveUp("alice", "acme", 2, 4, 4), Settled(0)),
        (*BOTH, ARCHIVED, LinkDiscarded(0, "acme", 1), LinkDiscarded(9, "acme", 9), at_rest(1)),
        # archived up to an event that readers of the whole log have not come to
        (*HIDDEN, Archived("acme", 2, 2), LinkDiscarded(0, "acme", 1), ListingAtRest(1, 1, {})),
    ]
