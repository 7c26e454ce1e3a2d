"""ZiggyCreatures/FusionCache#625: "[BUG] A `Remove(MyKey)` during load will keep serving stale data" (also #535, for tags).

`get_or_set` misses and calls the factory, which reads the old value. Meanwhile the value is changed and the entry is
removed. The factory returns, and the old value is stored as a fresh entry: whoever asks next is given it until it expires.
Fixed: an entry that was removed while its factory ran is not stored.
"""

import contextlib
import pathlib
import sqlite3
import tempfile
import time
import types
from dataclasses import dataclass

from refold import Application
from refold.model import Stored

SCHEMA = (
    "create table prices (position integer primary key autoincrement, product text, revision integer, price integer);"
)


class Cache:
    """Values that were loaded, each for a minute."""

    def __init__(self, duration=60.0):
        self.entries, self.duration = {}, duration

    def get_or_set(self, key, factory):
        found = self.entries.get(key)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        value = factory()
        self.entries[key] = (value, time.monotonic() + self.duration)
        return value

    def remove(self, key):
        self.entries.pop(key, None)


class CarefulCache(Cache):
    """Counts removals, and stores a value only if its key was not removed while it was being loaded."""

    def __init__(self, duration=60.0):
        super().__init__(duration)
        self.removals = {}

    def get_or_set(self, key, factory):
        found = self.entries.get(key)
        if found is not None and found[1] > time.monotonic():
            return found[0]
        before = self.removals.get(key, 0)
        value = factory()
        if self.removals.get(key, 0) == before:
            self.entries[key] = (value, time.monotonic() + self.duration)
        return value

    def remove(self, key):
        self.removals[key] = self.removals.get(key, 0) + 1
        super().remove(key)


def create(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)


class Catalogue:
    """One process with a cache in memory: it sets prices, and shows them."""

    def __init__(self, path, cache):
        self.path, self.cache = path, cache

    def set_price(self, product, price):
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as db, db:
                db.execute(
                    "insert into prices (product, revision, price)"
                    " select ?, count(*) + 1, ? from prices where product = ?",
                    (product, price, product),
                )
        finally:
            self.cache.remove(product)

    def price(self, product):
        return self.cache.get_or_set(product, lambda: self.look_up(product))

    def history(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select * from prices where position > ? order by position limit ?", (after, limit)
            ).fetchall()

    def look_up(self, product):
        """(price, revision), or None."""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select price, revision from prices where product = ? order by revision desc limit 1", (product,)
            ).fetchone()


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
        return [SetPrice(product, price) for product in ("tea", "jam") for price in (3, 4)]

    def decide(self, command, state):
        return [PriceSet(command.product, command.price)]

    def evolve(self, state, event):
        return (event.price, 1 if state is None else state[1] + 1)


class Bad:
    cache = Cache

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "shop.db")
        create(self.path)
        self.catalogue = Catalogue(self.path, self.cache())
        self.readers = {"page": types.SimpleNamespace(query=self.catalogue.price, promises=("sessions",))}
        self.close = self.folder.cleanup

    def execute(self, command):
        self.catalogue.set_price(command.product, command.price)

    def read(self, after, limit):
        rows = self.catalogue.history(after, limit)
        return [Stored(p, product, v, str(p), "PriceSet", PriceSet(product, price)) for p, product, v, price in rows]


class Good(Bad):
    cache = CarefulCache
