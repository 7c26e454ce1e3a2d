"""Tills of a market, asynchronous: positions are taken at insert and seen at commit; two consumers share a cache."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple


class Moved(NamedTuple):
    """Money went into a till, or out of it."""

    till: str
    cents: int


class Refused(Exception):
    """The database has rolled back: its position stays empty."""


class Store:
    """A database far away."""

    def __init__(self) -> None:
        self.rows: dict[int, Moved] = {}
        self.position = 0
        self.open: set[int] = set()

    async def append(self, event: Moved) -> None:
        """Its position is taken before it is checked."""
        self.position += 1
        position = self.position
        self.open.add(position)
        try:
            await asyncio.sleep(0)
            if event.cents < 0:
                raise Refused
            self.rows[position] = event
        finally:
            self.open.discard(position)

    async def after(self, position: int) -> tuple[int, Moved] | None:
        """The next event that is there."""
        await asyncio.sleep(0)
        return next(((at, self.rows[at]) for at in sorted(self.rows) if at > position), None)


class Table:
    """Sums, and how far they are; another database."""

    def __init__(self) -> None:
        self.sums: dict[str, int] = {}
        self.position = 0
        self.cache: dict[str, int] = {}
        self.lock = asyncio.Lock()

    async def load(self, till: str) -> int:
        """A sum."""
        await asyncio.sleep(0)
        return self.sums.get(till, 0)

    async def save(self, till: str, cents: int) -> None:
        """A sum."""
        await asyncio.sleep(0)
        self.sums[till] = cents


class WaitsAtGaps:
    """Waits three seconds at each gap, and then goes on: nobody takes so long to commit."""

    projection = "views"

    def __init__(self, store: Store, table: Table) -> None:
        self.store, self.table = store, table
        self.waiting = (0, 0.0)

    def rows(self) -> dict[str, int]:
        """The sums."""
        return dict(self.table.sums)

    def checkpoint(self) -> int:
        """How far they are."""
        return self.table.position

    async def poll(self) -> bool:
        """The next event, unless there is a gap before it."""
        found = await self.store.after(self.table.position)
        if found is None:
            return False
        position, event = found
        if position > self.table.position + 1 and not self.has_waited(position):
            return False
        self.table.sums[event.till] = self.table.sums.get(event.till, 0) + event.cents
        self.table.position = position
        return True

    def has_waited(self, position: int) -> bool:
        """Long enough."""
        if self.waiting[0] != position:
            self.waiting = position, time.monotonic()
        return time.monotonic() - self.waiting[1] > 3


class WaitsForTheOldest(WaitsAtGaps):
    """Waits until nobody is under way who could fill the gap."""

    async def poll(self) -> bool:
        """Asked before the page is read: who comes later has a position behind it."""
        self.oldest = min(self.store.open, default=0)
        return await super().poll()

    def has_waited(self, position: int) -> bool:
        """For all before it."""
        return not self.oldest or self.oldest > position


class Ins:
    """Adds what went in. What goes out has a consumer of its own, in the same process, and both use one cache."""

    projection = "views"
    sign = 1

    def __init__(self, events: list[Moved], table: Table) -> None:
        self.events, self.table = events, table
        self.position = 0

    def rows(self) -> dict[str, int]:
        """The sums of both."""
        return dict(self.table.sums)

    async def poll(self) -> bool:
        """The next event, if it is of its kind."""
        if self.position == len(self.events):
            return False
        event = self.events[self.position]
        if event.cents * self.sign > 0:
            await self.add(event)
        self.position += 1
        return True

    async def add(self, event: Moved) -> None:
        """To what is in the cache."""
        cache = self.table.cache
        if event.till not in cache:
            cache[event.till] = await self.table.load(event.till)
        new = cache[event.till] + event.cents
        await self.table.save(event.till, new)
        cache[event.till] = new


class Outs(Ins):
    """Adds what went out."""

    sign = -1


class LockedIns(Ins):
    """One at a time."""

    async def add(self, event: Moved) -> None:
        """Nobody else in between."""
        async with self.table.lock:
            await super().add(event)


class LockedOuts(LockedIns):
    """The other."""

    sign = -1
