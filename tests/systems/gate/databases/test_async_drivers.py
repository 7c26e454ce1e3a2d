"""Asynchronous drivers of PostgreSQL on a loop that the gate drives: what is a stop, who waits for whom, and what is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from refold.systems.gate import DIE, Blocked, Fail, Gate, Lose, Raised, Returned, Stopped

from ..servers import PostgresServer

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")

from .. import ledger  # noqa: E402

try:
    import asyncpg
except ImportError:
    asyncpg = None


@pytest.fixture
def server(postgres: PostgresServer) -> PostgresServer:
    postgres.admin.execute(ledger.SCHEMA)
    return postgres


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as gate:
        yield gate
    assert gate.leaked == []


class Psycopg:
    """Moves money with `psycopg.AsyncConnection`."""

    lost = psycopg.OperationalError

    def __init__(self, server: PostgresServer) -> None:
        self.conninfo = server.conninfo
        self.connection: Any = None

    async def connect(self) -> None:
        """At first."""
        self.connection = await psycopg.AsyncConnection.connect(self.conninfo)

    async def move(self, source: str, target: str) -> None:
        """One unit."""
        async with self.connection.transaction():
            await self.connection.execute("update accounts set amount = amount - 1 where name = %s", (source,))
            await self.connection.execute("update accounts set amount = amount + 1 where name = %s", (target,))

    async def total(self) -> int:
        """Of all accounts."""
        row = await (await self.connection.execute("select sum(amount) from accounts")).fetchone()
        await self.connection.rollback()
        return int(row[0])

    async def close(self) -> None:
        """At last."""
        await self.connection.close()


class Asyncpg(Psycopg):
    """The same with asyncpg."""

    @property
    def lost(self) -> Any:  # type: ignore[override]
        return (asyncpg.PostgresConnectionError, asyncpg.InterfaceError)  # the second by the end of a transaction

    async def connect(self) -> None:
        port = psycopg.conninfo.conninfo_to_dict(self.conninfo)["port"]
        self.connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")

    async def move(self, source: str, target: str) -> None:
        async with self.connection.transaction():
            await self.connection.execute("update accounts set amount = amount - 1 where name = $1", source)
            await self.connection.execute("update accounts set amount = amount + 1 where name = $1", target)

    async def total(self) -> int:
        return int(await self.connection.fetchval("select sum(amount) from accounts"))


@pytest.fixture(params=[Psycopg, Asyncpg])
def bank(request: pytest.FixtureRequest, server: PostgresServer) -> Any:
    """What makes a bank."""
    if request.param is Asyncpg and asyncpg is None:
        pytest.skip("asyncpg is not installed")
    return lambda: request.param(server)


@pytest.fixture(params=[False, True], ids=["driven", "threaded"])
def threaded(request: pytest.FixtureRequest) -> bool:
    """Whether the loop has a thread of its own."""
    return bool(request.param)


def amounts(server: PostgresServer) -> list[int]:
    return [amount for (amount,) in server.admin.execute("select amount from accounts order by name").fetchall()]


def begun(gate: Gate, threaded: bool, *banks: Any, circle: bool = False) -> list[str]:
    """Each bank is at work, behind its first statement or blocked in it."""
    names = ["alice", "bob"][: len(banks)]
    for name, bank in zip(names, banks, strict=True):
        gate.task(name, bank.connect, threaded=threaded, free=True)
        assert isinstance(gate.status(name), Returned), gate.status(name)
        gate.task(name, bank.move, *("ba" if circle and name == "bob" else "ab"), threaded=threaded)
        gate.until(name, "UPDATE")
        gate.step(name)
    return names


def test_statements_and_commits_are_stops(gate: Gate, bank: Any, threaded: bool) -> None:
    one = bank()

    async def work() -> int:
        await one.connect()
        await one.move("a", "b")
        found: int = await one.total()
        await one.close()
        return found

    gate.task("alice", work, threaded=threaded)
    seen = []
    while isinstance(status := gate.status("alice"), Stopped):
        seen.append(status.crossing.words)
        gate.step("alice")
    assert gate.status("alice") == Returned(200)
    assert [words for words in seen if words != "ROLLBACK"] == [
        "connect",
        "UPDATE accounts",
        "UPDATE accounts",
        "COMMIT",
        "SELECT accounts",
    ]


def test_who_waits_in_the_server_is_blocked_and_others_on_the_same_loop_go_on(
    gate: Gate, server: PostgresServer, bank: Any, threaded: bool
) -> None:
    begun(gate, threaded, bank(), bank())
    status = gate.status("bob")
    assert isinstance(status, Blocked), status
    assert status.wait.holders == ("alice",)
    gate.until("alice", "COMMIT")
    assert isinstance(gate.status("bob"), Blocked)
    gate.step("alice")
    status = gate.status("bob")
    assert isinstance(status, Stopped), status
    assert str(status.crossing) == "bob stops after UPDATE accounts"
    gate.finish()
    assert amounts(server) == [98, 102]


def test_who_came_last_into_a_deadlock_is_refused(
    gate: Gate, server: PostgresServer, bank: Any, threaded: bool
) -> None:
    for name in begun(gate, threaded, bank(), bank(), circle=True):
        gate.step(name)
    assert gate.refuse("alice") is not None or gate.refuse("bob") is not None
    gate.finish()
    ends = [gate.status(name) for name in ("alice", "bob")]
    (refused,) = [end.error for end in ends if isinstance(end, Raised)]
    assert "deadlock" in type(refused).__name__.lower()
    assert sorted(amounts(server)) == [99, 101]


def test_who_was_blocked_stops_before_he_hears_that_he_is_refused(
    gate: Gate, server: PostgresServer, bank: Any, threaded: bool
) -> None:
    """Two insert what may be there only once."""
    banks = [bank(), bank()]
    for name, one in zip(("alice", "bob"), banks, strict=True):
        gate.task(name, one.connect, threaded=threaded, free=True)

    async def add(one: Any) -> None:
        async with one.connection.transaction():
            await one.connection.execute("insert into accounts values ('c', 1)")

    for name, one in zip(("alice", "bob"), banks, strict=True):
        gate.task(name, add, one, threaded=threaded)
        gate.step(name)
    assert isinstance(gate.status("bob"), Blocked)
    gate.step("alice")
    status = gate.status("bob")
    assert isinstance(status, Stopped)
    assert str(status.crossing) == "bob stops after INSERT accounts"
    gate.finish()
    assert isinstance(status := gate.status("bob"), Raised)
    assert type(status.error).__name__ in ("UniqueViolation", "UniqueViolationError")
    assert amounts(server) == [100, 100, 1]


@pytest.mark.parametrize("decision", [Fail(), Lose()])
def test_a_connection_that_is_lost_raises_what_the_driver_raises(
    gate: Gate, server: PostgresServer, bank: Any, threaded: bool, decision: Any
) -> None:
    """And what was done in its transaction is rolled back; unless it was the commit whose answer was lost."""
    for before, amount in (("UPDATE", [100, 100]), ("COMMIT", [99, 101] if isinstance(decision, Lose) else [100, 100])):
        one = bank()
        begun(gate, threaded, one)
        if before == "COMMIT":
            gate.until("alice", "COMMIT")
        status = gate.step("alice", decision)
        assert isinstance(status, Raised), status
        assert isinstance(status.error, one.lost)
        assert amounts(server) == amount
        gate.task("alice", one.total, threaded=threaded)
        assert isinstance(gate.status("alice"), Raised)
        gate.kill("alice")


def test_a_process_that_dies_in_the_middle_of_a_wait_is_gone_at_once(
    gate: Gate, server: PostgresServer, bank: Any, threaded: bool
) -> None:
    """Its statement is not done later, when the lock is free; and what the other has done stays to be committed."""
    begun(gate, threaded, bank(), bank())
    gate.step("bob", DIE)
    gate.finish()
    assert isinstance(gate.status("alice"), Returned)
    assert amounts(server) == [99, 101]


def test_the_locks_of_the_dead_are_free(gate: Gate, server: PostgresServer, bank: Any, threaded: bool) -> None:
    begun(gate, threaded, bank(), bank())
    gate.step("alice", DIE)
    gate.finish()
    assert isinstance(gate.status("bob"), Returned)
    assert amounts(server) == [99, 101]


@pytest.mark.skipif(asyncpg is None, reason="asyncpg is not installed")
def test_a_pool_of_asyncpg_is_seen(gate: Gate, server: PostgresServer, threaded: bool) -> None:
    """It connects in tasks of its own, and what it does with a connection that is given back is no stop."""
    dsn = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"

    async def work() -> None:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            for _ in range(2):
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("update accounts set amount = amount - 1")

    gate.task("alice", work, threaded=threaded)
    seen = []
    for _ in range(200):
        stopped = gate.stopped()
        if not stopped:
            break
        status = gate.status(stopped[-1])
        assert isinstance(status, Stopped)
        seen.append(status.crossing.words)
        gate.step(stopped[-1])
    assert isinstance(gate.status("alice"), Returned), gate.statuses()
    assert [words for words in seen if words in ("connect", "UPDATE accounts", "COMMIT")] == [
        "connect",
        "UPDATE accounts",
        "COMMIT",
        "UPDATE accounts",
        "COMMIT",
    ]
    assert "SELECT" not in seen
    assert amounts(server) == [98, 98]
