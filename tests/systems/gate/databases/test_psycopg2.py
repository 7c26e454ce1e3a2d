"""psycopg2 at the gate: what is a stop, and what becomes of a connection that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refold.systems.gate import DIE, Blocked, Fail, Gate, Lose, Raised, Returned, Stopped

from ..servers import PostgresServer

psycopg2 = pytest.importorskip("psycopg2", reason="psycopg2 is not installed")
pytest.importorskip("psycopg", reason="psycopg is not installed")

from .. import ledger  # noqa: E402


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.admin.execute(ledger.SCHEMA)
    return postgres


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate
    assert gate.leaked == []


class Bank:
    """Moves money, and locks accounts in the order in which they are named."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg2.connect(conninfo)

    def move(self, source: str, target: str) -> None:
        """One unit."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("update accounts set amount = amount - 1 where name = %s", (source,))
            cursor.execute("update accounts set amount = amount + 1 where name = %s", (target,))


def amounts(server: PostgresServer) -> list[int]:
    return [amount for (amount,) in server.admin.execute("select amount from accounts order by name").fetchall()]


def test_statements_commits_and_fetches_are_stops(gate: Gate, server: PostgresServer) -> None:
    def work() -> None:
        import psycopg2.extras

        connection = psycopg2.connect(server.conninfo)
        with connection, connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            cursor.execute("insert into accounts values ('c', 1)")
            cursor.execute("select name from accounts where name = 'c'")
            assert cursor.fetchone()["name"] == "c"
        with connection.cursor("far") as cursor:
            cursor.execute("select name from accounts")
            assert len(cursor.fetchall()) == 3
        connection.rollback()
        connection.rollback()
        connection.close()

    gate.start("alice", work)
    seen = []
    while isinstance(status := gate.status("alice"), Stopped):
        seen.append(status.crossing.words)
        gate.step("alice")
    assert isinstance(gate.status("alice"), Returned), gate.status("alice")
    assert seen == [
        "connect",
        "INSERT accounts",
        "SELECT accounts",
        "COMMIT",
        "SELECT accounts",
        "FETCH",
        "ROLLBACK",
    ]


def test_helpers_written_in_c_take_the_connections_of_actors(gate: Gate, server: PostgresServer) -> None:
    def work() -> None:
        from psycopg2 import extras

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


def test_who_waits_in_the_server_is_blocked_until_the_other_commits(gate: Gate, server: PostgresServer) -> None:
    for name in ("alice", "bob"):
        bank = gate.run(name, Bank, server.conninfo)
        gate.start(name, bank.move, "a", "b")
        gate.step(name)
    status = gate.status("bob")
    assert isinstance(status, Blocked)
    assert status.wait.holders == ("alice",)
    gate.finish()
    assert amounts(server) == [98, 102]


def test_who_came_last_into_a_deadlock_is_refused_as_the_server_would(gate: Gate, server: PostgresServer) -> None:
    for name, accounts in (("alice", "ab"), ("bob", "ba")):
        bank = gate.run(name, Bank, server.conninfo)
        gate.start(name, bank.move, *accounts)
        gate.step(name)
    for name in ("alice", "bob"):
        gate.step(name)
    assert gate.refuse("alice") is not None or gate.refuse("bob") is not None
    gate.finish()
    ends = [gate.status(name) for name in ("alice", "bob")]
    (refused,) = [end.error for end in ends if isinstance(end, Raised)]
    assert isinstance(refused, psycopg2.errors.DeadlockDetected)
    assert sorted(amounts(server)) == [99, 101]


@pytest.mark.parametrize("decision", [Fail(), Lose()])
def test_a_connection_that_is_lost_stays_lost(gate: Gate, server: PostgresServer, decision: Any) -> None:
    """And what was done in its transaction is rolled back."""
    said: list[str] = []

    def work() -> None:
        connection = psycopg2.connect(server.conninfo)
        cursor = connection.cursor()
        cursor.execute("update accounts set amount = 0")
        for _ in range(2):
            try:
                cursor.execute("update accounts set amount = 1")
            except psycopg2.Error as error:
                said.append(f"{type(error).__name__}: {error}")
        assert connection.closed
        connection.close()

    gate.start("alice", work)
    gate.until("alice", "UPDATE")
    gate.step("alice")
    gate.step("alice", decision)
    assert isinstance(gate.status("alice"), Returned)
    assert said == [
        "OperationalError: server closed the connection unexpectedly",
        "InterfaceError: cursor already closed",
    ]
    assert amounts(server) == [100, 100]


def test_a_commit_whose_answer_is_lost_is_done(gate: Gate, server: PostgresServer) -> None:
    bank = gate.run("alice", Bank, server.conninfo)
    gate.start("alice", bank.move, "a", "b")
    gate.until("alice", "COMMIT")
    status = gate.step("alice", Lose())
    assert isinstance(status, Raised)
    assert isinstance(status.error, psycopg2.OperationalError)
    assert amounts(server) == [99, 101]


def test_a_process_that_dies_in_the_middle_of_a_wait_is_gone_at_once(gate: Gate, server: PostgresServer) -> None:
    """Its statement is not done later, when the lock is free."""
    for name in ("alice", "bob"):
        bank = gate.run(name, Bank, server.conninfo)
        gate.start(name, bank.move, "a", "b")
        gate.step(name)
    gate.step("bob", DIE)
    gate.finish()
    assert amounts(server) == [99, 101]


def test_sqlalchemy_over_psycopg2_is_seen(gate: Gate, server: PostgresServer) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

    def work() -> None:
        engine = sqlalchemy.create_engine(f"postgresql+psycopg2://postgres@127.0.0.1:{server.port}/postgres")
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("update accounts set amount = amount - 1 where name = 'a'"))
        engine.dispose()

    gate.start("alice", work)
    assert isinstance(gate.until("alice", "UPDATE"), Stopped)
    assert isinstance(gate.until("alice", "COMMIT"), Stopped)
    gate.finish()
    assert isinstance(gate.status("alice"), Returned)
    assert amounts(server) == [99, 100]


def test_a_connection_that_is_forgotten_when_its_gate_is_closed_opens_no_other(server: PostgresServer) -> None:
    """In a circle an object lives on until Python collects it; what ended it then is not asked for anything."""
    forgotten: list[Any] = []

    def work() -> None:
        forgotten.append(psycopg2.connect(server.conninfo))
        with forgotten[0].cursor() as cursor:
            cursor.execute("select 1")

    with Gate() as gate:
        gate.start("alice", work)
        while isinstance(gate.status("alice"), Stopped):
            gate.step("alice")
        assert isinstance(gate.status("alice"), Returned), gate.status("alice")
    line = forgotten[0].line()
    assert line.lost
    line.waits = lambda: pytest.fail("the server of a closed gate was asked")
    forgotten.pop().close()
