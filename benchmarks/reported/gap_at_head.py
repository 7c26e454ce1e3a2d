"""faust-streaming/faust#606: "Wrong offset commit in case of gaps" (also robinhood/faust#682).

Two actors process the messages of a topic at the same time, and acknowledge each when it is done. A timer commits the offset after the
first run of acknowledged messages. If that run begins more than one after the committed offset, nothing is committed: something is
missing. But if exactly one message is missing, it counts as a hole in the topic, although it may be the one that the other actor is
still processing. It is lost when the worker dies.
Fixed (faust-streaming/faust#707): nothing is committed past a message that is not acknowledged.
"""

import asyncio
import contextlib
import pathlib
import sqlite3
import tempfile
from dataclasses import dataclass

from refold import Application
from refold.model import Stored

SCHEMA = """
create table events (position integer primary key autoincrement, account text, amount integer);
create table balances (account text primary key, balance integer);
create table processed (position integer primary key);
create table offsets (next integer);
insert into offsets values (1);
"""
CONCURRENCY, COMMIT_INTERVAL = 2, 2.8


def create(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)


class Bank:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    async def move(self, account, amount):
        await asyncio.to_thread(self.insert, account, amount)

    def insert(self, account, amount):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (account, amount) values (?, ?)", (account, amount))


class Topic:
    """What the broker does."""

    def __init__(self, path):
        self.path = path

    def fetch(self, offset):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select position, account, amount from events where position >= ? order by position limit 4", (offset,)
            ).fetchall()

    def committed(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute("select next from offsets").fetchone()[0]

    def commit(self, offset):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("update offsets set next = max(next, ?)", (offset,))


class Consumer:
    """Knows what is acknowledged, and commits now and then."""

    def __init__(self, topic):
        self.topic, self.acked, self.unacked = topic, [], set()

    async def start(self):
        self.committed_offset = self.position = await asyncio.to_thread(self.topic.committed)

    async def fetch(self):
        messages = await asyncio.to_thread(self.topic.fetch, self.position)
        for offset, _, _ in messages:
            self.unacked.add(offset)
            self.position = offset + 1
        return messages

    def ack(self, offset):
        self.unacked.discard(offset)
        self.acked.append(offset)

    def new_offset(self):
        """The offset to commit, or None."""
        self.acked.sort()
        if not self.acked or self.acked[0] - self.committed_offset > 1:
            return None
        offset = self.acked[0]
        while offset + 1 in self.acked:
            offset += 1
        return offset + 1

    async def commit(self):
        offset = self.new_offset()
        if offset is not None:
            await asyncio.to_thread(self.topic.commit, offset)
            self.committed_offset = offset
            self.acked = [acked for acked in self.acked if acked >= offset]


class FixedConsumer(Consumer):
    """Stops at the first message that is still being processed."""

    def new_offset(self):
        offset = super().new_offset()
        if offset is not None and self.unacked:
            offset = min(offset, *self.unacked)
        return None if offset is None or offset <= self.committed_offset else offset


class Worker:
    """The app: an agent with two actors."""

    projection, consumer = "views", Consumer

    def __init__(self, path):
        self.path = path

    async def start(self):
        self.messages = self.consumer(Topic(self.path))
        await self.messages.start()
        self.queue = asyncio.Queue(4)
        self.tasks = [
            asyncio.create_task(self.fetch(), name="fetcher"),
            asyncio.create_task(self.commit(), name="committer"),
            *(asyncio.create_task(self.actor(), name=f"actor-{n}") for n in range(CONCURRENCY)),
        ]

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        await self.messages.commit()

    async def fetch(self):
        while True:
            with contextlib.suppress(sqlite3.Error):
                for message in await self.messages.fetch():
                    await self.queue.put(message)
            await asyncio.sleep(1)

    async def commit(self):
        while True:
            await asyncio.sleep(COMMIT_INTERVAL)
            with contextlib.suppress(sqlite3.Error):
                await self.messages.commit()

    async def actor(self):
        while True:
            message = await self.queue.get()
            while True:
                try:
                    await asyncio.to_thread(self.process, *message)
                    break
                except sqlite3.Error:
                    await asyncio.sleep(1)
            self.messages.ack(message[0])

    def process(self, position, account, amount):
        """A message that was processed before changes nothing."""
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            if db.execute("insert or ignore into processed values (?)", (position,)).rowcount == 1:
                db.execute(
                    "insert into balances values (?, ?) on conflict (account)"
                    " do update set balance = balance + excluded.balance",
                    (account, amount),
                )

    def rows(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return dict(db.execute("select account, balance from balances").fetchall())

    def checkpoint(self):
        return Topic(self.path).committed() - 1


class FixedWorker(Worker):
    """With the consumer that stops."""

    consumer = FixedConsumer


@dataclass(frozen=True)
class Move:
    account: str
    amount: int


@dataclass(frozen=True)
class Moved(Move): ...


# What refold needs to know of it.


class App(Application):
    events = (Moved,)

    def commands(self):
        return [Move(account, amount) for account in ("ann", "bob") for amount in (5, -3)]

    def decide(self, command, state):
        return [Moved(command.account, command.amount)]

    def evolve(self, state, event):
        return (state or 0) + event.amount


class Bad:
    worker = Worker

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "bank.db")
        create(self.path)
        self.consumers, self.close = {"balances": lambda: self.worker(self.path)}, self.folder.cleanup

    def service(self, client):
        bank = Bank(self.path)
        return lambda command: bank.move(command.account, command.amount)

    def read(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "select * from (select *, row_number() over (partition by account order by position) from events)"
                " where position > ? order by position limit ?",
                (after, limit),
            ).fetchall()
        return [Stored(p, account, v, str(p), "Moved", Moved(account, amount)) for p, account, amount, v in rows]


class Good(Bad):
    worker = FixedWorker
