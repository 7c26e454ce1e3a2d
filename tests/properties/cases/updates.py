"""Cases of the properties of conditional updates: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from refold.model.application import Application, Refusal
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Delete, Register, Registered
from refold.model.examples.inventory import Inventory, Reserved, Restocked
from refold.model.expectation import ANY, NO_STREAM, STREAM_EXISTS, Criterion, Exact, Fenced, NoMatch
from refold.model.parts.claims.entity import Journaled, TookOver, WriterRefused
from refold.model.parts.claims.lock import FencedOff, Granted, LockedWrite, Queued, Released, Renewed
from refold.model.parts.claims.reservation import HoldDenied, HoldEnded, HoldsAtRest, HoldTaken
from refold.model.parts.reading.revisioned_keys import Created, CreateRefused, Discarded, LookedUp
from refold.model.record import Declined, Prepared, Refused, Retried, Settled, Started, Unknown

from .case import Case
from .records import ADA, BOB, FIRST, GONE, SECOND, asked, event

CLEO = Registered("acme", "cleo")


class Off(msgspec.Struct, frozen=True):
    """Take a doctor off call."""

    doctor: str


class Gone(msgspec.Struct, frozen=True):
    """The doctor is off call."""

    doctor: str


class Doctors(Application):
    """Every doctor decides alone; the ward is a group that may not be empty."""

    name = "doctors"
    events = (Gone,)

    def commands(self) -> Sequence[Off]:
        return (Off("ada"), Off("bob"))

    def initial(self, key: str) -> bool:
        return True

    def decide(self, command: Off, state: bool) -> Sequence[Gone]:
        if not state:
            raise Refusal(f"{command.doctor} is off call already")
        return (Gone(command.doctor),)

    def evolve(self, state: bool, event: Gone) -> bool:
        return False

    def group(self, key: str) -> str:
        return "ward"

    def broken_group_invariant(self, group: str, states: Mapping[str, bool]) -> str | None:
        return "nobody is on call" if len(states) == 2 and not any(states.values()) else None


def stock(op: str, payload: Restocked | Reserved, position: int) -> tuple[Prepared, Stored]:
    """An append to the stock of bolts without a command that is known, and its event."""
    name = type(payload).__name__
    wanted = NewEvent(f"{op}/0", name, payload)
    prepared = Prepared(op.partition("-")[0], op, None, "log", "bolt", position - 1, ANY, (wanted,))
    return prepared, Stored(position, "bolt", position, f"{op}/0", name, payload)


def off(op: str, doctor: str, position: int) -> tuple[Prepared, Stored]:
    """A doctor goes off call: the append, and its event."""
    gone = Gone(doctor)
    prepared = Prepared(
        op.partition("-")[0], op, Off(doctor), "log", doctor, 0, NO_STREAM, (NewEvent(f"{op}/0", "Gone", gone),)
    )
    return prepared, Stored(position, doctor, 1, f"{op}/0", "Gone", gone)


def decided(op: str, payload: Registered, name: str, seen: int) -> Prepared:
    """A decision to register `name` on the log at version `seen`, and what came of it."""
    command = Register("acme", name)
    wanted = NewEvent(f"{op}/0", "Registered", payload)
    return Prepared(op.partition("-")[0], op, command, "log", "acme", seen, Exact(seen), (wanted,))


def no(name: str, seen: int) -> Declined:
    """A decision not to register `name` on the log at version `seen`."""
    return Declined("bob", "bob-9", Register("acme", name), "log", "acme", seen, f"the name {name} is taken")


REGISTRATIONS = Criterion(types=("Registered",))
NOTHING = NoMatch((Criterion(tags=("name:ada",)), Criterion(("Deleted",))), 0)
HELD = HoldTaken("alice", "seat-1", 1, 2, 0)
LEASE = Granted("alice", "ledger", 1, 8, 0)
NEXT = Granted("bob", "ledger", 2, 16, 8)
TAKEN = TookOver("node-1", 1, 0)

CASES: dict[tuple[str, str], Case] = {
    # expected version
    ("expected-version", "holds"): Case(
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, asked("bob-1", BOB, expected=Exact(1)), event(2, 2, BOB, "bob-1/0")),
    ),
    ("expected-version", "refused with cause"): Case(
        (*FIRST, asked("bob-1", BOB, expected=Exact(1)), Refused("bob", "bob-1", 1)),
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1)),
    ),
    ("expected-version", "names a version"): Case(
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 2)),
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1)),
    ),
    # decisions
    ("decisions", "decided on the actual state"): Case(
        (*FIRST, asked("bob-1", ADA), event(2, 2, ADA, "bob-1/0")),
        (*FIRST, asked("bob-1", BOB), event(2, 2, BOB, "bob-1/0")),
    ),
    ("decisions", "invariant"): Case(
        (*stock("alice-1", Restocked("bolt", 1), 1), *stock("bob-1", Reserved("bolt", 2), 2)),
        (*stock("alice-1", Restocked("bolt", 1), 1), *stock("bob-1", Reserved("bolt", 1), 2)),
        application=Inventory(),
    ),
    ("decisions", "group invariant"): Case(
        (*off("alice-1", "ada", 1), *off("bob-1", "bob", 2)),
        off("alice-1", "ada", 1),
        application=Doctors(),
    ),
    # views
    ("views", "not ahead"): Case((*FIRST, no("ada", 2)), (*FIRST, no("ada", 1))),
    ("views", "append"): Case(
        (*FIRST, decided("bob-1", CLEO, "bob", 1)),
        (*FIRST, decided("bob-1", BOB, "bob", 1)),
    ),
    ("views", "decline"): Case((*FIRST, no("bob", 1)), (*FIRST, no("ada", 1))),
    # create if absent
    ("create-if-absent", "created once"): Case(
        (Created("alice", "lamp", 1), Created("bob", "lamp", 2)),
        (Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), Created("bob", "lamp", 3)),
    ),
    ("create-if-absent", "deleted once"): Case(
        (Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), Discarded("bob", "lamp", 3)),
        (Created("alice", "lamp", 1), Discarded("alice", "lamp", 2)),
    ),
    ("create-if-absent", "revisions grow"): Case(
        (Created("alice", "lamp", 1), Discarded("bob", "lamp", 2), Created("alice", "lamp", 1)),
        (Created("alice", "lamp", 1), Discarded("bob", "lamp", 2), Created("alice", "lamp", 3)),
    ),
    ("create-if-absent", "refused with cause"): Case(
        (LookedUp("bob", "lamp", 0, exists=False), CreateRefused("bob", "lamp")),
        (LookedUp("bob", "lamp", 0, exists=False), Created("alice", "lamp", 1), CreateRefused("bob", "lamp")),
    ),
    # single writer
    # conditions over tags
    ("expected-version", "no match"): Case(
        (*FIRST, asked("bob-1", BOB, expected=NoMatch((REGISTRATIONS,), 0)), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, asked("bob-1", BOB, expected=NoMatch((REGISTRATIONS,), 1)), event(2, 2, BOB, "bob-1/0")),
    ),
    ("single-writer", "versions"): Case(
        (TAKEN, Journaled("node-1", 1, 1), Journaled("node-1", 1, 1)),
        (TAKEN, Journaled("node-1", 1, 1), Journaled("node-1", 1, 2)),
    ),
    ("single-writer", "epochs"): Case(
        (Journaled("node-2", 2, 1), Journaled("node-1", 1, 2)),
        (Journaled("node-1", 1, 1), Journaled("node-2", 2, 2)),
    ),
    ("single-writer", "one node"): Case(
        (TAKEN, Journaled("node-1", 1, 1), Journaled("node-2", 1, 2)),
        (TAKEN, Journaled("node-1", 1, 1), Journaled("node-1", 1, 2)),
    ),
    ("single-writer", "taken"): Case(
        (TAKEN, Journaled("node-2", 2, 1)),
        (TAKEN, TookOver("node-2", 2, 0), Journaled("node-2", 2, 1)),
    ),
    ("single-writer", "new epoch"): Case((TAKEN, TookOver("node-2", 1, 0)), (TAKEN, TookOver("node-2", 2, 0))),
    ("single-writer", "replayed"): Case(
        (TAKEN, Journaled("node-1", 1, 1), TookOver("node-2", 2, 0)),
        (TAKEN, Journaled("node-1", 1, 1), TookOver("node-2", 2, 1)),
    ),
    ("single-writer", "refused with cause"): Case(
        (TAKEN, WriterRefused("node-1", 1)),
        (TAKEN, TookOver("node-2", 2, 0), WriterRefused("node-1", 1)),
    ),
    # locks
    ("locks", "one holder"): Case(
        (LEASE, Granted("bob", "ledger", 2, 15, 7)),
        (LEASE, Granted("bob", "ledger", 2, 16, 8)),
    ),
    ("locks", "still waiting"): Case(
        (LEASE, Queued("bob", "ledger", 8, 0), Released("alice", "ledger", 1), NEXT),
        (LEASE, Queued("bob", "ledger", 9, 0), Released("alice", "ledger", 1), NEXT),
    ),
    ("locks", "lasting"): Case((Granted("alice", "ledger", 1, 8, 8),), (Granted("alice", "ledger", 1, 9, 8),)),
    ("locks", "renewed by its holder"): Case(
        (LEASE, Granted("bob", "ledger", 2, 16, 8), Renewed("alice", "ledger", 1, 17, 9)),
        (LEASE, Granted("bob", "ledger", 2, 16, 8), Renewed("bob", "ledger", 2, 17, 9)),
    ),
    ("locks", "renewal lasting"): Case(
        (LEASE, Renewed("alice", "ledger", 1, 7, 7)),
        (LEASE, Renewed("alice", "ledger", 1, 8, 7)),
    ),
    ("locks", "new token"): Case(
        (LEASE, Released("alice", "ledger", 1), Granted("bob", "ledger", 1, 8, 0)),
        (LEASE, Released("alice", "ledger", 1), Granted("bob", "ledger", 2, 8, 0)),
    ),
    ("locks", "not kept waiting"): Case(
        (LEASE, Queued("bob", "ledger", 16, 8)),
        (LEASE, Queued("bob", "ledger", 16, 7)),
    ),
    ("locks", "granted token"): Case(
        (LEASE, LockedWrite("alice", "ledger", 2)),
        (LEASE, LockedWrite("alice", "ledger", 1)),
    ),
    ("locks", "own token"): Case(
        (LEASE, LockedWrite("bob", "ledger", 1)),
        (LEASE, LockedWrite("alice", "ledger", 1)),
    ),
    ("locks", "newest token"): Case(
        (LEASE, NEXT, LockedWrite("bob", "ledger", 2), LockedWrite("alice", "ledger", 1)),
        (LEASE, NEXT, LockedWrite("alice", "ledger", 1), LockedWrite("bob", "ledger", 2)),
    ),
    ("locks", "refused with cause"): Case(
        (LEASE, FencedOff("alice", "ledger", 1)),
        (LEASE, NEXT, FencedOff("alice", "ledger", 1)),
    ),
    # reservations
    ("reservations", "one hold"): Case(
        (HELD, HoldTaken("bob", "seat-1", 2, 3, 1)),
        (HELD, HoldTaken("bob", "seat-2", 2, 3, 1)),
    ),
    ("reservations", "own number"): Case(
        (HELD, HoldTaken("bob", "seat-2", 1, 2, 0)),
        (HELD, HoldTaken("bob", "seat-2", 2, 2, 0)),
    ),
    ("reservations", "ends once"): Case(
        (HELD, HoldEnded("seat-1", 1, "expired", 2), HoldEnded("seat-1", 1, "confirmed", 3)),
        (HELD, HoldEnded("seat-1", 1, "confirmed", 3)),
    ),
    ("reservations", "time"): Case(
        (HELD, HoldEnded("seat-1", 1, "expired", 1)),
        (HELD, HoldEnded("seat-1", 1, "expired", 2)),
    ),
    ("reservations", "denied with cause"): Case(
        (HELD, HoldDenied("bob", "seat-2")),
        (HELD, HoldDenied("bob", "seat-1")),
    ),
    ("reservations", "none left"): Case(
        (HELD, HoldsAtRest({"seat-1": 1})),
        (HELD, HoldEnded("seat-1", 1, "cancelled", 1), HoldsAtRest({})),
    ),
    ("reservations", "none vanished"): Case(
        (HELD, HoldsAtRest({})),
        (HELD, HoldEnded("seat-1", 1, "cancelled", 1), HoldsAtRest({})),
    ),
}

FREE = LookedUp("bob", "lamp", 0, exists=False)
THERE = LookedUp("bob", "lamp", 1, exists=True)
BATCH = asked("bob-1", ADA, expected=NO_STREAM)
"""Bob's append of unknown outcome, in the form in which it was sent first."""
SENT_AGAIN = (Unknown("bob", "bob-1"), Retried("bob", "bob-1"))


