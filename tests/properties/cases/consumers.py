"""Cases of the properties of consumers: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from typing import Any

import msgspec

from refold.model.application import Rows, Writes
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register, Registered
from refold.model.expectation import Exact
from refold.model.parts.consuming.dead_letters import DeadLetters, Parked
from refold.model.parts.consuming.journey import Finished
from refold.model.parts.consuming.mailer import Reset
from refold.model.parts.consuming.rebuild import Rebuilt, StreamAnswered
from refold.model.parts.consuming.upgrade import Upgraded
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Crashed,
    Failed,
    Ignored,
    Observed,
    Opened,
    Recovered,
    Settled,
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
)

from .case import Case
from .records import BOB, DELETED, FIRST, OPENED, ROW, SECOND, asked, event, yes

ZOE = Registered("zeta", "zoe")
OTHER = (
    asked("bob-2", ZOE, command=Register("zeta", "zoe"), stream="zeta"),
    event(2, 1, ZOE, "bob-2/0", "zeta"),
    yes("bob-2", 2),
)
"""Zoe registers in another stream, at position 2."""
BOTH = (*FIRST, *SECOND)
"""Two events of acme: ada at position 1, bob at position 2."""

LATER = event(5, 2, BOB, "bob-1/0")
"""Bob at position 5: nothing is at 2 to 4."""
THIRD = (asked("bob-1", BOB, expected=Exact(1)), event(3, 2, BOB, "bob-1/0"), yes("bob-1", 3))
"""Bob at position 3, behind zoe's event of another stream."""

# -- effects and checkpoints


def index(position: int, name: str, row: tuple[str, int, str] | None = ROW, org: str = "acme") -> Applied:
    """The index applies an event."""
    return Applied("index", position, {f"{name}@{org}": row})


def saved(position: int, name: str = "index") -> CheckpointSaved:
    """A checkpoint."""
    return CheckpointSaved(name, position)


ADA_THERE = index(1, "ada")
BOB_THERE = index(2, "bob", ROW)
BOB_THIRD = index(3, "bob", ROW)
BOB_LATE = index(5, "bob", ROW)
ZOE_THERE = index(2, "zoe", ("zeta", 1, "zeta"), "zeta")

REPLAY = frozenset({"replay"})

EFFECTS = {
    ("effects", "once"): Case(
        (*FIRST, ADA_THERE, index(1, "ada", ("acme", 9, "acme"))),
        (*FIRST, ADA_THERE, index(1, "ada", ROW)),
        also=REPLAY,
    ),
    ("effects", "in the log"): Case(
        (*FIRST, ADA_THERE, index(2, "bob", ROW)),
        (*BOTH, ADA_THERE, index(2, "bob", ROW)),
    ),
    ("effects", "in the order of streams"): Case(
        (*BOTH, BOB_THERE, ADA_THERE),
        (*BOTH, ADA_THERE, BOB_THERE),
    ),
    ("effects", "not past a gap"): Case(
        (*BOTH, Failed("index", 1), Parked("index", 1, "acme", 1), BOB_THERE),
        (*BOTH, Failed("index", 1), Parked("index", 1, "acme", 1), ADA_THERE, BOB_THERE),
    ),
    ("effects", "late is not old"): Case(
        (*FIRST, *OTHER, ZOE_THERE, Ignored("index", 1)),
        (*FIRST, *OTHER, ZOE_THERE, Ignored("index", 2)),
    ),
    ("effects", "only duplicates are dismissed"): Case(
        (*BOTH, ADA_THERE, Ignored("index", 2)),
        (*BOTH, ADA_THERE, Ignored("index", 1)),
    ),
    ("checkpoints", "not ahead of effects"): Case(
        (*BOTH, ADA_THERE, saved(2)),
        (*BOTH, ADA_THERE, saved(1)),
    ),
    ("checkpoints", "not beyond the tail"): Case(
        (*FIRST, ADA_THERE, saved(2)),
        (*FIRST, ADA_THERE, saved(1)),
    ),
    ("checkpoints", "never back"): Case(
        (*BOTH, ADA_THERE, BOB_THERE, saved(2), saved(1)),
        (*BOTH, ADA_THERE, BOB_THERE, saved(2), Reset("index", 0), saved(1)),
    ),
    ("checkpoints", "restart not back"): Case(
        (*FIRST, ADA_THERE, saved(1), Recovered("index", 0, None)),
        (*FIRST, ADA_THERE, saved(1), Recovered("index", 1, None)),
    ),
    ("checkpoints", "restart within effects"): Case(
        (*FIRST, Recovered("index", 1, None)),
        (*FIRST, Recovered("index", 0, None)),
    ),
}

