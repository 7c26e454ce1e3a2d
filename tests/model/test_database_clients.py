"""Clients that decide in a database: what they know of it, and what they demand."""

from __future__ import annotations

from typing import Any

from refold.model.client import View
from refold.model.datastore import Datastore
from refold.model.examples.accounts import Accounts, Register, Registered, Rename
from refold.model.expectation import ANY, NO_STREAM, Exact
from refold.model.log import Log
from refold.model.strategies.database_clients import Database, DualWriter, TransactionClient

from .built import context, request


def dual_writer() -> Any:
    """One with a database of its own."""
    shared, _ = context(Log())
    writer = DualWriter("alice", "store", shared, Datastore())
    writer.database = {}
    return writer


def test_a_dual_writer_changes_its_row_before_the_log_is_told() -> None:
    """Each event is one change of the row."""
    writer = dual_writer()
    assert writer.view("acme") == View(frozenset(), 0)
    first = writer.prepare(Register("acme", "ada"))
    assert first.expected == ANY
    assert writer.view("acme") == View(frozenset({"ada"}), 1)
    writer.prepare(Rename("acme", "ada", "bob"))
    assert writer.view("acme") == View(frozenset({"bob"}), 3)
    assert writer.log.entries == []


def test_a_dual_writer_leaves_the_row_alone_if_the_decider_refuses() -> None:
    writer = dual_writer()
    writer.prepare(Register("acme", "ada"))
    assert writer.prepare(Register("acme", "ada")) is None
    assert writer.view("acme") == View(frozenset({"ada"}), 1)


def database(*names: str) -> Database:
    """Of accounts, with these names in “acme”."""
    log = Database()
    log.application = Accounts()
    for number, name in enumerate(names, 1):
        log.append(request(f"w-{number}", name))
    return log


def test_a_transaction_sees_the_row_and_demands_that_it_stays_so() -> None:
    for names, version in (((), NO_STREAM), (("x",), Exact(1)), (("x", "y"), Exact(2))):
        shared, _ = context(database(*names))
        client = TransactionClient("alice", "store", shared, Datastore())
        assert client.view("acme") == View(frozenset(names), len(names))
        asked = client.prepare(Register("acme", "ada"))
        assert asked is not None
        assert asked.expected == version
        assert [event.data for event in asked.events] == [Registered("acme", "ada")]


def test_rows_are_what_the_change_records_say_after_a_power_cut_too() -> None:
    log = database("x", "y")
    assert log.row("acme") == View(frozenset({"x", "y"}), 2)
    log.cut_power("drop")
    assert log.row("acme").version == len(log.entries)
