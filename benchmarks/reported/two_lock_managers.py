"""lvlup-sw/exarchos#1293: "EventStore.append* and AtomicAppender hold separate per-stream locks (race on JSONL)".

Events are lines of JSON in a file. An append reads what the stream has, validates, and writes with the next sequence number,
under a lock for the stream. The newer path for batches has a lock manager of its own. An append through one path does not see
that one through the other path is under way: both are validated against the same events, and both are written.
Fixed as the report says: both paths share one lock for each stream.
"""

import asyncio
import collections
import json
import pathlib
import tempfile
from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Stored


class Taken(Exception):
    """Somebody has that task, or nobody has."""


class EventFile:
    """Lines of JSON."""

    def __init__(self, path):
        self.path = path
        self.path.touch()

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    async def stream(self, stream):
        return [line for line in await asyncio.to_thread(self.lines) if line["stream"] == stream]

    def add(self, records):
        with open(self.path, "a") as file:
            file.write("".join(json.dumps(record) + "\n" for record in records))


class StreamLocks:
    """A lock for each stream."""

    def __init__(self):
        self.locks = collections.defaultdict(asyncio.Lock)

    def of(self, stream):
        return self.locks[stream]


class EventStore:
    """Appends one event."""

    def __init__(self, file, locks):
        self.file, self.locks = file, locks

    async def append(self, stream, type, data, valid):
        await self.append_batch(stream, [(type, data)], valid)

    async def append_batch(self, stream, events, valid):
        async with self.locks.of(stream):
            before = await self.file.stream(stream)
            if not valid(before):
                raise Taken(stream)
            self.file.add(
                {"stream": stream, "sequence": sequence, "type": type, "data": data}
                for sequence, (type, data) in enumerate(events, len(before) + 1)
            )


class AtomicAppender(EventStore):
    """Appends several events at once."""


class Board:
    """What clients call: agents claim tasks and release them, and the orchestrator assigns them."""

    def __init__(self, path):
        file = EventFile(path)
        self.store, self.appender = EventStore(file, StreamLocks()), AtomicAppender(file, StreamLocks())

    @staticmethod
    def is_free(events):
        return not events or events[-1]["type"] == "Released"

    async def claim(self, task, agent):
        await self.store.append(task, "Claimed", agent, self.is_free)

    async def release(self, task):
        await self.store.append(task, "Released", None, lambda events: not self.is_free(events))

    async def assign(self, task, agent):
        await self.appender.append_batch(task, [("Assigned", agent), ("Briefed", agent)], self.is_free)


class FixedBoard(Board):
    """With one lock manager."""

    def __init__(self, path):
        file, locks = EventFile(path), StreamLocks()
        self.store, self.appender = EventStore(file, locks), AtomicAppender(file, locks)


@dataclass(frozen=True)
class Claim:
    task: str
    agent: str


@dataclass(frozen=True)
class Assign(Claim): ...


@dataclass(frozen=True)
class Release:
    task: str


@dataclass(frozen=True)
class Claimed(Claim): ...


@dataclass(frozen=True)
class Assigned(Claim): ...


@dataclass(frozen=True)
class Briefed(Claim): ...


@dataclass(frozen=True)
class Released(Release): ...


# What refold needs to know of it.


class App(Application):
    events = (Claimed, Assigned, Briefed, Released)

    def commands(self):
        tasks, agents = ("t1", "t2"), ("a1", "a2")
        return [
            *(make(task, agent) for make in (Claim, Assign) for task in tasks for agent in agents),
            *map(Release, tasks),
        ]

    def initial(self, key):
        return "nobody"

    def decide(self, command, state):
        if type(command) is Release:
            if state == "nobody":
                raise Refusal(f"{command.task} is free", "lost-update")
            return [Released(command.task)]
        if state != "nobody":
            raise Refusal(f"{state} has {command.task}", "duplicate-create")
        if type(command) is Claim:
            return [Claimed(command.task, command.agent)]
        return [Assigned(command.task, command.agent), Briefed(command.task, command.agent)]

    def evolve(self, state, event):
        return "nobody" if type(event) is Released else event.agent


class Bad:
    board, refusals = Board, (Taken,)

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "events.jsonl"
        self.tasks, self.close = self.board(self.path), self.folder.cleanup

    async def execute(self, command):
        if type(command) is Release:
            await self.tasks.release(command.task)
        elif type(command) is Claim:
            await self.tasks.claim(command.task, command.agent)
        else:
            await self.tasks.assign(command.task, command.agent)

    def read(self, after, limit):
        made, versions, found = {event.__name__: event for event in App.events}, collections.Counter(), []
        for position, line in enumerate(EventFile(self.path).lines(), 1):
            stream, type = line["stream"], line["type"]
            versions[stream] += 1
            data = made[type](stream) if type == "Released" else made[type](stream, line["data"])
            found.append(Stored(position, stream, versions[stream], str(position), type, data))
        return found[after : after + limit]


class Good(Bad):
    board = FixedBoard
