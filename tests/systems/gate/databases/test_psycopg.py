"""psycopg at the gate without a proxy: what is a stop, what a deadlock becomes, and connections that outlive their user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refold.systems.gate import DIE, Blocked, Fail, Gate, Lose, Raised, Returned, Stopped

from ..servers import PostgresServer

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

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


def stops(gate: Gate, name: str, work: Any) -> list[str]:
    """Where this work stops."""
    gate.start(name, work)
    seen = []
    while isinstance(status := gate.status(name), Stopped):
        seen.append(status.crossing.words)
        gate.step(name)
    assert isinstance(gate.status(name), Returned), gate.status(name)
    return seen


def in_a_circle(gate: Gate, server: PostgresServer) -> None:
    """Alice waits for Bob, and Bob for Alice."""
    for name, accounts in (("alice", "ab"), ("bob", "ba")):
        bank = gate.run(name, ledger.Bank, server.conninfo)
        gate.start(name, bank.move, *accounts)
        gate.step(name)
    for name in ("alice", "bob"):
        gate.step(name)


def test_who_came_last_into_a_deadlock_is_refused_as_the_server_would(gate: Gate, server: PostgresServer) -> None:
    in_a_circle(gate, server)
    assert gate.refuse("alice") is not None or gate.refuse("bob") is not None
    gate.finish()
    ends = [gate.status(name) for name in ("alice", "bob")]
    (refused,) = [end.error for end in ends if isinstance(end, Raised)]
    assert isinstance(refused, psycopg.errors.DeadlockDetected)
    assert refused.sqlstate == "40P01"
    assert sum(isinstance(end, Returned) for end in ends) == 1
    amounts = server.admin.execute("select amount from accounts order by name").fetchall()
    assert sorted(amounts) == [(99,), (101,)]


def test_nobody_is_refused_who_is_in_no_circle(gate: Gate, server: PostgresServer) -> None:
    for name in ("alice", "bob"):
        bank = gate.run(name, ledger.Bank, server.conninfo)
        gate.start(name, bank.move, "a", "b")
        gate.step(name)
    assert isinstance(gate.status("bob"), Blocked)
    assert gate.refuse("bob") is None
    gate.finish()
    assert server.admin.execute("select amount from accounts order by name").fetchall() == [(98,), (102,)]


def test_blocks_savepoints_cursors_and_copies_are_stops(gate: Gate, server: PostgresServer) -> None:
    def work() -> None:
        with psycopg.connect(server.conninfo) as connection:
            with connection.transaction():
                connection.execute("insert into accounts values ('c', 1)")
                with connection.transaction():
                    connection.execute("delete from accounts where name = 'c'")
            with connection.cursor("far") as cursor:
                cursor.execute("select name from accounts")
                assert len(cursor.fetchall()) == 2
            with connection.cursor().copy("copy accounts (name, amount) from stdin") as copy:
                copy.write_row(("d", 4))
            connection.rollback()

    assert stops(gate, "alice", work) == [
        "connect",
        "INSERT accounts",
        "SAVEPOINT",
        "DELETE accounts",
        "RELEASE",
        "COMMIT",
        "SELECT accounts",
        "FETCH",
        "COPY accounts",
        "ROLLBACK",
    ]


@pytest.mark.parametrize("decision", [Fail(), Lose()])
def test_a_connection_that_is_lost_stays_lost(gate: Gate, server: PostgresServer, decision: Any) -> None:
    """Also for cursors that were there before; and what was done in its transaction is rolled back."""
    said: list[str] = []

    def work() -> None:
        connection = psycopg.connect(server.conninfo)
        cursor = connection.cursor()
        cursor.execute("update accounts set amount = 0")
        for _ in range(2):
            try:
                cursor.execute("update accounts set amount = 1")
            except psycopg.OperationalError as error:
                said.append(str(error))
        assert connection.closed
        assert connection.broken
        connection.close()

    gate.start("alice", work)
    gate.until("alice", "UPDATE")
    gate.step("alice")
    gate.step("alice", decision)
    assert isinstance(gate.status("alice"), Returned)
    assert said == ["server closed the connection unexpectedly", "the connection is lost"]
    assert server.admin.execute("select distinct amount from accounts").fetchall() == [(100,)]


@pytest.mark.parametrize(("decision", "left"), [(Fail(), 100), (Lose(), 99)])
def test_a_transaction_in_a_pipeline_is_committed_at_its_end(
    gate: Gate, server: PostgresServer, decision: Any, left: int
) -> None:
    """Until then COMMIT is not even sent."""

    def work() -> None:
        connection = psycopg.connect(server.conninfo, autocommit=True)
        with connection.pipeline(), connection.transaction():
            connection.execute("update accounts set amount = amount - 1 where name = 'a'")

    gate.start("alice", work)
    gate.until("alice", "COMMIT")
    gate.step("alice", decision)
    gate.finish()
    status = gate.status("alice")
    assert isinstance(status, Raised)
    assert isinstance(status.error, psycopg.OperationalError)
    assert server.admin.execute("select amount from accounts where name = 'a'").fetchone() == (left,)


def test_nothing_of_a_session_is_left_for_the_next(gate: Gate, server: PostgresServer) -> None:
    """Although it is the same connection of the server's."""

    def first() -> int:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("set application_name = 'changed'")
            connection.execute("create temporary table mine (n int)")
            connection.execute("select pg_advisory_lock(1)")
            connection.execute("listen news")
            return int(connection.info.backend_pid)

    def second() -> tuple[Any, ...]:
        with psycopg.connect(server.conninfo, row_factory=psycopg.rows.dict_row) as connection:
            query = """select current_setting('application_name') as name, to_regclass('mine') as mine,
                (select count(*) from pg_locks where locktype = 'advisory') as locks, pg_listening_channels() as channel"""
            assert connection.execute(query).fetchall() == []
            query = query.replace(", pg_listening_channels() as channel", "")
            row = connection.execute(query).fetchone()
            assert row is not None
            return (connection.info.backend_pid, row["name"], row["mine"], row["locks"])

    backend = gate.run("alice", first)
    assert gate.run("bob", second) == (backend, "", None, 0)


