"""Altinity/clickhouse-sink-connector#1299: "preCommit() commits Kafka offsets before ClickHouse write is confirmed — potential data loss".

`put` of the sink task only adds records to a queue; a background writer inserts them now and then. Before Kafka Connect commits the
offsets of what it has put, it asks `preCommit` which of them may be committed, and the task returns all of them. If it dies before the
writer has come to them, they are lost.
Fixed (Altinity/clickhouse-sink-connector#1345): `preCommit` returns the offset up to which the writer has inserted.
"""

import contextlib
import pathlib
import sqlite3
import tempfile
from dataclasses import dataclass

from refold import Application
from refold.model import Stored

SCHEMA = """
create table changes (position integer primary key autoincrement, product text, price integer);
create table clickhouse (product text primary key, price integer, version integer);
create table offsets (committed integer);
insert into offsets values (0);
"""
BATCH, COMMIT_EVERY = 3, 2


def create(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)


class Prices:
    """What clients call: the database whose changes are captured."""

    def __init__(self, path):
        self.path = path

    def set_price(self, product, price):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into changes (product, price) values (?, ?)", (product, price))


class Writer:
    """Inserts what is in the queue. ClickHouse keeps the newest version of a row."""

    def __init__(self, path):
        self.path, self.records, self.inserted = path, [], 0

    def run(self):
        batch = list(self.records)
        if not batch:
            return
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            for version, product, price in batch:
                db.execute(
                    "insert into clickhouse values (?, ?, ?) on conflict (product) do update"
                    " set price = excluded.price, version = excluded.version where version < excluded.version",
                    (product, price, version),
                )
        del self.records[: len(batch)]
        self.inserted = max(self.inserted, *(version for version, _, _ in batch))


class SinkTask:
    """The connector."""

    def __init__(self, path):
        self.writer = Writer(path)

    def put(self, offset, product, price):
        self.writer.records.append((offset, product, price))

    def pre_commit(self, offset):
        """The offset that may be committed, if everything up to this one has been put."""
        return offset


class FixedSinkTask(SinkTask):
    """Lets Connect commit what is in ClickHouse."""

    def pre_commit(self, offset):
        return min(offset, self.writer.inserted)


class Connect:
    """Kafka Connect's worker: puts records, and commits offsets now and then."""

    def __init__(self, path, task):
        self.path, self.task, self.offset, self.uncommitted = path, task, 0, 0

    def deliver(self, offset, product, price):
        self.task.put(offset, product, price)
        self.offset, self.uncommitted = max(self.offset, offset), self.uncommitted + 1
        if len(self.task.writer.records) >= BATCH:
            self.task.writer.run()
        if self.uncommitted >= COMMIT_EVERY:
            self.commit()

    def pause(self):
        """Nothing to put: the timers of the writer and of the commits fire."""
        self.task.writer.run()
        self.commit()

    def commit(self):
        offset = self.task.pre_commit(self.offset)
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("update offsets set committed = max(committed, ?)", (offset,))
        self.uncommitted = 0


@dataclass(frozen=True)
class SetPrice:
    product: str
    price: int


@dataclass(frozen=True)
class PriceSet(SetPrice): ...


# What refold needs to know of it.


class App(Application):
    events = (PriceSet,)

    def commands(self):
        return [SetPrice(product, price) for product in ("tea", "jam", "rice") for price in (3, 4)]

    def decide(self, command, state):
        return [PriceSet(command.product, command.price)]

    def evolve(self, state, event):
        return event.price


class Table:
    """The consumer as refold sees it. What it saves is behind its rows by up to a batch and what is put before the next commit."""

    projection, saves_every = "views", BATCH + COMMIT_EVERY

    def __init__(self, path, task):
        self.path, self.connect = path, Connect(path, task(path))

    def handle(self, event):
        self.connect.deliver(event.position, event.data.product, event.data.price)

    def flush(self):
        self.connect.pause()

    def rows(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return dict(db.execute("select product, price from clickhouse").fetchall())

    def checkpoint(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute("select committed from offsets").fetchone()[0]


class Bad:
    task = SinkTask

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "shop.db")
        create(self.path)
        self.consumers, self.close = {"clickhouse": lambda: Table(self.path, self.task)}, self.folder.cleanup

    def service(self, client):
        prices = Prices(self.path)
        return lambda command: prices.set_price(command.product, command.price)

    def read(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "select * from (select *, row_number() over (partition by product order by position) from changes)"
                " where position > ? order by position limit ?",
                (after, limit),
            ).fetchall()
        return [Stored(p, product, v, str(p), "PriceSet", PriceSet(product, price)) for p, product, price, v in rows]


class Good(Bad):
    task = FixedSinkTask
