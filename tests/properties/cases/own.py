"""Cases of the properties of a user's own code: (property, clause) -> a history that only this clause convicts, and its innocent twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from refold.model.application import Application, Rows, Writes
from refold.model.event import NewEvent, Stored
from refold.model.examples.courses import Courses, Enrol, Enrolled
from refold.model.expectation import ANY
from refold.model.parts.calls import SERVICE, Called, Deadlocked, HandledAgain, Replied, Shown, Stuck
from refold.model.parts.reading.looks import Viewed
from refold.model.parts.rebuilds import GIVEN_UP, RebuildEnded
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Applied,
    ConsumerSpec,
    Crashed,
    Failed,
    Opened,
    Prepared,
    Recovered,
    Scanned,
    Settled,
    Settling,
)

from ...systems.user.bags import Add, Added, Bag, Clear, Removed
from .case import Case

BEGUN = Opened(
    1,
    "by hand",
    "bag",
    ("alice", "bob"),
    (
        ConsumerSpec(name="worker", projection="totals", watched=True),
        ConsumerSpec(name="careful", projection="totals", watched=True, at_most_once=True),
        ConsumerSpec(name="table", projection="totals", watched=True, inline=True),
    ),
)
BAG: Application = Bag()


ADD = Add("a")


class Replaying(Application):
    """How many events each key has; there is no decider."""

    name = "replaying"
    events = (Added,)

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        """Out of all events."""
        return Counter(event.stream for event in events)


class Forgetting(Replaying):
    """Looks at something else than the events as soon as it meets the one at position 2."""

    calls = 0

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        """Counts its calls."""
        self.calls += 1
        odd = self.calls if any(event.position == 2 for event in events) else 0
        return {key: count + odd for key, count in super().replay(events).items()}


def at(position: int) -> Stored:
    """An event."""
    return Stored(position, "a", position, f"e{position}", "Added", Added("a"))


def call(op: str, command: Any = ADD) -> Called:
    """A call begins."""
    return Called(op.partition("-")[0], op, command)


def stored(op: str, position: int, command: Any, *payloads: Any) -> tuple[Any, ...]:
    """What a call appends, as far as it is visible."""
    events = tuple(NewEvent(f"{op}/{n}", type(one).__name__, one) for n, one in enumerate(payloads))
    return (
        Prepared(op.partition("-")[0], op, command, SERVICE, "a", position - 1, ANY, events),
        *(Stored(position + n, "a", position + n, one.id, one.type, one.data) for n, one in enumerate(events)),
    )


def done(op: str, how: str = "done") -> Replied:
    """The end of a call."""
    return Replied(op.partition("-")[0], op, how)


ADDED = (call("alice-1"), *stored("alice-1", 1, Add("a"), Added("a")), done("alice-1"))
TWO = (*ADDED, call("bob-1"), *stored("bob-1", 2, Add("a"), Added("a")), done("bob-1"))
AHEAD = stored("bob-1", 1, ADD, Added("a"))
CLEAR = Clear("a")
UNSAID = (Called("bob", "bob-1", None),)


def shown(count: int, checkpoint: int | None, when: str = "resting", who: str = "worker") -> Shown:
    """What a consumer shows."""
    return Shown(who, checkpoint, {"a": count} if count else {}, when)


def history(*records: Any) -> tuple[Any, ...]:
    """Of one bag."""
    return (BEGUN, *records)


class Pairs(Bag):
    """What is put into a bag is put into bag b too."""

    def decide(self, command: Any, state: int) -> list[Any]:
        """In another stream."""
        return [Added(command.bag), Added("b")] if isinstance(command, Add) else super().decide(command, state)


PAIRS = Pairs()


class Moves(Bag):
    """Whatever is taken out of a bag is put into bag z first."""

    def decide(self, command: Any, state: int) -> list[Any]:
        """It is decided on the bag that the command names."""
        events = super().decide(command, state)
        return [Added("z"), *events] if isinstance(command, Clear) else events


MOVES = Moves()


def appended(op: str, position: int, version: int, command: Any, *payloads: Any) -> tuple[Any, ...]:
    """What a client appends to the stream of the command's bag."""
    events = tuple(NewEvent(f"{op}/{n}", type(one).__name__, one) for n, one in enumerate(payloads))
    return (
        Prepared(op.partition("-")[0], op, command, "worker", command.bag, 0, ANY, events),
        *(Stored(position + n, command.bag, version + n, one.id, one.type, one.data) for n, one in enumerate(events)),
    )