# -- rows

ROWS = {
    ("replay", "rows that change"): Case(
        (*FIRST, index(1, "ada", ("acme", 7, "acme"))),
        (*FIRST, index(1, "ada", ROW)),
    ),
    ("replay", "rows after a restart"): Case(
        (*FIRST, ADA_THERE, Recovered("index", 0, {})),
        (*FIRST, ADA_THERE, Recovered("index", 0, {"ada@acme": ROW})),
    ),
    ("replay", "rows at rest"): Case(
        (*FIRST, ADA_THERE, Observed("index", 1, {})),
        (*FIRST, ADA_THERE, Observed("index", 1, {"ada@acme": ROW})),
    ),
    ("cache-order", "deleted stays deleted"): Case(
        (*FIRST, *DELETED, Applied("cache", 2, {"ada@acme": None}), Applied("cache", 1, {"ada@acme": "acme"})),
        (*FIRST, *DELETED, Applied("cache", 1, {"ada@acme": "acme"}), Applied("cache", 2, {"ada@acme": None})),
    ),
    ("cache-order", "newer stays"): Case(
        (*BOTH, Applied("cache", 2, {"ada@acme": "acme"}), Applied("cache", 1, {"ada@acme": "zeta"})),
        (*BOTH, Applied("cache", 2, {"ada@acme": "acme"}), Applied("cache", 1, {"ada@acme": "acme"})),
    ),
    ("cache", "rows are right"): Case(
        (
            *FIRST,
            Applied("cache", 1, {"ada@acme": "acme"}),
            Observed("cache", 1, {"ada@acme": "acme", "bob@acme": "acme"}),
        ),
        (*FIRST, Applied("cache", 1, {"ada@acme": "acme"}), Observed("cache", 1, {"ada@acme": "acme"})),
    ),
    ("cache", "rows are there"): Case(
        (*FIRST, Applied("cache", 1, {"ada@acme": "acme"}), Observed("cache", 1, {})),
        (*FIRST, Applied("cache", 1, {"ada@acme": "acme"}), Recovered("cache", 1, {}), Observed("cache", 1, {})),
    ),
}

# -- convergence


def at_rest(indexed: int = 1, totalled: int = 1) -> tuple[Any, ...]:
    """The three consumers at the end of FIRST, two of them at these positions."""
    return (
        Observed("index", indexed, {"ada@acme": ROW} if indexed else {}),
        Observed("totals", totalled, {"acme": 1} if totalled else {}),
        Observed("cache", 1, {"ada@acme": "acme"}),
    )


ALL_ADA = (ADA_THERE, Applied("totals", 1, {"acme": 1}), Applied("cache", 1, {"ada@acme": "acme"}))
ALL_BOB = (BOB_THERE, Applied("totals", 2, {"acme": 2}), Applied("cache", 2, {"bob@acme": "acme"}))
"""All three consumers apply an event."""

