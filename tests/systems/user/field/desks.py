"""Asynchronous code over an event store in memory: mistakes of public reports, and their repairs. Each call takes a round trip."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A stored event."""

    wallet: str
    version: int
    type: str
    amount: int


class Conflict(Exception):
    """Somebody else has written to the stream."""


class Overdrawn(Exception):
    """There is not so much in the wallet."""


class Store:
    """The event store."""

    def __init__(self) -> None:
        self.events: list[Entry] = []
        self.listeners: list[asyncio.Event] = []

    async def stream(self, wallet: str) -> list[Entry]:
        """The events of a wallet."""
        await asyncio.sleep(0)
        return [event for event in self.events if event.wallet == wallet]

    async def append(self, wallet: str, kind: str, amount: int, expected: int | None = None) -> None:
        """Store one event."""
        await asyncio.sleep(0)
        version = sum(event.wallet == wallet for event in self.events)
        if expected is not None and version != expected:
            raise Conflict
        self.events.append(Entry(wallet, version + 1, kind, amount))
        for listener in self.listeners:
            listener.set()

    async def after(self, position: int, limit: int) -> list[tuple[int, Entry]]:
        """A page."""
        await asyncio.sleep(0)
        return list(enumerate(self.events, 1))[position : position + limit]


def change(event: Entry) -> int:
    """What an event does to a balance."""
    return event.amount if event.type == "Deposited" else -event.amount


class Desk:
    """A service; a lock for each wallet keeps its calls apart."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.locks: dict[str, asyncio.Lock] = {}

    def lock(self, wallet: str) -> asyncio.Lock:
        """That of the wallet."""
        return self.locks.setdefault(wallet, asyncio.Lock())

    async def deposit(self, wallet: str, amount: int) -> None:
        """Put something in."""
        async with self.lock(wallet):
            await self.store.append(wallet, "Deposited", amount)

    async def withdraw(self, wallet: str, amount: int) -> None:
        """Take something out."""
        async with self.lock(wallet):
            if sum(map(change, await self.store.stream(wallet))) < amount:
                raise Overdrawn
            await self.store.append(wallet, "Withdrawn", amount)


ONE_AT_A_TIME = threading.Lock()
"""A lock of threads, as the first lines of many modules have it."""


class ThreadLock(Desk):
    """A lock of threads is held while the store is asked: whoever wants it next stops the loop, and the holder with it."""

    async def deposit(self, wallet: str, amount: int) -> None:
        """All wallets one after the other."""
        with ONE_AT_A_TIME:
            await super().deposit(wallet, amount)


class CountsCalls(Desk):
    """A lock of threads is held, and nothing is awaited."""

    calls = 0

    async def deposit(self, wallet: str, amount: int) -> None:
        """Put something in."""
        with ONE_AT_A_TIME:
            self.calls += 1
        await super().deposit(wallet, amount)


class LockForEachCall(Desk):
    """The lock is made anew for each call, and keeps nobody apart."""

    def lock(self, wallet: str) -> asyncio.Lock:
        """Never the same."""
        return asyncio.Lock()


class ForgetsLock(Desk):
    """deer-flow#5171 in kind: whoever is done removes the lock, unless somebody has it. One that waits for it does not have it yet."""

    async def withdraw(self, wallet: str, amount: int) -> None:
        """Take something out."""
        await super().withdraw(wallet, amount)
        if wallet in self.locks and not self.locks[wallet].locked():
            del self.locks[wallet]


class CountsUsers(Desk):
    """The repair: it is removed by the last one who has it or waits for it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.users: dict[str, int] = {}

    async def withdraw(self, wallet: str, amount: int) -> None:
        """Take something out."""
        self.users[wallet] = self.users.get(wallet, 0) + 1
        try:
            await super().withdraw(wallet, amount)
        finally:
            self.users[wallet] -= 1
            if not self.users[wallet] and wallet in self.locks and not self.locks[wallet].locked():
                del self.locks[wallet]


class TakesTurns(Desk):
    """One call at a time, which the next one is told of."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.busy = False
        self.turn = asyncio.Condition()

    async def deposit(self, wallet: str, amount: int) -> None:
        """Put something in."""
        async with self.turn:
            await self.turn.wait_for(lambda: not self.busy)
            self.busy = True
        try:
            await super().deposit(wallet, amount)
        finally:
            self.busy = False
            async with self.turn:
                self.turn.notify_all()


class Page(Desk):
    """Reads ask the store."""

    async def balance(self, wallet: str) -> int:
        """The balance of a wallet."""
        return sum(map(change, await self.store.stream(wallet)))


class CacheAside(Page):
    """Nishtala et al., NSDI 2013: a slow read fills the cache with what was true before a write that has cleared it already."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.cache: dict[str, int] = {}

    async def balance(self, wallet: str) -> int:
        """Out of the cache, or into it."""
        if wallet not in self.cache:
            balance = await super().balance(wallet)
            await asyncio.sleep(0)
            self.cache[wallet] = balance
        return self.cache[wallet]

    async def deposit(self, wallet: str, amount: int) -> None:
        """Clears the cache."""
        await super().deposit(wallet, amount)
        self.cache.pop(wallet, None)

    async def withdraw(self, wallet: str, amount: int) -> None:
        """Clears the cache."""
        await super().withdraw(wallet, amount)
        self.cache.pop(wallet, None)


class Worker:
    """Keeps balances; its position is where it will go on."""

    projection = "views"

    def __init__(self, store: Store, remote: Any) -> None:
        self.store = store
        self.remote = remote
        self.balances: dict[str, int] = {}
        self.position = 0

    def rows(self) -> dict[str, int]:
        """The balances."""
        return dict(self.balances)

    def checkpoint(self) -> int:
        """How far it is."""
        return self.position

    async def handle_one(self, event: Entry) -> None:
        """With the help of another service."""
        self.remote.check(event)
        await asyncio.sleep(0)
        self.balances[event.wallet] = self.balances.get(event.wallet, 0) + change(event)


class OneByOne(Worker):
    """Handles one event after the other."""

    async def poll(self) -> bool:
        """A page."""
        page = await self.store.after(self.position, 3)
        for position, event in page:
            await self.handle_one(event)
            self.position = position
        return bool(page)


class AllAtOnce(Worker):
    """kafka-workers#19 in kind: a page is handled at once; whatever fails is swallowed, and the page is done."""

    async def poll(self) -> bool:
        """A page."""
        page = await self.store.after(self.position, 3)
        if page:
            await asyncio.gather(*(self.handle_one(event) for _, event in page), return_exceptions=True)
            self.position = page[-1][0]
        return bool(page)


class Listening(Worker):
    """Runs by itself: listens, catches up, waits."""

    async def start(self) -> None:
        """In the background."""
        self.task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """No more."""
        self.task.cancel()

    async def catch_up(self) -> None:
        """To the end."""
        while page := await self.store.after(self.position, 3):
            for position, event in page:
                self.balances[event.wallet] = self.balances.get(event.wallet, 0) + change(event)
                self.position = position

    async def listen(self) -> asyncio.Event:
        """To whatever comes from now on."""
        await asyncio.sleep(0)
        news = asyncio.Event()
        self.store.listeners.append(news)
        return news

    async def run(self) -> None:
        """For ever."""
        while True:
            news = await self.listen()
            await self.catch_up()
            await news.wait()
            self.store.listeners.remove(news)


class ListensLate(Listening):
    """pyeventsourcing/eventsourcing#305: catches up, then listens; what comes in between wakes nobody."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.catch_up()
            news = await self.listen()
            await news.wait()
            self.store.listeners.remove(news)
