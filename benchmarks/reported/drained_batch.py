"""JasperFx/fisher#12: "A retried projection batch silently dropped its document writes".

A batch runs its transaction inside a pipeline that retries when the database fails. The operations of its session are
drained as they are executed. If an attempt fails after that, the retry has nothing left to write, writes the progression row, and
commits: the projection has advanced past events whose documents were never written.
Fixed: the operations are taken once, before the first attempt.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, account text, amount integer);
create table documents (id text primary key, balance integer);
create table progression (ceiling integer);
insert into progression values (0);
"""
BATCH, ATTEMPTS = 3, 3


class Accounts:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def move(self, account, amount):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (account, amount) values (?, ?)", (account, amount))


class Superseded(Exception):
    """The progression is not where this batch begins."""


class Session:
    """The operations of one batch, until they are executed."""

    def __init__(self):
        self.pending = []

    def add(self, account, amount):
        sql = "insert into documents values (?, ?) on conflict (id) do update set balance = balance + excluded.balance"
        self.pending.append((sql, (account, amount)))

    def flush(self, db):
        while self.pending:
            db.execute(*self.pending.pop(0))


class Daemon:
    """Projects page after page."""

    def __init__(self, path):
        self.path = path

    def step(self):
        """Project the next page; False if there is none."""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            (floor,) = db.execute("select ceiling from progression").fetchone()
            page = db.execute(
                "select position, account, amount from events where position > ? order by position limit ?",
                (floor, BATCH),
            ).fetchall()
        if not page:
            return False
        session = Session()
        for _, account, amount in page:
            session.add(account, amount)
        self.execute(session, floor, page[-1][0])
        return True

    def execute(self, session, floor, ceiling):
        self.retry(lambda: self.attempt(session.flush, floor, ceiling))

    def retry(self, attempt):
        for number in range(1, ATTEMPTS + 1):
            try:
                return attempt()
            except Superseded:
                return None
            except sqlite3.OperationalError:
                if number == ATTEMPTS:
                    raise
        return None

    def attempt(self, flush, floor, ceiling):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            flush(db)
            done = db.execute("update progression set ceiling = ? where ceiling = ?", (ceiling, floor))
            if done.rowcount != 1:
                raise Superseded


class FixedDaemon(Daemon):
    """Takes the operations before the first attempt."""

    def execute(self, session, floor, ceiling):
        operations = tuple(session.pending)

        def flush(db):
            for operation in operations:
                db.execute(*operation)

        self.retry(lambda: self.attempt(flush, floor, ceiling))


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


def system(daemon):
    documents = Worker(daemon, poll="step", rows="documents", checkpoint="progression")
    return sqlite_system(SCHEMA, Service(Accounts), events={Moved: "events"}, consumers={"documents": documents})


Bad, Good = system(Daemon), system(FixedDaemon)
