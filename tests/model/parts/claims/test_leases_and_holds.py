"""Leases and holds, whatever the clock says when they are taken."""

from __future__ import annotations

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.parts.claims.lease import LEASE, LockService
from refold.model.parts.claims.reservation import HoldSeat, HoldTaken, ReservationBook
from refold.model.parts.reading.revisioned_keys import LookUp
from refold.search.run import execute
from refold.systems.reference import Reference

MOMENTS = (0, 1, 3, LEASE, 13, 250, 300, 1000)


class Clock:
    """Says what it is told to say."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.mark.parametrize("now", MOMENTS)
def test_a_lease_lasts_its_time_from_the_moment_of_its_grant(now: int) -> None:
    """To the tick: then, and not before, somebody else may have it."""
    clock = Clock(now)
    locks = LockService(clock)
    first = locks.acquire("key", "alice")
    assert first is not None
    assert (first.token, first.until) == (1, now + LEASE)
    clock.now = now + LEASE - 1
    assert locks.holds("key", first.token)
    assert locks.acquire("key", "bob") is None
    clock.now = now + LEASE
    assert not locks.holds("key", first.token)
    second = locks.acquire("key", "bob")
    assert second is not None
    assert (second.token, second.until) == (2, now + 2 * LEASE)


@pytest.mark.parametrize("now", MOMENTS)
def test_a_renewal_begins_anew(now: int) -> None:
    """Of the lease in force alone, under the same token."""
    clock = Clock(now)
    locks = LockService(clock)
    lease = locks.acquire("key", "alice")
    assert lease is not None
    clock.now = now + LEASE - 1
    assert locks.renew("key", lease.token + 1) is None
    renewed = locks.renew("key", lease.token)
    assert renewed is not None
    assert (renewed.holder, renewed.token, renewed.until) == ("alice", lease.token, now + 2 * LEASE - 1)
    clock.now = renewed.until
    assert locks.renew("key", lease.token) is None


def test_a_release_ends_the_lease_with_its_token() -> None:
    """And no other."""
    locks = LockService(Clock(7))
    lease = locks.acquire("key", "alice")
    assert lease is not None
    locks.release("key", lease.token + 1)
    assert locks.holds("key", lease.token)
    locks.release("key", lease.token)
    assert not locks.holds("key", lease.token)


@pytest.mark.parametrize("now", MOMENTS)
def test_a_hold_lasts_its_time_from_the_moment_when_it_was_taken(now: int) -> None:
    """To the tick, until somebody sweeps."""
    clock = Clock(now)
    book = ReservationBook(clock, 5)
    hold = book.take("seat", "alice")
    assert hold is not None
    assert (hold.client, hold.number, hold.until) == ("alice", 1, now + 5)
    clock.now = now + 4
    assert book.sweep() == []
    clock.now = now + 5
    assert book.take("seat", "bob") is None
    assert book.sweep() == [("seat", hold)]
    again = book.take("seat", "bob")
    assert again is not None
    assert again.number == 2


def test_only_this_very_hold_is_ended() -> None:
    book = ReservationBook(Clock(0), 5)
    hold = book.take("seat", "alice")
    assert hold is not None
    assert not book.end("seat", hold.number + 1)
    assert not book.end("other", hold.number)
    assert book.end("seat", hold.number)
    assert not book.end("seat", hold.number)


@pytest.mark.parametrize("before", range(3))
def test_the_office_tells_the_time_of_the_run(before: int) -> None:
    """One tick per action, that of the hold included."""
    plan = [*[LookUp("bob", "lamp")] * before, HoldSeat("alice", "seat-1")]
    history = execute(Reference(), Accounts(), plan).history
    (taken,) = [record for record in history if type(record) is HoldTaken]
    assert taken.at == len(plan)
