"""A user's log that removes events on purpose: a correct one is held, each broken one is found, and nothing else is asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from refold.model.action import (
    Action,
    AppendUnheard,
    Crash,
    CrashAt,
    Deliver,
    Prepare,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.application import Application
from refold.model.declarations.capability import BROUGHT, REMOVALS
from refold.model.documents.history import to_line
from refold.model.errors import OutcomeUnknown, UsageError
from refold.model.event import Stored
from refold.model.examples.courses import Courses
from refold.model.examples.inventory import Reserve, Restock, Restocked
from refold.model.parts.reading.looks import Viewed
from refold.model.parts.removal import (
    DeleteStream,
    LogTrimmed,
    Removals,
    StreamDeleted,
    StreamTruncated,
    Trim,
    Truncate,
)
from refold.model.record import Crashed, Observed, Opened, Scanned, SnapshotLoaded, SnapshotTaken, StreamScanned
from refold.properties.shares import Share, in_order_of_one
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.search.run import Run, execute
from refold.search.stored.checking import check
from refold.systems.user.adopt import adapt
from refold.systems.user.log import BESIDE, TAGGED, LogSystem, declared_by, log_capabilities

from . import removing_logs as logs

BROKEN = {
    logs.CountedVersions: "version-used-again",
    logs.ReusedPositions: "position-used-again",
    logs.TrimsOneMore: "removal-takes-more",
    logs.TrimsOneLess: "removed-event-returns",
    logs.DeletesByPrefix: "removal-takes-more",
    logs.TrimsInMemory: "removal-undone",
    logs.StreamsStay: "removed-event-returns",
    logs.StopsAtGaps: "read-stops-at-removed",
}
"""Log -> what is found of it, among others."""

CAUGHT_UP: tuple[Action, ...] = (
    *(Deliver(consumer, 0) for consumer in ("store", "index", "totals", "cache") for _ in range(4)),
    TakeSnapshot("totals"),
)
"""Everybody has read what there is, and will not read it again."""
TWO = (Submit("carol", Restock("nut", 1)), Submit("carol", Restock("nutcracker", 1)))


def system(log: type) -> LogSystem:
    """The log as a system."""
    return LogSystem(log.__name__, log, BROUGHT | log_capabilities(log.__name__, log()))


def run(log: type, *plan: Action) -> Run:
    """A plan on this log."""
    return execute(system(log), logs.APPLICATION, plan)


def of(shown: Run, *kinds: type) -> list[Any]:
    """The records of these kinds."""
    return [record for record in shown.history if isinstance(record, kinds)]


@pytest.mark.parametrize("log", BROKEN, ids=lambda log: log.__name__)
def test_a_broken_log_is_found(log: type) -> None:
    result = Campaign(adapt(log.__name__, log), logs.APPLICATION, 1, Budget(examples=400)).run()
    assert BROKEN[log] in {finding.anomaly for one in result.counterexamples for finding in one.findings}


@pytest.mark.parametrize("log", [logs.Table, logs.PromisesNothing])
def test_a_correct_log_is_held_and_is_asked_for_every_removal(log: type) -> None:
    result = Campaign(adapt(log.__name__, log), logs.APPLICATION, 2, Budget(examples=40)).run()
    assert result.counterexamples == ()
    asked = {name for name in ("trims", "truncations", "deletions") if result.counts[name]}
    assert asked == ({"trims", "truncations", "deletions"} if log is logs.Table else {"trims"})


# -- what is lawful


def test_nothing_is_removed_that_somebody_has_not_read() -> None:
    shown = run(logs.Table, *TWO, *CAUGHT_UP[:-1], Trim(0), Truncate("nut", 0), DeleteStream("nut"))
    assert of(shown, LogTrimmed, StreamTruncated, StreamDeleted) == []  # totals has no snapshot: it would begin anew
    shown = run(logs.Table, *TWO, *CAUGHT_UP, Trim(0))
    assert of(shown, LogTrimmed) == [LogTrimmed(2)]
    assert shown.findings == []


def test_who_decides_on_a_stream_has_a_snapshot_before_its_beginning_goes() -> None:
    shown = run(logs.Table, *TWO, *CAUGHT_UP, Truncate("nut", 0), Submit("carol", Reserve("nut", 1)))
    kinds = [type(record) for record in shown.history]
    taken = [record for record in of(shown, SnapshotTaken) if record.owner == "stream:nut"]
    assert [(one.position, one.state) for one in taken] == [(1, 1)]
    assert shown.history.index(taken[0]) < kinds.index(StreamTruncated)
    assert [one.owner for one in of(shown, SnapshotLoaded)][-1] == "stream:nut"
    assert shown.findings == []


def test_the_newest_events_are_kept() -> None:
    shown = run(logs.Table, *TWO, *TWO, *CAUGHT_UP, Trim(1), Truncate("nutcracker", 0))
    assert of(shown, LogTrimmed, StreamTruncated) == [LogTrimmed(3), StreamTruncated("nutcracker", 2)]
    assert shown.findings == []


def test_what_may_be_sent_again_is_not_removed() -> None:
    """A log that has forgotten the event would do it a second time, or refuse it."""
    doubted = (Prepare("alice", Restock("nut", 1)), AppendUnheard("alice"))
    shown = run(logs.Table, *doubted, *TWO, *CAUGHT_UP, Trim(0))
    assert of(shown, LogTrimmed) == []
    shown = run(logs.Table, *doubted, *TWO, *CAUGHT_UP, Retry("alice"), Trim(0))
    assert of(shown, LogTrimmed) == [LogTrimmed(3)]
    assert shown.findings == []


def test_the_log_is_read_behind_what_was_removed_and_from_the_beginning() -> None:
    shown = run(logs.Table, *TWO, *CAUGHT_UP, Truncate("nut", 0))
    after = shown.history[[type(record) for record in shown.history].index(StreamTruncated) + 1 :]
    assert after[0] == Scanned((2,), ("carol-2/0",), 1)
    assert after[1:3] == [StreamScanned("nut", ()), StreamScanned("nutcracker", (1,))]
    assert after[3] == Scanned((2,), ("carol-2/0",), 0)


def test_where_nothing_is_left_the_log_is_read_behind_the_last_event_that_was_removed() -> None:
    """Not before it: it need not say anything there."""
    shown = run(logs.Table, *TWO, *CAUGHT_UP, Trim(0))
    after = shown.history[[type(record) for record in shown.history].index(LogTrimmed) + 1 :]
    assert after[0] == Scanned((), (), 2)


def test_a_removal_that_the_log_has_no_method_for_is_skipped() -> None:
    lacking = (Truncate("nut", 0), DeleteStream("nut"))
    shown = run(logs.PromisesNothing, *TWO, *CAUGHT_UP, *lacking)
    assert of(shown, StreamTruncated, StreamDeleted) == []
    assert not {*lacking} & {*shown.performed}


def test_a_consumer_recovers_from_its_snapshot_where_the_log_is_gone() -> None:
    shown = run(logs.Table, *TWO, *CAUGHT_UP, Trim(0), *TWO, Crash("totals"), Restart("totals"))
    loaded = [record for record in of(shown, SnapshotLoaded) if record.owner == "totals"]
    assert [one.position for one in loaded] == [2]
    assert [record.rows for record in of(shown, Observed) if record.consumer == "totals"] == [
        {"nut": 2, "nutcracker": 2}
    ]
    assert shown.findings == []


def test_a_history_of_removals_is_checked_as_it_was_judged() -> None:
    plan = (*TWO, *CAUGHT_UP, Trim(1), Crash("log"), Restart("log"))
    for log in (logs.Table, logs.TrimsInMemory):
        shown = run(log, *plan)
        stored = b"".join(map(to_line, shown.history)).splitlines()
        result = check([json.loads(line) for line in stored], application=logs.APPLICATION)
        assert {one.anomaly for one in result.findings} == {one.anomaly for one in shown.findings}
        assert bool(shown.findings) is (log is logs.TrimsInMemory)


@pytest.mark.parametrize("log", [logs.Table, logs.TrimsInMemory, logs.TrimsOneMore])
def test_properties_that_are_judged_in_several_processes_all_know_of_removals(log: type) -> None:
    shown = run(log, *TWO, *TWO, *CAUGHT_UP, Trim(1), Crash("log"), Restart("log"), *TWO)
    found = []
    for turn in (0, 1):
        share = Share(checker(logs.APPLICATION), lambda place, turn=turn: place % 2 == turn)  # type: ignore[misc]
        share.feed_all(shown.history, 1_000)
        share.finish()
        found += [one.anomaly for one in in_order_of_one(share.placed)]
    assert {*found} == {one.anomaly for one in shown.findings}


class Counting(Application):
    """Without a decider: how many events each stream has."""

    name = "counting"
    events = (Restocked,)

    def commands(self) -> list[Restock]:
        """One."""
        return [Restock("nut", 1)]

    def replay(self, events: Sequence[Stored]) -> dict[str, int]:
        """All of them, those that were removed too."""
        return dict(Counter(event.stream for event in events))


def test_a_full_replay_leaves_out_of_the_log_what_was_removed() -> None:
    def judged(*records: Any) -> list[str]:
        judge = checker(Counting())
        for record in (
            Opened(1, "by hand", "counting", ("alice",), (), ("durable-removal",)),
            *[Stored(n, "nut", n, f"alice-{n}/0", "Restocked", Restocked("nut", 1)) for n in (1, 2)],
            *records,
        ):
            judge.feed(record)
        return [finding.anomaly for finding in judge.finish()]

    left = Scanned((2,), ("alice-2/0",))
    assert judged(left) == ["event-vanished"]
    assert judged(LogTrimmed(1), left, Viewed("view", {"nut": 2})) == []
    assert judged(LogTrimmed(1), Scanned((), ())) == ["event-vanished"]
    assert judged(LogTrimmed(2), left) == ["removed-event-returns"]
    assert judged(LogTrimmed(1), left, Viewed("view", {"nut": 1})) == ["view-differs-from-replay"]


# -- answers that do not come


class Unanswered(logs.Table):
    """Does it, and does not say so."""

    def trim(self, position: int) -> None:
        """No answer."""
        super().trim(position)
        raise OutcomeUnknown


class NotDone(logs.Table):
    """Does not do it, and does not say so."""

    def trim(self, position: int) -> None:
        """No answer."""
        raise OutcomeUnknown


class Dies(logs.Table):
    """Calls `durable` before it removes."""

    capabilities = (*logs.Table.capabilities, "crash-log-at-step")

    def durable(self) -> None:
        """The harness puts its own here."""

    def trim(self, position: int) -> None:
        """One step."""
        self.durable()
        super().trim(position)


@pytest.mark.parametrize("log", [Unanswered, NotDone])
def test_without_an_answer_the_events_may_be_there_or_not(log: type) -> None:
    shown = run(log, *TWO, *CAUGHT_UP, Trim(0), *TWO)
    assert of(shown, LogTrimmed) == [LogTrimmed(2, False)]
    assert shown.findings == []


def test_the_log_may_die_under_a_removal() -> None:
    shown = run(Dies, *TWO, *CAUGHT_UP, CrashAt("log", 1), Trim(0), Restart("log"))
    assert of(shown, LogTrimmed, Crashed) == [LogTrimmed(2, False), Crashed("log", 1)]
    assert shown.findings == []


# -- declared, and not checked


def test_methods_are_capabilities_and_durable_removal_is_declared() -> None:
    class Undeclared(logs.Table):
        capabilities = None  # type: ignore[assignment]

    assert log_capabilities("mine", Undeclared()) & REMOVALS.keys() == {"retention", "stream-deletion", "truncation"}
    with pytest.raises(UsageError, match="durable-removal"):
        declared_by("mine", type("Odd", (), {"capabilities": ("durable-removals",)})())


def test_what_nobody_looks_at_is_said() -> None:
    table = system(logs.Table)
    table.menu(logs.APPLICATION)
    promises_nothing = system(logs.PromisesNothing)
    promises_nothing.menu(logs.APPLICATION)
    said = [text for text in not_checked(promises_nothing) if text not in not_checked(table)]
    assert said == [REMOVALS[next(iter(REMOVALS.keys() - {"retention", "truncation", "stream-deletion"}))].missing]


def test_where_decisions_read_the_whole_log_nothing_is_removed_and_that_is_said() -> None:
    table = system(logs.Table)
    menu = table.menu(Courses())
    assert not {Trim, Truncate, DeleteStream} & {type(action) for action in menu.actions()}
    assert TAGGED in not_checked(table)


class Rows:
    """A consumer of the user's own that keeps nothing."""

    projection = "totals"
    promises: tuple[str, ...] = ()

    def handle(self, event: Stored) -> None:
        """Nothing."""

    def rows(self) -> dict[str, int]:
        """None."""
        return {}

    def checkpoint(self) -> int:
        """At the beginning."""
        return 0


