"""Cases of the properties of messages: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from typing import Any

from refold.model.examples.accounts import Register, Registered
from refold.model.expectation import Exact
from refold.model.parts.consuming.mailer import Covered, MailerJoined, Sent
from refold.model.parts.messages.change_stream import Copied, CopyAtRest, SnapshotBegun, SourceChanged
from refold.model.parts.messages.dual_write import FirstWritten, Repaired, SecondWritten, StoresAtRest, WriterDied
from refold.model.parts.messages.outbox import Delivered, Interrupted, OutboxAtRest, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, CommandRecognised, ManagerAtRest
from refold.model.parts.messages.topic import (
    Expired,
    FailedOver,
    Published,
    Restored,
    Tallied,
    Tally,
    TallyObserved,
    TallyRecovered,
    TopicRead,
)
from refold.model.record import Crashed, Observed, Recovered

from .case import Case
from .records import BOB, FIRST, SECOND, asked, event, yes

# -- outbox and process manager


def sent(relay: str = "relay-1", position: int = 1, message: str = "alice-1/0") -> Delivered:
    """A delivery that the outside world acts on."""
    return Delivered(relay, message, position, True)


def ordered(position: int) -> Delivered:
    """A message of a sink that promises an order."""
    return Delivered("relay-1", "alice-1/0", position, True, "mail", True)


BOTH = (*FIRST, *SECOND)
"""Two events: alice-1/0 at position 1, bob-1/0 at position 2."""

OUTBOX = {
    ("outbox-delivery", "once"): Case(
        (*FIRST, sent(), RelayDied("relay-2", "alice-1/0"), sent("relay-2")),
        (*FIRST, sent(), RelayDied("relay-1", "alice-1/0"), sent("relay-2")),
    ),
    ("outbox-delivery", "of an event"): Case(
        (*FIRST, sent(message="alice-9/0")),
        (*FIRST, sent()),
    ),
    ("outbox-delivery", "each event"): Case(
        (*BOTH, sent(), Delivered("relay-2", "bob-1/0", 2, False), OutboxAtRest(0)),
        (*BOTH, sent(), Delivered("relay-2", "bob-1/0", 2, True), OutboxAtRest(0)),
    ),
    ("outbox-delivery", "in the order of streams"): Case(
        (*FIRST, *SECOND, Delivered("relay-1", "bob-1/0", 2, True, "mail", True), ordered(1)),
        (*FIRST, *SECOND, ordered(1), Delivered("relay-1", "bob-1/0", 2, True, "mail", True)),
    ),
    ("outbox-delivery", "no row left"): Case(
        (*FIRST, sent(), OutboxAtRest(1)),
        (*FIRST, sent(), OutboxAtRest(0)),
    ),
}


def executed(position: int = 1, handler: str = "ship", command: str = "c") -> CommandExecuted:
    """A command."""
    return CommandExecuted(command, handler, position)


COMMANDS = {
    ("commands", "executed once"): Case(
        (*FIRST, executed(), executed(command="d")),
        (*FIRST, executed(), executed(command="d", handler="invoice")),
    ),
    ("commands", "for an event"): Case(
        (*FIRST, executed(2)),
        (*FIRST, executed(1)),
    ),
    ("commands", "recognised if done"): Case(
        (*FIRST, executed(), CommandRecognised("c", "invoice", 1)),
        (*FIRST, executed(), CommandRecognised("c", "ship", 1)),
    ),
    ("commands", "each event and handler"): Case(
        (*FIRST, executed(), ManagerAtRest(1, ("ship", "invoice"))),
        (*FIRST, executed(), ManagerAtRest(1, ("ship",))),
    ),
    ("commands", "done with every event"): Case(
        (*FIRST, executed(), ManagerAtRest(0, ("ship",))),
        (*FIRST, executed(), ManagerAtRest(1, ("ship",))),
    ),
}

# -- two stores


def first(version: int, item: str = "x", noted: bool = True) -> FirstWritten:
    """A fact in the first store."""
    return FirstWritten("writer-1", item, version, noted)


def second(version: int, holds: int, item: str = "x") -> SecondWritten:
    """A fact at the second store."""
    return SecondWritten("writer-1", item, version, holds)


LEFT = (first(1), WriterDied("writer-1", "x", 1), first(1, "y"), WriterDied("writer-1", "y", 1))

TWO_STORES = {
    ("two-stores", "never back"): Case(
        (first(1), first(2), second(2, 2), second(1, 1)),
        (first(1), first(2), second(2, 2), second(1, 2)),
    ),
    ("two-stores", "repair finds"): Case(
        (*LEFT, Repaired(1)),
        (*LEFT, Repaired(2)),
    ),
    ("two-stores", "first at rest"): Case(
        (first(1), second(1, 1), StoresAtRest({}, {"x": 1})),
        (first(1), second(1, 1), StoresAtRest({"x": 1}, {"x": 1})),
    ),
    ("two-stores", "second at rest"): Case(
        (first(1), second(1, 1), StoresAtRest({"x": 1}, {"x": 1, "y": 1})),
        (first(1), second(1, 1), StoresAtRest({"x": 1}, {"x": 1})),
    ),
}

# -- change data capture


def row(lsn: int, value: int | None, item: str = "a") -> SourceChanged:
    """A change of the table."""
    return SourceChanged(lsn, item, value)


def put(lsn: int, value: int | None, rows: int = 1) -> Copied:
    """A write to the copy."""
    return Copied(lsn, "a", value, rows)


CHANGE_STREAM = {
    ("change-stream", "forwards"): Case(
        (row(1, 1), put(1, 1), row(2, None), put(2, None, 0), put(1, 1)),
        (row(1, 1), put(1, 1), row(2, None), put(2, None, 0), put(2, None, 0)),
    ),
    ("change-stream", "one row"): Case(
        (row(1, 1), put(1, 1), put(1, 1, rows=2)),
        (row(1, 1), put(1, 1), put(1, 1, rows=1)),
    ),
    ("change-stream", "committed"): Case(
        (row(1, 1), put(2, 2)),
        (row(1, 1), row(2, 2), put(2, 2)),
    ),
    ("change-stream", "values of the source"): Case(
        (row(1, 1), row(2, 2), put(1, 2)),
        (row(1, 1), row(2, 2), put(2, 2)),
    ),
    ("change-stream", "equal at rest"): Case(
        (row(1, 1), put(1, 1), CopyAtRest({"a": (1,), "b": (1,)})),
        (row(1, 1), put(1, 1), CopyAtRest({"a": (1,)})),
    ),
}

EMPTIED = (put(2, None, 0), put(1, 1))
"""A row is deleted for the snapshot at LSN 2, and comes back."""

# -- topics


def published(offset: int, number: int = 1) -> Published:
    """A message that is acknowledged."""
    return Published("alice", number, offset)


def tally(offset: int, count: int | None = None, epoch: int = 1) -> Tally:
    """The tally of `count` messages with the number 1."""
    count = offset if count is None else count
    return Tally(epoch, offset, count, count)


TWO = (published(1), published(2))
CUT = (*TWO, Restored(2, 1, 1), published(2, 5))
"""The second message is another one since the restore."""

TOPICS = {
    ("topics", "one message an offset"): Case((published(1), published(1)), TWO),
    ("topics", "no gap"): Case((published(1), published(3)), TWO),
    ("topics", "survives a failover"): Case((*TWO, FailedOver(2, 1)), (*TWO, FailedOver(2, 2))),
    ("topics", "reads are exact"): Case(
        (*TWO, Expired(2), TopicRead(1, (1, 2))),
        (*TWO, Expired(2), TopicRead(1, (2,))),
    ),
    ("topics", "new epoch noticed"): Case(
        (*CUT, Tallied(tally(2))),
        (*CUT, Tallied(Tally(2, 2, 2, 6))),
    ),
    ("topics", "recovered whole"): Case(
        (*TWO, Expired(2), TallyRecovered(tally(2, 1))),
        (*TWO, Expired(2), TallyRecovered(tally(2, 2))),
    ),
    ("topics", "gap noticed"): Case(
        (*TWO, Expired(2), Tallied(tally(2, 1))),
        (*TWO, Expired(2), Tallied(tally(2, 2))),
    ),
    ("topics", "tally is the fold"): Case(
        (*CUT, Tallied(tally(2, epoch=2))),
        (*CUT, Tallied(Tally(2, 2, 2, 6))),
    ),
    ("topics", "reaches the end"): Case(
        (*TWO, TallyObserved(tally(1))),
        (*TWO, TallyObserved(tally(2))),
    ),
}

# -- effects on the outside world


def mail(position: int = 1, to: str = "acme") -> Sent:
    """Something that leaves the system."""
    return Sent("mailer", position, to)


def noted(position: int = 1) -> Covered:
    """The mailer knows that it is done."""
    return Covered("mailer", position)


def rests(position: int) -> Observed:
    """Where the mailer rests."""
    return Observed("mailer", position, {})


JOINED = MailerJoined("mailer")
ZETA = Registered("zeta", "ada")
OTHER = (
    asked("bob-2", ZETA, command=Register("zeta", "ada"), stream="zeta"),
    event(2, 1, ZETA, "bob-2/0", "zeta"),
    yes("bob-2", 2),
)
"""An event of another stream at position 2."""

OUTSIDE: dict[tuple[str, str], Case] = {
    ("external-effects", "not after it is done"): Case(
        (*FIRST, JOINED, mail(), noted(), Crashed("mailer", 0), mail()),
        (*FIRST, JOINED, mail(), Crashed("mailer", 0), mail(), noted()),
    ),
    ("external-effects", "once for each start"): Case(
        (*FIRST, JOINED, mail(), Crashed("mailer", 2), mail(), mail(), noted()),
        (*FIRST, JOINED, mail(), Crashed("mailer", 2), mail(), Crashed("mailer", 2), mail(), noted()),
    ),
    ("external-effects", "for an event"): Case(
        (*FIRST, mail(2)),
        (*FIRST, mail(1)),
    ),
    ("external-effects", "to whom it is about"): Case(
        (*FIRST, mail(to="zeta")),
        (*FIRST, mail(to="acme")),
    ),
    ("external-effects", "in the order of streams"): Case(
        (*BOTH, mail(2), mail(1)),
        (*BOTH, mail(1), mail(2)),
    ),
    ("external-effects", "done only if sent"): Case(
        (*FIRST, *OTHER, mail(1), noted(2)),
        (*FIRST, *OTHER, mail(1), noted(1)),
    ),
    ("external-effects", "none forgotten"): Case(
        (*FIRST, JOINED, rests(1)),
        (*FIRST, JOINED, rests(0)),
    ),
}

CASES: dict[tuple[str, str], Case] = {**OUTBOX, **COMMANDS, **TWO_STORES, **CHANGE_STREAM, **TOPICS, **OUTSIDE}
"""One for each clause."""


TWICE = (*FIRST, sent(), ordered(1))
DIED = Interrupted("relay-1", ("alice-1/0", "alice-1/0"), "has died")
"""One process sends the message of an event by two ways, and dies."""

IN_A_ROW = (sent(), sent(position=2, message="bob-1/0"), RelayDied("relay-1", "alice-1/0"))
"""A relay sends two messages before it marks the first, and dies."""
BEHIND_A_GAP = (
    asked("bob-1", BOB, expected=Exact(1)),
    event(3, 2, BOB, "bob-1/0"),
    yes("bob-1", 3),
)
"""The next event is at position 3."""


def also_wrong() -> list[tuple[str, str, tuple[Any, ...]]]:
    """(property, clause, history): more histories that break a clause of theirs, in ways of their own."""
    return [
        ("outbox-delivery", "once", (*FIRST, sent(), sent("relay-2"))),
        ("outbox-delivery", "once", (*FIRST, RelayDied("relay-1", "alice-1/0"), sent(), sent("relay-2"))),
        (
            "outbox-delivery",
            "once",
            (*FIRST, sent(), Interrupted("relay-1", ("bob-1/0",), "has died"), sent("relay-2")),
        ),
        # an interruption excuses what had gone out by then
        (
            "outbox-delivery",
            "once",
            (*FIRST, Interrupted("relay-1", ("alice-1/0",), "has died"), sent(), sent("relay-2")),
        ),
        (
            "outbox-delivery",
            "once",
            (*FIRST, sent(), Interrupted("relay-1", ("alice-1/0",) * 2, "has died"), sent("relay-2"), sent("relay-3")),
        ),
        # each outbox for itself
        ("outbox-delivery", "once", (*TWICE, DIED, ordered(1), ordered(1))),
        ("outbox-delivery", "once", (*FIRST, ordered(1), sent(), RelayDied("relay-1", "alice-1/0"), ordered(1))),
        # a relay that sent two messages and dies with the first excuses one repetition of it, and none of the second
        ("outbox-delivery", "once", (*BOTH, *IN_A_ROW, sent("relay-2"), sent("relay-2"))),
        ("outbox-delivery", "once", (*BOTH, *IN_A_ROW, sent("relay-2", 2, "bob-1/0"))),
        ("outbox-delivery", "of an event", (*FIRST, sent(position=3, message="alice-3/0"))),
        # no event has a position below 1
        ("outbox-delivery", "of an event", (*FIRST, sent(), sent(position=-1))),
        # the message of an event that calls for none
        ("outbox-delivery", "of an event", (*FIRST, sent(), OutboxAtRest(0, silent=(1,)))),
        ("outbox-delivery", "each event", (*FIRST, OutboxAtRest(0))),
        ("commands", "each event and handler", (*FIRST, ManagerAtRest(1, ("ship",)))),
        ("commands", "each event and handler", (*BOTH, executed(1), ManagerAtRest(2))),
        ("commands", "for an event", (*FIRST, executed(1), executed(-1))),
        ("two-stores", "repair finds", (*LEFT, Repaired(0))),
        # a newer version that nobody has noted, and that has not reached the second store, replaces nothing
        ("two-stores", "repair finds", (first(1), first(2, noted=False), WriterDied("writer-1", "x", 1), Repaired(0))),
        # an older version that is noted later replaces nothing
        ("two-stores", "repair finds", (first(2), WriterDied("writer-1", "x", 2), first(1), Repaired(0))),
        ("two-stores", "first at rest", (first(1), second(1, 1), StoresAtRest({"x": 1, "y": 2}, {"x": 1}))),
        ("two-stores", "first at rest", (first(2), first(1), StoresAtRest({"x": 1}, {"x": 1}))),
        ("two-stores", "second at rest", (first(1), StoresAtRest({"x": 1}, {}))),
        # a row that goes back to an equal value has gone back all the same
        ("change-stream", "forwards", (row(1, 1), row(2, 2), row(3, 1), put(3, 1), put(1, 1))),
        # only the snapshot's deletion lets a row come back: not another one, and not what it holds at the snapshot's LSN
        (
            "change-stream",
            "forwards",
            (row(1, 1), SnapshotBegun(1), row(2, None), put(1, 1), put(2, None, 0), put(1, 1)),
        ),
        ("change-stream", "forwards", (row(1, 1), row(2, 2), SnapshotBegun(2), put(2, 2), put(1, 1))),
        # nor twice for one snapshot
        (
            "change-stream",
            "committed",
            (row(1, 1), row(2, 5, "b"), put(1, 1), SnapshotBegun(2), *EMPTIED, EMPTIED[0]),
        ),
        # nor further back than it was at the snapshot
        ("change-stream", "forwards", (row(1, 1), row(2, 2), SnapshotBegun(2), put(2, None, 0), put(1, 1))),
        ("change-stream", "committed", (put(1, 1),)),
        # the right value, as of an LSN that the source has not come to
        ("change-stream", "committed", (row(1, 1), put(2, 1))),
        ("change-stream", "values of the source", (row(1, 1), put(1, 7))),
        ("change-stream", "values of the source", (row(1, 1), row(2, 2), put(1, None, 0))),
        ("change-stream", "equal at rest", (row(1, 1), CopyAtRest({}))),
        ("change-stream", "equal at rest", (row(1, 1), put(1, 1), CopyAtRest({"a": (1, 1)}))),
        ("topics", "reads are exact", (*TWO, TopicRead(1, (1,)))),
        ("topics", "reads are exact", (*TWO, TopicRead(1, (2, 1)))),
        # what retention has removed does not come back
        ("topics", "reads are exact", (*TWO, Expired(2), Expired(1), TopicRead(1, (1, 2)))),
        # a loss, then a new epoch without one: the tally is wrong in its own epoch
        ("topics", "tally is the fold", (*CUT, FailedOver(3, 2), Tallied(tally(2, epoch=3)))),
        ("topics", "tally is the fold", (*TWO, Tallied(tally(3)))),
        # as many messages as there were, of which retention has removed one: none is missing
        ("topics", "tally is the fold", (*TWO, Expired(2), Tallied(Tally(1, 2, 2, 7)))),
        ("topics", "new epoch noticed", (*TWO, Restored(2, 1, 1), TallyRecovered(tally(2)))),
        # what a new primary brings has a place, and is read
        ("topics", "one message an offset", (*TWO, FailedOver(2, 3), published(3), TopicRead(1, (1, 2, 3)))),
        ("topics", "reads are exact", (*TWO, FailedOver(2, 3), published(4), TopicRead(2, (2, 4)))),
        ("topics", "tally is the fold", (*TWO, FailedOver(2, 3), Tallied(tally(2, 1, epoch=2)))),
        ("external-effects", "once for each start", (*FIRST, mail(), mail())),
        # two crashes, and nothing sent between them, excuse no more than one
        (
            "external-effects",
            "once for each start",
            (*FIRST, mail(), Crashed("mailer", 0), Crashed("mailer", 0), mail(), mail()),
        ),
        # the start that belongs to the crash is no second reason
        (
            "external-effects",
            "once for each start",
            (*FIRST, mail(), Crashed("mailer", 2), mail(), Recovered("mailer", 0, None), mail()),
        ),
        # there is no event 0, nor one where the log has a gap that the mailer has passed
        ("external-effects", "for an event", (*FIRST, mail(), noted(), mail(0))),
        ("external-effects", "for an event", (*FIRST, mail(), noted(), *BEHIND_A_GAP, mail(3), noted(3), mail(2))),
        (
            "external-effects",
            "done only if sent",
            (*FIRST, mail(), noted(), *BEHIND_A_GAP, mail(3), noted(3), noted(2)),
        ),
        ("external-effects", "done only if sent", (*FIRST, mail(), noted(), noted(0))),
        ("external-effects", "to whom it is about", (*FIRST, mail(), Crashed("mailer", 0), mail(1, "zeta"))),
        ("external-effects", "none forgotten", (*FIRST, mail(), rests(1))),
        ("external-effects", "none forgotten", (*BOTH, mail(1), noted(1), rests(2))),
    ]


def also_right() -> list[tuple[Any, ...]]:
    """Histories that come close to breaking a clause."""
    emptied = (row(1, 1), row(2, 5, "b"), put(1, 1), SnapshotBegun(2), put(2, None, 0))
    return [
        (*FIRST, Delivered("relay-1", "alice-1/0", 1, True), Delivered("relay-2", "alice-1/0", 1, False)),
        (*FIRST, sent(), Interrupted("relay-1", ("alice-1/0",), "has died"), sent("relay-2")),
        (*BOTH, sent(), OutboxAtRest(0, silent=(2,))),
        (*TWICE, DIED, sent(), ordered(1)),
        (*BOTH, *IN_A_ROW, sent("relay-2")),
        (*TWICE, RelayDied("relay-1", "alice-1/0"), ordered(1)),
        (*BOTH, executed(2), executed(1), ManagerAtRest(2)),
        # a newer version that has reached the second store replaces an older one, whenever its writer dies
        *(
            (first(1), first(2, noted=False), *both, Repaired(0), StoresAtRest({"x": 2}, {"x": 2}))
            for both in ((WriterDied("writer-1", "x", 1), second(2, 2)), (second(2, 2), WriterDied("writer-1", "x", 1)))
        ),
        # a snapshot that empties the copy, and one more after a crash in the first
        (*emptied, put(1, 1)),
        (*emptied, put(2, None, 0), put(1, 1), SnapshotBegun(2), *EMPTIED),
        (*emptied, row(3, 3, "b"), SnapshotBegun(3), put(1, 1)),
        (*emptied, row(3, 3), put(3, 3)),
        # as of an LSN at which another row has changed, or at which the snapshot stands
        (row(1, 1), row(2, 5, "b"), put(2, 1)),
        (row(1, 1), SnapshotBegun(2), put(2, 1)),
        (first(1), WriterDied("writer-1", "x", 1), first(2), Repaired(0)),
        (first(1), WriterDied("writer-1", "x", 1), first(2, noted=False), second(2, 2), Repaired(0)),
        (first(1), first(2, noted=False), second(2, 2), WriterDied("writer-1", "x", 1), Repaired(0)),
        (second(1, 1), first(1), WriterDied("writer-1", "x", 1), Repaired(0)),
        # a new primary has a message more, which nobody had acknowledged; a newer backup is restored after an older one
        (*TWO, FailedOver(2, 3), published(4), Tallied(tally(4, 9, epoch=2)), TopicRead(2, (2, 3, 4))),
        (*TWO, Restored(2, 1, 1), Restored(3, 1, 2), Tallied(tally(2, epoch=3)), published(3), TopicRead(1, (1, 2, 3))),
        (*CUT, Restored(3, 1, 3), TallyRecovered(tally(2, epoch=3)), TallyRecovered(tally(3, epoch=3))),
        (*TWO, Expired(1), Expired(2), TopicRead(1, (2,))),
        (*TWO, FailedOver(2, 2), Tallied(tally(2, epoch=2))),
        (*FIRST, *OTHER, mail(2, "zeta"), noted(2), mail(1), noted(1), rests(2)),
        (*FIRST, mail(), Recovered("mailer", 0, None), mail(), noted()),
        (*FIRST, mail(), *(Crashed("mailer", 2), Recovered("mailer", 0, None), mail()) * 2, noted()),
        # both go out once more after a crash, in their order
        (*BOTH, mail(1), mail(2), Crashed("mailer", 0), mail(1), mail(2), noted(1), noted(2), rests(2)),
    ]
