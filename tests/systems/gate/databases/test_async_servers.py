"""`redis.asyncio` and `nats-py` at the gate, unchanged: races are found, answers are lost, connections cut, processes die."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.systems.gate import DIE, Fail, Gate, Lose, Raised, Returned, Stopped
from refold.systems.registry import resolve

SEAT = "seat.A1"


class Seats:
    """A service that gives a seat to one guest, on whatever server; `kind` is the system that has it."""

    kind: str
    take: str
    """How the request begins that takes the seat."""
    lost: str
    """What the library raises where an answer does not come."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def prepare(self) -> None:
        """Nobody has the seat."""

    async def book(self, guest: str) -> bool:
        """Look whether the seat is free, and take it."""
        raise NotImplementedError

    async def once(self, guest: str) -> bool:
        """Let the server decide."""
        raise NotImplementedError

    async def guests(self) -> list[str]:
        """Who was given the seat, in this order."""
        raise NotImplementedError

    async def taken(self) -> bool:
        """Whether somebody has it."""
        return bool(await self.guests())


class OnRedis(Seats):
    """By redis.asyncio."""

    kind, take, lost = "redis", f"SET {SEAT}", "ConnectionError"

    @contextlib.asynccontextmanager
    async def client(self) -> Any:
        redis = pytest.importorskip("redis.asyncio")
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        async with redis.Redis(
            host="127.0.0.1", port=self.port, decode_responses=True, retry=Retry(NoBackoff(), 0)
        ) as client:
            yield client

    async def prepare(self) -> None:
        async with self.client() as client:
            await client.flushall()

    async def book(self, guest: str) -> bool:
        async with self.client() as client:
            if await client.exists(SEAT):
                return False
            await client.set(SEAT, guest)
            await client.rpush("guests", guest)
            return True

    async def once(self, guest: str) -> bool:
        async with self.client() as client:
            if not await client.set(SEAT, guest, nx=True):
                return bool(await client.get(SEAT) == guest)
            await client.rpush("guests", guest)
            return True

    async def guests(self) -> list[str]:
        async with self.client() as client:
            return list(await client.lrange("guests", 0, -1))

    async def taken(self) -> bool:
        async with self.client() as client:
            return bool(await client.exists(SEAT))


class OnNats(Seats):
    """By nats-py."""

    kind, take, lost = "nats", f"request {SEAT}", "TimeoutError"

    @contextlib.asynccontextmanager
    async def client(self) -> Any:
        nats = pytest.importorskip("nats", reason="nats-py is not installed")
        client = await nats.connect(f"nats://127.0.0.1:{self.port}", allow_reconnect=False, connect_timeout=10)
        try:
            yield client
        finally:
            await client.close()

    async def prepare(self) -> None:
        async with self.client() as client:
            stream = client.jetstream()
            with contextlib.suppress(Exception):
                await stream.delete_stream("SEATS")
            await stream.add_stream(name="SEATS", subjects=["seat.>"])

    async def last(self, stream: Any) -> Any:
        from nats.js.errors import NotFoundError

        with contextlib.suppress(NotFoundError):
            return await stream.get_last_msg("SEATS", SEAT)

    async def book(self, guest: str) -> bool:
        async with self.client() as client:
            stream = client.jetstream()
            if await self.last(stream) is not None:
                return False
            await stream.publish(SEAT, guest.encode())
            return True

    async def once(self, guest: str) -> bool:
        from nats.js.errors import APIError

        async with self.client() as client:
            stream = client.jetstream()
            try:
                await stream.publish(SEAT, guest.encode(), headers={"Nats-Expected-Last-Subject-Sequence": "0"})
            except APIError:
                return bool((await self.last(stream)).data == guest.encode())
            return True

    async def guests(self) -> list[str]:
        async with self.client() as client:
            stream = client.jetstream()
            count = (await stream.stream_info("SEATS")).state.messages
            return [(await stream.get_msg("SEATS", number + 1)).data.decode() for number in range(count)]


@pytest.fixture(params=[OnRedis, OnNats], ids=lambda kind: kind.kind, scope="module")
def port(request: pytest.FixtureRequest) -> Iterator[tuple[type[Seats], int]]:
    """A server of this kind, and who speaks to it."""
    pytest.importorskip({"redis": "redis", "nats": "nats"}[request.param.kind], reason="its client is not installed")
    try:
        system: Any = resolve(request.param.kind)
    except SystemUnavailable as error:
        pytest.skip(str(error))
    try:
        server = system.ours()
        server.up()
        yield request.param, server.port
    finally:
        system.dismiss()


@pytest.fixture
def redis_port(port: tuple[type[Seats], int]) -> int:
    """Of the server, if it is that one."""
    kind, number = port
    if kind is not OnRedis:
        pytest.skip("for Redis only")
    asyncio.run(OnRedis(number).prepare())
    return number


@pytest.fixture
def seats(port: tuple[type[Seats], int]) -> Seats:
    kind, number = port
    made = kind(number)
    asyncio.run(made.prepare())
    return made


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened
    assert opened.leaked == []


def kept(seats: Seats) -> list[str]:
    return asyncio.run(seats.guests())