CONVERGENCE = {
    ("convergence", "not before the tail"): Case(
        (*FIRST, Settling(), *at_rest(indexed=0), Settled(0)),
        (*FIRST, Settling(), *at_rest(indexed=1), Settled(0)),
    ),
    ("convergence", "not beyond the tail"): Case(
        (*FIRST, Settling(), *at_rest(totalled=2), Settled(0)),
        (*FIRST, Settling(), *at_rest(totalled=1), Settled(0)),
    ),
    ("convergence", "every consumer"): Case(
        (*FIRST, Settling(), *at_rest()[1:], Settled(0)),
        (*FIRST, Settling(), *at_rest(), Settled(0)),
    ),
}

# -- dead letters

PARKED = Parked("index", 1, "acme", 1)
BEHIND = Parked("index", 2, "acme", 2)
ASIDE = (*FIRST, Failed("index", 1), PARKED)

LETTERS = {
    ("dead-letters", "parked for a cause"): Case(
        (*FIRST, PARKED),
        (*FIRST, Failed("index", 1), PARKED),
    ),
    ("dead-letters", "not handled before"): Case(
        (*FIRST, ADA_THERE, Failed("index", 1), PARKED),
        (*FIRST, Failed("index", 1), PARKED, ADA_THERE),
    ),
    ("dead-letters", "none is lost"): Case(
        (*ASIDE, DeadLetters("index", ())),
        (*ASIDE, DeadLetters("index", (1,))),
    ),
    ("dead-letters", "none stays"): Case(
        (*ASIDE, ADA_THERE, DeadLetters("index", (1,))),
        (*ASIDE, ADA_THERE, DeadLetters("index", ())),
    ),
}

# -- answers and rebuilds


class WithSideTable(Accounts):
    """Accounts with one more read model: names, and in a side table how many there are of each organisation."""

    def project(self, event: Stored, rows: Rows) -> Writes:
        """A row for each name, and the count of its organisation."""
        org, name = event.data.org, event.data.name
        return {name: org, f"count/{org}": rows.get(f"count/{org}", 0) + 1}

    def projection(self, name: str) -> Any:
        """One more than usual."""
        return self.project if name == "names" else super().projection(name)


NAMES = Opened(
    1, "by hand", "accounts", ("alice", "bob"), (ConsumerSpec(name="names", projection="names", volatile=True),)
)


def rebuilt(position: int, **rows: Any) -> Rebuilt:
    """The names are rebuilt; the side table is called `count`."""
    count = {f"count/{org}": number for org, number in rows.pop("count", {}).items()}
    return Rebuilt("names", position, {**rows, **count})


REBUILDS = {
    ("rebuild", "nothing is missing"): Case(
        (NAMES, *BOTH, rebuilt(2, ada="acme", count={"acme": 1})),
        (NAMES, *BOTH, rebuilt(1, ada="acme", count={"acme": 1})),
        WithSideTable(),
    ),
    ("rebuild", "side tables"): Case(
        (NAMES, *FIRST, rebuilt(1, ada="acme")),
        (NAMES, *FIRST, rebuilt(1, ada="acme", count={"acme": 1})),
        WithSideTable(),
    ),
    ("rebuild", "read alike"): Case(
        (NAMES, *FIRST, rebuilt(1, ada="ACME", count={"acme": 1})),
        (NAMES, *FIRST, rebuilt(1, ada="acme", count={"acme": 1})),
        WithSideTable(),
    ),
    ("answers", "state is the fold"): Case(
        (*BOTH, StreamAnswered("index", "acme", 1, frozenset({"ada", "bob"}))),
        (*BOTH, StreamAnswered("index", "acme", 2, frozenset({"ada", "bob"}))),
    ),
    ("answers", "not from the future"): Case(
        (*FIRST, StreamAnswered("index", "acme", 2, frozenset({"ada"})), Settled(0)),
        (*FIRST, StreamAnswered("index", "acme", 1, frozenset({"ada"})), Settled(0)),
    ),
}

# -- snapshots


