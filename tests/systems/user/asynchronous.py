"""Asynchronous code as people write it, and its repaired twins: nothing in it knows of refold but the few lines that say what it means."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from refold.model.application import Application, Refusal
from refold.model.event import Stored

from .bags import MyLog


@dataclasses.dataclass(frozen=True)
class Book:
    """Take a room."""

    room: str
    guest: str


@dataclasses.dataclass(frozen=True)
class Booked:
    """It is taken."""

    room: str
    guest: str


class Hotel(Application):
    """Each room may be booked once."""

    name = "hotel"
    events = (Booked,)

    def commands(self) -> list[Any]:
        return [Book(room, guest) for room in ("attic", "cellar") for guest in ("ann", "bo")]

    def key(self, command: Any) -> str:
        return str(command.room)

    def decide(self, command: Any, state: Any) -> list[Any]:
        if state is not None:
            raise Refusal(f"{command.room} is taken", "duplicate-create")
        return [Booked(command.room, command.guest)]

    def evolve(self, state: Any, event: Any) -> Any:
        return (event.guest, 1 if state is None else state[1] + 1)


class Taken(Exception):
    """The room has a guest."""


class Register:
    """The hotel's book, on a server that takes its time: it survives whoever writes into it. `path` is a file beside it."""

    path = ""

    def __init__(self) -> None:
        self.lines: list[Booked] = []
        self.table: dict[str, tuple[str, int]] = {}
        self.position = 0

    async def guest_of(self, room: str) -> str | None:
        """Who has a room."""
        guest = next((line.guest for line in self.lines if line.room == room), None)
        await asyncio.sleep(0.01)
        return guest

    async def write(self, line: Booked) -> None:
        """One more line."""
        self.lines.append(line)
        await asyncio.sleep(0.01)

    async def write_if_free(self, line: Booked) -> bool:
        """One more line, unless there is one for that room."""
        free = all(one.room != line.room for one in self.lines)
        if free:
            self.lines.append(line)
        await asyncio.sleep(0.01)
        return free

    async def behind(self, position: int) -> list[tuple[int, Booked]]:
        """Lines, with their numbers."""
        found = list(enumerate(self.lines, 1))[position:]
        await asyncio.sleep(0)
        return found


class Desk:
    """Looks, and then writes."""

    def __init__(self, book: Register) -> None:
        self.book = book

    async def take(self, room: str, guest: str) -> None:
        """Book a room."""
        if await self.book.guest_of(room) is not None:
            raise Taken(room)
        await self.book.write(Booked(room, guest))


class CarefulDesk(Desk):
    """Lets the book decide."""

    async def take(self, room: str, guest: str) -> None:
        if not await self.book.write_if_free(Booked(room, guest)):
            raise Taken(room)


class LockedDesk(Desk):
    """One desk for all guests, with a lock that is held across both awaits, and a time-out; what it has begun to write it finishes."""

    def __init__(self, book: Register) -> None:
        super().__init__(book)
        self.lock = asyncio.Lock()

    async def take(self, room: str, guest: str) -> None:
        async with self.lock:
            await super().take(room, guest)


class Worker:
    """Keeps a table of guests; saves how far it is before it has done the work."""

    def __init__(self, book: Register) -> None:
        self.book = book

    async def work(self) -> bool:
        """The next line."""
        book = self.book
        for position, line in (await book.behind(book.position))[:1]:
            book.position = position
            await asyncio.sleep(0.01)
            self.enter(line)
            return True
        return False

    def enter(self, line: Booked) -> None:
        """Into the table."""
        before = self.book.table.get(line.room, ("", 0))
        self.book.table[line.room] = (line.guest, before[1] + 1)

    async def run(self) -> None:
        """For ever."""
        while True:
            if not await self.work():
                await asyncio.sleep(1)


