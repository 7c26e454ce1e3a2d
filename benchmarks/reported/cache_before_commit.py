"""ardanlabs/service#653: "Cache pollution on rollback — load-bearing bug".

The store of users writes to the database and to a cache in memory. It may be called within a transaction, together with other stores.
If one of the others fails, the database forgets the user's new row, but the cache keeps it: it was written before the commit.
Fixed: within a transaction the cache is left alone, and brought up to date after the commit.
"""

import contextlib
import pathlib
import sqlite3
import tempfile
import time
import types
from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Stored

SCHEMA = """
create table users (id text primary key, items text, version integer);
create table products (position integer primary key autoincrement, user text, item text, unique (user, item));
"""
TTL = 60.0


def create(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)


class AlreadyOwned(Exception):
    """The user has that already."""


class Cache:
    """The newest row of each user that was seen, for a minute."""

    def __init__(self):
        self.rows = {}

    def get(self, user):
        row, until = self.rows.get(user, (None, 0.0))
        return row if time.monotonic() < until else None

    def set(self, row):
        known = self.get(row[0])
        if known is None or known[2] < row[2]:
            self.rows[row[0]] = (row, time.monotonic() + TTL)


class UserStore:
    """Rows of users: (id, items, version)."""

    def __init__(self, cache):
        self.cache = cache

    def by_id(self, db, user):
        return db.execute("select id, items, version from users where id = ?", (user,)).fetchone()

    def save(self, db, row):
        db.execute("insert or replace into users values (?, ?, ?)", row)
        self.cache.set(row)

    def committed(self, row):
        """The transaction in which the row was saved is committed."""


class FixedUserStore(UserStore):
    """Touches the cache after the commit."""

    def save(self, db, row):
        db.execute("insert or replace into users values (?, ?, ?)", row)

    def committed(self, row):
        self.cache.set(row)


class ProductStore:
    """Each product belongs to a user."""

    def create(self, db, user, item):
        try:
            db.execute("insert into products (user, item) values (?, ?)", (user, item))
        except sqlite3.IntegrityError as error:
            raise AlreadyOwned(item) from error


class Service:
    """One process with a cache in memory."""

    def __init__(self, path, users):
        self.path, self.cache, self.products = path, Cache(), ProductStore()
        self.users = users(self.cache)

    def buy(self, user, item):
        """Changes the user, and creates the product, in one transaction."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            _, items, version = self.users.by_id(db, user) or (user, "", 0)
            row = (user, f"{items},{item}".lstrip(","), version + 1)
            self.users.save(db, row)
            self.products.create(db, user, item)
            db.execute("commit")
        self.users.committed(row)

    def show(self, user):
        """The row of a user, from the cache if it is there."""
        row = self.cache.get(user)
        if row is None:
            with contextlib.closing(sqlite3.connect(self.path)) as db:
                row = self.users.by_id(db, user)
            if row is not None:
                self.cache.set(row)
        return row


@dataclass(frozen=True)
class Buy:
    user: str
    item: str


@dataclass(frozen=True)
class Bought(Buy): ...


# What refold needs to know of it.


class App(Application):
    events = (Bought,)

    def commands(self):
        return [Buy(user, item) for user in ("ann", "bob") for item in ("tea", "jam", "rice")]

    def decide(self, command, state):
        if command.item in (state or "").split(","):
            raise Refusal(f"{command.user} has {state}", "duplicate-create")
        return [Bought(command.user, command.item)]

    def evolve(self, state, event):
        return f"{state or ''},{event.item}".lstrip(",")


class Bad:
    users = UserStore
    refusals = (AlreadyOwned,)

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "shop.db")
        create(self.path)
        self.shop, self.close = Service(self.path, self.users), self.folder.cleanup
        self.readers = {"page": types.SimpleNamespace(query=self.items)}

    def items(self, user):
        row = self.shop.show(user)
        return None if row is None else row[1]

    def execute(self, command):
        self.shop.buy(command.user, command.item)

    def read(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            rows = db.execute(
                "select * from (select *, row_number() over (partition by user order by position) from products)"
                " where position > ? order by position limit ?",
                (after, limit),
            ).fetchall()
        return [Stored(p, user, v, str(p), "Bought", Bought(user, item)) for p, user, item, v in rows]


class Good(Bad):
    users = FixedUserStore