def taken(position: int, state: Any, owner: str = "stream:acme", schema: int = 1) -> SnapshotTaken:
    """A snapshot is saved."""
    return SnapshotTaken(owner, position, state, schema)


def loaded(position: int, state: Any, owner: str = "stream:acme", schema: int = 1) -> SnapshotLoaded:
    """A snapshot comes back."""
    return SnapshotLoaded(owner, position, state, schema)


ONLY_ADA, TWO_NAMES = frozenset({"ada"}), frozenset({"ada", "bob"})
HIDDEN = (*FIRST, asked("bob-1", BOB), Started("bob", "bob-1", (2,)))
"""Bob's event is in its stream, and readers of the whole log do not see it yet."""
APPEARS = (event(2, 2, BOB, "bob-1/0"), yes("bob-1", 2))
TOTALS = (*FIRST, Applied("totals", 1, {"acme": 1}))
JOURNEYS = Joined(ConsumerSpec(name="journeys", projection="totals", atomic=True))
UNDER_WAY = (JOURNEYS, *FIRST, Applied("journeys", 1, {"acme": 1}))
JOURNEY = "journeys:acme"

SNAPSHOTS = {
    ("snapshot-integrity", "one that was taken"): Case(
        (*FIRST, taken(1, ONLY_ADA), loaded(0, frozenset())),
        (*FIRST, taken(1, ONLY_ADA), loaded(1, ONLY_ADA)),
    ),
    ("snapshot-integrity", "unchanged"): Case(
        (*FIRST, taken(1, ONLY_ADA), loaded(1, TWO_NAMES)),
        (*FIRST, taken(1, ONLY_ADA), loaded(1, ONLY_ADA)),
    ),
    ("snapshot-integrity", "no older schema"): Case(
        (*FIRST, Upgraded(2, 1), taken(1, ONLY_ADA, schema=2), loaded(1, ONLY_ADA, schema=1)),
        (*FIRST, Upgraded(2, 1), taken(1, ONLY_ADA, schema=2), loaded(1, ONLY_ADA, schema=2)),
    ),
    ("snapshot-integrity", "none of the finished"): Case(
        (*UNDER_WAY, taken(1, 1, JOURNEY), Finished(JOURNEY), loaded(1, 1, JOURNEY)),
        (*UNDER_WAY, taken(1, 1, JOURNEY), loaded(1, 1, JOURNEY), Finished(JOURNEY)),
    ),
    ("snapshot-integrity", "schema of its code"): Case(
        (*FIRST, Upgraded(2, 1), taken(1, ONLY_ADA, schema=1)),
        (*FIRST, Upgraded(2, 1), taken(1, ONLY_ADA, schema=2)),
    ),
    ("snapshot-integrity", "not ahead of the log"): Case(
        (*FIRST, taken(2, TWO_NAMES)),
        (*FIRST, taken(1, ONLY_ADA)),
    ),
    ("snapshots", "of streams"): Case(
        (taken(0, ONLY_ADA),),
        (taken(0, frozenset()),),
    ),
    ("snapshots", "of consumers"): Case(
        (*TOTALS, taken(1, {"acme": 2}, "totals")),
        (*TOTALS, taken(1, {"acme": 1}, "totals")),
    ),
    ("snapshots", "of processes"): Case(
        (*UNDER_WAY, taken(1, 2, JOURNEY)),
        (*UNDER_WAY, taken(1, 1, JOURNEY)),
    ),
}

CASES: dict[tuple[str, str], Case] = {**EFFECTS, **ROWS, **CONVERGENCE, **LETTERS, **REBUILDS, **SNAPSHOTS}
"""One for each clause."""


SWAPPED_EARLY = (*BOTH, ADA_THERE, BOB_THERE, Rebuilt("index", 1, {"ada@acme": ROW}))
SWAPPED_LATE = (*BOTH, ADA_THERE, Rebuilt("index", 2, {"ada@acme": ROW, "bob@acme": ROW}))
"""Rebuilt rows take the place of live ones that are further, or not so far."""