def part(op: str, bag: str, position: int, version: int = 1) -> tuple[Any, ...]:
    """What goes to one of several streams: nobody knows the command of such an append."""
    event = NewEvent(f"{op}/0", "Added", Added(bag))
    return (
        Prepared(op.partition("-")[0], op, None, SERVICE, bag, version - 1, ANY, (event,)),
        Stored(position, bag, version, event.id, event.type, event.data),
    )


def pair(op: str) -> tuple[Any, ...]:
    """A call that puts one into bag a, and so one into bag b."""
    return (call(op), *part(op, "a", 1), *part(f"{op}.2", "b", 2))


def enrolled(op: str, course: str, student: str, position: int) -> tuple[Any, ...]:
    """A call that gives a student a seat."""
    command, payload = Enrol(course, student), Enrolled(course, student)
    event = NewEvent(f"{op}/0", "Enrolled", payload, (f"course:{course}", f"student:{student}"))
    return (
        call(op, command),
        Prepared(op.partition("-")[0], op, command, SERVICE, course, position - 1, ANY, (event,)),
        Stored(position, course, position, event.id, event.type, payload, event.tags),
        done(op),
    )


ANN = enrolled("alice-1", "art", "ann", 1)

CASES: dict[tuple[str, str], Case] = {
    ("service-answers", "once"): Case(
        history(
            call("alice-1"), *stored("alice-1", 1, Add("a"), Added("a")), *stored("alice-1.2", 2, None, Added("a"))
        ),
        history(call("alice-1"), *stored("alice-1", 1, Add("a"), Added("a")), *stored("bob-1.2", 2, None, Added("a"))),
        BAG,
    ),
    ("service-answers", "whole"): Case(
        history(*TWO, call("alice-2", CLEAR), *stored("alice-2", 3, CLEAR, Removed("a"))),
        history(*TWO, call("alice-2", CLEAR), *stored("alice-2", 3, CLEAR, Removed("a"), Removed("a"))),
        BAG,
    ),
    ("service-answers", "done has an effect"): Case(
        history(*ADDED, call("bob-1"), done("bob-1")),
        history(*ADDED, call("bob-1"), done("bob-1", "raised")),
        BAG,
    ),
    ("service-answers", "refused with cause"): Case(
        history(*ADDED, call("bob-1", CLEAR), done("bob-1", "refused")),
        history(*ADDED, call("bob-1", CLEAR), done("bob-1", "unknown")),
        BAG,
    ),
    ("deadlocks", "no circle"): Case(
        history(*ADDED, call("bob-1"), Deadlocked("bob", {"alice": "waits", "bob": "waits"}), done("bob-1", "unknown")),
        history(*ADDED, call("bob-1"), done("bob-1", "unknown")),
        BAG,
    ),
    ("dead-ends", "no dead end"): Case(
        history(*ADDED, Settling(), Stuck("worker", 0, "KeyError: 'a'"), Settled(0)),
        history(*ADDED, Settling(), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "not lost"): Case(
        history(*TWO, Settling(), shown(1, 2), Settled(0)),
        history(*TWO, Settling(), shown(2, 2), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "not saved ahead"): Case(
        history(*ADDED, shown(0, 1, "dead"), Settling(), shown(0, 1), Settled(0)),
        history(*ADDED, shown(0, 1, "dead"), Settling(), shown(1, 1), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "once"): Case(
        history(*ADDED, Settling(), shown(2, 1), Settled(0)),
        history(*ADDED, Settling(), shown(1, 1), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "to the end"): Case(
        history(*TWO, Settling(), shown(1, 1), Settled(0)),
        history(*TWO, Settling(), shown(2, 2), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "rows"): Case(
        history(*ADDED, Settling(), Shown("worker", 1, {"a": -7}, "resting"), Settled(0)),
        history(*ADDED, Settling(), Shown("worker", 1, {"a": 1}, "resting"), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "checkpoint"): Case(
        history(*TWO, Settling(), shown(2, 1), Settled(0)),
        history(*TWO, Settling(), shown(2, 2), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "not beyond"): Case(
        history(*TWO, Settling(), shown(2, 3), Settled(0)),
        history(*TWO, Settling(), shown(2, 2), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "not again"): Case(
        history(*ADDED, Settling(), shown(1, 1), HandledAgain("careful", 1), Settled(0)),
        history(*ADDED, Settling(), shown(1, 1), HandledAgain("worker", 1), Settled(0)),
        BAG,
    ),
    ("watched-consumers", "forward"): Case(
        history(*TWO, shown(2, 2, "working"), shown(1, 2, "working")),
        history(*TWO, shown(1, 2, "working"), shown(2, 2, "working")),
        BAG,
    ),
    ("replays", "view"): Case((at(1), Viewed("page", {"a": 2})), (at(1), Viewed("page", {"a": 1})), Replaying()),
    ("replays", "twice"): Case(
        (at(1), at(2), Viewed("page", {"a": 2})), (at(1), at(3), Viewed("page", {"a": 2})), Forgetting()
    ),
    ("replays", "log"): Case((at(1), Scanned((), ())), (at(1), Scanned((1,), ("e1",))), Replaying()),
    ("watched-consumers", "inline"): Case(
        history(*TWO, shown(1, None, "working", "table")),
        history(*TWO, shown(2, None, "working", "table")),
        BAG,
    ),
    ("watched-consumers", "rebuilt"): Case(
        history(*TWO, RebuildEnded("worker", "raised"), RebuildEnded("worker", GIVEN_UP), shown(2, 2)),
        history(*TWO, RebuildEnded("worker", "raised"), RebuildEnded("worker", "done"), shown(2, 2)),
        BAG,
    ),
}


class Zeroed(Replaying):
    """Keys that the replay names and that have no event are at zero, as every key is at the beginning."""

    def initial(self, key: str) -> int:
        """No events."""
        return 0

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        """The key z is always there."""
        return {"z": 0, **super().replay(events)}


IN_MEMORY = msgspec.structs.replace(
    BEGUN, consumers=(ConsumerSpec(name="worker", projection="totals", watched=True, volatile=True),)
)
"""The worker's rows do not survive its process."""


CHOOSY = msgspec.structs.replace(
    BEGUN, consumers=(ConsumerSpec(name="worker", projection="totals", watched=True, types=("Added",)),)
)
"""The worker asked for one type of events."""
LOST_ONE = history(*TWO, Failed("careful", 2))
"""The second event is lost, which is allowed to the careful one."""
LATE = Joined(ConsumerSpec(name="late", projection="totals", watched=True))
"""One more worker."""


class Strict(Bag):
    """A table that knows only what the log leads to: it has a row for each bag that is not empty."""

    def totals(self, event: Stored, rows: Rows) -> Writes:
        """Raises KeyError for what is taken out of a bag that is empty."""
        key = event.stream
        if isinstance(event.data, Added):
            return {key: rows[key] + 1 if key in rows else 1}
        return {key: rows[key] - 1 or None}


STRICT: Application = Strict()
AGAIN = (call("alice-2"), *stored("alice-2", 3, Add("a"), Added("a")), done("alice-2"))
EMPTIED = (*ADDED, call("bob-1", CLEAR), *stored("bob-1", 2, CLEAR, Removed("a")), done("bob-1"))
BY_STREAM = msgspec.structs.replace(
    BEGUN, consumers=(ConsumerSpec(name="ledger", projection="totals", by_stream=True),)
)
"""A consumer whose rows are seen whenever it applies an event."""
CLEARED = (call("alice-2", CLEAR), *stored("alice-2", 3, CLEAR, Removed("a"), Removed("a")), done("alice-2"))


def more_wrong() -> list[tuple[str, str, tuple[Any, ...], Application]]:
    """(property, clause, history, application): more histories that break a clause of theirs, in ways of their own."""
    twice = stored("alice-1.2", 2, None, Added("a"))
    return [
        ("replays", "log", (at(1), at(2), Scanned((), (), 1)), Replaying()),
        ("replays", "log", (at(1), at(3), at(2)), Replaying()),
        ("replays", "view", (at(1), Shown("page", None, {"a": 2}, "resting")), Replaying()),
        ("replays", "log", (at(1), at(2), Scanned((2,), ("e3",), 1)), Replaying()),
        ("replays", "view", (at(1), Viewed("page", {"a": 1, "z": 2})), Zeroed()),
        ("replays", "view", (at(1), Viewed("page", {})), Zeroed()),
        # a scan shows events of others
        (
            "service-answers",
            "done has an effect",
            history(*ADDED, call("bob-1"), Scanned((1,), ("alice-1/0",)), done("bob-1")),
            BAG,
        ),
        # an effect that comes when the call is answered
        ("service-answers", "once", history(*ADDED, *twice), BAG),
        ("service-answers", "once", history(*ADDED, call("bob-1"), *twice), BAG),
        # twice in one append
        ("service-answers", "once", history(call("bob-1"), *stored("bob-1", 1, ADD, Added("a"), Added("a"))), BAG),
        ("service-answers", "once", history(*ADDED, call("bob-1"), *stored("bob-1", 2, ADD, *[Added("a")] * 2)), BAG),
        ("service-answers", "once", history(*TWO, call("bob-2"), *stored("bob-2", 3, ADD, *[Added("a")] * 2)), BAG),
        # a decision of two events, twice in one append
        (
            "service-answers",
            "once",
            history(*TWO, call("bob-2", CLEAR), *stored("bob-2", 3, CLEAR, *[Removed("a")] * 4)),
            BAG,
        ),
        # in memory, and nothing has gone wrong
        (
            "watched-consumers",
            "forward",
            (IN_MEMORY, *TWO, shown(2, 2, "working"), shown(1, 2, "working"), Settling(), shown(2, 2), Settled(0)),
            BAG,
        ),
        # one of the events that it asked for is missing
        (
            "watched-consumers",
            "not lost",
            (CHOOSY, *TWO, *CLEARED, Settling(), shown(1, 4), Settled(0)),
            BAG,
        ),
        # asked for or not, the checkpoint is behind an event that was
        ("watched-consumers", "checkpoint", (CHOOSY, *TWO, *CLEARED, Settling(), shown(2, 1), Settled(0)), BAG),
        # what is lost is no reason to stop, nor to come to a place where there is nothing
        ("watched-consumers", "to the end", (*LOST_ONE, Settling(), shown(1, 1, who="careful"), Settled(0)), BAG),
        ("watched-consumers", "not beyond", (*LOST_ONE, Settling(), shown(1, 3, who="careful"), Settled(0)), BAG),
        # it was at rest, and its process lives
        ("watched-consumers", "forward", history(*TWO, shown(2, 2), shown(1, 2, "working")), BAG),
        # one that comes later
        ("watched-consumers", "not lost", history(*TWO, LATE, Settling(), shown(1, 2, who="late"), Settled(0)), BAG),
        # an application that raises where an event is missing, or counts twice
        (
            "watched-consumers",
            "rows",
            history(*EMPTIED, Settling(), Shown("worker", 2, {"a": 7}, "resting"), Settled(0)),
            STRICT,
        ),
        (
            "watched-consumers",
            "not saved ahead",
            history(*ADDED, shown(0, 1, "dead"), *EMPTIED[3:], *AGAIN, shown(0, 3, "dead"), shown(0, 3)),
            STRICT,
        ),
        ("effects", "in the order of streams", (BY_STREAM, *EMPTIED, Applied("ledger", 2, {"a": None})), STRICT),
        # refused, although it is done
        ("service-answers", "refused with cause", history(*ADDED[:-1], done("alice-1", "refused")), BAG),
        # decided on the key of its first event, not on that of the command
        (
            "decisions",
            "decided on the actual state",
            history(
                *appended("alice-1", 1, 1, Add("z"), Added("z")),
                *appended("bob-1", 2, 1, CLEAR, Added("z"), Removed("a")),
            ),
            MOVES,
        ),
        # a part of a decision that goes to two streams, then more than all of it, then the second half twice
        ("service-answers", "whole", history(call("bob-1"), *part("bob-1", "a", 1), done("bob-1")), PAIRS),
        ("service-answers", "once", history(*pair("bob-1"), *part("bob-1.3", "c", 3)), PAIRS),
        ("service-answers", "once", history(*pair("bob-1"), *part("bob-1.3", "b", 3, 2), done("bob-1")), PAIRS),
        ("service-answers", "once", history(*pair("bob-1"), done("bob-1"), *part("bob-1.3", "a", 3, 2)), PAIRS),
        # the answer was never heard, and what comes then is a part
        (
            "service-answers",
            "whole",
            history(
                *TWO, call("alice-2", CLEAR), done("alice-2", "unknown"), *stored("alice-2", 3, CLEAR, Removed("a"))
            ),
            BAG,
        ),
        # nobody who is in ann's courses, or in the same course, was in its way
        (
            "service-answers",
            "refused with cause",
            (BEGUN, *ANN, call("bob-1", Enrol("maths", "cleo")), done("bob-1", "refused")),
            Courses(),
        ),
    ]


def more_right() -> list[tuple[tuple[Any, ...], Application]]:
    """(history, application): histories that come close to breaking a clause."""
    return [
        ((at(1), at(2), Scanned((2,), ("e2",), 1)), Replaying()),
        ((at(1), at(2), Scanned((), (), 2)), Replaying()),
        # at work, rows may be behind
        ((at(1), *(Shown("page", None, {"a": 2}, when) for when in ("working", "dead", "restarted"))), Replaying()),
        # a decision that goes to two streams, in either order, and one that nobody can follow
        (history(*pair("bob-1"), done("bob-1")), PAIRS),
        (history(call("bob-1"), *part("bob-1", "b", 1), *part("bob-1.2", "a", 2), done("bob-1")), PAIRS),
        (history(call("bob-1"), done("bob-1", "unknown"), *pair("bob-1")[1:]), PAIRS),
        (history(*ADDED, call("bob-1", CLEAR), *part("bob-1", "b", 2), *part("bob-1.2", "c", 3), done("bob-1")), BAG),
        # decided on what matches tags, in whatever stream it is: in front of the call, or while it is under way
        ((BEGUN, *ANN, call("bob-1", Enrol("maths", "ann")), done("bob-1", "refused")), Courses()),
        ((BEGUN, *ANN, call("bob-1", Enrol("maths", "ann")), done("bob-1")), Courses()),
        ((BEGUN, call("bob-1", Enrol("maths", "ann")), *ANN, done("bob-1", "refused")), Courses()),
        # nobody knows the state under a condition that is not on the menu
        ((BEGUN, *ANN, call("bob-1", Enrol("music", "ann")), done("bob-1", "refused")), Courses()),
        # decided on the key of the command, not on that of its first event
        (
            history(
                *appended("alice-1", 1, 1, ADD, Added("a")), *appended("bob-1", 2, 2, CLEAR, Added("z"), Removed("a"))
            ),
            MOVES,
        ),
        # nobody has recorded what the call was for
        (history(*ADDED, *UNSAID, *stored("bob-1", 2, ADD, Added("a")), done("bob-1", "refused")), BAG),
        (history(*UNSAID, *ADDED, done("bob-1")), BAG),
        # there was nothing to do
        (history(call("bob-1", CLEAR), done("bob-1")), BAG),
        # a scan shows it before the answer, and readers come to it afterwards
        (history(call("bob-1"), AHEAD[0], Scanned((1,), ("bob-1/0",)), done("bob-1"), AHEAD[1]), BAG),
        # removals are nothing that it asked for
        ((CHOOSY, *TWO, *CLEARED, Settling(), shown(2, 4), Settled(0)), BAG),
        # it asked for nothing that is behind its checkpoint
        ((CHOOSY, *TWO, *CLEARED, Settling(), shown(2, 2), Settled(0)), BAG),
        # an event is lost, and it goes on behind it; or shows no place
        ((*LOST_ONE, Settling(), shown(1, 2, who="careful"), Settled(0)), BAG),
        ((*LOST_ONE, Settling(), shown(1, None, who="careful"), Settled(0)), BAG),
        (history(*TWO, shown(2, 2), Crashed("worker", 0), Recovered("worker", 1, None), shown(1, 2, "working")), BAG),
        (history(*TWO, LATE, Settling(), shown(2, 2, who="late"), Settled(0)), BAG),
        (history(*EMPTIED, Settling(), shown(0, 2), Settled(0)), STRICT),
        # in memory, and begun from nothing
        (
            (
                *(IN_MEMORY, *TWO, shown(2, 2, "working"), Failed("worker", 2), shown(1, 1, "working")),
                *(Settling(), shown(2, 2), Settled(0)),
            ),
            BAG,
        ),
        (
            (
                *(IN_MEMORY, *TWO, shown(2, 2, "working"), Crashed("worker", 0), Recovered("worker", 0, None)),
                *(shown(1, 1, "working"), Settling(), shown(2, 2), Settled(0)),
            ),
            BAG,
        ),
        # somebody else was in the way of a call that has had its effect
        (
            history(
                *ADDED[:-1],
                call("bob-1"),
                *stored("bob-1", 2, Add("a"), Added("a")),
                done("bob-1"),
                done("alice-1", "refused"),
            ),
            BAG,
        ),
        # a key in its initial state counts as absent, on either side
        ((at(1), Viewed("page", {"a": 1})), Zeroed()),
        ((at(1), Viewed("page", {"a": 1, "y": 0})), Zeroed()),
        ((at(1), Viewed("page", {"a": 1, "y": None, "z": None})), Zeroed()),
    ]
