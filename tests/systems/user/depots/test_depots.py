"""Mistakes of public reports in rows, workers, attempts and relays: each is found on a plan under its guarantee, with a fitting first
guess; its repair is held on the same plan."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from refold.model.action import Submit
from refold.model.parts.calls import BeginTurn, Elapse, Enter, FailStep, GoOn, Halt, Turn
from refold.properties.diagnosis.scores import diagnose
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt

from ..field import wallets
from ..field.test_field import EVENTS, PROGRESS, Deposit, Deposited, Money, Withdraw
from . import depots

System = Callable[[], object]
A, B, OUT = Deposit("w1", 5), Deposit("w2", 5), Withdraw("w1", 3)


class Depots(Money):
    """What is in all wallets together."""

    def all_together(self, event: Any, rows: Any) -> dict[str, int]:
        """One row."""
        data = event.data
        return {"all": rows.get("all", 0) + (data.amount if isinstance(data, Deposited) else -data.amount)}


def bank(service: Any = wallets.Wallets, **others: Any) -> System:
    """The service, and others beside."""
    calls = Service(service, [wallets.Overdrawn, sqlite3.IntegrityError])
    return sqlite_system(depots.SCHEMA, calls, events=EVENTS, **others)


def worker(kind: Any, poll: str = "run_once") -> System:
    """And one worker."""
    return bank(consumers={"balances": Worker(kind, poll=poll, rows="balances", checkpoint=PROGRESS)})


def two(second: Any) -> System:
    """And two, which write the same rows."""
    kinds = (depots.Ins, second)
    return bank(consumers={kind.name: Worker(kind, poll="run_once", rows="balances") for kind in kinds})


def total(service: Any) -> System:
    """A total that is written with each event."""
    return bank(service, consumers={"totals": Worker(rows="totals", projection="all_together")})


def relays(kind: Any, *promises: str, names: Sequence[str] = ("relay",)) -> System:
    """Letters, and those who send them."""
    each = {name: Relay(kind, poll="step", sends="broker") for name in names}
    return bank(depots.Writes, sinks={"broker": Sink(promises=promises)}, relays=each)


def pair(kind: Any) -> System:
    """Two relays, whose letters must stay in order."""
    return relays(kind, "ordered", names=("north", "south"))


REFUSED = (BeginTurn("relay"), Halt("relay", "broker.send"), FailStep("relay"), GoOn("relay"))


class Pair(NamedTuple):
    """A mistake, its repair, a plan, and what is found on it first."""

    bad: System
    good: System
    plan: tuple[Any, ...]
    guarantee: str
    anomaly: str
    guess: str


PAIRS: dict[str, Pair] = {
    "remembering": Pair(
        worker(depots.Remembering),
        worker(depots.Forgetting),
        (Submit("alice", A), BeginTurn("balances"), Halt("balances", "INSERT balances"), FailStep("balances")),
        "CKPT",
        "effect-applied-twice",
        "memory-out-of-step",
    ),
    "whole-row": Pair(
        worker(depots.WholeRow),
        worker(depots.FreshRow),
        (Submit("alice", A), Turn("balances"), Submit("alice", A), Turn("balances")),
        "CKPT",
        "event-never-applied",
        "memory-out-of-step",
    ),
    "keeps-total": Pair(
        total(depots.KeepsTotal),
        total(depots.AddsToTotal),
        (Submit("alice", A), Enter("bob", OUT), Halt("bob", "INSERT events"), Submit("alice", B)),
        "CKPT",
        "event-never-applied",
        "inline-rows-overwritten",
    ),
    "outs": Pair(
        two(depots.Outs),
        two(depots.OutsAnyway),
        (Submit("alice", A), Submit("alice", OUT), Submit("alice", A), Turn("outs")),
        "CKPT",
        "event-never-applied",
        "update-before-insert",
    ),
    "refreshes": Pair(
        worker(depots.Refreshes),
        worker(depots.RefreshesAtOnce),
        (Submit("alice", A), Turn("balances"), Submit("alice", A), BeginTurn("balances"), Halt("balances", "INSERT")),
        "REPL",
        "rows-go-back",
        "emptied-before-filled",
    ),
    "leased": Pair(
        worker(depots.Leased),
        worker(depots.LeasedAlone),
        (Submit("alice", A), BeginTurn("balances"), Halt("balances", "INSERT balances"), FailStep("balances")),
        "CKPT",
        "event-never-applied",
        "checkpoint-before-effect",
    ),
    "impatient": Pair(
        worker(depots.Impatient, "poll"),
        worker(depots.MovesFirst, "poll"),
        (Submit("alice", A), BeginTurn("balances"), Halt("balances", "INSERT balances"), Elapse(30.0)),
        "CKPT",
        "effect-applied-twice",
        "attempt-goes-on",
    ),
    "gives-up": Pair(
        relays(depots.GivesUp),
        relays(depots.GoesOn),
        (Submit("alice", A), *REFUSED, *REFUSED),
        "DUAL",
        "side-effect-missing",
        "given-up-after-attempts",
    ),
    "claims": Pair(
        pair(depots.Claims),
        pair(depots.ClaimsInOrder),
        (Submit("alice", A), Submit("alice", A), BeginTurn("north"), Halt("north", "broker.send"), Turn("south")),
        "ORD",
        "sent-out-of-order",
        "relays-in-parallel",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_mistake_is_found_and_its_first_guess_fits(name: str) -> None:
    """And the plan finds nothing in the repair."""
    case = PAIRS[name]
    run = execute(adapt("bad", case.bad), Depots(), case.plan)
    assert [(one.guarantee, one.anomaly) for one in run.findings][:1] == [(case.guarantee, case.anomaly)]
    assert diagnose(run.findings, run.history)[0].row.name == case.guess
    assert not execute(adapt("good", case.good), Depots(), case.plan).findings


def test_of_equal_deposits_the_one_that_was_overwritten_is_called_lost() -> None:
    """The total had the first one in it when it was read."""
    case = PAIRS["keeps-total"]
    assert [one.position for one in execute(adapt("bad", case.bad), Depots(), case.plan).findings][:1] == [2]


def test_a_page_that_counts_twice_is_one_mistake_in_all_rows() -> None:
    """Not a lost event in one row and a doubled one in another."""
    plan = (
        *(Submit("alice", one) for one in (A, A, OUT, A, B)),
        BeginTurn("balances"),
        Halt("balances", "COMMIT"),
        FailStep("balances"),
    )
    made = worker(depots.RemembersPages)
    (finding, *_) = execute(adapt("bad", made), Depots(), plan).findings
    assert (finding.anomaly, finding.position) == ("effect-applied-twice", 1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_broker_that_is_away_for_a_while_is_searched_for(seed: int) -> None:
    """Two refusals of the same message hardly ever come by chance."""
    budget = Budget(seconds=None, examples=30, distinct=1)
    for kind, found in ((depots.GivesUp, ["side-effect-missing"]), (depots.GoesOn, [])):
        result = Campaign(adapt("letters", relays(kind)), Depots(), seed, budget).run()
        assert [example.finding.anomaly for example in result.counterexamples] == found
        budget = Budget(seconds=None, examples=6, distinct=1)
