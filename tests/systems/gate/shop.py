"""An ordinary little service with `sqlite3`, written without a thought of refold: a naive one, a careful one, a projector and a relay."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SCHEMA = """
create table if not exists seats (seat text primary key, guest text);
create table if not exists bookings (id integer primary key, seat text, guest text);
create table if not exists positions (name text primary key, position integer);
create table if not exists totals (seat text primary key, count integer);
create table if not exists sent (id integer, seat text);
"""


def prepare(path: str) -> None:
    """An empty shop."""
    connection = sqlite3.connect(path)
    connection.execute("pragma synchronous = off")
    connection.executescript(SCHEMA)
    connection.close()


def rows(path: str, query: str) -> list[tuple[object, ...]]:
    """What is in the database."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


class Shop:
    """Takes bookings. It looks before it leaps, and does not hold the seat in between."""

    def __init__(self, path: str) -> None:
        self.path = path

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one request."""
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def book(self, seat: str, guest: str) -> bool:
        """One guest per seat."""
        with self.open() as connection:
            taken = connection.execute("select count(*) from bookings where seat = ?", (seat,)).fetchone()[0]
            if taken:
                return False
            connection.execute("insert into bookings (seat, guest) values (?, ?)", (seat, guest))
        return True


class CarefulShop(Shop):
    """The same, with the lock taken first."""

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection that writes alone."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("begin immediate")
        try:
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        else:
            connection.execute("commit")
        finally:
            connection.close()


class RetryingShop(Shop):
    """Tries again whenever the library raises."""

    def book(self, seat: str, guest: str) -> bool:
        """Does not look at all, and has no key by which the database could know the second try."""
        while True:
            try:
                with self.open() as connection:
                    connection.execute("insert into bookings (seat, guest) values (?, ?)", (seat, guest))
                return True
            except sqlite3.OperationalError:
                continue


class Projector:
    """Counts bookings by seat. Saves how far it is before it has done the work."""

    checkpoint_first = True

    def __init__(self, path: str) -> None:
        self.path = path

    def poll(self) -> None:
        """All that is new."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        saved = connection.execute("select position from positions where name = 'totals'").fetchone()
        position = saved[0] if saved else 0
        for number, seat in connection.execute("select id, seat from bookings where id > ?", (position,)).fetchall():
            if self.checkpoint_first:
                self._save(connection, number)
                self._count(connection, seat)
            else:
                connection.execute("begin")
                self._count(connection, seat)
                self._save(connection, number)
                connection.execute("commit")
        connection.close()

    def _save(self, connection: sqlite3.Connection, number: int) -> None:
        connection.execute("insert or replace into positions values ('totals', ?)", (number,))

    def _count(self, connection: sqlite3.Connection, seat: str) -> None:
        connection.execute("insert into totals values (?, 1) on conflict do update set count = count + 1", (seat,))


class CarefulProjector(Projector):
    """Both in one transaction."""

    checkpoint_first = False


class Threaded:
    """Does its work on a thread of its own, behind a lock."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.lock = threading.Lock()
        self.results: list[bool] = []

    def both(self, seat: str) -> list[bool]:
        """Two bookings at once."""

        def one(guest: str) -> None:
            booked = self.shop.book(seat, guest)
            with self.lock:
                self.results.append(booked)

        threads = [threading.Thread(target=one, args=(guest,)) for guest in ("ada", "bob")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.results
