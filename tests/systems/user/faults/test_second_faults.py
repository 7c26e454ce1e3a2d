"""A second fault in one piece of work: code that tries again, or undoes, and fails, dies or is overtaken there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from refold.model.parts.calls import Die, FailStep, Halt, LoseAnswer
from refold.systems.user.adopt import adapt

from ..field import wallets
from ..field.test_field import Money
from ..field.test_ledgers import bank, verified, worker


class PutsAside(wallets.Balances):
    """An event that fails is put aside, the position moves on, and the event is tried once more. What was put aside before the process
    died is never looked at."""

    def run_once(self) -> bool:
        """The next event."""
        event = self.following()
        if event is None:
            return False
        try:
            with self.connection:
                self.apply(event)
                self.save(event)
        except sqlite3.OperationalError:
            if self.position() == event[0]:
                return True  # only the answer was lost
            with self.connection:
                self.connection.execute("insert into later values (?)", (event[0],))
                self.save(event)
            self.once_more(event)
        return True

    def once_more(self, event: tuple[int, str, str, str, float]) -> None:
        """And it is not aside any more."""
        with self.connection:
            self.apply(event)
            self.connection.execute("delete from later where event = ?", (event[0],))


class LooksAside(PutsAside):
    """What was put aside comes first."""

    def run_once(self) -> bool:
        """The next event, or one of before."""
        query = (
            "select position, wallet, type, data, at from events where position in (select event from later) limit 1"
        )
        event = self.connection.execute(query).fetchone()
        if event is None:
            return super().run_once()
        self.once_more(event)
        return True


class StoresAsDecided(wallets.Wallets):
    """When a statement fails, the events are written in a second attempt, behind whatever is there by then."""

    def save(self, wallet: wallets.Wallet) -> None:
        """In at most two attempts."""
        with self.connection:
            try:
                self.write(wallet, wallet.pending)
            except sqlite3.OperationalError:
                self.connection.rollback()
                wallet.version = self.load(wallet.name).version + len(wallet.pending)
                self.write(wallet, wallet.pending)


class DecidesAgain(wallets.Wallets):
    """When a statement fails, everything is done once more."""

    def save(self, wallet: wallets.Wallet) -> None:
        """Whoever calls commits it."""
        self.write(wallet, wallet.pending)

    def deposit(self, wallet: str, amount: int) -> None:
        """In one attempt."""
        with self.connection:
            super().deposit(wallet, amount)

    def withdraw(self, wallet: str, amount: int) -> None:
        """In at most two attempts."""
        with self.connection:
            try:
                super().withdraw(wallet, amount)
            except sqlite3.OperationalError:
                self.connection.rollback()
                super().withdraw(wallet, amount)


PAIRS: dict[str, tuple[Callable[[], object], Callable[[], object], set[str]]] = {
    "puts-aside": (
        worker(PutsAside, checkpoint=""),
        worker(LooksAside, checkpoint=""),
        {"event-never-applied", "never-reaches-tail"},
    ),
    "stores-as-decided": (bank(StoresAsDecided), bank(DecidesAgain), {"lost-update"}),
}
"""Mistake that needs two faults, or somebody else between a fault and the second attempt -> system, its repair, names that fit."""


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_goes_wrong_in_the_second_attempt_is_found(name: str, seed: int) -> None:
    """By a plan of few actions."""
    (found,) = verified(PAIRS[name][0], seed, 100).counterexamples
    assert found.finding.anomaly in PAIRS[name][2]
    assert any(isinstance(action, FailStep | LoseAnswer) for action in found.plan)
    assert len(found.plan) <= 10


@pytest.mark.parametrize("name", PAIRS)
def test_its_repair_is_held(name: str) -> None:
    """With the same words."""
    result = verified(PAIRS[name][1], 1, 10)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["appended"] > 20


def deaths_after_a_failure(make: Callable[[], object]) -> set[tuple[Halt, Halt]]:
    """Where a step fails, and where a second thing goes wrong then."""
    groups = adapt("words", make).menu(Money()).groups
    words = [word for _, _, words in groups for word in words]
    return {
        (halts[0], halts[1])
        for word in words
        if any(isinstance(action, FailStep) for action in word) and any(isinstance(action, Die) for action in word)
        if len(halts := [action for action in word if isinstance(action, Halt)]) == 2
    }


def test_only_code_that_goes_on_after_a_failure_has_a_second_one() -> None:
    """A call that raises what the database raises is over."""
    assert not deaths_after_a_failure(bank())
    assert deaths_after_a_failure(bank(StoresAsDecided))
    assert (Halt("balances", "INSERT progress"), Halt("balances", "DELETE later")) in deaths_after_a_failure(
        worker(PutsAside)
    )


def test_every_place_at_which_a_worker_writes_is_tried() -> None:
    """Also where what there was to do at first does not last for all of them."""
    stops = {first for first, _ in deaths_after_a_failure(worker(PutsAside)) if first.who == "balances"}
    assert {halt.before for halt in stops} == {"INSERT balances", "INSERT progress", "COMMIT"}