def counted(position: int, count: int) -> Applied:
    """The totals apply an event."""
    return Applied("totals", position, {"acme": count})


COUNTED = (*BOTH, counted(1, 1), counted(2, 2))
"""The totals have both events."""


AGAIN_FROM_NOTHING = (*BOTH, Failed("index", 1), PARKED, Rebuilt("index", 0, {}))
"""The consumer begins again, and the event that it has put aside comes again."""
BROUGHT = (*BOTH, Failed("index", 1), PARKED, Rebuilt("index", 1, {"ada@acme": ROW}))
"""A rebuild has brought what the event that was put aside does to the rows."""
RESTARTED = (
    *(*BOTH, Failed("totals", 1), Parked("totals", 1, "acme", 1)),
    *(Crashed("totals", 0), Recovered("totals", 0, {})),
)
"""The same of a volatile consumer, which is restarted."""


FAR = (*FIRST, asked("bob-1", BOB), LATER, yes("bob-1", 5), ADA_THERE, BOB_LATE)
"""Both events are applied, and there is nothing between them."""
BEGUN_ANEW = (
    *(*UNDER_WAY, taken(1, 1, JOURNEY), Finished(JOURNEY)),
    *(*SECOND, Applied("journeys", 2, {"acme": 2})),
)
"""A journey comes to its end, and another one of its key begins."""


def by_stream(**promises: Any) -> Opened:
    """An index whose streams go at speeds of their own."""
    index = ConsumerSpec(name="index", projection="pointers", by_stream=True, **promises)
    return msgspec.structs.replace(OPENED, consumers=(index,))


WATCHED_TOO = Joined(ConsumerSpec(name="worker", projection="pointers", watched=True))
PUT_ASIDE = (by_stream(), *FIRST, *OTHER, Failed("index", 1), PARKED, ZOE_THERE)
"""Zoe's event is handled, ada's is not."""
ONLY_REGISTERED = (by_stream(types=("Registered",)), *FIRST, *OTHER, *THIRD)
AHEAD_OF_ZOE = (by_stream(atomic=True), *FIRST, *OTHER, *THIRD, ADA_THERE, BOB_THIRD, ZOE_THERE)
ZOES = {"zoe@zeta": ("zeta", 1, "zeta")}
ADAS_AND_ZOES = {"ada@acme": ROW, **ZOES}


