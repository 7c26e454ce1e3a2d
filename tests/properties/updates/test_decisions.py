"""Anomalies of conditional updates bear the right names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from refold.model.action import Append, AppendUnheard, Deliver, Prepare, Retry, Submit
from refold.model.application import Application, Refusal
from refold.model.client import Client, View
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.examples.rota import Leave, Rota
from refold.model.expectation import (
    ANY,
    NO_STREAM,
    STREAM_EXISTS,
    AnyExpectation,
    Criterion,
    Exact,
    NoMatch,
    at_version,
)
from refold.model.record import Prepared, Refused
from refold.properties.property import Finding
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference


class StreamPerDoctor(Client):
    """Decides on the whole ward and protects only the stream of one doctor: the classical write skew."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """A stream of its own."""
        return f"{key}/{op}", NO_STREAM


class Off(msgspec.Struct, frozen=True):
    """Take a doctor off call."""

    doctor: str


class Gone(msgspec.Struct, frozen=True):
    """The doctor is off call."""

    doctor: str


class Doctors(Application):
    """Every doctor decides alone; the ward is a group."""

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


class Blind(Client):
    """Appends whatever has happened since."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """Any version."""
        return key, ANY


class Careless(Inventory):
    """Never says no, but has an invariant."""

    def decide(self, command: Restock | Reserve, state: int) -> Sequence[Any]:
        return super().decide(command, 100)


def first(system: Reference, application: Application, *plan: Any) -> Finding:
    """The first finding of one plan."""
    return execute(system, application, plan).findings[0]


def test_a_name_that_is_registered_twice_is_a_duplicate_create() -> None:
    ada = Register("acme", "ada")
    found = first(BROKEN["expected-any-misuse"].system(), Accounts(), Submit("alice", ada), Submit("bob", ada))
    assert found.anomaly == "duplicate-create"


def test_two_reservations_of_the_last_piece_oversell_it() -> None:
    system = Reference("blind", {"alice": Blind, "bob": Blind})
    last = Reserve("bolt", 1)
    plan = (Submit("alice", Restock("bolt", 1)), Deliver("store", 0), Submit("alice", last), Submit("bob", last))
    assert first(system, Inventory(), *plan).anomaly == "oversold"


def test_an_invariant_that_two_decisions_on_one_view_break_is_oversold_and_one_that_a_single_one_breaks_is_broken() -> (
    None
):
    system = Reference("blind", {"alice": Blind, "bob": Blind})
    last = Reserve("bolt", 1)
    start = (Submit("alice", Restock("bolt", 1)), Deliver("store", 0))
    assert first(system, Careless(), *start, Submit("alice", last), Submit("bob", last)).anomaly == "oversold"
    assert first(system, Careless(), Submit("alice", last)).anomaly == "invariant-broken"


def test_a_retry_that_happens_twice_has_a_name_of_its_own() -> None:
    system = BROKEN["duplicate-append-lost-ack"].system()
    plan = (Prepare("alice", Restock("bolt", 1)), AppendUnheard("alice"), Retry("alice"))
    found = first(system, Inventory(), *plan)
    assert (found.anomaly, found.guarantee) == ("double-effect-of-retry", "CAS")


def test_two_doctors_who_leave_at_once_with_a_stream_each_are_a_write_skew() -> None:
    system = Reference("stream-per-doctor", {"alice": StreamPerDoctor, "bob": StreamPerDoctor})
    plan = (Submit("alice", Leave("east", "ada")), Submit("bob", Leave("east", "bob")))
    found = first(system, Rota(), *plan)
    assert (found.anomaly, found.guarantee, len(found.evidence)) == ("write-skew", "CAS", 3)


def test_an_invariant_over_a_group_of_streams_is_checked_and_its_breach_is_a_write_skew() -> None:
    """Every decision is right on its own stream, also on the reference system: the invariant needs another boundary."""
    plan = (Prepare("alice", Off("ada")), Prepare("bob", Off("bob")), Append("alice"), Append("bob"))
    found = first(Reference(), Doctors(), *plan)
    assert found.anomaly == "write-skew"
    assert [proof.role for proof in found.evidence] == ["read", "changed another key", "appended"]
    assert [proof.record.data for proof in found.evidence[1:]] == [Gone("ada"), Gone("bob")]


def test_one_stream_per_ward_keeps_somebody_on_call() -> None:
    """The correct design of the rota is never accused."""
    result = Campaign(Reference(), Rota(), 3, Budget(seconds=60, examples=150)).run()
    assert result.verdict == "held", result.counterexamples[0].finding


def test_a_decision_that_is_right_by_luck_is_counted_and_not_accused() -> None:
    """bob decides on a view without alice's reservation, and one piece is left all the same."""
    system = Reference("blind", {"alice": Blind, "bob": Blind})
    one = Reserve("bolt", 1)
    plan = (Submit("alice", Restock("bolt", 2)), Deliver("store", 0), Submit("alice", one), Submit("bob", one))
    run = execute(system, Inventory(), plan)
    assert not run.findings
    assert run.observations["stale_decisions"] == 1


def prepared(op: str, seen: int, expected: AnyExpectation, stream: str = "bolt") -> Prepared:
    """An invocation."""
    events = (NewEvent(f"{op}/0", "Reserved", {}),)
    return Prepared("alice", op, Reserve("bolt", 1), "store", stream, seen, expected, events)


@pytest.mark.parametrize(
    ("expected", "before", "between", "wrong"),
    [
        (Exact(1), 1, 0, True),
        (Exact(1), 1, 1, False),
        (Exact(2), 1, 1, False),
        (NO_STREAM, 0, 0, True),
        (NO_STREAM, 0, 1, False),
        (STREAM_EXISTS, 0, 1, False),
        (STREAM_EXISTS, 1, 1, True),
        (NoMatch((Criterion(("Reserved",)),), 0), 1, 0, False),
        (NoMatch((Criterion(("Reserved",)),), 1), 1, 0, True),
        (NoMatch((Criterion(("Reserved",)),), 1), 1, 1, False),
        (NoMatch((Criterion(("Restocked",)),), 1), 2, 1, True),
    ],
)
def test_a_refusal_is_right_if_the_condition_failed_at_some_time_in_between(
    expected: AnyExpectation, before: int, between: int, wrong: bool
) -> None:
    judge = checker(None)
    version = 0

    def grow(count: int) -> None:
        nonlocal version
        for _ in range(count):
            version += 1
            judge.feed(prepared(f"bob-{version}", version - 1, at_version(version - 1)))
            judge.feed(Stored(version, "bolt", version, f"bob-{version}/0", "Reserved", {}))

    grow(before)
    judge.feed(prepared("alice-1", 0, expected))
    grow(between)
    judge.feed(Refused("alice", "alice-1", version))
    assert [finding.anomaly for finding in judge.findings] == (["false-conflict"] if wrong else [])
