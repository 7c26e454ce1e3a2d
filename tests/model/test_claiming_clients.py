"""Clients that claim a key before they decide: for how long, and what ends a claim."""

from __future__ import annotations

from typing import Any

from refold.model.action import Append, Prepare
from refold.model.examples.accounts import Accounts, Register
from refold.model.parts.claims.lease import LEASE
from refold.model.parts.claims.lock import JumpClock, Pause
from refold.model.parts.claims.reservation import HoldDenied, HoldEnded, HoldTaken, Sweep
from refold.model.record import Acknowledged, Refused
from refold.systems.registry import resolve

ADA, BOB = Register("acme", "ada"), Register("acme", "bob")


def records(*plan: Any) -> list[Any]:
    """What clients and book say while a plan is performed, before the system settles."""
    history: list[Any] = []
    deployment = resolve("reference?strategy=reservation").open(Accounts(), history.append)
    for action in plan:
        assert deployment.perform(action), action
    return [one for one in history if isinstance(one, HoldTaken | HoldEnded | HoldDenied | Acknowledged | Refused)]


def test_a_hold_lasts_half_a_lease_and_ends_with_the_append() -> None:
    """So that a client that was paused for a lease has lost it."""
    taken, _, ended = records(Prepare("alice", ADA), Append("alice"))
    assert taken.until - taken.at == LEASE // 2
    assert (ended.hold, ended.how) == (taken.hold, "confirmed")


def test_nobody_else_decides_on_a_key_that_is_on_hold() -> None:
    assert [type(one) for one in records(Prepare("alice", ADA), Prepare("bob", BOB))] == [HoldTaken, HoldDenied]


def test_an_append_after_the_end_of_its_hold_is_refused() -> None:
    """The pause took longer than the hold."""
    ended = records(Prepare("alice", ADA), Pause("alice"), Sweep(), Prepare("bob", BOB), Append("bob"))
    assert [(type(one), getattr(one, "how", "")) for one in ended[:2]] == [(HoldTaken, ""), (HoldEnded, "expired")]
    assert type(ended[-2]) is Acknowledged
    _, _, refused, *_ = records(Prepare("alice", ADA), JumpClock(), Sweep(), Append("alice"))
    assert type(refused) is Refused
