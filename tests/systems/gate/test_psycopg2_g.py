"""psycopg2 at the gate without a proxy: what is a stop, who waits for whom, and what death, failure and a deadlock do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refold.systems.gate import DIE, Blocked, Fail, Gate, Lose, Raised, Returned, Stopped

from .servers import PostgresServer

psycopg2: Any = pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
pytest.importorskip("psycopg", reason="psycopg, which asks the server, is not installed")

from psycopg2 import extras  # noqa: E402

from . import ledger  # noqa: E402

AMOUNTS = "select amount from accounts order by name"


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.admin.execute(ledger.SCHEMA)
    return postgres


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate
    assert gate.leaked == []


def mover(server: PostgresServer, source: str, target: str) -> Callable[[], None]:
    """Moves one unit, and locks in this order."""

    def move() -> None:
        connection = psycopg2.connect(server.conninfo)
        with connection, connection.cursor() as cursor:
            cursor.execute("update accounts set amount = amount - 1 where name = %s", (source,))
            cursor.execute("update accounts set amount = amount + 1 where name = %s", (target,))
        connection.close()

    return move


def to_the_second_update(gate: Gate, server: PostgresServer, *circle: tuple[str, str, str]) -> None:
    """Everybody has the lock of his first account, and stands before his second."""
    for name, source, target in circle:
        gate.start(name, mover(server, source, target))
        gate.step(name)
        gate.step(name)


def test_statements_and_ends_of_transactions_are_stops(gate: Gate, server: PostgresServer) -> None:
    def work() -> None:
        extras.register_uuid()
        connection = psycopg2.connect(server.conninfo, cursor_factory=extras.DictCursor)
        extras.register_uuid(conn_or_curs=connection)
        cursor = connection.cursor()
        extras.execute_values(cursor, "insert into accounts values %s", [("c", 1), ("d", 2)])
        cursor.execute("select amount from accounts where name = 'c'")
        assert cursor.fetchone()["amount"] == 1
        connection.commit()
        connection.rollback()
        connection.close()

    gate.start("alice", work)
    seen = []
    while isinstance(status := gate.status("alice"), Stopped):
        seen.append(status.crossing.words)
        gate.step("alice")
    assert isinstance(gate.status("alice"), Returned), gate.status("alice")
    assert seen == ["connect", "INSERT accounts", "SELECT accounts", "COMMIT"]


def test_who_waits_in_the_server_is_known_from_the_server(gate: Gate, server: PostgresServer) -> None:
    to_the_second_update(gate, server, ("alice", "a", "b"))
    gate.start("bob", mover(server, "a", "b"))
    gate.step("bob")
    status = gate.step("bob")
    assert isinstance(status, Blocked)
    assert (status.wait.holders, status.wait.seen) == (("alice",), "server")
    gate.finish()
    assert server.admin.execute(AMOUNTS).fetchall() == [(98,), (102,)]


def test_who_came_last_into_a_deadlock_is_refused(gate: Gate, server: PostgresServer) -> None:
    to_the_second_update(gate, server, ("alice", "a", "b"), ("bob", "b", "a"))
    for name in ("alice", "bob"):
        gate.step(name)
    assert gate.refuse("alice") is not None or gate.refuse("bob") is not None
    gate.finish()
    ends = [gate.status(name) for name in ("alice", "bob")]
    (refused,) = [end.error for end in ends if isinstance(end, Raised)]
    assert isinstance(refused, psycopg2.errors.DeadlockDetected)


def test_a_process_that_dies_in_the_middle_of_a_wait_is_gone_at_once(gate: Gate, server: PostgresServer) -> None:
    """Its statement is not done later, when the lock is free."""
    to_the_second_update(gate, server, ("alice", "a", "b"))
    gate.start("bob", mover(server, "a", "b"))
    gate.step("bob")
    assert isinstance(gate.step("bob"), Blocked)
    gate.step("bob", DIE)
    gate.finish()
    assert server.admin.execute(AMOUNTS).fetchall() == [(99,), (101,)]


def test_a_process_that_dies_between_statements_leaves_no_lock(gate: Gate, server: PostgresServer) -> None:
    to_the_second_update(gate, server, ("alice", "a", "b"))
    gate.step("alice", DIE)
    gate.start("bob", mover(server, "a", "b"))
    gate.finish()
    assert isinstance(gate.status("bob"), Returned)
    assert server.admin.execute(AMOUNTS).fetchall() == [(99,), (101,)]


@pytest.mark.parametrize(("decision", "left"), [(Fail(), 100), (Lose(), 99)])
def test_a_commit_that_fails_is_not_done_and_one_whose_answer_is_lost_is(
    gate: Gate, server: PostgresServer, decision: Any, left: int
) -> None:
    gate.start("alice", mover(server, "a", "b"))
    gate.until("alice", "COMMIT")
    gate.step("alice", decision)
    gate.finish()
    status = gate.status("alice")
    assert isinstance(status, Raised)
    assert isinstance(status.error, psycopg2.OperationalError)
    assert server.admin.execute("select amount from accounts where name = 'a'").fetchone() == (left,)


def test_connections_of_nobody_are_what_they_were(server: PostgresServer) -> None:
    """No gate is open."""
    connection = psycopg2.connect(server.conninfo)
    assert type(connection) is psycopg2.extensions.connection
    connection.close()
