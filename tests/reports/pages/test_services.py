"""The explorer's panels of lock services, reservations and outboxes: what each holds, and what its clients believe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refold.model.documents.plan import plan_from_json
from refold.model.event import Stored
from refold.model.parts.claims.lock import ClockJumped, FencedOff, Granted, Queued, Released, Renewed, Unqueued
from refold.model.parts.claims.reservation import HoldEnded, HoldsAtRest, HoldTaken
from refold.model.parts.messages.outbox import Claimed, Delivered, Interrupted, OutboxAtRest, RelayDied
from refold.reports.pages.records import story_of
from refold.reports.pages.services import HOLDS, LOCKS, MESSAGES_MAX, OUTBOX, STORE, Services
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.registry import resolve

from ...consoles import ROOT

Board = dict[tuple[str, str], str]
BOX = f"{OUTBOX}outbox"


def held(*records: Any) -> Board:
    """What is on the board after these records."""
    board: Board = {}
    services = Services(lambda lane, item, text: board.__setitem__((lane, item), text))
    for record in records:
        services.feed(record)
    return {cell: text for cell, text in board.items() if text}


def event(position: int) -> Stored:
    """An event of bolt."""
    return Stored(position, "bolt", position, f"alice-{position}/0", "Restocked", None)


def test_a_client_believes_what_it_was_told_until_it_gives_back() -> None:
    """The service has given the lock to somebody else by then."""
    records = [Granted("alice", "bolt", 1, 8, 0), ClockJumped(9), Granted("bob", "bolt", 2, 17, 9)]
    board = held(*records)
    assert board[LOCKS, "lock bolt"] == "bob, token 2, until 17"
    assert board["client alice", "believes to hold bolt"] == "token 1, until 8"
    board = held(*records, Released("alice", "bolt", 1))
    assert board[LOCKS, "lock bolt"] == "bob, token 2, until 17"
    assert ("client alice", "believes to hold bolt") not in board
    assert held(*records, Released("bob", "bolt", 2))[LOCKS, "lock bolt"] == "free"


def test_a_lease_ends_by_the_clock_and_is_renewed_by_its_token() -> None:
    """A renewal under an old token changes nothing for its successor."""
    granted = Granted("alice", "bolt", 1, 8, 0)
    assert held(granted, ClockJumped(8))[LOCKS, "lock bolt"] == "alice, token 1, its lease ended at 8"
    assert held(granted, ClockJumped(7))[LOCKS, "lock bolt"] == "alice, token 1, until 8"
    assert held(granted, Renewed("alice", "bolt", 1, 15, 7))[LOCKS, "lock bolt"] == "alice, token 1, until 15"
    successor = Granted("bob", "bolt", 2, 17, 9)
    assert held(granted, successor, Renewed("alice", "bolt", 1, 30, 10))[LOCKS, "lock bolt"] == "bob, token 2, until 17"


def test_those_who_wait_are_listed_until_they_hold_it_or_give_up() -> None:
    """In the order in which they came."""
    queued = [Queued("bob", "bolt", 20, 1), Queued("carol", "bolt", 20, 2)]
    assert held(*queued)[LOCKS, "waiting for bolt"] == "bob, carol"
    assert held(*queued, Unqueued("bob", "bolt"))[LOCKS, "waiting for bolt"] == "carol"
    board = held(*queued, Unqueued("bob", "bolt"), Granted("carol", "bolt", 2, 9, 3), FencedOff("bob", "bolt", 1))
    assert (LOCKS, "waiting for bolt") not in board
    assert board[STORE, "last write refused to bolt"] == "token 1, bob"


def test_a_reservation_is_shown_until_it_ends() -> None:
    """How it ended stays; nothing at rest is not worth a panel where nothing was reserved."""
    taken = HoldTaken("alice", "seat", 1, 8, 2)
    assert held(taken)[HOLDS, "on hold: seat"] == "alice, number 1, from 2 until 8"
    board = held(taken, HoldEnded("seat", 1, "expired", 9), HoldsAtRest({}))
    assert board == {(HOLDS, "ended last: seat"): "number 1, expired at 9", (HOLDS, "at rest, on hold"): "nothing"}
    assert held(HoldsAtRest({}), OutboxAtRest(0)) == {}


def test_an_outbox_shows_what_is_not_sent_and_what_is_in_doubt() -> None:
    """From the moment in which somebody looks into it."""
    events = [event(1), event(2)]
    claimed, sent = Claimed("relay-1", "alice-1/0", 1), Delivered("relay-1", "alice-1/0", 1, True)
    assert held(*events) == {}
    assert held(*events, claimed)[BOX, "not sent"] == "event 1, event 2"
    assert held(*events, claimed, sent)[BOX, "not sent"] == "event 2"
    died = held(*events, claimed, sent, RelayDied("relay-1", "alice-1/0"))
    assert died[BOX, "message alice-1/0"] == "sent by relay-1, perhaps not marked as sent"
    again = held(
        *events,
        claimed,
        sent,
        Interrupted("relay-1", ("alice-1/0",), "died"),
        Delivered("relay-2", "alice-1/0", 1, False),
    )
    assert again[BOX, "message alice-1/0"] == "sent 2 times, last by relay-2; the receiver knew it already"


def test_an_outbox_shows_a_few_messages_only() -> None:
    """The latest."""
    count = MESSAGES_MAX + 3
    board = held(*map(event, range(1, 30)), *(Delivered("r", f"alice-{n}/0", n, True) for n in range(1, count + 1)))
    shown = [item for lane, item in board if lane == BOX and item.startswith("message ")]
    assert shown == [f"message alice-{n}/0" for n in range(4, count + 1)]
    assert board[BOX, "not sent"].endswith(f"event {count + 6} and {29 - count - 6} more")


@pytest.mark.parametrize(
    ("plan", "lane", "item"),
    [
        ("stale-token-effect", LOCKS, "lock ledger"),
        ("side-effect-twice", BOX, "message alice-1/0"),
        ("reservation-leaked", HOLDS, "on hold: "),
    ],
)
def test_the_explorer_of_a_finding_has_the_panel(plan: str, lane: str, item: str) -> None:
    """Of counterexamples as the zoo finds them."""
    document = json.loads((ROOT / "docs" / "pictures" / "gallery" / f"{plan}.json").read_text())
    application = application_named(document["application"])
    run = execute(resolve(document["system"]), application, plan_from_json(document, application), whole=True)
    story = story_of(run.history, application, run.findings[0])
    assert lane in [one.id for one in story.lanes]
    assert any(
        change.cell[0] == lane and change.cell[1].startswith(item) and change.held.text
        for row in story.rows
        for change in row.changes
    )
