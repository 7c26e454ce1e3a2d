"""aio-libs/aiokafka#900: "[QUESTION] what's the recommended way to stop a consumer without auto-committing?".

With auto-commit, the position of a consumer is that of the last message that it has handed out. `stop` (and a timer) commits it,
whether or not the message has been processed: if the service is stopped in the middle of a message, that message is lost.
Fixed: no auto-commit; the offset is committed after the message has been processed.
"""

import asyncio
import pathlib
import sqlite3
import tempfile
from dataclasses import dataclass

from refold import Application
from refold.model import Stored

SCHEMA = """
create table events (position integer primary key autoincrement, account text, amount integer);
create table balances (account text primary key, balance integer, last integer);
create table offsets (position integer);
insert into offsets values (0);
"""


class Database:
    """Statements in threads, so that the loop goes on."""

    def __init__(self, path):
        self.path = path

    async def run(self, sql, *values):
        return await asyncio.to_thread(self.transact, sql, values)

    def transact(self, sql, values):
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(sql, values).fetchall()
        finally:
            connection.close()


def create(path):
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.close()


class Accounts:
    """What clients call."""

    def __init__(self, path):
        self.database = Database(path)

    async def move(self, account, amount):
        await self.database.run("insert into events (account, amount) values (?, ?)", account, amount)


class Consumer:
    """The client library."""

    def __init__(self, database, enable_auto_commit=True, auto_commit_interval=5.0):
        self.database, self.auto_commit, self.interval = database, enable_auto_commit, auto_commit_interval
        self.committer = None

    async def start(self):
        ((self.position,),) = await self.database.run("select position from offsets")
        if self.auto_commit:
            self.committer = asyncio.create_task(self.commit_now_and_then(), name="auto-commit")

    async def getone(self):
        while True:
            found = await self.database.run(
                "select position, account, amount from events where position > ? order by position limit 1",
                self.position,
            )
            if found:
                self.position = found[0][0]
                return found[0]
            await asyncio.sleep(1)

    async def commit(self, position):
        await self.database.run("update offsets set position = max(position, ?)", position)

    async def commit_now_and_then(self):
        committed = self.position
        while True:
            await asyncio.sleep(self.interval)
            if self.position != committed:
                try:
                    position = self.position
                    await self.commit(position)
                    committed = position
                except sqlite3.Error:
                    pass  # the next time it may work

    async def stop(self):
        if self.committer is not None:
            self.committer.cancel()
            await self.commit(self.position)


class Worker:
    """The application's own part: processes messages for as long as it runs."""

    projection = "views"
    auto_commit = True

    def __init__(self, path):
        self.database = Database(path)
        self.consumer = Consumer(self.database, self.auto_commit)

    async def start(self):
        await self.consumer.start()
        self.task = asyncio.create_task(self.run(), name="worker")

    async def run(self):
        while True:
            message = await self.patiently(self.consumer.getone)
            await self.patiently(self.process, *message)
            if not self.auto_commit:
                await self.patiently(self.consumer.commit, message[0])

    async def patiently(self, step, *arguments):
        while True:
            try:
                return await step(*arguments)
            except sqlite3.Error:
                await asyncio.sleep(1)

    async def process(self, position, account, amount):
        """A message that was processed before changes nothing."""
        await self.database.run(
            "insert into balances values (?, ?, ?) on conflict (account)"
            " do update set balance = balance + excluded.balance, last = excluded.last where last < excluded.last",
            account,
            amount,
            position,
        )

    async def stop(self):
        self.task.cancel()
        await self.consumer.stop()

    async def rows(self):
        return dict(await self.database.run("select account, balance from balances"))

    async def checkpoint(self):
        return (await self.database.run("select position from offsets"))[0][0]


class FixedWorker(Worker):
    """Commits what it has processed."""

    auto_commit = False


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
        accounts = Accounts(self.path)
        return lambda command: accounts.move(command.account, command.amount)

    def read(self, after, limit):
        rows = Database(self.path).transact(
            "select *, row_number() over (partition by account order by position) from events", ()
        )
        rows = sorted(row for row in rows if row[0] > after)[:limit]
        return [Stored(p, account, v, str(p), "Moved", Moved(account, amount)) for p, account, amount, v in rows]


class Good(Bad):
    worker = FixedWorker
