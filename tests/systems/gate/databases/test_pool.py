"""Pools of psycopg_pool that are opened at a gate."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from refold.systems.gate import DIE, Fail, Gate, Lose, Returned, Stopped
from refold.systems.gate.databases.pool import _replacements

from ..servers import PostgresServer

psycopg_pool: Any = pytest.importorskip("psycopg_pool", reason="psycopg_pool is not installed")

from .. import ledger  # noqa: E402


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.admin.execute(ledger.SCHEMA)
    return postgres


def take_one(pool: Any) -> None:
    """A statement and a commit."""
    with pool.connection() as connection:
        connection.execute("update accounts set amount = amount - 1 where name = 'a'")


def made(server: PostgresServer, **named: Any) -> Any:
    """A pool that is open."""
    pool = psycopg_pool.ConnectionPool(server.conninfo, min_size=1, open=False, **named)
    pool.open()
    return pool


def amount(server: PostgresServer) -> int:
    """What is left."""
    row = server.admin.execute("select amount from accounts where name = 'a'").fetchone()
    return int(row[0])


def test_who_uses_a_pool_stops_at_statements_and_no_thread_is_started(server: PostgresServer) -> None:
    threads = threading.active_count()
    with Gate() as gate:
        pool = gate.run("alice", made, server)
        assert threading.active_count() <= threads + 1
        for _ in range(2):
            gate.start("alice", take_one, pool)
            seen = []
            while isinstance(status := gate.status("alice"), Stopped):
                seen.append(status.crossing.words)
                gate.step("alice")
            assert isinstance(gate.status("alice"), Returned)
            assert seen == ["UPDATE accounts", "COMMIT"]
    assert amount(server) == 98


@pytest.mark.parametrize(("decision", "left"), [(Fail(), 99), (Lose(), 98)])
def test_a_connection_that_is_lost_is_replaced(server: PostgresServer, decision: Any, left: int) -> None:
    with Gate() as gate:
        pool = gate.run("alice", made, server)
        gate.start("alice", take_one, pool)
        gate.until("alice", "COMMIT")
        gate.step("alice", decision)
        gate.finish()
        gate.start("alice", take_one, pool)
        gate.finish()
        assert isinstance(gate.status("alice"), Returned)
    assert amount(server) == left


def test_a_pool_dies_with_its_process(server: PostgresServer) -> None:
    with Gate() as gate:
        pool = gate.run("alice", made, server)
        gate.start("alice", take_one, pool)
        gate.until("alice", "COMMIT")
        gate.step("alice", DIE)
        other = gate.run("bob", made, server)
        gate.start("bob", take_one, other)
        gate.finish()
        assert isinstance(gate.status("bob"), Returned)
    assert amount(server) == 99


def test_a_pool_that_is_used_up_lets_its_actor_wait(server: PostgresServer) -> None:
    """For a connection that somebody gives back, or for the end of its patience."""

    def two(pool: Any) -> None:
        with pool.connection():
            take_one(pool)

    with Gate() as gate:
        pool = gate.run("alice", made, server, max_size=1, timeout=5)
        gate.start("alice", two, pool)
        gate.finish()
        error = getattr(gate.status("alice"), "error", None)
        assert isinstance(error, psycopg_pool.PoolTimeout)
        big = gate.run("bob", made, server, max_size=2)
        gate.start("bob", two, big)
        gate.finish()
        assert isinstance(gate.status("bob"), Returned)


@pytest.mark.parametrize("name", ["_signal_stop_worker", "schedule_task"])
def test_a_pool_that_is_made_otherwise_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg_pool 3.1 has no `_signal_stop_worker`; no gate could be opened where it was imported, pool or not."""
    monkeypatch.delattr(psycopg_pool.ConnectionPool, name)
    assert _replacements() == {}
