"""Asynchronous workers as people write them, whose rows and position are on Redis or on NATS; nothing in them knows of refold."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
from collections.abc import Sequence
from typing import Any

from refold.model.application import Application
from refold.model.event import Stored


@dataclasses.dataclass(frozen=True)
class Add:
    """One more."""

    key: str


@dataclasses.dataclass(frozen=True)
class Added:
    """There is one more."""

    key: str


class Tally(Application):
    """Counts."""

    name = "tally"
    events = (Added,)

    def commands(self) -> Sequence[Any]:
        """Two keys."""
        return [Add("a"), Add("b")]

    def initial(self, key: str) -> int:
        """None."""
        return 0

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Always."""
        return [Added(command.key)]

    def evolve(self, state: Any, event: Any) -> int:
        """One more."""
        return int(state) + 1


class RedisWorker:
    """`redis.asyncio`: what an event adds and the position are one transaction."""

    def __init__(self, port: int, events: list[str]) -> None:
        self.port = port
        self.events = events
        self.client: Any = None

    async def connected(self) -> Any:
        """A client, which is kept."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        if self.client is None:
            self.client = Redis(host="127.0.0.1", port=self.port, decode_responses=True, retry=Retry(NoBackoff(), 0))
        return self.client

    async def poll(self) -> bool:
        """The next event."""
        client = await self.connected()
        position = int(await client.get("position") or 0)
        if position >= len(self.events):
            return False
        await self.handle(client, self.events[position], position + 1)
        return True

    async def handle(self, client: Any, key: str, position: int) -> None:
        """Both at once."""
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.hincrby("counts", key, 1)
            pipeline.set("position", position)
            await pipeline.execute()


class RedisCheckpointFirst(RedisWorker):
    """The position is saved before the work."""

    async def handle(self, client: Any, key: str, position: int) -> None:
        """One after the other."""
        await client.set("position", position)
        await client.hincrby("counts", key, 1)


class NatsWorker:
    """`nats-py`: a row knows the last event that is in it; the position is saved after the work."""

    def __init__(self, port: int, events: list[str], bucket: str) -> None:
        self.port = port
        self.events = events
        self.bucket = bucket
        self.state: Any = None

    async def connected(self) -> Any:
        """A bucket, over a connection that is kept."""
        if self.state is None:
            self.state = await bucket_of(self.port, self.bucket)
        return self.state[1]

    async def poll(self) -> bool:
        """The next event."""
        state = await self.connected()
        position = await value_of(state, "position", 0)
        if position >= len(self.events):
            return False
        await self.handle(state, self.events[position], position + 1)
        return True

    async def handle(self, state: Any, key: str, position: int) -> None:
        """The row, and then the position."""
        await self.add(state, key, position)
        await state.put("position", json.dumps(position).encode())

    async def add(self, state: Any, key: str, position: int) -> None:
        """Unless it is in the row."""
        count, last = await value_of(state, f"row.{key}", [0, 0])
        if last < position:
            await state.put(f"row.{key}", json.dumps([count + 1, position]).encode())


class NatsCheckpointFirst(NatsWorker):
    """The position is saved before the work."""

    async def handle(self, state: Any, key: str, position: int) -> None:
        """One after the other."""
        await state.put("position", json.dumps(position).encode())
        await self.add(state, key, position)


async def bucket_of(port: int, name: str) -> Any:
    """A connection, and a bucket of JetStream."""
    import nats

    client = await nats.connect(f"nats://127.0.0.1:{port}", allow_reconnect=False, connect_timeout=10)
    return client, await client.jetstream().key_value(name)


async def value_of(state: Any, key: str, default: Any) -> Any:
    """What is in the bucket."""
    from nats.js.errors import KeyNotFoundError

    with contextlib.suppress(KeyNotFoundError):
        return json.loads((await state.get(key)).value)
    return default


class System:
    """A log in memory, to which a service appends, and a worker whose rows are on a server."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def execute(self, command: Any) -> None:
        """Append."""
        self.events.append(command.key)

    def read(self, after: int, limit: int) -> list[Stored]:
        """The log."""
        found = []
        counts: dict[str, int] = {}
        for position, key in enumerate(self.events, 1):
            counts[key] = counts.get(key, 0) + 1
            found.append(Stored(position, key, counts[key], str(position), "Added", Added(key)))
        return found[after : after + limit]


class OnRedis(System):
    """Rows in a hash."""

    def __init__(self, port: int, kind: type[RedisWorker]) -> None:
        import redis

        super().__init__()
        self.client: Any = redis.Redis(host="127.0.0.1", port=port, decode_responses=True)
        self.client.flushall()
        self.consumers = {"counts": lambda: self.watched(kind(port, self.events))}

    def watched(self, worker: Any) -> Any:
        """The worker, and how to look at what it does."""
        worker.projection = "views"
        worker.rows = lambda: {key: int(count) for key, count in self.client.hgetall("counts").items()}
        worker.checkpoint = lambda: int(self.client.get("position") or 0)
        return worker

    def close(self) -> None:
        """The run is over."""
        self.client.close()


