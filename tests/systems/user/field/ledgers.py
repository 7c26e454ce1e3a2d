"""Wallets once more: rows of the catalogue that nobody had written as ordinary code, each beside its repair."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any, ClassVar

from . import accounts, desks, wallets

SCHEMA = (
    accounts.SCHEMA
    + """
create table later (event integer primary key);
create table owners (name text primary key, owner text);
"""
)


# -- services


class DecidesOnce(wallets.Wallets):
    """MassTransit-like retry in kind: after a conflict the decision of before is stored under the next free version."""

    def save(self, wallet: wallets.Wallet) -> None:
        """Until it is stored."""
        while True:
            try:
                self.store(wallet, wallet.pending)
                return
            except sqlite3.IntegrityError:
                wallet.version = self.load(wallet.name).version + len(wallet.pending)


class DecidesAnew(wallets.Wallets):
    """After a conflict everything is done once more."""

    def withdraw(self, wallet: str, amount: int) -> None:
        """Until there is no conflict."""
        while True:
            try:
                return super().withdraw(wallet, amount)
            except sqlite3.IntegrityError:
                continue


class VersionAtSave(wallets.Wallets):
    """KurrentDB#1949 in kind: the version is looked up as the event is stored, and not as the decision is made."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """Behind whatever there is."""
        with self.connection:
            for kind, amount in events:
                self.connection.execute(
                    "insert into events (wallet, version, type, data, at)"
                    " select ?, coalesce(max(version), 0) + 1, ?, ?, 0 from events where wallet = ?",
                    (wallet.name, kind, json.dumps({"wallet": wallet.name, "amount": amount}), wallet.name),
                )


class ChecksTheView(wallets.Wallets):
    """Uniqueness, or enough money, is looked up in a table that a worker keeps."""

    def withdraw(self, wallet: str, amount: int) -> None:
        """Of what the table says."""
        row = self.connection.execute("select balance from balances where wallet = ?", (wallet,)).fetchone()
        if (row[0] if row else 0) < amount:
            raise wallets.Overdrawn
        loaded = self.load(wallet)
        loaded.record("Withdrawn", amount)
        self.save(loaded)


class CountsSnapshotsLater(accounts.Snapshots):
    """The state is loaded, and the version is asked for in a query of its own."""

    def version_of(self, wallet: wallets.Wallet) -> int:
        """What it is by now."""
        query = "select max(version) from events where wallet = ?"
        return int(self.connection.execute(query, (wallet.name,)).fetchone()[0])


# -- workers


class ByKind(wallets.Balances):
    """Deals with deposits only."""

    def run_once(self) -> bool:
        """The next deposit, if there is one in the window."""
        window = self.connection.execute(
            "select position, wallet, type, data from events where position > ? order by position limit 2",
            (self.position(),),
        ).fetchall()
        if not window:
            return False
        with self.connection:
            for event in window:
                self.apply(event)
            self.save(window[-1])
        return True


class CeilingNotScanned(ByKind):
    """marten#5239: the position becomes the end of the log, although only a window was read."""

    def save(self, event: Any) -> None:
        """The end of the log."""
        (last,) = self.connection.execute("select max(position) from events").fetchone()
        self.save_position(last)


class RemembersBatch(wallets.Balances):
    """Rows at once, the position after three events; what it has had since is in a set in memory."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.done: set[int] = set()

    def following(self) -> Any:
        """The first one that it has not had."""
        query = "select position, wallet, type, data from events where position > ? order by position"
        for event in self.connection.execute(query, (self.position(),)).fetchall():
            if event[0] not in self.done:
                return event
        return None

    def save(self, event: Any) -> None:
        """Now and then."""
        self.done.add(event[0])
        if len(self.done) >= 3:
            self.save_position(event[0])
            self.done.clear()


class NotesBatch(RemembersBatch):
    """What it has had is in a table."""

    def following(self) -> Any:
        """The first one that is not in it."""
        return self.connection.execute(
            "select position, wallet, type, data from events where position > ?"
            " and position not in (select event from processed) order by position limit 1",
            (self.position(),),
        ).fetchone()

    def save(self, event: Any) -> None:
        """With the rows."""
        self.connection.execute("insert into processed values (?)", (event[0],))


class PutsAside(wallets.Balances):
    """JasperFx/marten#5229: an event that fails is put aside for later in a transaction of its own, whether that works or not."""

    def run_once(self) -> bool:
        """First what was put aside, then what is next."""
        if (event := self.again() or self.following()) is None:
            return False
        try:
            with self.connection:
                self.apply(event)
                self.done(event)
        except sqlite3.OperationalError:
            self.put_aside(event)
        return True

    def again(self) -> Any:
        """Something that was put aside."""
        query = "select position, wallet, type, data from events where position in (select event from later)"
        return self.connection.execute(query).fetchone()

    def done(self, event: Any) -> None:
        """It is neither aside nor next."""
        aside = self.connection.execute("delete from later where event = ?", (event[0],)).rowcount
        if not aside:
            self.save(event)

    def put_aside(self, event: Any) -> None:
        """The position, and the event."""
        with self.connection:
            self.save(event)
        with self.connection:
            self.connection.execute("insert or ignore into later values (?)", (event[0],))


class PutsAsideWithIt(PutsAside):
    """Both in one transaction, if it is not aside already."""

    def put_aside(self, event: Any) -> None:
        """All or nothing."""
        with self.connection:
            if self.position() < event[0]:
                self.save(event)
                self.connection.execute("insert or ignore into later values (?)", (event[0],))


# -- what is sent


