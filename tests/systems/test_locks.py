"""Locks and reservations: the broken ones are found, by the guarantee that they break, with a plan that a person can follow."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.parts.claims.lease import LEASE, LockService
from refold.model.parts.claims.lock import (
    Acquire,
    Granted,
    LockedWrite,
    PassTime,
    Pause,
    Release,
    Renew,
    Renewed,
    Resume,
    WriteLocked,
)
from refold.model.parts.claims.reservation import HOLD, Hold, HoldsAtRest, HoldSeat, ReservationBook, Reservations
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference

ROWS = (
    "lock-no-fencing",
    "lock-release-steals",
    "lock-renewed-by-name",
    "lock-time-frozen",
    "lease-not-checked-after-wait",
    "lease-by-the-clients-clock",
    "reservation-leak",
)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ROWS)
def test_a_broken_lock_is_found(name: str, seed: int) -> None:
    """Named after its guarantee, and in at most seven actions."""
    system = BROKEN[name]
    result = Campaign(system.system(), Inventory(), seed, Budget(seconds=None, examples=6_000, distinct=1)).run()
    assert result.counterexamples, f"{name} was not found with seed {seed}"
    found = result.counterexamples[0]
    assert found.finding.guarantee in system.guarantees
    assert len(found.plan) <= 7


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_the_reference_keeps_its_locks(application: Accounts | Inventory) -> None:
    """Leases, pauses and holds all happened, and nobody is accused."""
    result = Campaign(Reference(), application, 11, Budget(seconds=None, examples=400)).run()
    assert not result.counterexamples
    assert result.counts["leases"]
    assert result.counts["pauses"]
    assert result.counts["holds"]


def test_a_holder_that_was_paused_past_its_lease_has_no_effect() -> None:
    """Its write carries an old token, and the store refuses it."""
    plan = (Acquire("alice"), Pause("alice"), Acquire("bob"), WriteLocked("bob"), Resume("alice"))
    run = execute(Reference(), Inventory(), plan)
    assert not run.findings
    assert [record.client for record in run.history if type(record) is LockedWrite] == ["bob"]


def test_a_late_release_leaves_the_successors_lock_alone() -> None:
    """Bob keeps the lock, and alice has to wait for it."""
    plan = (Acquire("alice"), Pause("alice"), Resume("alice"), Acquire("bob"), Release("alice"), Acquire("alice"))
    run = execute(Reference(), Inventory(), plan)
    assert not run.findings
    assert [record.client for record in run.history if type(record) is Granted] == ["alice", "bob"]


def test_a_forgotten_hold_is_swept() -> None:
    """At rest nothing is on hold."""
    run = execute(Reference(), Inventory(), (HoldSeat("alice", "seat-1"),))
    assert [record.holds for record in run.history if type(record) is HoldsAtRest] == [{}]


class LongHolds(Reservations):
    """Holds that last."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lasting = 50


class LateSweeper(Reservations):
    """Sees what was up a while ago."""

    def sweep(self) -> list[tuple[str, Hold]]:
        """By a clock that is late."""
        self.skew -= HOLD
        try:
            return super().sweep()
        finally:
            self.skew += HOLD


@pytest.mark.parametrize("design", [LongHolds, LateSweeper])
def test_at_rest_time_passes_until_every_hold_is_swept(design: type[Reservations]) -> None:
    """However long they last, and though the sweeper is late."""
    run = execute(Reference("own", {"reservation": design}), Inventory(), [HoldSeat("alice", "seat-1")])
    assert run.findings == []
    assert [record.holds for record in run.history if type(record) is HoldsAtRest] == [{}]


def test_a_lease_ends_by_the_clock_and_tokens_only_grow() -> None:
    """Nobody else gets in before, somebody does after, under a greater token."""
    now = [0]
    locks = LockService(lambda: now[0])
    first = locks.acquire("key", "alice")
    assert first is not None
    assert locks.acquire("key", "bob") is None
    now[0] = LEASE
    second = locks.acquire("key", "bob")
    assert second is not None
    assert second.token > first.token
    locks.release("key", first.token)
    assert locks.holds("key", second.token)


def test_a_hold_stays_until_it_ends_or_is_swept() -> None:
    """Its time being up is not enough: the sweeper ends it."""
    now = [0]
    book = ReservationBook(lambda: now[0], 5)
    hold = book.take("seat", "alice")
    assert hold is not None
    now[0] = 5
    assert book.take("seat", "bob") is None
    assert [swept for _, swept in book.sweep()] == [hold]
    assert not book.end("seat", hold.number)
    assert book.take("seat", "bob") is not None


def test_a_renewed_lease_lasts_and_an_old_holder_renews_nothing() -> None:
    """Half a lease passes, alice renews, another half: bob has to wait. Renewed too late, her lease is not his."""
    acts = (Acquire("alice"), PassTime(), Renew("alice"), PassTime(), Acquire("bob"))
    run = execute(Reference(), Inventory(), acts)
    assert not run.findings
    assert [record.client for record in run.history if type(record) is Granted] == ["alice"]
    late = execute(Reference(), Inventory(), (Acquire("alice"), PassTime(), PassTime(), Acquire("bob"), Renew("alice")))
    assert not late.findings
    assert [record.client for record in late.history if type(record) is Granted] == ["alice", "bob"]
    assert not [record for record in late.history if type(record) is Renewed]