def also_wrong() -> list[tuple[str, str, tuple[Any, ...]]]:
    """(property, clause, history): more histories that break a clause of theirs, in ways of their own."""
    tail = Joined(ConsumerSpec(name="tail", projection="views", ordered=False))
    return [
        # an older state than one that was compared already, one that was hidden when it was taken
        ("snapshots", "of streams", (*BOTH, taken(2, TWO_NAMES), taken(1, TWO_NAMES))),
        ("snapshots", "of streams", (*HIDDEN, taken(2, ONLY_ADA), *APPEARS, Settled(0))),
        (
            "snapshots",
            "of consumers",
            (
                *BOTH,
                Applied("totals", 1, {"acme": 1}),
                Applied("totals", 2, {"acme": 2}),
                taken(1, {"acme": 2}, "totals"),
            ),
        ),
        # a snapshot of more than was applied is held to the log up to there
        ("snapshots", "of consumers", (*BOTH, Applied("totals", 1, {"acme": 1}), taken(2, {"acme": 1}, "totals"))),
        ("snapshot-integrity", "not ahead of the log", (*FIRST, taken(2, {"acme": 1}, "totals"))),
        ("snapshot-integrity", "not ahead of the log", (*HIDDEN, taken(3, ONLY_ADA), *APPEARS, Settled(0))),
        ("snapshot-integrity", "one that was taken", (*FIRST, loaded(1, ONLY_ADA))),
        ("answers", "state is the fold", (*HIDDEN, StreamAnswered("index", "acme", 2, ONLY_ADA), *APPEARS, Settled(0))),
        ("answers", "state is the fold", (*FIRST, StreamAnswered("index", "zeta", 0, ONLY_ADA))),
        (
            "replay",
            "rows at rest",
            (*BOTH, ADA_THERE, BOB_THERE, Observed("index", 1, {"ada@acme": ROW, "bob@acme": ROW})),
        ),
        ("replay", "rows that change", (*FIRST, Applied("index", 1, {"ada@acme": ROW, "eve@acme": ROW}))),
        (
            "dead-letters",
            "parked for a cause",
            (*FIRST, *OTHER, Failed("index", 1), PARKED, BEHIND),
        ),
        # it was put aside for a predecessor, which is handled by now
        (
            "dead-letters",
            "parked for a cause",
            (*BOTH, Failed("index", 1), PARKED, BEHIND, ADA_THERE, BEHIND),
        ),
        # what is not in the log cannot be put aside, nor can it be a hole
        ("dead-letters", "parked for a cause", (*FIRST, ADA_THERE, Failed("index", 2), Parked("index", 2, "acme", 1))),
        (
            "effects",
            "not past a gap",
            (
                *FIRST,
                ADA_THERE,
                Failed("index", 2),
                Parked("index", 2, "acme", 1),
                asked("bob-1", BOB),
                LATER,
                BOB_LATE,
            ),
        ),
        # a hole is one in the stream of the event, whatever the note of it says
        ("effects", "not past a gap", (*BOTH, Failed("index", 1), Parked("index", 1, "zeta", 1), BOB_THERE)),
        ("effects", "in the order of streams", (*AGAIN_FROM_NOTHING, BOB_THERE)),
        ("dead-letters", "none is lost", (*AGAIN_FROM_NOTHING, DeadLetters("index", ()))),
        ("dead-letters", "none stays", (*AGAIN_FROM_NOTHING, ADA_THERE, DeadLetters("index", (1,)))),
        ("dead-letters", "none stays", (*BROUGHT, DeadLetters("index", (2,)))),
        # after a swap the consumer has what was swapped in, and nothing else
        ("effects", "only duplicates are dismissed", (*SWAPPED_EARLY, Ignored("index", 2))),
        ("effects", "once", (*SWAPPED_LATE, index(2, "bob", ("acme", 9, "acme")))),
        ("checkpoints", "not ahead of effects", (*SWAPPED_EARLY, saved(2))),
        ("checkpoints", "never back", (*SWAPPED_EARLY[:-1], saved(2), SWAPPED_EARLY[-1], saved(0))),
        ("replay", "rows at rest", (*SWAPPED_EARLY, Observed("index", 2, {"ada@acme": ROW}))),
        ("replay", "rows that change", (*COUNTED, Rebuilt("totals", 1, {"acme": 1}), counted(2, 3))),
        # told to begin again at a place, and not before it
        ("checkpoints", "never back", (*BOTH, ADA_THERE, BOB_THERE, saved(2), Reset("index", 1), saved(0))),
        (
            "checkpoints",
            "restart not back",
            (*BOTH, ADA_THERE, BOB_THERE, saved(2), Reset("index", 1), Recovered("index", 0, None)),
        ),
        # nor where that place is behind the newest checkpoint, or there is none yet
        ("checkpoints", "never back", (*SWAPPED_LATE, saved(1))),
        ("checkpoints", "never back", (*SWAPPED_LATE[:-1], saved(1), SWAPPED_LATE[-1], saved(1), saved(2))),
        ("checkpoints", "never back", (*BOTH, ADA_THERE, BOB_THERE, Reset("index", 1), saved(0))),
        ("replay", "rows that change", (*BOTH, ADA_THERE, Applied("index", 2, {"bob@acme": ROW, "ada@acme": None}))),
        # where there is nothing, and before what was applied
        ("effects", "only duplicates are dismissed", (*FAR, Ignored("index", 3))),
        ("effects", "only duplicates are dismissed", (*FAR, Ignored("index", 0))),
        ("effects", "in the log", (*FAR, Applied("index", 3, {}))),
        ("effects", "in the log", (*FAR, Applied("index", 0, {"eve@acme": ROW}))),
        ("dead-letters", "parked for a cause", (*FAR, Failed("index", 3), Parked("index", 3, "acme", 1))),
        # a rebuild up to the event that was applied last: what was put aside is not in it
        ("rebuild", "read alike", (*PUT_ASIDE, Rebuilt("index", 2, ZOES))),
        # streams at speeds of their own, of one type
        ("replay", "rows after a restart", (*ONLY_REGISTERED, ZOE_THERE, Recovered("index", 0, ADAS_AND_ZOES))),
        ("replay", "rows after a restart", (*AHEAD_OF_ZOE, Recovered("index", 2, {"ada@acme": ROW, "bob@acme": ROW}))),
        # a snapshot of the process that has ended, when there is one of the next
        (
            "snapshot-integrity",
            "none of the finished",
            (*BEGUN_ANEW, taken(2, 2, JOURNEY), loaded(1, 1, JOURNEY)),
        ),
        (
            "snapshot-integrity",
            "schema of its code",
            (*BEGUN_ANEW, taken(2, 2, JOURNEY, schema=2), loaded(2, 2, JOURNEY, schema=2)),
        ),
        # overtaken is what a later one has passed, not an earlier one of another stream
        ("effects", "only duplicates are dismissed", (*FIRST, *OTHER, *THIRD, ZOE_THERE, Ignored("index", 3))),
        # past a gap, and before an event of another stream
        ("effects", "not past a gap", (*FIRST, *OTHER, *THIRD, Failed("index", 1), PARKED, BOB_THIRD)),
        ("dead-letters", "none stays", (*FIRST, DeadLetters("index", (1,)))),
        ("dead-letters", "none stays", (*ASIDE, DeadLetters("index", (1, 1)))),
        (
            "cache-order",
            "newer stays",
            (*FIRST, tail, *SECOND, Applied("tail", 2, {"x": "b"}), Applied("tail", 1, {"x": "a"})),
        ),
        ("cache-order", "newer stays", (*BOTH, Applied("cache", 2, {"x": "b"}), Applied("cache", 1, {"x": None}))),
        ("cache", "rows are right", (*FIRST, tail, Observed("tail", 1, {"ada@acme": "zeta"}))),
        ("cache", "rows are there", (*FIRST, tail, Observed("tail", 1, {}))),
        ("convergence", "every consumer", (*FIRST, tail, ADA_THERE, Settling(), *at_rest(), Settled(0))),
    ]