def test_a_connection_that_nobody_has_any_more_holds_no_lock(gate: Gate, server: PostgresServer) -> None:
    def careless() -> None:
        connection = psycopg.connect(server.conninfo)
        connection.execute("update accounts set amount = 0")

    gate.run("alice", careless)
    bank = gate.run("bob", ledger.Bank, server.conninfo)
    gate.start("bob", bank.move, "a", "b")
    gate.finish()
    assert isinstance(gate.status("bob"), Returned)
    assert server.admin.execute("select amount from accounts order by name").fetchall() == [(99,), (101,)]


def test_a_process_that_dies_in_the_middle_of_a_wait_is_gone_at_once(gate: Gate, server: PostgresServer) -> None:
    """Its statement is not done later, when the lock is free."""

    def alone(name: str) -> None:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("update accounts set amount = amount + 1 where name = %s", (name,))

    bank = gate.run("alice", ledger.Bank, server.conninfo)
    gate.start("alice", bank.move, "a", "b")
    gate.step("alice")
    gate.start("bob", alone, "a")
    gate.step("bob")
    assert isinstance(gate.step("bob"), Blocked)
    gate.step("bob", DIE)
    gate.finish()
    assert server.admin.execute("select amount from accounts where name = 'a'").fetchone() == (99,)


def test_sqlalchemy_over_psycopg_is_seen(gate: Gate, server: PostgresServer) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    url = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres"

    def work() -> int:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("update accounts set amount = amount - 1 where name = 'a'"))
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text("select amount from accounts where name = 'a'")).scalar_one()
        engine.dispose()
        return int(found)

    seen = stops(gate, "alice", work)
    assert seen[0] == "connect"
    assert [words for words in seen if words in ("UPDATE accounts", "COMMIT", "SELECT accounts")] == [
        "UPDATE accounts",
        "COMMIT",
        "SELECT accounts",
    ]
    assert gate.status("alice") == Returned(99)


def test_connections_of_many_databases_do_not_use_up_the_server(gate: Gate, server: PostgresServer) -> None:
    """What is kept for one makes room for the other."""

    def used(name: str) -> None:
        for connection in [psycopg.connect(server.conninfo, application_name=name) for _ in range(4)]:
            connection.close()

    for number in range(12):
        gate.run("alice", used, f"shop-{number}")
    query = (
        "select count(*) from pg_stat_activity where application_name like 'shop-%' or backend_type = 'client backend'"
    )
    row = server.admin.execute(query).fetchone()
    assert row is not None
    assert 4 < row[0] < 30
