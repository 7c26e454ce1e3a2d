"""Price labels that are put up, taken down and put up again: a service, and read models of whole values."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

SCHEMA = """
create table events (position integer primary key autoincrement, item text, type text, price integer, at real);
create table labels (item text primary key, price integer, at real, gone integer default 0);
create table progress (position integer);
insert into progress values (0);
create table letters (event integer primary key);
create table filled (done integer);
"""
ALL = "select position, item, type, price, at from events"


class NoLabel(Exception):
    """There is nothing to take down."""


class Shop:
    """The service."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def put(self, item: str, price: int) -> None:
        """A label, in place of any other."""
        with self.connection:
            self.store(item, "Put", price)

    def take(self, item: str) -> None:
        """It down."""
        self.connection.execute("begin immediate")
        with self.connection:
            if self.price(item) is None:
                raise NoLabel
            self.store(item, "Taken", None)

    def store(self, item: str, kind: str, price: int | None) -> None:
        """An event."""
        query = "insert into events (item, type, price, at) values (?, ?, ?, ?)"
        self.connection.execute(query, (item, kind, price, time.time()))

    def price(self, item: str) -> Any:
        """What the label says; None if there is none."""
        query = "select price from events where item = ? order by position desc limit 1"
        row = self.connection.execute(query, (item,)).fetchone()
        return row[0] if row else None


class Labels:
    """A worker: rows and position are one transaction."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def following(self) -> Any:
        """The next event."""
        query = f"{ALL} where position > (select position from progress) order by position limit 1"
        return self.connection.execute(query).fetchone()

    def step(self) -> bool:
        """Deal with it."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            self.deal(event)
            self.save(event)
        return True

    def deal(self, event: Any) -> None:
        """With one event."""
        self.apply(*event)

    def apply(self, position: int, item: str, kind: str, price: int, at: float) -> None:
        """Put up, or take down."""
        if kind == "Put":
            query = "insert or replace into labels (item, price, at) values (?, ?, ?)"
            self.connection.execute(query, (item, price, at))
        else:
            self.connection.execute("delete from labels where item = ?", (item,))

    def save(self, event: Any) -> None:
        """The position."""
        self.connection.execute("update progress set position = ?", (event[0],))


class NewestByTime(Labels):
    """Of two changes the one with the later time wins, whatever clocks they were written with."""

    def apply(self, position: int, item: str, kind: str, price: int, at: float) -> None:
        """What is older changes nothing."""
        row = self.connection.execute("select at from labels where item = ?", (item,)).fetchone()
        if row is None or row[0] <= self.order(position, at):
            query = "insert or replace into labels (item, price, at) values (?, ?, ?)"
            self.connection.execute(query, (item, price, self.order(position, at)))

    def order(self, position: int, at: float) -> float:
        """What decides."""
        return at


class NewestByPosition(NewestByTime):
    """The log's order."""

    def order(self, position: int, at: float) -> float:
        """What decides."""
        return position


class Letters(Labels):
    """JasperFx/wolverine#986 in kind: an event that fails is put aside, and tried again when there is nothing else to do."""

    def step(self) -> bool:
        """The next event; or one that is aside."""
        try:
            if super().step():
                return True
        except sqlite3.OperationalError:
            event = self.following()
            with self.connection:
                self.put_aside(event)
            return True
        return self.again()

    def put_aside(self, event: Any) -> None:
        """For later."""
        self.connection.execute("insert into letters values (?)", (event[0],))
        self.save(event)

    def again(self) -> bool:
        """The oldest."""
        query = f"{ALL} where position in (select event from letters) order by position limit 1"
        event = self.connection.execute(query).fetchone()
        if event is None:
            return False
        with self.connection:
            self.apply(*event)
            self.connection.execute("delete from letters where event = ?", (event[0],))
        return True


class LettersInARow(Letters):
    """AxonIQ/AxonFramework#2258: behind a letter all others of its item are letters, too."""

    def deal(self, event: Any) -> None:
        """It waits for those before it."""
        query = "select 1 from letters join events on position = event where item = ?"
        if self.connection.execute(query, (event[1],)).fetchone():
            self.connection.execute("insert into letters values (?)", (event[0],))
        else:
            self.apply(*event)


class MarksAsGone(Labels):
    """leggedrobotics/kleinkram#1990 in kind: a row that is marked as gone is in the way of its successor."""

    def apply(self, position: int, item: str, kind: str, price: int, at: float) -> None:
        """Put up, or mark."""
        if kind == "Taken":
            self.connection.execute("update labels set gone = 1 where item = ?", (item,))
            return
        query = "update labels set price = ? where item = ? and gone = 0"
        if not self.connection.execute(query, (price, item)).rowcount:
            self.insert(item, price)

    def insert(self, item: str, price: int) -> None:
        """A row, if there is none."""
        self.connection.execute("insert or ignore into labels (item, price) values (?, ?)", (item, price))


class BringsBack(MarksAsGone):
    """The mark is taken off."""

    def insert(self, item: str, price: int) -> None:
        """A row, whatever there was."""
        self.connection.execute("insert or replace into labels (item, price) values (?, ?)", (item, price))


class FillsInOne(Labels):
    """The first time the table is filled with what holds now; changes follow from there on. Both are one transaction."""

    def step(self) -> bool:
        """Fill it, or deal with the next event."""
        if self.connection.execute("select done from filled").fetchone():
            return super().step()
        self.fill()
        return True

    def fill(self) -> None:
        """Nobody writes meanwhile."""
        self.connection.execute("begin immediate")
        with self.connection:
            end = self.end()
            self.copy()
            self.begin_after(end)

    def end(self) -> Any:
        """Of the log."""
        return self.connection.execute("select coalesce(max(position), 0) from events").fetchone()

    def copy(self) -> None:
        """The newest label of each item."""
        newest = "select max(position) from events group by item"
        query = f"select item, price, at from events where position in ({newest}) and type = 'Put'"
        rows = self.connection.execute(query).fetchall()
        self.connection.executemany("insert or replace into labels (item, price, at) values (?, ?, ?)", rows)

    def begin_after(self, end: Any) -> None:
        """From here on changes are followed."""
        self.connection.execute("insert into filled values (1)")
        self.save(end)


class FillsThenAsks(FillsInOne):
    """redpanda-data/connect#4802 in kind: where changes begin is asked after the table was filled."""

    def fill(self) -> None:
        """Two transactions."""
        with self.connection:
            self.copy()
        end = self.end()
        with self.connection:
            self.begin_after(end)
