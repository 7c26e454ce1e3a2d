"""Locks: how long a lease lasts, who waits, and what time does to both."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.examples.inventory import Inventory
from refold.model.parts.claims.lease import LEASE
from refold.model.parts.claims.lock import (
    Acquire,
    ClockJumped,
    Granted,
    JumpClock,
    PassTime,
    Pause,
    Paused,
    Queued,
    Renew,
    Renewed,
    TimePassed,
)
from refold.systems.reference import Reference

TAKE, RENEW = Acquire("alice"), Renew("alice")


def performed(*plan: Any) -> tuple[list[bool], list[Any]]:
    """Which actions happened, and the records before the system settles."""
    history: list[Any] = []
    deployment = Reference().open(Inventory(), history.append)
    return [deployment.perform(action) for action in plan], history


def one(kind: type, history: list[Any]) -> Any:
    """The only record of its kind."""
    (record,) = [record for record in history if type(record) is kind]
    return record


@pytest.mark.parametrize(
    ("action", "kind", "ticks"),
    [(PassTime(), TimePassed, LEASE // 2), (JumpClock(), ClockJumped, LEASE)],
)
def test_the_clock_moves_as_far_as_is_said(action: Any, kind: type, ticks: int) -> None:
    """Half a lease, or a whole one."""
    happened, history = performed(TAKE, action, action, Acquire("bob"))
    assert all(happened)
    assert [record for record in history if type(record) is kind] == [kind(ticks)] * 2
    assert [record.at for record in history if type(record) is Granted] == [0, 2 * ticks]


def test_a_lease_is_over_after_its_time_and_not_before() -> None:
    """Renewed in time it is the same; too late it is gone."""
    assert one(Granted, performed(TAKE)[1]).until == one(Granted, performed(TAKE)[1]).at + LEASE
    assert [type(record) for record in performed(TAKE, PassTime(), RENEW)[1]].count(Renewed) == 1
    assert [type(record) for record in performed(TAKE, PassTime(), PassTime(), RENEW)[1]].count(Renewed) == 0


def test_who_waits_does_not_ask_again_nor_does_who_holds() -> None:
    happened, history = performed(TAKE, Acquire("bob"), Acquire("bob"), TAKE)
    assert happened == [True, True, False, False]
    queued = one(Queued, history)
    assert (queued.client, queued.until) == ("bob", queued.at + LEASE)


def test_a_client_pauses_for_a_lease_while_it_is_engaged() -> None:
    assert performed(Pause("alice"))[0] == [False]
    happened, history = performed(TAKE, Acquire("bob"), Pause("bob"), Pause("bob"))
    assert happened == [True, True, True, False]
    assert one(Paused, history) == Paused("bob", LEASE)