def also_wrong() -> list[tuple[str, str, tuple[Any, ...]]]:
    """(property, clause, history): more histories that break a clause of theirs, in ways of their own."""
    again, tagged = (asked("bob-1", BOB, expected=one) for one in (Exact(1), NoMatch((REGISTRATIONS,), 0)))
    taken, stored = asked("bob-1", ADA, expected=Exact(1)), event(2, 2, ADA, "bob-1/0")
    sent = (asked("bob-1", BOB, expected=Exact(1)), Unknown("bob", "bob-1"))
    doubt = (no("ada", 2), asked("cy-1", CLEO, expected=Exact(2)), Unknown("cy", "cy-1"))
    return [
        ("expected-version", "holds", (asked("bob-1", BOB, expected=Exact(1)), event(1, 1, BOB, "bob-1/0"))),
        (
            "expected-version",
            "refused with cause",
            (*FIRST, asked("bob-1", BOB, expected=NOTHING), Refused("bob", "bob-1", -1)),
        ),
        (
            "expected-version",
            "no match",
            (
                *FIRST,
                asked("bob-1", BOB, expected=NoMatch((NOTHING.criteria[0], REGISTRATIONS), 0)),
                event(2, 2, BOB, "bob-1/0"),
            ),
        ),
        ("expected-version", "holds", (asked("bob-1", BOB, expected=STREAM_EXISTS), event(1, 1, BOB, "bob-1/0"))),
        (
            "expected-version",
            "holds",
            (*FIRST, BATCH, *SENT_AGAIN, asked("bob-1", BOB, expected=Exact(2)), event(2, 2, BOB, "bob-1/0")),
        ),
        ("expected-version", "refused with cause", (*FIRST, asked("bob-1", BOB), Refused("bob", "bob-1", 1))),
        ("expected-version", "refused with cause", (BATCH, Refused("bob", "bob-1", 0))),
        # refused rightly, sent again under another expectation, and refused without a reason; or with a wrong one
        (
            "expected-version",
            "refused with cause",
            (*(*FIRST, BATCH, Refused("bob", "bob-1", 1), again), Refused("bob", "bob-1", 1)),
        ),
        (
            "expected-version",
            "names a version",
            (*FIRST, BATCH, Refused("bob", "bob-1", 1), Retried("bob", "bob-1"), Refused("bob", "bob-1", 3)),
        ),
        # sent under a version first and under a condition over tags then, or the other way round, and neither holds
        (
            "expected-version",
            "no match",
            (*FIRST, BATCH, *SENT_AGAIN, tagged, event(2, 2, BOB, "bob-1/0")),
        ),
        (
            "expected-version",
            "holds",
            (*FIRST, tagged, *SENT_AGAIN, asked("bob-1", BOB, expected=NO_STREAM), event(2, 2, BOB, "bob-1/0")),
        ),
        (
            "expected-version",
            "names a version",
            (*FIRST, *SECOND, asked("cy-1", CLEO, expected=Exact(1)), Refused("cy", "cy-1", 1)),
        ),
        ("decisions", "decided on the actual state", (*FIRST, taken, stored)),
        (
            "decisions",
            "decided on the actual state",
            (asked("bob-1", GONE, command=Delete("acme", "ada")), event(1, 1, GONE, "bob-1/0")),
        ),
        (
            "decisions",
            "decided on the actual state",
            (asked("bob-1", ADA, command=Register("acme", "bob")), event(1, 1, ADA, "bob-1/0")),
        ),
        (
            "decisions",
            "decided on the actual state",
            (*FIRST, taken, *SENT_AGAIN, taken, stored),
        ),
        ("views", "not ahead", (decided("bob-1", BOB, "bob", 1),)),
        (
            "views",
            "not ahead",
            (*FIRST, asked("bob-1", BOB, expected=Exact(1)), Unknown("bob", "bob-1"), no("ada", 2), Settled(0)),
        ),
        ("views", "not ahead", (*FIRST, asked("bob-1", BOB, expected=Exact(1)), Unknown("bob", "bob-1"), no("ada", 3))),
        # the second view is further ahead than the first, which the end shows to be right
        (
            "views",
            "not ahead",
            (*FIRST, *sent, *doubt, no("ada", 3), event(2, 2, BOB, "bob-1/0"), Settled(0)),
        ),
        (
            "views",
            "not ahead",
            (*FIRST, *sent, no("ada", 2), event(2, 2, BOB, "bob-1/0"), *doubt[1:], no("ada", 3), Settled(0)),
        ),
        # the append that might have explained the view was refused
        (
            "views",
            "not ahead",
            (*FIRST, decided("bob-1", BOB, "bob", 0), Refused("bob", "bob-1", 1), no("ada", 2)),
        ),
        ("views", "append", (*FIRST, decided("bob-1", ADA, "ada", 1))),
        ("create-if-absent", "created once", (FREE, Created("alice", "lamp", 1), Created("bob", "lamp", 2))),
        ("create-if-absent", "deleted once", (Discarded("alice", "lamp", 1),)),
        ("create-if-absent", "revisions grow", (Created("alice", "lamp", 2), Discarded("bob", "lamp", 2))),
        ("create-if-absent", "refused with cause", (CreateRefused("bob", "lamp"),)),
        (
            "create-if-absent",
            "refused with cause",
            (Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), THERE, CreateRefused("bob", "lamp")),
        ),
        # the second one who looked, and after a change of another key only
        (
            "create-if-absent",
            "refused with cause",
            (
                *(Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), FREE),
                *(LookedUp("cy", "lamp", 2, exists=False), Created("alice", "desk", 3), CreateRefused("cy", "lamp")),
            ),
        ),
        ("single-writer", "versions", (Journaled("node-1", 1, 2),)),
        ("single-writer", "versions", (TAKEN, Journaled("node-1", 1, 1), Journaled("node-1", 1, 3))),
        ("single-writer", "epochs", (TAKEN, TookOver("node-2", 2, 0), Journaled("node-1", 1, 1))),
        ("single-writer", "one node", (Journaled("node-1", 1, 1), Journaled("node-2", 1, 2))),
        ("single-writer", "new epoch", (Journaled("node-1", 3, 1), TookOver("node-2", 2, 1))),
        ("single-writer", "new epoch", (TookOver("node-1", 2, 0), TookOver("node-1", 1, 0))),
        ("single-writer", "refused with cause", (WriterRefused("node-1", 1),)),
        ("single-writer", "refused with cause", (Journaled("node-1", 1, 1), WriterRefused("node-2", 1))),
        ("locks", "one holder", (LEASE, Released("bob", "ledger", 0), Granted("bob", "ledger", 2, 15, 7))),
        # given back by somebody else, under the token of the holder
        ("locks", "one holder", (LEASE, Released("bob", "ledger", 1), Granted("bob", "ledger", 2, 15, 7))),
        ("locks", "one holder", (LEASE, Renewed("alice", "ledger", 1, 12, 4), Granted("bob", "ledger", 2, 19, 11))),
        ("locks", "one holder", (LEASE, Granted("bob", "ledger", 2, None, 7))),
        ("locks", "renewed by its holder", (Renewed("alice", "ledger", 1, 8, 0),)),
        ("locks", "renewed by its holder", (LEASE, Renewed("bob", "ledger", 1, 12, 4))),
        (
            "locks",
            "renewed by its holder",
            (LEASE, Released("alice", "ledger", 1), Renewed("alice", "ledger", 1, 12, 4)),
        ),
        ("locks", "not kept waiting", (LEASE, Renewed("alice", "ledger", 1, 12, 4), Queued("bob", "ledger", 20, 12))),
        ("locks", "not kept waiting", (Queued("bob", "ledger", 8, 0),)),
        ("locks", "not kept waiting", (LEASE, Released("alice", "ledger", 1), Queued("bob", "ledger", 9, 1))),
        ("locks", "granted token", (LockedWrite("alice", "ledger", 1),)),
        ("locks", "granted token", (LEASE, Granted("bob", "ledger", 3, 16, 8), LockedWrite("bob", "ledger", 2))),
        ("locks", "own token", (LEASE, LockedWrite("alice", "ledger", 1), LockedWrite("bob", "ledger", 1))),
        ("locks", "refused with cause", (LEASE, LockedWrite("alice", "ledger", 1), FencedOff("alice", "ledger", 1))),
        ("locks", "refused with cause", (Granted("alice", "ledger", -9, 8, 0), FencedOff("alice", "ledger", -9))),
        ("reservations", "ends once", (HoldEnded("seat-1", 1, "confirmed", 1),)),
        ("reservations", "ends once", (HELD, HoldEnded("seat-1", 2, "confirmed", 1))),
        (
            "reservations",
            "own number",
            (HELD, HoldEnded("seat-1", 1, "confirmed", 1), HoldTaken("bob", "seat-1", 1, 3, 1)),
        ),
        (
            "reservations",
            "denied with cause",
            (HELD, HoldEnded("seat-1", 1, "expired", 2), HoldDenied("bob", "seat-1")),
        ),
        ("reservations", "none left", (HoldsAtRest({"seat-1": 1}),)),
    ]


