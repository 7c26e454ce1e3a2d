"""Asynchronous consumers beside a store in which positions have gaps, and consumers that each deal with some of the events."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refold.model.action import Crash, Restart, Submit
from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.calls import BeginTurn, Enter, GoOn, Halt
from refold.model.record import Recovered
from refold.properties.diagnosis.scores import diagnose
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt

from . import tills, wallets
from .test_field import EVENTS, Deposit, Money


@dataclass(frozen=True)
class Move:
    """Money into a till, or out of it."""

    till: str
    cents: int


class HasMoved(Move):
    """It did."""


class Tills(Application):
    """Anything goes."""

    name = "tills"
    events = (HasMoved,)

    def commands(self) -> Sequence[Any]:
        """In and out."""
        return [Move(till, cents) for till in ("t1", "t2") for cents in (5, -3)]

    def initial(self, key: str) -> int:
        """Nothing."""
        return 0

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Always."""
        return [HasMoved(command.till, command.cents)]

    def evolve(self, state: Any, event: Any) -> int:
        """The sum."""
        return int(state + event.cents)


class Rolled(Tills):
    """Whoever takes money out is rolled back, and leaves a gap."""

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Only in."""
        return super().decide(command, state) if command.cents > 0 else []


def stored(rows: Sequence[tuple[int, tills.Moved]], after: int, limit: int) -> list[Stored]:
    """Rows as the log shows them."""
    versions: dict[str, int] = {}
    found = []
    for position, (till, cents) in rows:
        versions[till] = versions.get(till, 0) + 1
        found.append(Stored(position, till, versions[till], str(position), "HasMoved", HasMoved(till, cents)))
    return [event for event in found if event.position > after][:limit]


class WithGaps:
    """One consumer, which waits at gaps."""

    gaps = counted = True
    consumer: type[tills.WaitsAtGaps] = tills.WaitsAtGaps

    def __init__(self) -> None:
        self.store, table = tills.Store(), tills.Table()
        self.consumers = {"sums": lambda: self.consumer(self.store, table)}

    async def execute(self, command: Any) -> None:
        """A row."""
        await self.store.append(tills.Moved(command.till, command.cents))

    def read(self, after: int, limit: int) -> list[Stored]:
        """What is committed."""
        return stored(sorted(self.store.rows.items()), after, limit)


class WithPatience(WithGaps):
    """Its consumer asks who is under way."""

    consumer = tills.WaitsForTheOldest


class Shares:
    """Two consumers, one table, one cache."""

    kinds: tuple[Any, Any] = (tills.Ins, tills.Outs)

    def __init__(self) -> None:
        self.rows: list[tills.Moved] = []
        table = tills.Table()
        ins, outs = self.kinds
        self.consumers = {"ins": ins(self.rows, table), "outs": outs(self.rows, table)}

    def execute(self, command: Any) -> None:
        """A row."""
        self.rows.append(tills.Moved(command.till, command.cents))

    def read(self, after: int, limit: int) -> list[Stored]:
        """All of them."""
        return stored(list(enumerate(self.rows, 1)), after, limit)


class SharesWithLock(Shares):
    """One at a time."""

    kinds = (tills.LockedIns, tills.LockedOuts)


@pytest.mark.parametrize("gaps", [1, 2, 7])
def test_who_waits_at_one_gap_after_the_other_reaches_the_end(gaps: int) -> None:
    """At rest time goes by for as long as something comes of it, not only twice."""
    plan = [Submit("alice", Move("t1", cents)) for _ in range(gaps) for cents in (-3, 5)]
    run = execute(adapt("tills", WithGaps), Rolled(), tuple(plan))
    assert run.findings == []
    assert sum(isinstance(record, Stored) for record in run.history) == gaps


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_gives_up_a_gap_after_a_while_is_found(seed: int) -> None:
    """JasperFx/marten#4953 in kind: the clock is looked at only at a gap, so it is learned from a call that is overtaken."""
    budget = Budget(seconds=None, examples=100, distinct=1)
    result = Campaign(adapt("tills", WithGaps), Rolled(), seed, budget).run()
    assert result.counterexamples[0].finding.anomaly in {"event-never-applied", "checkpoint-ahead-of-effects"}


def test_who_waits_for_the_oldest_call_under_way_is_held() -> None:
    """However long it takes."""
    budget = Budget(seconds=None, examples=40, distinct=1)
    result = Campaign(adapt("tills", WithPatience), Rolled(), 1, budget).run()
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["turns"] > 100


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_consumers_that_share_a_cache_across_an_await_are_found(seed: int) -> None:
    """One overwrites what the other has added."""
    result = Campaign(adapt("tills", Shares), Tills(), seed, Budget(seconds=None, examples=100, distinct=1)).run()
    first = result.counterexamples[0]
    assert first.finding.anomaly in {"event-never-applied", "never-reaches-tail"}
    if first.finding.anomaly == "event-never-applied":
        assert diagnose(first.findings, first.history)[0].row.name == "shared-session-race"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_a_lock_they_are_held_although_rows_seem_to_go_back(seed: int) -> None:
    """Each is ahead with the events of its own kind: what is out of step is no earlier state."""
    budget = Budget(seconds=None, examples=25, distinct=1)
    result = Campaign(adapt("tills", SharesWithLock), Tills(), seed, budget).run()
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["turns"] > 100


class Cursor(wallets.Balances):
    """Adds while it reads through a cursor: as long as that is open, nobody else can commit, and whoever tries locks the file."""

    def run_once(self) -> bool:
        """One event, and no look at the rest."""
        query = "select position, wallet, type, data from events order by position"
        for event in self.connection.execute(query):
            if event[0] > self.position():
                with self.connection:
                    self.apply(event)
                    self.save(event)
                return True
        return False


def test_a_checkpoint_that_is_locked_as_its_worker_recovers_is_looked_at_later() -> None:
    """It went wrong as an error of the system, and ended the search."""
    calls = Service(wallets.Wallets, [wallets.Overdrawn, sqlite3.IntegrityError])
    progress = "select coalesce(max(position), 0) from progress where name = 'balances'"
    others = {
        "cursor": Worker(Cursor, poll="run_once", rows="balances"),
        "balances": Worker(wallets.Balances, poll="run_once", rows="balances", checkpoint=progress),
    }
    system = adapt("cursor", sqlite_system(wallets.SCHEMA, calls, events=EVENTS, consumers=others))
    deposit = Deposit("w1", 5)
    plan = (
        *(Submit("alice", deposit),) * 3,
        BeginTurn("cursor"),
        Halt("cursor", "SELECT progress"),
        Enter("bob", deposit),
        GoOn("bob"),
        Crash("balances"),
        Restart("balances"),
    )
    run = execute(system, Money(), plan)
    assert run.findings == []
    assert any(isinstance(record, Recovered) for record in run.history)
