"""Clients decide on what they read, demand that it is still so, and keep what they sent until they know its fate."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.client import SNAPSHOT_EVERY, AggregateClient, Client, HeldAggregateClient, View
from refold.model.datastore import Datastore
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Delete, Register, Rename
from refold.model.examples.inventory import Inventory, Reserve, Restock, Restocked
from refold.model.expectation import ANY, NO_STREAM, Exact
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.model.record import Declined, Prepared, SnapshotLoaded, SnapshotTaken
from refold.model.snapshot import Snapshot, SnapshotStore

from .built import context, filled, names

ADA, BOB = Register("acme", "ada"), Register("acme", "bob")


def client(log: Log, application: Any = None) -> tuple[Client, list[Any]]:
    """A client that reads a view, which is as old as the test wants it."""
    shared, records = context(log, application)
    return Client("alice", "store", shared, Datastore()), records


def aggregate(log: Log, application: Any = None) -> tuple[AggregateClient, list[Any]]:
    """A client that loads the stream itself."""
    shared, records = context(log, application)
    return AggregateClient("carol", "log", shared, Datastore()), records


def test_a_client_demands_the_version_of_the_view_that_it_decided_on() -> None:
    """However old that is."""
    log = filled("x", "y")
    alice, records = client(log)
    request = alice.prepare(ADA)
    assert request is not None
    assert request.expected == NO_STREAM
    assert alice.pending is request
    assert alice.send(request) == Conflict(2)
    alice.store.apply(2, {"acme": (2, frozenset({"x", "y"}))})
    request = alice.prepare(ADA)
    assert request is not None
    assert request.expected == Exact(2)
    assert alice.send(request) == Appended((3,))
    assert [(record.op, record.seen) for record in records if isinstance(record, Prepared)] == [
        ("alice-1", 0),
        ("alice-2", 2),
    ]


def test_a_refused_command_is_declined_and_nothing_is_kept_to_send() -> None:
    """The reason is the decider's."""
    alice, records = client(Log())
    assert alice.prepare(Delete("acme", "ada")) is None
    assert alice.pending is None
    assert records == [
        Declined("alice", "alice-1", Delete("acme", "ada"), "store", "acme", 0, "there is no ada in acme")
    ]


def test_a_command_that_causes_no_event_is_declined_too() -> None:
    """There is nothing to append."""

    class Idle(Accounts):
        def decide(self, command: Any, state: Any) -> Any:
            return ()

    alice, records = client(Log(), Idle())
    assert alice.prepare(ADA) is None
    assert records[-1].reason == "nothing to do"


def test_event_ids_are_those_of_the_operation() -> None:
    """So that a retry is recognised; a new operation has new ones."""
    carol, _ = aggregate(filled("ada"))
    first = carol.prepare(Rename("acme", "ada", "bob"))
    second = carol.prepare(BOB)
    assert first is not None
    assert second is not None
    assert [event.id for event in first.events] == ["carol-1/0", "carol-1/1"]
    assert [event.id for event in second.events] == ["carol-2/0"]
    answer = carol.send(first)
    assert carol.send(first) == answer


def test_facts_are_appended_without_a_condition() -> None:
    """Decisions are not."""
    alice, _ = client(Log(), Inventory())
    fact = alice.prepare(Restock("bolt", 1))
    assert fact is not None
    assert fact.expected == ANY
    alice.store.apply(1, {"bolt": (1, 5)})
    decision = alice.prepare(Reserve("bolt", 1))
    assert decision is not None
    assert decision.expected == Exact(1)


def test_an_aggregate_client_decides_on_the_stream_as_it_is() -> None:
    """Its view is never stale when it reads."""
    carol, records = aggregate(filled("ada"))
    assert carol.prepare(ADA) is None
    assert isinstance(records[-1], Declined)
    request = carol.prepare(BOB)
    assert request is not None
    assert request.expected == Exact(1)


def test_an_aggregate_client_saves_a_snapshot_after_the_yes_and_not_before() -> None:
    """A refused append leaves no trace in it."""
    log = filled("x")
    carol, records = aggregate(log)
    request = carol.prepare(ADA)
    assert request is not None
    log.append(Client("bob", "store", context(log)[0], Datastore()).prepare(Register("zeta", "x")))  # type: ignore[arg-type]
    outcome = carol.send(request)
    assert not [record for record in records if isinstance(record, SnapshotTaken)]
    carol.settled(request, outcome)
    assert records[-1] == SnapshotTaken("stream:acme", SNAPSHOT_EVERY, frozenset({"x", "ada"}), 1)
    carol.settled(request, Conflict(3))
    assert len([record for record in records if isinstance(record, SnapshotTaken)]) == 1


def test_an_aggregate_is_saved_after_every_second_event() -> None:
    log = Log()
    carol, records = aggregate(log)
    for name in "abcde":
        request = carol.prepare(Register("acme", name))
        assert request is not None
        carol.settled(request, carol.send(request))
    assert [record.position for record in records if isinstance(record, SnapshotTaken)] == [2, 4]


def test_an_aggregate_is_loaded_from_its_snapshot_and_the_tail_only() -> None:
    """Events before the snapshot are not read."""
    log = filled("x", "y", "z")
    carol, records = aggregate(log)
    carol.snapshots.save(Snapshot("stream:acme", 2, frozenset({"from the snapshot"}), 1))
    read: list[Stored] = []
    original = log.read_stream
    log.read_stream = lambda stream, after: [read.append(event) or event for event in original(stream, after)]  # type: ignore[method-assign,func-returns-value]
    view = carol.view("acme")
    assert view.state == frozenset({"from the snapshot", "z"})
    assert view.version == 3
    assert [event.version for event in read] == [3]
    assert isinstance(records[-1], SnapshotLoaded)


def test_an_aggregate_that_is_held_has_the_events_of_its_own_append_once() -> None:
    """They were applied in memory, and are not read from the log again."""
    log = Log()
    log.append(AppendRequest("bob-1", "bolt", ANY, (NewEvent("bob-1/0", "Restocked", Restocked("bolt", 5)),)))
    carol = HeldAggregateClient("carol", "log", context(log, Inventory())[0], Datastore())
    request = carol.prepare(Reserve("bolt", 1))
    assert request is not None
    carol.settled(request, carol.send(request))
    assert carol.view("bolt") == View(4, 2)


def test_a_snapshot_of_another_schema_is_left_alone() -> None:
    """The stream is read from its beginning."""
    carol, records = aggregate(filled("x"))
    carol.snapshots.save(Snapshot("stream:acme", 7, frozenset({"old"}), 0))
    assert carol.view("acme").state == frozenset({"x"})
    assert records == []


def test_a_snapshot_store_keeps_the_last_that_was_saved() -> None:
    """Of each owner."""
    store = SnapshotStore()
    assert store.newest("a") is None
    for position in (1, 2):
        store.save(Snapshot("a", position, {}, 1))
    assert store.newest("a") == Snapshot("a", 2, {}, 1)
    assert store.newest("b") is None


@pytest.mark.parametrize("command", Accounts().commands())
def test_every_command_of_the_menu_can_be_prepared_or_declined(command: Any) -> None:
    """And the log accepts what was prepared on its own state."""
    log = filled("ada")
    carol, records = aggregate(log)
    request = carol.prepare(command)
    if request is None:
        assert isinstance(records[-1], Declined)
    else:
        assert isinstance(carol.send(request), Appended)
        assert len(names(log)) == 1 + len(request.events)