def also_right() -> list[tuple[Any, ...]]:
    """Histories that come close to breaking a clause."""
    return [
        # a checkpoint between two positions covers what is before it
        (*FIRST, asked("bob-1", BOB), LATER, yes("bob-1", 5), ADA_THERE, saved(4), Recovered("index", 4, None)),
        (*HIDDEN, taken(2, TWO_NAMES), *APPEARS, Settled(0)),
        (*HIDDEN, StreamAnswered("index", "acme", 2, TWO_NAMES), *APPEARS, Settled(0)),
        (*BOTH, taken(1, ONLY_ADA), taken(2, TWO_NAMES), loaded(1, ONLY_ADA)),
        (*BOTH, ADA_THERE, BOB_THERE, Observed("index", 1, {"ada@acme": ROW})),
        (*FIRST, StreamAnswered("index", "zeta", 0, frozenset())),
        (*BOTH, Failed("index", 1), PARKED, BEHIND, DeadLetters("index", (2, 1))),
        (*BOTH, Failed("index", 1), PARKED, BEHIND, BEHIND, DeadLetters("index", (1, 2))),
        (*FIRST, *OTHER, *THIRD, Failed("index", 1), PARKED, ADA_THERE, BOB_THIRD),
        (*FIRST, *OTHER, *THIRD, ADA_THERE, BOB_THIRD, ZOE_THERE),
        # a swap, to rows of an earlier position, and to those of a later one
        (*SWAPPED_EARLY, BOB_THERE, saved(2), Observed("index", 2, {"ada@acme": ROW, "bob@acme": ROW})),
        (*SWAPPED_EARLY[:-1], saved(2), Rebuilt("index", 0, {}), ADA_THERE, saved(1), BOB_THERE, saved(2)),
        (*SWAPPED_LATE, Ignored("index", 2), saved(2), Recovered("index", 2, {"ada@acme": ROW, "bob@acme": ROW})),
        (*SWAPPED_LATE, BOB_THERE, saved(2), Observed("index", 2, {"ada@acme": ROW, "bob@acme": ROW})),
        # one that dies before its next checkpoint goes on at the one that it has
        (*SWAPPED_LATE[:-1], saved(1), SWAPPED_LATE[-1], Recovered("index", 1, None), saved(1), BOB_THERE, saved(2)),
        (*COUNTED, Rebuilt("totals", 1, {"acme": 1}), counted(2, 2), Observed("totals", 2, {"acme": 2})),
        # what was put aside is a duplicate when it comes again
        (*PUT_ASIDE, Ignored("index", 1), Ignored("index", 2)),
        (*PUT_ASIDE, Rebuilt("index", 2, ADAS_AND_ZOES), Observed("index", 2, ADAS_AND_ZOES)),
        (*ONLY_REGISTERED, ZOE_THERE, Recovered("index", 0, ZOES), ADA_THERE, Observed("index", 2, ADAS_AND_ZOES)),
        (*AHEAD_OF_ZOE, Recovered("index", 2, ADAS_AND_ZOES), BOB_THIRD),
        (*BEGUN_ANEW, taken(2, 2, JOURNEY), loaded(2, 2, JOURNEY)),
        # also when its consumer begins again: its letter is there
        (*RESTARTED, Ignored("totals", 1), Parked("totals", 2, "acme", 2), DeadLetters("totals", (1, 2))),
        (*RESTARTED, Ignored("totals", 1), Parked("totals", 2, "acme", 2), saved(2, "totals")),
        # one that is watched is not seen to apply anything
        (*FIRST, WATCHED_TOO, *ALL_ADA, Settling(), *at_rest(), Settled(0)),
        (*BOTH, ADA_THERE, BOB_THERE, saved(2), Reset("index", 1), Recovered("index", 1, None), saved(1)),
        # what was put aside is handled when it comes again, or is in rebuilt rows while its letter is left or not
        (*AGAIN_FROM_NOTHING, ADA_THERE, BOB_THERE, DeadLetters("index", ())),
        (*RESTARTED, counted(1, 1), counted(2, 2), DeadLetters("totals", ())),
        (*BROUGHT, BOB_THERE, DeadLetters("index", (1,))),
        (*BROUGHT, BOB_THERE, DeadLetters("index", ())),
        (*BROUGHT[:-1], Rebuilt("index", 2, {"ada@acme": ROW, "bob@acme": ROW}), DeadLetters("index", ())),
        # rows that are named, and have not changed
        (*BOTH, ADA_THERE, Applied("index", 2, {"bob@acme": ROW, "ada@acme": ROW, "cleo@acme": None})),
        # one that does not take part
        (*FIRST, Parked("nobody", 1, "acme", 1)),
        (*FIRST, Settling(), Settled(0)),
        # at rest once more, when other consumers are seen
        (*FIRST, *ALL_ADA, *at_rest(), Settled(0), *SECOND, *ALL_BOB, Observed("totals", 2, {"acme": 2}), Settled(0)),
    ]