class Manager:
    """A process manager: one command for each event, and a table of what it has handled."""

    def __init__(self, path: str, queue: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.queue = queue

    def step(self) -> bool:
        """The next event that it has not handled."""
        query = (
            "select position from events where position not in (select event from processed) order by position limit 1"
        )
        row = self.connection.execute(query).fetchone()
        if row is None:
            return False
        self.handle(row[0])
        return True

    def handle(self, position: int) -> None:
        """Send, then note: at least once."""
        self.queue.send({"event_id": position})
        self.note(position)

    def note(self, position: int) -> None:
        """It is handled."""
        with self.connection:
            self.connection.execute("insert or ignore into processed values (?)", (position,))


class NotesFirst(Manager):
    """protean#1040 in kind: the event is marked as handled, and then its command is sent."""

    def handle(self, position: int) -> None:
        """Note, then send."""
        self.note(position)
        self.queue.send({"event_id": position})


class InMemory(Manager):
    """nats-server#3272: what was handled is in memory, and gone with the process."""

    def __init__(self, path: str, queue: Any) -> None:
        super().__init__(path, queue)
        self.handled: set[int] = set()

    def step(self) -> bool:
        """The next one that is not in memory."""
        for (position,) in self.connection.execute("select position from events order by position").fetchall():
            if position not in self.handled:
                self.handle(position)
                return True
        return False

    def note(self, position: int) -> None:
        """In memory."""
        self.handled.add(position)


class Batches(accounts.Outbox):
    """Sends up to three messages, and marks those that were sent."""

    def step(self) -> bool:
        """A batch."""
        query = "select id, event from outbox where sent = 0 order by id limit 3"
        rows = self.connection.execute(query).fetchall()
        sent = []
        for number, event in rows:
            try:
                self.broker.publish({"event_id": event})
                sent.append(number)
            except ConnectionError:
                continue
        if sent:
            self.mark_all(sent)
        return bool(rows)

    def mark_all(self, numbers: list[int]) -> None:
        """Each by its number."""
        with self.connection:
            for number in numbers:
                self.connection.execute("update outbox set sent = 1 where id = ?", (number,))


class MarksUpTo(Batches):
    """Marks everything up to the last one that was sent, also what the broker has refused in between."""

    def mark_all(self, numbers: list[int]) -> None:
        """In one statement."""
        with self.connection:
            self.connection.execute("update outbox set sent = 1 where id <= ?", (numbers[-1],))


# -- what is shown


class Shared:
    """A cache of balances that the service and the page share, as both talk to one Redis."""

    balances: ClassVar[dict[str, int]] = {}

    def get(self, wallet: str) -> int | None:
        """What is in it."""
        return self.balances.get(wallet)

    def put(self, wallet: str, balance: int) -> None:
        """Fill it."""
        self.balances[wallet] = balance

    def drop(self, wallet: str) -> None:
        """Empty it."""
        self.balances.pop(wallet, None)


class DropsEarly(wallets.Wallets):
    """The cache is emptied before the commit: whoever reads in between fills it with what was."""

    cache: Any = None

    def save(self, wallet: wallets.Wallet) -> None:
        """Empty, then store."""
        self.cache.drop(wallet.name)
        super().save(wallet)


class DropsTwice(DropsEarly):
    """The cache is emptied before and behind the commit, and a page never fills it."""

    def save(self, wallet: wallets.Wallet) -> None:
        """Also if the answer is lost."""
        try:
            super().save(wallet)
        finally:
            self.cache.drop(wallet.name)


class CachedPage:
    """Shows what is in the cache, or fills it."""

    cache: Any = None
    fills = True

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def balance(self, wallet: str) -> int:
        """Of a wallet."""
        found = self.cache.get(wallet)
        if found is None:
            query = "select type, data from events where wallet = ?"
            rows = self.connection.execute(query, (wallet,)).fetchall()
            found = sum(json.loads(data)["amount"] * (1 if kind == "Deposited" else -1) for kind, data in rows)
            if self.fills:
                self.cache.put(wallet, found)
        return int(found)


class UncachedPage(CachedPage):
    """Fills nothing."""

    fills = False


# -- asynchronous workers


class Table:
    """What a worker keeps, on a server: balances and a position."""

    def __init__(self) -> None:
        self.balances: dict[str, int] = {}
        self.position = 0


class KeepsInTable:
    """Adds to a balance and saves the position in one round trip."""

    projection = "views"

    def __init__(self, store: desks.Store, table: Table) -> None:
        self.store = store
        self.table = table

    def rows(self) -> dict[str, int]:
        """The balances."""
        return dict(self.table.balances)

    def checkpoint(self) -> int:
        """How far it is."""
        return self.table.position

    async def poll(self) -> bool:
        """The next event."""
        page = await self.store.after(self.table.position, 1)
        for position, event in page:
            await self.write(position, event)
        return bool(page)

    async def write(self, position: int, event: desks.Entry) -> None:
        """In one round trip."""
        await asyncio.sleep(0)
        self.add(event)
        self.table.position = position

    def add(self, event: desks.Entry) -> None:
        """To a balance."""
        self.table.balances[event.wallet] = self.table.balances.get(event.wallet, 0) + desks.change(event)


class EffectFirst(KeepsInTable):
    """KurrentDB#1732 in kind: the balance, then the position; whoever dies in between adds once more."""

    async def write(self, position: int, event: desks.Entry) -> None:
        """In two."""
        await asyncio.sleep(0)
        self.add(event)
        await asyncio.sleep(0)
        self.table.position = position
