"""PostgreSQL through the proxy: unchanged code with psycopg, statement by statement."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refold.systems.gate import DIE, Blocked, Died, Exited, Fail, Gate, Lose, Pause, Raised, Returned, Stop, Stopped
from refold.systems.gate.databases.postgres import Waits
from refold.systems.gate.schedule import wander

from ..servers import PostgresServer

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

from .. import ledger  # noqa: E402


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.admin.execute(ledger.SCHEMA)
    return postgres


@pytest.fixture
def gate(server: PostgresServer) -> Iterator[Gate]:
    """A gate with the server behind it."""
    waits = Waits(server.conninfo)
    with Gate() as gate:
        gate.proxy("127.0.0.1", server.port, "postgres", waits)
        yield gate
    waits.close()
    assert gate.leaked == []
    assert not server.admin.execute(
        "select 1 from pg_locks where locktype = 'transactionid' and not granted"
    ).fetchall()


def words(gate: Gate, name: str) -> str:
    status = gate.status(name)
    assert isinstance(status, Stopped), status
    return status.crossing.words


def bodies(server: PostgresServer) -> list[str]:
    return [row[0] for row in server.admin.execute("select body::text from ev order by id").fetchall()]


def log_of(gate: Gate, server: PostgresServer, name: str) -> Any:
    return gate.run(name, ledger.Log, server.conninfo)


def test_statements_of_unchanged_code_are_crossings(gate: Gate, server: PostgresServer) -> None:
    gate.start("alice", lambda: ledger.Log(server.conninfo).append("x", "a"))
    seen = []
    while gate.stopped():
        seen.append(words(gate, "alice"))
        gate.step("alice")
    assert seen == ["connect", "BEGIN", "SELECT ev", "INSERT ev", "COMMIT"]
    assert gate.status("alice") == Returned(True)


def missed(gate: Gate, server: PostgresServer, make: Callable[[str], Any], seeds: range) -> int:
    """In how many blind schedules the reader has not seen all that is in the log at the end."""
    logs = {name: log_of(gate, server, name) for name in ("alice", "bob")}
    found = 0
    for seed in seeds:
        server.admin.execute("truncate ev restart identity")
        reader = gate.run("reader", make, server.conninfo)
        for number in range(3):
            for name, log in logs.items():
                gate.start(name, log.append, name, f"{name} {number}")
            gate.start("reader", reader.poll)
            wander(gate, random.Random(1000 * seed + number))
        gate.run("reader", reader.poll)
        found += sorted(reader.seen) != sorted(bodies(server))
        reader.connection.close()
    return found


def test_the_gap_of_a_serial_column_is_found_and_the_gap_safe_reader_is_held(
    gate: Gate, server: PostgresServer
) -> None:
    assert missed(gate, server, ledger.Reader, range(20)) > 0
    assert missed(gate, server, ledger.GapSafeReader, range(20)) == 0


def test_who_waits_in_the_server_is_known_and_comes_back(gate: Gate, server: PostgresServer) -> None:
    for name in ("alice", "bob"):
        log = log_of(gate, server, name)
        gate.start(name, log.append, "x", name)
        gate.until(name, "INSERT")
    gate.step("alice")
    status = gate.step("bob")
    assert isinstance(status, Blocked)
    assert status.wait.seen == "server"
    assert status.wait.holders == ("alice",)
    assert gate.deadlock() is None
    gate.step("alice")
    status = gate.status("bob")
    assert isinstance(status, Stopped)
    assert str(status.crossing) == "bob stops after INSERT ev"
    gate.finish()
    assert gate.status("bob") == Returned(False)
    assert bodies(server) == ["alice"]


def test_a_deadlock_in_the_server_is_told(gate: Gate, server: PostgresServer) -> None:
    for name, accounts in (("alice", "ab"), ("bob", "ba")):
        bank = gate.run(name, ledger.Bank, server.conninfo)
        gate.start(name, bank.move, *accounts)
        gate.until(name, "UPDATE")
        gate.step(name)
    gate.step("alice")
    assert gate.deadlock() is None
    gate.step("bob")
    deadlock = gate.deadlock()
    assert deadlock is not None
    assert {name: wait.holders for name, wait in deadlock.waits} == {"alice": ("bob",), "bob": ("alice",)}
    gate.kill("alice")
    gate.finish()
    assert isinstance(gate.status("bob"), Blocked), "PostgreSQL does not notice a dead client that waits for a lock"


def test_a_lost_answer_to_a_commit_has_been_committed(gate: Gate, server: PostgresServer) -> None:
    """So who tries again appends twice."""

    def tries_twice() -> bool:
        for _ in range(2):
            try:
                return bool(ledger.Log(server.conninfo).append("x", "a"))
            except psycopg.OperationalError:
                continue
        return False

    gate.start("alice", tries_twice)
    gate.until("alice", "COMMIT")
    gate.step("alice", Lose())
    assert words(gate, "alice") == "connect"
    assert bodies(server) == ["a"]
    gate.finish()
    assert gate.status("alice") == Returned(True)
    assert bodies(server) == ["a", "a"]


def test_a_commit_that_fails_has_not_happened(gate: Gate, server: PostgresServer) -> None:
    log = log_of(gate, server, "alice")
    gate.start("alice", log.append, "x", "a")
    gate.until("alice", "COMMIT")
    status = gate.step("alice", Fail())
    assert isinstance(status, Raised)
    assert isinstance(status.error, psycopg.OperationalError)
    assert bodies(server) == []


def test_a_dead_actor_reaches_the_server_no_more(gate: Gate, server: PostgresServer) -> None:
    tried = []

    def stubborn() -> None:
        try:
            ledger.Log(server.conninfo).append("x", "a")
        except BaseException:
            tried.append("once more")
            ledger.Log(server.conninfo).append("x", "after death")

    gate.start("alice", stubborn)
    gate.until("alice", "COMMIT")
    assert isinstance(gate.step("alice", DIE), Died)
    log = log_of(gate, server, "bob")
    gate.start("bob", log.append, "x", "b")
    gate.finish()
    assert gate.status("bob") == Returned(True)
    assert bodies(server) == ["b"]
    assert tried == ["once more"]


def test_death_of_an_actor_that_waits_in_the_server(gate: Gate, server: PostgresServer) -> None:
    for name in ("alice", "bob"):
        log = log_of(gate, server, name)
        gate.start(name, log.append, "x", name)
        gate.until(name, "INSERT")
        gate.step(name)
    assert isinstance(gate.status("bob"), Blocked)
    assert isinstance(gate.step("bob", DIE), Died)
    gate.finish()
    assert bodies(server) == ["alice"]


def test_a_request_may_pause(gate: Gate, server: PostgresServer) -> None:
    log = log_of(gate, server, "alice")
    gate.start("alice", log.append, "x", "a")
    assert isinstance(gate.step("alice", Pause(10)), Blocked)
    gate.advance(10)
    assert words(gate, "alice") == "BEGIN"
    gate.finish()
    assert bodies(server) == ["a"]


def test_an_orderly_stop_at_a_request(gate: Gate, server: PostgresServer) -> None:
    """The handler is an actor beside the one that waits in its library; without one the actor exits when it is back."""
    log = log_of(gate, server, "alice")
    saved = []
    gate.on_stop("alice", lambda: saved.append("saved"))
    gate.start("alice", log.append, "x", "a")
    gate.step("alice", Stop())
    assert words(gate, "alice/signal") == "its first line"
    gate.finish()
    assert saved == ["saved"]
    assert gate.status("alice") == Exited()
    gate.on_stop("alice", None)
    gate.start("alice", log.append, "x", "b")
    gate.until("alice", "INSERT")
    gate.step("alice", Stop())
    gate.finish()
    assert gate.status("alice") == Exited()
    assert bodies(server) == ["a"]


def test_async_code_goes_through_the_proxy(gate: Gate, server: PostgresServer) -> None:
    gate.spawn("a", ledger.count, server.conninfo)
    seen = []
    for _ in range(100):
        if not gate.stopped():
            break
        seen.append(words(gate, "a"))
        gate.step("a")
    assert gate.status("a") == Returned(0)
    assert [word for word in seen if not word.startswith(("await", "its"))][:1] == ["connect"]
    assert "SELECT ev" in seen
    gate.start("bob", lambda: asyncio.run(ledger.count(server.conninfo)))
    gate.finish()
    assert gate.status("bob") == Returned(0)


def test_without_a_proxy_psycopg_is_wrapped(server: PostgresServer) -> None:
    with Gate() as gate:
        for name in ("alice", "bob"):
            log = log_of(gate, server, name)
            gate.start(name, log.append, "x", name)
            assert words(gate, name) == "SELECT ev", "nobody sees a BEGIN"
            gate.until(name, "INSERT")
        gate.step("alice")
        status = gate.step("bob")
        assert isinstance(status, Blocked)
        assert status.wait.holders == ("alice",)
        gate.step("alice")
        assert isinstance(gate.status("bob"), Stopped)
        gate.finish()
        assert gate.status("bob") == Returned(False)
        gate.start("alice", lambda: ledger.Log(server.conninfo).append("x", "lost"))
        gate.until("alice", "COMMIT")
        status = gate.step("alice", Lose())
        assert isinstance(status, Raised)
        assert isinstance(status.error, psycopg.OperationalError)
        gate.start("alice", lambda: ledger.Log(server.conninfo).append("x", "dead"))
        gate.until("alice", "COMMIT")
        gate.step("alice", DIE)
    assert bodies(server) == ["alice", "lost"]


def test_cursors_of_wrapped_connections_are_seen(server: PostgresServer) -> None:
    def work() -> list[Any]:
        with psycopg.connect(server.conninfo) as connection, connection.cursor() as cursor:
            assert isinstance(connection, psycopg.Connection)
            cursor.executemany(
                "insert into ev (stream, version, body) values (%s, %s, %s)", [("x", 1, "a"), ("x", 2, "b")]
            )
            cursor.execute("select body from ev order by id")
            return [body for (body,) in cursor]

    seen = []
    with Gate() as gate:
        gate.start("alice", work)
        while gate.stopped():
            seen.append(words(gate, "alice"))
            gate.step("alice")
        assert gate.status("alice") == Returned(["a", "b"])
    assert seen == ["connect", "INSERT ev", "SELECT ev", "COMMIT"]