class OnNats(System):
    """Rows in a bucket with a new name for each run. The name is in the subjects of requests, at which plans stop all the same."""

    def __init__(self, port: int, kind: type[NatsWorker]) -> None:
        super().__init__()
        self.bucket = f"tally_{secrets.token_hex(8)}"
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.client, self.state = self.loop.run_until_complete(self.made())
        self.consumers = {"counts": lambda: self.watched(kind(port, self.events, self.bucket))}

    async def made(self) -> Any:
        """The bucket."""
        import nats

        client = await nats.connect(f"nats://127.0.0.1:{self.port}")
        return client, await client.jetstream().create_key_value(bucket=self.bucket)

    def watched(self, worker: Any) -> Any:
        """The worker, and how to look at what it does."""
        worker.projection = "views"
        worker.rows = self.rows
        worker.checkpoint = lambda: self.loop.run_until_complete(value_of(self.state, "position", 0))
        return worker

    def rows(self) -> dict[str, int]:
        """Without those that were never written."""
        found = {key: self.loop.run_until_complete(value_of(self.state, f"row.{key}", [0, 0]))[0] for key in "ab"}
        return {key: count for key, count in found.items() if count}

    def close(self) -> None:
        """The run is over."""
        self.loop.run_until_complete(self.client.jetstream().delete_key_value(self.bucket))
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


class Fetcher:
    """`nats-py`: fetches from a consumer of JetStream, adds a number to the row that knows it, and acknowledges."""

    def __init__(self, port: int, stream: str, rows: dict[str, set[int]]) -> None:
        self.port = port
        self.stream = stream
        self.stored = rows
        self.pull: Any = None

    async def poll(self) -> bool:
        """The next message."""
        import nats
        from nats.errors import TimeoutError as Nothing

        if self.pull is None:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", connect_timeout=10)
            self.pull = await client.jetstream().pull_subscribe(self.stream, durable="counts", stream=self.stream)
        try:
            (message,) = await self.pull.fetch(1, timeout=2)
        except Nothing:
            return False
        await self.deal(message)
        return True

    async def deal(self, message: Any) -> None:
        """The row, and then the acknowledgement."""
        self.store(message)
        await message.ack_sync()

    def store(self, message: Any) -> None:
        """Which messages were for this key."""
        self.stored.setdefault(message.data.decode(), set()).add(message.metadata.sequence.stream)


class AckFirst(Fetcher):
    """It is acknowledged before the work."""

    async def deal(self, message: Any) -> None:
        """One after the other."""
        await message.ack_sync()
        self.store(message)


class Publisher:
    """An asynchronous service that publishes."""

    def __init__(self, port: int, stream: str) -> None:
        self.port = port
        self.stream = stream
        self.state: Any = None

    async def execute(self, command: Any) -> None:
        """Append."""
        import nats

        if self.state is None:
            self.state = (await nats.connect(f"nats://127.0.0.1:{self.port}", connect_timeout=10)).jetstream()
        await self.state.publish(self.stream, command.key.encode())


class OnJetStream:
    """The log is a stream, and what the worker counts is kept where its process does not die."""

    def __init__(self, port: int, kind: type[Fetcher]) -> None:
        self.stream = f"tally_{secrets.token_hex(8)}"
        self.loop = asyncio.new_event_loop()
        self.client: Any = None
        self.state: Any = None
        self.stored: dict[str, set[int]] = {}
        self.events: list[Stored] = []
        self.loop.run_until_complete(self.made(port))
        self.consumers = {"counts": lambda: self.watched(kind(port, self.stream, self.stored))}
        self.service = lambda client: Publisher(port, self.stream)

    async def made(self, port: int) -> None:
        """The stream and its consumer."""
        import nats
        from nats.js.api import ConsumerConfig

        self.client = await nats.connect(f"nats://127.0.0.1:{port}")
        self.state = self.client.jetstream()
        await self.state.add_stream(name=self.stream, subjects=[self.stream])
        await self.state.add_consumer(self.stream, ConsumerConfig(durable_name="counts", ack_wait=30))

    def watched(self, worker: Any) -> Any:
        """The worker, and how to look at what it does."""
        worker.projection = "views"
        worker.rows = lambda: {key: len(found) for key, found in self.stored.items()}
        return worker

    def read(self, after: int, limit: int) -> list[Stored]:
        """The log."""
        self.loop.run_until_complete(self.look())
        return self.events[after : after + limit]

    async def look(self) -> None:
        """What is new in the stream."""
        last = (await self.state.stream_info(self.stream)).state.last_seq
        for number in range(len(self.events) + 1, last + 1):
            key = (await self.state.get_msg(self.stream, number)).data.decode()
            version = 1 + sum(one.stream == key for one in self.events)
            self.events.append(Stored(number, key, version, str(number), "Added", Added(key)))

    def close(self) -> None:
        """The run is over."""
        self.loop.run_until_complete(self.state.delete_stream(self.stream))
        self.loop.run_until_complete(self.client.close())
        self.loop.close()