class CarefulWorker(Worker):
    """Both at once, which only one worker at a time may do."""

    async def work(self) -> bool:
        book = self.book
        for position, line in (await book.behind(book.position))[:1]:
            await asyncio.sleep(0.01)
            self.enter(line)
            book.position = position
            return True
        return False


# -- what refold is told


class Polled:
    """The worker as refold calls it."""

    projection = "views"

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.poll = worker.work

    async def rows(self) -> dict[str, Any]:
        """Asked for on the same server."""
        await asyncio.sleep(0.01)
        return dict(self.worker.book.table)

    async def checkpoint(self) -> int:
        """The same."""
        return self.worker.book.position


class Running:
    """The worker as it runs by itself."""

    projection = "views"

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """As the framework starts it."""
        self.task = asyncio.create_task(self.worker.run(), name="worker")

    async def stop(self) -> None:
        """As the framework ends it."""
        if self.task is not None:
            self.task.cancel()

    def rows(self) -> dict[str, Any]:
        """The table."""
        return dict(self.worker.book.table)

    def checkpoint(self) -> int:
        """How far it is."""
        return self.worker.book.position


def hotel(
    desk: type[Desk], worker: type[Worker] | None = None, how: Callable[[Worker], Any] = Polled, shared: bool = False
) -> Callable[[], Any]:
    """A hotel with such a desk, and maybe such a worker."""

    class System:
        """New for each run."""

        refusals = (Taken,)

        def __init__(self) -> None:
            self.book = Register()
            self.desk = desk(self.book)
            if shared:
                self.service: Any = self
            else:
                self.service = lambda client: Front(desk(self.book))
            if worker is not None:
                self.consumers = {"guests": lambda: how(worker(self.book))}

        async def execute(self, command: Book) -> None:
            """All clients at one desk."""
            await self.desk.take(command.room, command.guest)

        async def read(self, after: int, limit: int) -> list[Stored]:
            """The book is the log."""
            seen: dict[str, int] = {}
            found = []
            for position, line in enumerate(self.book.lines, 1):
                seen[line.room] = seen.get(line.room, 0) + 1
                found.append(Stored(position, line.room, seen[line.room], str(position), "Booked", line))
            return found[after : after + limit]

    return System


class Front:
    """A desk, as refold calls it."""

    def __init__(self, desk: Desk) -> None:
        self.execute = lambda command: desk.take(command.room, command.guest)


# -- two consumers that share a cache


class Views:
    """Keeps a table of its own, with a cache of what the rows are, by stream, which others keep up to date as well."""

    projection = "views"

    def __init__(
        self, cache: dict[str, tuple[int, Any]], lock: asyncio.Lock, evolve: Callable[[Any, Any], Any]
    ) -> None:
        self.cache = cache
        self.lock = lock
        self.evolve = evolve
        self.table: dict[str, Any] = {}
        self.position = 0

    async def handle(self, event: Stored) -> None:
        """One event."""
        if event.position <= self.position:
            return
        self.table[event.stream] = await self.current(event)
        self.position = event.position

    async def current(self, event: Stored) -> Any:
        """The row with this event in it."""
        version, row = self.cache.get(event.stream, (0, 0))
        if version < event.version:
            row = self.evolve(row, event.data)
            await asyncio.sleep(0.01)
            self.cache[event.stream] = (event.version, row)
        return row

    def rows(self) -> dict[str, Any]:
        """The table."""
        return dict(self.table)

    def checkpoint(self) -> int:
        """How far it is."""
        return self.position


class LockedViews(Views):
    """Nobody else touches the cache between the look and the write."""

    async def current(self, event: Stored) -> Any:
        async with self.lock:
            return await super().current(event)


def views(design: type[Views], evolve: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    """Two of them, in one process."""

    class System:
        """New for each run."""

        def __init__(self) -> None:
            self.log = MyLog()
            cache: dict[str, tuple[int, Any]] = {}
            lock = asyncio.Lock()
            self.consumers = {name: design(cache, lock, evolve) for name in ("guests", "names")}

    return System
