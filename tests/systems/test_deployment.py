"""A deployment does what it is asked, records it at the boundary, and counts what was not enabled."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import (
    Abort,
    Action,
    Append,
    AppendUnheard,
    Begin,
    Commit,
    Crash,
    CrashAt,
    CutPower,
    Deliver,
    Fail,
    Prepare,
    Redeliver,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.log import NothingAppended
from refold.model.record import (
    Aborted,
    Acknowledged,
    Crashed,
    Declined,
    Observed,
    Opened,
    PowerCut,
    Prepared,
    Record,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Settling,
    Started,
    Step,
    Unknown,
)
from refold.systems.deployment import Deployment
from refold.systems.reference import Reference

ADA, BOB = Register("acme", "ada"), Register("acme", "bob")


def deployment() -> tuple[Deployment, list[Any]]:
    """A new reference system and its records."""
    records: list[Any] = []
    return Reference().open(Accounts(), records.append), records


def performed(*actions: Action) -> list[str]:
    """Do the actions, all of which must be enabled; the kinds of records of the last one."""
    system, records = deployment()
    for action in actions:
        records.clear()
        assert system.perform(action), action
    return [type(record).__name__ for record in records]


@pytest.mark.parametrize(
    ("actions", "records"),
    [
        ((Submit("alice", ADA),), [Step, Prepared, Stored, Acknowledged]),
        ((Submit("alice", Delete("acme", "ada")),), [Step, Declined]),
        ((Submit("alice", ADA), Submit("bob", ADA)), [Step, Prepared, Refused]),
        ((Prepare("alice", ADA),), [Step, Prepared]),
        ((Prepare("alice", ADA), Append("alice")), [Step, Stored, Acknowledged]),
        ((Prepare("alice", ADA), AppendUnheard("alice")), [Step, Unknown, Stored]),
        ((Prepare("alice", ADA), AppendUnheard("alice"), Retry("alice")), [Step, Retried, Acknowledged]),
        ((Begin("alice", ADA),), [Step, Prepared, Started]),
        ((Begin("alice", ADA), Commit("alice")), [Step, Stored, Acknowledged]),
        ((Begin("alice", ADA), Abort("alice")), [Step, Aborted]),
        ((Begin("alice", ADA), Submit("bob", BOB), Commit("alice")), [Step, Aborted, Stored, Refused]),
        ((Begin("alice", ADA), Crash("log")), [Step, Crashed, Unknown]),
        ((CrashAt("log", 1), Submit("alice", ADA)), [Step, Prepared, Crashed, Unknown]),
        ((Crash("log"), Restart("log")), [Step, Recovered, Scanned]),
        ((Crash("index"), Restart("index")), [Step, Recovered]),
    ],
)
def test_an_action_leaves_these_records(actions: tuple[Action, ...], records: list[type]) -> None:
    """In this order."""
    assert performed(*actions) == [record.__name__ for record in records]


def test_an_append_whose_log_dies_after_the_write_is_unknown_and_shows_after_the_restart() -> None:
    """It was durable, and nobody heard."""
    kinds = performed(CrashAt("log", 3), Submit("alice", ADA), Restart("log"))
    assert kinds[:3] == ["Step", "Recovered", "Stored"]
    assert "Scanned" in kinds[3:]


@pytest.mark.parametrize(
    "action",
    [
        Append("alice"),
        AppendUnheard("alice"),
        Retry("alice"),
        Commit("alice"),
        Abort("alice"),
        Redeliver("index", 1),
        TakeSnapshot("totals"),
        TakeSnapshot("index"),
        Restart("log"),
        Restart("index"),
    ],
)
def test_what_is_not_enabled_does_nothing_and_is_counted(action: Action) -> None:
    """In a new system."""
    system, records = deployment()
    before = list(records)
    assert not system.perform(action)
    assert (system.skipped, system.steps) == (1, 0)
    assert records == before


@pytest.mark.parametrize(
    "action",
    [
        Submit("alice", ADA),
        Prepare("alice", ADA),
        Begin("alice", ADA),
        Crash("log"),
        CrashAt("log", 1),
        CutPower("log", "drop"),
        Restart("index"),
        Redeliver("index", 1),
    ],
)
def test_a_dead_log_does_nothing(action: Action) -> None:
    """Until its restart."""
    system, _ = deployment()
    assert system.perform(Crash("log"))
    assert not system.perform(action)


@pytest.mark.parametrize(
    "action", [Deliver("index", 0), Redeliver("index", 1), Fail("index"), Crash("index"), CrashAt("index", 1)]
)
def test_a_dead_consumer_does_nothing(action: Action) -> None:
    """Though there is something to do."""
    system, _ = deployment()
    for before in (Submit("alice", ADA), Deliver("index", 0), Submit("carol", BOB), Crash("index")):
        assert system.perform(before)
    assert not system.perform(action)


def test_a_client_with_something_to_send_takes_no_other_command() -> None:
    """One at a time."""
    system, _ = deployment()
    assert system.perform(Prepare("alice", ADA))
    assert not system.perform(Submit("alice", BOB))
    assert not system.perform(Begin("alice", BOB))
    assert system.perform(Submit("bob", BOB))


def test_settling_brings_everything_back_and_to_the_tail() -> None:
    """Whatever state the faults left: dead, lit, slow, unread."""
    system, records = deployment()
    for action in (
        Submit("alice", ADA),
        Begin("bob", Register("zeta", "ada")),
        CrashAt("store", 2),
        Crash("index"),
        Crash("cache"),
        Crash("log"),
    ):
        assert system.perform(action)
    records.clear()
    system.settle()
    assert isinstance(records[0], Settling)
    assert records[-1] == Settled(0)
    assert {record.process for record in records if isinstance(record, Recovered)} == {"log", "index", "cache"}
    assert [record.position for record in records if isinstance(record, Observed)] == [1, 1, 1, 1]
    assert [record for record in records if isinstance(record, Scanned)][-1] == Scanned((1,), ("alice-1/0",))


def test_the_first_record_says_who_takes_part() -> None:
    """And what can be done here."""
    system, records = deployment()
    (opened,) = records
    assert isinstance(opened, Opened)
    assert opened.clients == ("alice", "bob", "carol")
    assert [spec.name for spec in opened.consumers] == ["store", "index", "totals", "cache"]
    assert set(opened.capabilities) == system.capabilities


class Full(NothingAppended):
    """A no of which a history tells, by a record that is at hand."""

    def told(self, log: str) -> Record:
        return PowerCut(log, "full")


@pytest.mark.parametrize(
    ("plan", "after"),
    [
        ((Submit("alice", ADA),), [PowerCut, Aborted]),
        ((Begin("alice", ADA),), [PowerCut, Aborted]),
        ((Prepare("alice", ADA), AppendUnheard("alice")), [PowerCut, Unknown]),
        ((Prepare("alice", ADA), AppendUnheard("alice"), Retry("alice")), [PowerCut, Unknown]),
    ],
)
def test_a_no_that_a_log_gives_for_a_reason_of_its_own_is_recorded(plan: tuple[Action, ...], after: list[type]) -> None:
    """Once for each append that meets it, before what it means for the append; what an answer was lost of remains unknown."""
    made, records = deployment()

    def no(*arguments: object) -> None:
        raise Full

    made.log.append = made.log.begin = no  # type: ignore[method-assign, attr-defined]
    for action in plan:
        assert made.perform(action)
    assert [type(record) for record in records][-2:] == after
    assert sum(type(record) is PowerCut for record in records) == sum(type(action) is not Prepare for action in plan)


@pytest.mark.parametrize("method", ["begin", "commit"])
def test_a_slow_append_that_the_client_may_not_send_any_more_is_aborted(method: str) -> None:
    """As a quick one is: nothing of it may be seen, and the client goes on."""
    made, records = deployment()

    def no(*arguments: object) -> None:
        raise NothingAppended

    kept = getattr(made.slow, method)
    setattr(made.slow, method, no)
    made.perform(Begin("alice", ADA))
    made.perform(Commit("alice"))
    assert [type(record) for record in records].count(Aborted) == 1
    setattr(made.slow, method, kept)
    made.perform(Begin("alice", BOB))
    made.perform(Commit("alice"))
    assert isinstance(records[-1], Acknowledged)