def before_taking(gate: Gate, seats: Seats, way: str = "book") -> None:
    """Alice has seen that the seat is free, and stands before she takes it."""
    gate.task("alice", getattr(seats, way), "ann")
    status = gate.until("alice", seats.take)
    assert isinstance(status, Stopped), status
    assert kept(seats) == []


def test_who_looks_and_then_takes_is_found_by_a_race(gate: Gate, seats: Seats) -> None:
    before_taking(gate, seats)
    gate.task("bob", seats.book, "bo")
    gate.until("bob", seats.take)
    gate.finish()
    assert gate.status("alice") == gate.status("bob") == Returned(True)
    assert sorted(kept(seats)) == ["ann", "bo"]


def test_who_lets_the_server_decide_is_held(gate: Gate, seats: Seats) -> None:
    before_taking(gate, seats, "once")
    gate.task("bob", seats.once, "bo")
    gate.until("bob", seats.take)
    gate.step("bob")
    gate.finish()
    assert (gate.status("alice"), gate.status("bob")) == (Returned(False), Returned(True))
    assert kept(seats) == ["bo"]


@pytest.mark.parametrize("decision", [Fail(), Lose()], ids=["cut", "lost"])
def test_a_cut_leaves_nothing_and_a_lost_answer_everything(gate: Gate, seats: Seats, decision: Any) -> None:
    before_taking(gate, seats)
    gate.step("alice", decision)
    gate.finish()
    status = gate.status("alice")
    assert isinstance(status, Raised), status
    assert type(status.error).__name__ == seats.lost
    assert asyncio.run(seats.taken()) == isinstance(decision, Lose)


def test_who_tries_again_after_a_lost_answer_is_found_and_who_asks_the_server_is_held(gate: Gate, seats: Seats) -> None:
    before_taking(gate, seats, "once")
    gate.step("alice", Lose())
    gate.task("carol", seats.once, "ann")
    gate.finish()
    assert gate.status("carol") == Returned(True)
    assert len(kept(seats)) <= 1


def test_what_dies_sends_nothing_more(gate: Gate, seats: Seats) -> None:
    before_taking(gate, seats)
    gate.step("alice", DIE)
    gate.task("bob", seats.once, "bo")
    gate.finish()
    assert gate.status("bob") == Returned(True)
    assert kept(seats) == ["bo"]


def test_a_command_that_the_library_sends_again_is_done_twice(gate: Gate, redis_port: int) -> None:
    """An answer is lost, the library tries again by itself, and a counter counts twice. Nobody told it to, and nobody hears of it."""
    redis = pytest.importorskip("redis.asyncio")
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    async def count(key: str) -> int:
        async with redis.Redis(host="127.0.0.1", port=redis_port, retry=Retry(NoBackoff(), 1)) as client:
            return int(await client.incr(key))

    gate.task("alice", count, "visits")
    gate.until("alice", "INCRBY visits")
    gate.step("alice", Lose())
    gate.finish()
    assert gate.status("alice") == Returned(2)


READS = {
    "group": lambda client: client.xreadgroup("vans", "van", {"parcels": ">"}, count=1, block=40_000),
    "stream": lambda client: client.xread({"parcels": "0"}, block=40_000),
    "list": lambda client: client.blpop(["bells"], timeout=40),
    "for ever": lambda client: client.blpop(["bells"], timeout=0),
}
"""Commands that wait in the server."""


def reads(port: int, kind: str) -> Any:
    """A worker that waits like this."""
    redis = pytest.importorskip("redis.asyncio")

    async def read() -> list[Any]:
        async with redis.Redis(host="127.0.0.1", port=port, decode_responses=True) as client:
            return list(await READS[kind](client) or ())

    return read


async def parcel(port: int, arrives: bool) -> None:
    """A group of readers; and something for everybody, if it `arrives`."""
    redis = pytest.importorskip("redis.asyncio")
    async with redis.Redis(host="127.0.0.1", port=port) as client:
        if arrives:
            await client.xadd("parcels", {"what": "vase"})
            await client.rpush("bells", "vase")
        else:
            await client.xgroup_create("parcels", "vans", mkstream=True)


@pytest.mark.parametrize("kind", [one for one in READS if one != "for ever"])
def test_who_waits_in_the_server_for_nothing_waits_in_simulated_time(gate: Gate, redis_port: int, kind: str) -> None:
    asyncio.run(parcel(redis_port, False))
    began, before = time.monotonic(), gate.now
    gate.task("carol", reads(redis_port, kind))
    gate.finish()
    assert gate.status("carol") == Returned([])
    assert gate.now >= before + 40
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("kind", list(READS))
def test_who_waits_in_the_server_gets_what_comes_meanwhile(gate: Gate, redis_port: int, kind: str) -> None:
    asyncio.run(parcel(redis_port, False))
    gate.task("carol", reads(redis_port, kind))
    gate.until("carol", "await sleep")
    assert not isinstance(gate.status("carol"), Returned)
    gate.task("alice", parcel, redis_port, True)
    gate.finish()
    status = gate.status("carol")
    assert isinstance(status, Returned)
    assert "vase" in str(status.value)
