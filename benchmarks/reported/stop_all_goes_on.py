"""JasperFx/marten#1845: "Async Daemon skips event on StopAll exception handling strategy." (fixed by JasperFx/marten#1857).

A fetcher puts pages of events into a queue, and a projection track executes them: documents and progression in one transaction. If a page
fails, everything is told to stop: the queue is completed. But a queue that is completed still hands out what it has, so the pages after the
failed one are executed, and the progression is beyond it when the daemon is started again.
Fixed: the exception is raised again, so that the queue is faulted, and the pages in it are dropped.
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
create table mt_events (seq_id integer primary key autoincrement, account text, amount integer);
create table balances (account text primary key, balance integer);
create table mt_event_progression (last_seq_id integer);
insert into mt_event_progression values (0);
"""
PAGE, CACHED_PAGES, PAUSE = 2, 3, 60.0


def create(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)


def progression(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("select last_seq_id from mt_event_progression").fetchone()[0]


class Bank:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    async def move(self, account, amount):
        await asyncio.to_thread(self.insert, account, amount)

    def insert(self, account, amount):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into mt_events (account, amount) values (?, ?)", (account, amount))


class ProjectionTrack:
    """One run of the daemon, until something fails or it is completed."""

    def __init__(self, path):
        self.path, self.pages = path, asyncio.Queue()

    async def run(self):
        position = await asyncio.to_thread(progression, self.path)
        fetcher = asyncio.create_task(self.fetch(position), name="fetcher")
        try:
            while (page := await self.pages.get()) is not None:
                try:
                    await asyncio.to_thread(self.execute, page)
                except sqlite3.Error as error:
                    self.failed(error)
        finally:
            fetcher.cancel()

    def failed(self, error):
        """Stop all."""
        self.complete()

    def complete(self):
        self.pages.put_nowait(None)

    async def fetch(self, position):
        while True:
            page = []
            if self.pages.qsize() < CACHED_PAGES:
                with contextlib.suppress(sqlite3.Error):
                    page = await asyncio.to_thread(self.page, position)
            if page:
                position = page[-1][0]
                self.pages.put_nowait(page)
            else:
                await asyncio.sleep(1)

    def page(self, position):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select seq_id, account, amount from mt_events where seq_id > ? order by seq_id limit ?",
                (position, PAGE),
            ).fetchall()

    def execute(self, page):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            for _, account, amount in page:
                db.execute(
                    "insert into balances values (?, ?) on conflict (account)"
                    " do update set balance = balance + excluded.balance",
                    (account, amount),
                )
            db.execute("update mt_event_progression set last_seq_id = ?", (page[-1][0],))


class FixedProjectionTrack(ProjectionTrack):
    """Drops what is in the queue."""

    def failed(self, error):
        raise error


class Daemon:
    """Starts the track again some time after it has stopped."""

    projection, track = "views", ProjectionTrack

    def __init__(self, path):
        self.path = path

    async def start(self):
        self.stopping, self.running = asyncio.Event(), self.track(self.path)
        self.task = asyncio.create_task(self.run(), name="daemon")

    async def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(sqlite3.Error):
                await self.running.run()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), PAUSE)
            self.running = self.track(self.path)

    async def stop(self):
        self.stopping.set()
        self.running.complete()
        await self.task

    def rows(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return dict(db.execute("select account, balance from balances").fetchall())

    def checkpoint(self):
        return progression(self.path)


class FixedDaemon(Daemon):
    """With the track that drops pages."""

    track = FixedProjectionTrack


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
    daemon = Daemon

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "bank.db")
        create(self.path)
        self.consumers, self.close = {"balances": lambda: self.daemon(self.path)}, self.folder.cleanup

    def service(self, client):
        bank = Bank(self.path)
        return lambda command: bank.move(command.account, command.amount)

    def read(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "select * from (select *, row_number() over (partition by account order by seq_id) from mt_events)"
                " where seq_id > ? order by seq_id limit ?",
                (after, limit),
            ).fetchall()
        return [Stored(p, account, v, str(p), "Moved", Moved(account, amount)) for p, account, amount, v in rows]


class Good(Bad):
    daemon = FixedDaemon
