"""Rebuilds of read models, in a process of their own: what they may break is found, and what they may do is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.errors import UsageError
from refold.model.parts.calls import BeginTurn, Die, GoOn, Halt, Turn
from refold.model.parts.rebuilds import BeginRebuild, RebuildEnded
from refold.search.campaign import Budget, Campaign
from refold.search.objects.locations import location_of
from refold.search.run import execute
from refold.systems.user import Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt

from ..field import wallets
from ..field.test_field import EVENTS, Deposit, Money

ACTOR = "rebuild of balances"
FROM_THE_FIRST = "select position, wallet, type, data, at from events order by position"


class Rebuilt(wallets.Balances):
    """Everything in one transaction: whoever works at the same time waits, or has to read again."""

    def run_once(self) -> bool:
        """Reads where it is in the transaction that moves it on."""
        self.connection.execute("begin immediate")
        with self.connection:
            event = self.following()
            if event is not None:
                self.apply(event)
                self.save(event)
        return event is not None

    def rebuild(self) -> None:
        """Make the table anew, up to the newest event."""
        self.connection.execute("begin immediate")
        with self.connection:
            self.clear()
            self.fill()

    def clear(self) -> None:
        """Nothing is left."""
        self.connection.execute("delete from balances")

    def fill(self) -> None:
        """All that there is now."""
        for event in self.connection.execute(FROM_THE_FIRST).fetchall():
            self.apply(event)
            self.save(event)


class Reset(Rebuilt):
    """Begins at the first event again, and leaves the rest to the worker."""

    def fill(self) -> None:
        """Whoever works goes on from here."""
        self.save_position(0)


class KeepsRows(Rebuilt):
    """Forgets to empty the table."""

    def clear(self) -> None:
        """Does not."""


class KeepsPosition(Rebuilt):
    """Does not write down how far the rebuild has come."""

    def rebuild(self) -> None:
        """The position stays that of the worker, which may be behind."""
        self.connection.execute("begin immediate")
        with self.connection:
            self.clear()
            for event in self.connection.execute(FROM_THE_FIRST).fetchall():
                self.apply(event)


class BesideWork(Reset):
    """The worker reads its position, works, and saves, without a look at what became of it meanwhile."""

    def run_once(self) -> bool:
        """As `Balances` does."""
        return wallets.Balances.run_once(self)


class InParts(Rebuilt):
    """Empties the table, and fills it in a second transaction."""

    def rebuild(self) -> None:
        """Two transactions, and a worker that goes on in between."""
        with self.connection:
            self.clear()
        with self.connection:
            self.fill()


class Raising(Rebuilt):
    """Cannot read its own table."""

    def fill(self) -> None:
        """Looks for a column that is not there."""
        self.connection.execute("select nothing from events")


def bank(worker: Any, **others: Any) -> Callable[[], object]:
    """The service, and a worker that can be rebuilt."""
    described = Worker(
        worker,
        poll="run_once",
        rows="balances",
        checkpoint="select position from progress",
        **{"rebuild": "rebuild", **others},
    )
    return sqlite_system(
        wallets.SCHEMA, Service(wallets.Wallets, [wallets.Overdrawn]), events=EVENTS, consumers={"balances": described}
    )


def found(make: Callable[[], object], seed: int = 1, seconds: float = 20) -> list[tuple[str, str]]:
    """Anomalies and clauses."""
    result = Campaign(adapt("bank", make), Money(), seed, Budget(examples=100_000, seconds=seconds)).run()
    return [(example.finding.anomaly, example.finding.clause) for example in result.counterexamples]


@pytest.mark.parametrize(
    ("worker", "anomalies"),
    [
        (KeepsRows, {"effect-applied-twice"}),
        (KeepsPosition, {"effect-applied-twice"}),
        (BesideWork, {"event-never-applied", "checkpoint-ahead-of-effects", "effect-applied-twice"}),
        (
            InParts,
            {"event-never-applied", "checkpoint-ahead-of-effects", "effect-applied-twice", "replayed-state-differs"},
        ),
        (Raising, {"rebuild-never-ends"}),
    ],
)
def test_a_rebuild_that_breaks_rows_is_found(worker: Any, anomalies: set[str]) -> None:
    """By what the rows show at rest."""
    assert {anomaly for anomaly, _ in found(bank(worker))} & anomalies


def test_a_rebuild_that_never_ends_is_blamed_itself_with_its_error() -> None:
    """Not the loop of the worker."""
    system = adapt("bank", bank(Raising))
    result = Campaign(system, Money(), 1, Budget(examples=100_000, seconds=20)).run()
    example = next(one for one in result.counterexamples if one.finding.anomaly == "rebuild-never-ends")
    place = location_of(example.finding, Money(), system)
    assert place is not None
    assert place.function.endswith(".rebuild")
    assert "syntax error" in str(example.history[example.finding.number - 1])


@pytest.mark.parametrize("worker", [Rebuilt, Reset])
def test_a_rebuild_beside_the_worker_is_held(worker: Any) -> None:
    """Also where it dies, fails, or is overtaken."""
    assert found(bank(worker), seconds=8) == []


DEPOSIT = Submit("alice", Deposit("w1", 5))


def test_a_rebuild_that_died_is_begun_again_at_rest() -> None:
    """As an operator would; rows that it left halfway are not held against anybody."""
    plan = (DEPOSIT, Turn("balances"), BeginRebuild("balances"), Halt(ACTOR, "DELETE"), Die(ACTOR))
    history = execute(adapt("bank", bank(InParts)), Money(), plan, whole=True).history
    assert [record.how for record in history if isinstance(record, RebuildEnded)] == ["unknown", "done"]


def test_rows_may_go_back_in_a_rebuild() -> None:
    """They begin anew."""
    plan = (DEPOSIT, Turn("balances"), BeginRebuild("balances"), GoOn(ACTOR), Turn("balances"))
    assert not execute(adapt("bank", bank(Reset)), Money(), plan, whole=True).findings


def test_a_worker_may_be_stopped_for_a_rebuild() -> None:
    """What does not bear one beside it says so, and does not run meanwhile."""
    plan = (
        DEPOSIT,
        Turn("balances"),
        DEPOSIT,
        BeginRebuild("balances"),
        Halt(ACTOR, "COMMIT"),
        Turn("balances"),
        BeginTurn("balances"),
        GoOn(ACTOR),
        Turn("balances"),
    )
    stopped = adapt("bank", bank(InParts, promises=["stopped-for-rebuild"]))
    run = execute(stopped, Money(), plan, whole=True)
    assert not run.findings
    assert found(bank(InParts, promises=["stopped-for-rebuild"]), seconds=6) == []


def test_a_rebuild_may_be_a_function() -> None:
    """For rows that are written by the service, too."""
    seen: list[str] = []
    system = adapt("bank", bank(wallets.Balances, rebuild=seen.append))
    run = execute(system, Money(), (DEPOSIT, Turn("balances"), BeginRebuild("balances")), whole=True)
    assert len(seen) == 1
    assert not run.findings


@pytest.mark.parametrize(
    ("rebuild", "said"), [("remake", "has no method remake()"), ("", None)], ids=["misspelt", "none"]
)
def test_what_cannot_be_called_is_told(rebuild: str, said: str | None) -> None:
    """In a sentence; without a rebuild there is no such action."""
    system = adapt("bank", bank(wallets.Balances, rebuild=rebuild))
    if said is None:
        assert not any(isinstance(action, BeginRebuild) for action in system.menu(Money()).actions())
        return
    with pytest.raises(UsageError) as error:
        system.menu(Money())
    assert said in str(error.value)


def test_rebuilds_that_are_none_are_told() -> None:
    """In one sentence each."""

    class Wrong:
        """Has a log, and something that is no rebuild."""

        def __init__(self) -> None:
            self.made = bank(wallets.Balances)()
            self.log, self.service = self.made.log, self.made.service  # type: ignore[attr-defined]
            self.consumers = self.made.consumers  # type: ignore[attr-defined]
            self.rebuilds = {"balances": 3}

    with pytest.raises(UsageError, match="the rebuild of 'balances' is 3, expected a function"):
        adapt("bank", Wrong)