def also_right() -> list[tuple[Any, ...]]:
    """Histories that come close to breaking a clause."""
    sent = (asked("bob-1", BOB, expected=Exact(1)), Unknown("bob", "bob-1"))
    doubt = (no("ada", 2), asked("cy-1", CLEO, expected=Exact(2)), Unknown("cy", "cy-1"))
    tagged = asked("bob-1", BOB, expected=NoMatch((REGISTRATIONS,), 0))
    return [
        (
            LEASE,
            Renewed("alice", "ledger", 1, 12, 4),
            Queued("bob", "ledger", 19, 11),
            Granted("bob", "ledger", 2, 20, 12),
        ),
        # tokens only have to grow
        (
            *(Granted("alice", "ledger", -9, 8, 0), LockedWrite("alice", "ledger", -9)),
            *(Granted("bob", "ledger", -7, 16, 8), LockedWrite("bob", "ledger", -7)),
        ),
        # where clocks differ, nobody knows whether a lease is over
        (LEASE, Granted("bob", "ledger", 2, 5, 4, exclusive=False), Queued("cy", "ledger", 14, 6)),
        (Granted("alice", "ledger", 1, 8, 0, exclusive=False), Queued("bob", "ledger", 17, 9)),
        # nobody knows when a lease ends that was granted late
        (LEASE, Granted("bob", "ledger", 2, None, 50), Granted("cy", "ledger", 3, 60, 52)),
        (Granted("alice", "ledger", 1, None, 9), Queued("bob", "ledger", 17, 10)),
        # the lease is over, but nobody else has had one
        (LEASE, Renewed("alice", "ledger", 1, 17, 9)),
        # decided anew, and stored under the condition, or as the decision, of any of the times
        (*FIRST, *sent, Retried("bob", "bob-1"), asked("bob-1", BOB, expected=NO_STREAM), event(2, 2, BOB, "bob-1/0")),
        (*FIRST, *sent, Retried("bob", "bob-1"), asked("bob-1", ADA, expected=Exact(1)), event(2, 2, BOB, "bob-1/0")),
        # under a version first and under a condition over tags then, or the other way round: one of them holds
        (*FIRST, *sent, Retried("bob", "bob-1"), tagged, event(2, 2, BOB, "bob-1/0")),
        (*FIRST, tagged, *SENT_AGAIN, sent[0], event(2, 2, BOB, "bob-1/0")),
        (*FIRST, BATCH, Refused("bob", "bob-1", 1), Retried("bob", "bob-1"), Refused("bob", "bob-1", 1)),
        (*FIRST, asked("bob-1", BOB, expected=Fenced(3)), Refused("bob", "bob-1", 1)),
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", -1)),
        (LEASE, Released("alice", "ledger", 1), Granted("bob", "ledger", 2, 15, 7)),
        # a view of a stream that is not that of the command's key
        (*FIRST, Declined("bob", "bob-9", Register("acme", "zoe"), "log", "acme-2", 0, "taken")),
        # views that are stale, those of consumers, and those of streams that show more than the whole log
        (*FIRST, *SECOND, no("zoe", 1)),
        (*FIRST, *sent, no("ada", 2), event(2, 2, BOB, "bob-1/0"), Settled(0)),
        (
            *(*FIRST, *sent, no("ada", 2), event(2, 2, BOB, "bob-1/0")),
            *(
                asked("carol-1", CLEO, expected=Exact(2), command=Register("acme", "cleo")),
                event(3, 3, CLEO, "carol-1/0"),
            ),
            Settled(0),
        ),
        (*FIRST, Started("alice", "alice-2", (2,)), no("ada", 2)),
        # the end of an append that was sent before another one of the same client, or has no answer yet
        (
            *(*FIRST, sent[0], Started("bob", "bob-1", (2,)), decided("bob-2", CLEO, "cleo", 1)),
            *(Unknown("bob", "bob-2"), Unknown("bob", "bob-1"), no("ada", 2), event(2, 2, BOB, "bob-1/0"), Settled(0)),
        ),
        (*FIRST, sent[0], no("ada", 2), event(2, 2, BOB, "bob-1/0"), Settled(0)),
        (*FIRST, *sent, *doubt, no("ada", 3), event(2, 2, BOB, "bob-1/0"), event(3, 3, CLEO, "cy-1/0"), Settled(0)),
        (
            Created("alice", "lamp", 1),
            Discarded("bob", "lamp", 2),
            Created("alice", "lamp", 4),
            Discarded("alice", "lamp", 7),
        ),
        (FREE, Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), CreateRefused("bob", "lamp")),
        (Created("alice", "lamp", 1), THERE, CreateRefused("bob", "lamp")),
        # the look-up is stale: the key was there, so whoever creates it has to be refused
        (Created("alice", "lamp", 1), FREE, CreateRefused("bob", "lamp")),
        (
            *(Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), Created("alice", "lamp", 3)),
            *(LookedUp("bob", "lamp", 2, exists=False), CreateRefused("bob", "lamp")),
        ),
        # nobody knows when the creator looked
        (Created("alice", "lamp", 1), CreateRefused("bob", "lamp")),
        (Created("alice", "lamp", 1), Discarded("alice", "lamp", 2), CreateRefused("bob", "lamp")),
        (Journaled("node-1", 1, 1), Journaled("node-2", 2, 2), WriterRefused("node-1", 1)),
        (
            LEASE,
            NEXT,
            LockedWrite("alice", "ledger", 1),
            LockedWrite("alice", "ledger", 1),
            LockedWrite("bob", "ledger", 2),
        ),
        (LEASE, Queued("bob", "ledger", 9, 7), NEXT, FencedOff("alice", "ledger", 1)),
        # refused because it was granted to somebody else, or to nobody
        (LEASE, FencedOff("bob", "ledger", 1)),
        (FencedOff("alice", "ledger", 1),),
        (HELD, HoldDenied("bob", "seat-1"), HoldEnded("seat-1", 1, "expired", 9), HoldTaken("bob", "seat-1", 2, 12, 9)),
    ]
