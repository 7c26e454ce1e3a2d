"""Jobs, outboxes, timers, snapshots and shared work, as developers write them: mistakes are found and named, repairs are held."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Action, Submit
from refold.model.parts.calls import BeginTurn, Die, Elapse, Enter, FailStep, GoOn, Halt, Replied, Turn
from refold.properties.diagnosis.scores import diagnose
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.search.run import execute
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system, system
from refold.systems.user.adopt import adapt

from . import accounts, wallets
from .test_field import EVENTS, GOOD, Deposit, Money, Withdraw

System = Callable[[], object]


def bank(service: Any = wallets.Wallets, **others: Any) -> System:
    """The service, and what works beside it."""
    one = service if isinstance(service, Service) else Service(service)
    refusals = [wallets.Overdrawn, sqlite3.IntegrityError]
    calls = Service(one.make, refusals, load=one.load, state=one.state, snapshots=one.snapshots, snapshot=one.snapshot)
    return sqlite_system(accounts.SCHEMA, calls, events=EVENTS, **others)


def jobs(service: Any, worker: Any) -> System:
    """A worker that takes jobs."""
    return bank(service, consumers={"jobs": Worker(worker, poll="run_once", rows="balances")})


def sending(service: Any, relay: Any) -> System:
    """A relay, or what sweeps timers."""
    return bank(service, sinks={"broker": Sink()}, relays={"relay": Relay(relay, poll="step", sends="broker")})


def snapshots(service: Any) -> System:
    """A service that loads from snapshots."""
    return bank(
        Service(
            service, load="load", state=lambda wallet: wallet.balance, snapshots="snapshots", snapshot=lambda one: one
        )
    )


def nodes(kind: Any) -> System:
    """Two that share their work."""
    one, two = (type(name, (kind,), {"name": name}) for name in ("one", "two"))
    return bank(consumers={made.name: Worker(made, poll="run_once", rows="balances") for made in (one, two)})


class Timeless(wallets.Wallets):
    """Looks at no clock."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """In one transaction each."""
        for kind, amount in events:
            data = json.dumps({"wallet": wallet.name, "amount": amount})
            with self.connection:
                self.connection.execute(accounts.INSERT, (wallet.name, wallet.version, kind, data, 0.0))


DEPOSIT = Deposit("w1", 5)
IN_BETWEEN = (BeginTurn("one"), Halt("one", "INSERT"), Turn("two"), GoOn("one"))

PAIRS: dict[str, tuple[System, System, tuple[Action, ...], str, str, str]] = {
    "enqueues-first": (
        jobs(accounts.EnqueuesFirst, accounts.Jobs),
        jobs(accounts.EnqueuesWithIt, accounts.JobsOfTheDatabase),
        (
            Enter("alice", DEPOSIT),
            Halt("alice", "COMMIT"),
            Turn("jobs"),
            GoOn("alice"),
            Enter("alice", Deposit("w2", 5)),
        ),
        "CKPT",
        "event-never-applied",
        "enqueued-before-commit",
    ),
    "marks-what-was-refused": (
        sending(accounts.PutsIntoOutbox, accounts.MarksWhatWasRefused),
        sending(accounts.PutsIntoOutbox, accounts.Outbox),
        (
            Enter("alice", DEPOSIT),
            GoOn("alice"),
            BeginTurn("relay"),
            Halt("relay", "broker.send"),
            FailStep("relay"),
        ),
        "DUAL",
        "side-effect-missing",
        "outbox-marked-unsent",
    ),
    "arms-afterwards": (
        sending(accounts.ArmsAfterwards, accounts.Outbox),
        sending(accounts.ArmsWithIt, accounts.Outbox),
        (Enter("alice", DEPOSIT), Halt("alice", "INSERT outbox"), Die("alice")),
        "DUAL",
        "side-effect-missing",
        "dual-write-partial",
    ),
    "snapshots-of-the-next": (
        snapshots(accounts.SnapshotsOfTheNext),
        snapshots(accounts.Snapshots),
        (Enter("alice", DEPOSIT), GoOn("alice"), Enter("alice", DEPOSIT), GoOn("alice")),
        "SNAP",
        "snapshot-ahead-of-log",
        "snapshot-off-by-one",
    ),
    "claims-for-good": (
        nodes(accounts.ClaimsForGood),
        nodes(accounts.Node),
        (
            Enter("alice", DEPOSIT),
            GoOn("alice"),
            BeginTurn("one"),
            Halt("one", "INSERT"),
            Elapse(30.0),
            Turn("two"),
            GoOn("one"),
        ),
        "CKPT",
        "effect-applied-twice",
        "zombie-consumer",
    ),
    "asks-the-inbox": (
        nodes(accounts.AsksTheInbox),
        nodes(accounts.Inbox),
        (Enter("alice", DEPOSIT), GoOn("alice"), *IN_BETWEEN),
        "CKPT",
        "effect-applied-twice",
        "rebalance-double-processing",
    ),
}
"""Mistake -> system, its repair, a plan, guarantee, anomaly, first guess."""


@pytest.mark.parametrize("name", PAIRS)
def test_a_mistake_has_its_name_and_its_repair_is_held(name: str) -> None:
    """On one and the same plan."""
    bad, good, plan, guarantee, anomaly, row = PAIRS[name]
    run = execute(adapt(name, bad), Money(), plan)
    assert [(one.guarantee, one.anomaly) for one in run.findings][:1] == [(guarantee, anomaly)]
    assert diagnose(run.findings, run.history)[0].row.name == row
    assert not execute(adapt(name, good), Money(), plan).findings


def test_a_search_finds_a_job_that_comes_too_early() -> None:
    """A worker looks while a call is under way, although there is nothing new in the log. The only event lost is an end never reached."""
    own = adapt("jobs", PAIRS["enqueues-first"][0])
    found = Campaign(own, Money(), 1, Budget(seconds=None, examples=40, distinct=1)).run().counterexamples
    assert found
    assert found[0].finding.anomaly in ("event-never-applied", "never-reaches-tail")
    assert diagnose(found[0].findings, found[0].history)[0].row.name == "enqueued-before-commit"


def test_plans_let_time_pass_only_where_somebody_looks_at_a_clock() -> None:
    """While one worker stands, and another takes its turn."""
    timed = adapt("claims", PAIRS["claims-for-good"][0]).menu(Money())
    assert any(
        [type(one) for one in word] == [BeginTurn, Halt, Elapse, Turn, GoOn]
        for *_, words in timed.groups
        for word in words
    )
    untimed = adapt("timeless", bank(Timeless)).menu(Money())
    assert not any(isinstance(one, Elapse) for one in untimed.actions())


def test_a_clock_that_stays_real_is_a_line_of_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name."""
    own = adapt("bank", bank())
    assert not any("simulated time" in text for text in not_checked(own, Money()))
    monkeypatch.setattr(system, "missed", lambda: ("theirs.CLOCKS",))
    assert [text for text in not_checked(own, Money()) if text.endswith(": theirs.CLOCKS")]


def test_who_waited_for_a_lock_of_the_dead_goes_on() -> None:
    """A call that dies lets its `asyncio.Lock` go, and whoever waited for it takes it."""
    plan = (Submit("alice", DEPOSIT), Enter("bob", Withdraw("w1", 3)), Submit("alice", DEPOSIT), Die("bob"))
    found = execute(adapt("desk", GOOD["desk"]), Money(), plan)
    assert not found.findings
    assert sum(isinstance(record, Replied) and record.how == "done" for record in found.history) == 2
