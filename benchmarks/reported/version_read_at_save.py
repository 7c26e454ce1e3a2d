"""looplab/eventhorizon#17: "[aggregatestore/events] aggregate version handling".

`save` reads the stored version, and then updates "where version = what I have just read". It notices only writes that
come between its own read and its own write, not those since the aggregate was loaded: two commands that were decided on the same
state are both stored. Fixed as in looplab/eventhorizon#19: the version of the loaded aggregate is passed to `save`.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table aggregates (id text primary key, version integer);
create table events (position integer primary key autoincrement, item text, version integer, count integer);
"""


class SoldOut(Exception):
    """There are not that many left."""


class VersionConflict(Exception):
    """The aggregate has changed."""


class Shelf:
    """The aggregate."""

    def __init__(self, item):
        self.item, self.version, self.left, self.uncommitted = item, 0, 3, []

    def apply(self, count):
        self.version, self.left = self.version + 1, self.left - count

    def take(self, count):
        if not 0 <= self.left - count <= 3:
            raise SoldOut(self.item)
        self.uncommitted.append(count)


class EventStore:
    """Events, and a record of each aggregate with its version."""

    def __init__(self, path):
        self.path = path

    def load(self, item):
        shelf = Shelf(item)
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            for (count,) in db.execute("select count from events where item = ? order by version", (item,)).fetchall():
                shelf.apply(count)
        return shelf

    def save(self, shelf):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            existing = db.execute("select version from aggregates where id = ?", (shelf.item,)).fetchone()
            self.write(db, shelf, existing[0] if existing else 0)

    def write(self, db, shelf, version):
        """The record of the aggregate and its events, if it still has this version."""
        with db:
            db.execute("insert or ignore into aggregates values (?, 0)", (shelf.item,))
            done = db.execute(
                "update aggregates set version = version + ? where id = ? and version = ?",
                (len(shelf.uncommitted), shelf.item, version),
            )
            if done.rowcount != 1:
                raise VersionConflict(shelf.item)
            for n, count in enumerate(shelf.uncommitted, version + 1):
                db.execute("insert into events (item, version, count) values (?, ?, ?)", (shelf.item, n, count))


class FixedEventStore(EventStore):
    """Compares with the version that was loaded."""

    def save(self, shelf):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            self.write(db, shelf, shelf.version)


class Warehouse:
    """What clients call."""

    store = EventStore

    def __init__(self, path):
        self.events = self.store(path)

    def take(self, item, count):
        shelf = self.events.load(item)
        shelf.take(count)
        self.events.save(shelf)


class FixedWarehouse(Warehouse):
    """With the store that compares."""

    store = FixedEventStore


@dataclass(frozen=True)
class Take:
    item: str
    count: int


@dataclass(frozen=True)
class Taken(Take): ...


# What refold needs to know of it.


class App(Application):
    events = (Taken,)

    def commands(self):
        return [Take(item, count) for item in ("nut", "bolt") for count in (2, 1, -1)]

    def initial(self, key):
        return 3

    def decide(self, command, left):
        if not 0 <= left - command.count <= 3:
            raise Refusal(f"{left} left", "oversold")
        return [Taken(command.item, command.count)]

    def evolve(self, left, event):
        return left - event.count


def system(make):
    return sqlite_system(SCHEMA, Service(make, refusals=[SoldOut, VersionConflict]), events={Taken: "events"})


Bad, Good = system(Warehouse), system(FixedWarehouse)
