"""An ordinary service that keeps aggregates in a cache, and snapshots of them; and a page that shows a balance."""

import sqlite3

SCHEMA = """
create table events (position integer primary key autoincrement, purse text, version integer, amount integer,
    unique (purse, version));
create table snapshots (purse text primary key, version integer, balance integer);
"""
EVERY = 3


class Empty(Exception):
    """There is not enough money in the purse."""


class Purse:
    def __init__(self, version=0, balance=0):
        self.version = version
        self.balance = balance


class Purses:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.cache = {}

    def load(self, name):
        """The purse as it is now: from the cache or the newest snapshot, with the events since."""
        purse = self.cache.get(name) or self.snapshot(name)
        for version, amount in self.connection.execute(
            "select version, amount from events where purse = ? and version > ? order by version", (name, purse.version)
        ):
            purse.version, purse.balance = version, purse.balance + amount
        self.cache[name] = purse
        return purse

    def snapshot(self, name):
        row = self.connection.execute("select version, balance from snapshots where purse = ?", (name,)).fetchone()
        return Purse(*row) if row else Purse()

    def pay(self, purse, amount):
        for attempt in range(3):
            found = self.load(purse)
            if found.balance + amount < 0:
                raise Empty(purse)
            try:
                self.append(purse, found.version + 1, amount)
                break
            except sqlite3.IntegrityError:
                if attempt == 2:
                    raise
        if (found.version + 1) % EVERY == 0:
            self.take_snapshot(purse, self.load(purse))

    def append(self, purse, version, amount):
        with self.connection:
            self.connection.execute(
                "insert into events (purse, version, amount) values (?, ?, ?)", (purse, version, amount)
            )

    def take_snapshot(self, name, purse):
        with self.connection:
            self.connection.execute(
                "insert or replace into snapshots values (?, ?, ?)", (name, purse.version, purse.balance)
            )


class EagerPurses(Purses):
    """Changes the purse that it has in its cache, and then stores the event."""

    def append(self, purse, version, amount):
        self.cache[purse].version, self.cache[purse].balance = version, self.cache[purse].balance + amount
        super().append(purse, version, amount)


class Page:
    """Shows a balance, and keeps it until there is a newer version."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.shown = {}

    def balance(self, purse):
        (newest,) = self.connection.execute("select max(version) from events where purse = ?", (purse,)).fetchone()
        version, balance = self.shown.get(purse, (None, None))
        if version != newest:
            version, balance = self.connection.execute(
                "select max(version), sum(amount) from events where purse = ?", (purse,)
            ).fetchone()
            self.shown[purse] = (version, balance)
        return balance


class HastyPage(Page):
    """Keeps a balance for ever."""

    def balance(self, purse):
        if purse not in self.shown:
            self.shown[purse] = (0, super().balance(purse))
        return self.shown[purse][1]