class Both:
    """The log, and a consumer."""

    def __init__(self) -> None:
        self.log = logs.Table()
        self.consumers = {"mine": Rows()}
        self.rebuilds = {"mine": dict}


class Unordered(Both):
    """One that takes events as they come."""

    def __init__(self) -> None:
        super().__init__()
        del self.rebuilds
        self.consumers["mine"].promises = ("unordered",)


@pytest.mark.parametrize("made", [Both, Unordered])
def test_beside_what_may_read_once_more_nothing_is_removed_and_that_is_said(made: type) -> None:
    """A rebuild, or a consumer whose rows may lack an earlier event."""
    assert BESIDE in not_checked(adapt("both", made))
    offered = {type(action) for action in adapt("both", made).menu(logs.APPLICATION).actions()}
    assert not {Trim, Truncate, DeleteStream} & offered


def test_removals_stand_on_the_menu_where_the_log_has_them() -> None:
    def offered(log: type) -> set[type]:
        return {Trim, Truncate, DeleteStream} & {type(one) for one in system(log).menu(logs.APPLICATION).actions()}

    assert offered(logs.Table) == {Trim, Truncate, DeleteStream}
    assert offered(logs.PromisesNothing) == {Trim}


def test_a_sentence_for_each_action_and_record() -> None:
    assert str(Trim(0)) == "retention removes what everybody has read"
    assert str(Trim(2)) == "retention removes what everybody has read, but for the newest 2 events"
    assert str(Truncate("acme", 1)) == (
        "stream acme is truncated as far as everybody has read it, but for the newest 1 event"
    )
    assert str(DeleteStream("acme")) == "stream acme, which everybody has read, is deleted"
    assert str(LogTrimmed(3)) == "the events up to position 3 are removed"
    assert str(StreamTruncated("acme", 3)) == "the events of stream acme up to version 3 are removed"
    assert str(StreamDeleted("acme", 3, False)) == (
        "all events of stream acme, which is at version 3, are removed, or not: the log does not answer"
    )
    assert Removals.ability().name == "removals"
