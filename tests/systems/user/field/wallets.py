"""Wallets in a table of events: a service, workers and a process manager over sqlite3; mistakes of public reports, and their repairs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import Any, ClassVar

SCHEMA = """
create table events (position integer primary key autoincrement, wallet text, version integer, type text, data text, at real,
  unique (wallet, version));
create table balances (wallet text primary key, balance integer);
create table counts (wallet text primary key, count integer);
create table progress (name text primary key, position);
create table processed (event integer primary key);
create table processed_by (event integer, name text, primary key (event, name));
"""


class Overdrawn(Exception):
    """There is not so much in the wallet."""


class Wallet:
    """An aggregate, with the events that are not stored yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.balance = self.version = 0
        self.pending: list[tuple[str, int]] = []

    def apply(self, kind: str, amount: int) -> None:
        """One event."""
        self.balance += amount if kind == "Deposited" else -amount
        self.version += 1

    def record(self, kind: str, amount: int) -> None:
        """A new event."""
        self.pending.append((kind, amount))
        self.apply(kind, amount)

    def release(self) -> list[tuple[str, int]]:
        """Take the new events out."""
        events, self.pending = self.pending, []
        return events


class Wallets:
    """The service."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def load(self, name: str) -> Wallet:
        """From its events."""
        wallet = Wallet(name)
        query = "select type, data from events where wallet = ? order by version"
        for kind, data in self.connection.execute(query, (name,)).fetchall():
            wallet.apply(kind, json.loads(data)["amount"])
        return wallet

    def save(self, wallet: Wallet) -> None:
        """Store its new events."""
        self.store(wallet, wallet.pending)
        wallet.release()

    def store(self, wallet: Wallet, events: list[tuple[str, int]]) -> None:
        """In one transaction; a version that is taken raises."""
        with self.connection:
            self.write(wallet, events)

    def write(self, wallet: Wallet, events: list[tuple[str, int]]) -> None:
        """Its newest events; somebody else commits them."""
        for number, (kind, amount) in enumerate(events, wallet.version - len(events) + 1):
            self.connection.execute(
                "insert into events (wallet, version, type, data, at) values (?, ?, ?, ?, ?)",
                (wallet.name, number, kind, json.dumps({"wallet": wallet.name, "amount": amount}), time.time()),
            )

    def deposit(self, wallet: str, amount: int) -> None:
        """Put something in."""
        loaded = self.load(wallet)
        loaded.record("Deposited", amount)
        self.save(loaded)

    def withdraw(self, wallet: str, amount: int) -> None:
        """Take something out."""
        loaded = self.load(wallet)
        if loaded.balance < amount:
            raise Overdrawn
        loaded.record("Withdrawn", amount)
        self.save(loaded)


class ReleasesFirst(Wallets):
    """patchlevel/event-sourcing#313: the events are taken out of the aggregate before they are stored; the second try stores none."""

    def save(self, wallet: Wallet) -> None:
        """Once more after an error."""
        try:
            self.store(wallet, wallet.release())
        except sqlite3.OperationalError:
            self.store(wallet, wallet.release())


class Balances:
    """A worker: rows and position are one transaction."""

    name = "balances"

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def position(self) -> Any:
        """Behind this it goes on."""
        row = self.connection.execute("select position from progress where name = ?", (self.name,)).fetchone()
        return row[0] if row else 0

    def following(self) -> Any:
        """The next event."""
        query = "select position, wallet, type, data, at from events where position > ? order by position limit 1"
        return self.connection.execute(query, (self.position(),)).fetchone()

    def run_once(self) -> bool:
        """Deal with the next event."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            self.apply(event)
            self.save(event)
        return True

    def apply(self, event: Any) -> None:
        """Into the table."""
        amount = json.loads(event[3])["amount"]
        self.connection.execute(
            "insert into balances values (?, ?) on conflict (wallet) do update set balance = balance + excluded.balance",
            (event[1], amount if event[2] == "Deposited" else -amount),
        )

    def save(self, event: Any) -> None:
        """The position."""
        self.save_position(event[0])

    def save_position(self, position: Any) -> None:
        """Whatever it is."""
        self.connection.execute("insert or replace into progress values (?, ?)", (self.name, position))


class FailedIsDone(Balances):
    """Eventuous/eventuous#25: an error of the handler is logged, and the position is stored all the same."""

    def run_once(self) -> bool:
        """One transaction, whatever the handler comes to."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            with contextlib.suppress(sqlite3.OperationalError):  # logged
                self.apply(event)
            self.save(event)
        return True


class FailedIsTriedAgain(Balances):
    """An error is logged, and nothing is stored."""

    def run_once(self) -> bool:
        """One transaction."""
        try:
            return super().run_once()
        except sqlite3.OperationalError:
            return True


class TextPosition(Balances):
    """event-driven-io/emmett 2f3fd82a: positions are compared as text."""

    def position(self) -> str:
        """As text."""
        return str(super().position())

    def following(self) -> Any:
        """“10” comes before “9”."""
        query = "select position, wallet, type, data, at from events where cast(position as text) > ? order by position limit 1"
        return self.connection.execute(query, (self.position(),)).fetchone()


class Since(Balances):
    """airbytehq/airbyte#14732: the cursor is a time; a second event of the same moment is passed over."""

    def following(self) -> Any:
        """Later than the last one."""
        query = "select position, wallet, type, data, at from events where at > ? order by at limit 1"
        return self.connection.execute(query, (self.position(),)).fetchone()

    def save(self, event: Any) -> None:
        """The time."""
        self.save_position(event[4])


class SinceInOrder(Since):
    """The cursor is a time, and the position where two are the same: right for as long as no clock is behind."""

    def following(self) -> Any:
        """Later than the last one."""
        query = "select position, wallet, type, data, at from events where (at, position) > (?, ?) order by at, position limit 1"
        return self.connection.execute(query, json.loads(self.position() or "[0, 0]")).fetchone()

    def save(self, event: Any) -> None:
        """Time and position."""
        self.save_position(json.dumps([event[4], event[0]]))


class Deduplicates(Balances):
    """Particular/NServiceBus.NHibernate#117: all consumers share one table of what was processed."""

    def following(self) -> Any:
        """The first one that is not in it."""
        return self.connection.execute(
            "select position, wallet, type, data, at from events"
            " where position not in (select event from processed) order by position limit 1"
        ).fetchone()

    def save(self, event: Any) -> None:
        """It is processed."""
        self.connection.execute("insert into processed values (?)", (event[0],))


class DeduplicatesByName(Balances):
    """Each consumer has entries of its own."""

    def following(self) -> Any:
        """The first one that it has not processed itself."""
        return self.connection.execute(
            "select position, wallet, type, data, at from events"
            " where position not in (select event from processed_by where name = ?) order by position limit 1",
            (self.name,),
        ).fetchone()

    def save(self, event: Any) -> None:
        """It has processed it."""
        self.connection.execute("insert into processed_by values (?, ?)", (event[0], self.name))


class Counting(Balances):
    """Counts events instead."""

    name = "counts"

    def apply(self, event: Any) -> None:
        """One more."""
        self.connection.execute(
            "insert into counts values (?, 1) on conflict (wallet) do update set count = count + 1", (event[1],)
        )


class CountsDeduplicated(Counting, Deduplicates):
    """With the shared table."""


class CountsByName(Counting, DeduplicatesByName):
    """With entries of its own."""


class MarksFirst(Balances):
    """An inbox that marks a message as processed in a transaction of its own, before the work."""

    def run_once(self) -> bool:
        """Two transactions."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            if self.connection.execute("select 1 from processed where event = ?", (event[0],)).fetchone():
                self.save(event)
                return True
            self.connection.execute("insert into processed values (?)", (event[0],))
        with self.connection:
            self.apply(event)
            self.save(event)
        return True


class Shipping:
    """commanded/commanded#18: a process manager that knows in memory only how far it is, and sends everything again after a restart."""

    def __init__(self, path: str, queue: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.queue = queue
        self.at = self.begin()

    def begin(self) -> int:
        """From the beginning."""
        return 0

    def step(self) -> bool:
        """One command for each event."""
        query = "select position from events where position > ? order by position limit 1"
        row = self.connection.execute(query, (self.at,)).fetchone()
        if row is None:
            return False
        self.note(row[0])
        self.at = row[0]
        self.queue.send({"event_id": row[0]})
        return True

    def note(self, position: int) -> None:
        """Nobody notes it."""


class ShippingNotes(Shipping):
    """It notes how far it is before it sends: at most once."""

    def begin(self) -> int:
        """Where it was."""
        row = self.connection.execute("select position from progress where name = 'shipping'").fetchone()
        return row[0] if row else 0

    def note(self, position: int) -> None:
        """In a transaction of its own."""
        with self.connection:
            self.connection.execute("insert or replace into progress values ('shipping', ?)", (position,))


class Transfers(Wallets):
    """Threads of one server: a lock for each wallet, held while a call works on it and on the other one."""

    locks: ClassVar[dict[str, Any]] = {}

    def both(self, wallet: str) -> list[str]:
        """Its own first."""
        return [wallet, *(other for other in sorted(self.locks) if other != wallet)]

    def deposit(self, wallet: str, amount: int) -> None:
        """With both locks."""
        first, second = self.both(wallet)
        with self.locks[first]:
            self.load(first)
            with self.locks[second]:
                super().deposit(wallet, amount)


class TransfersInOrder(Transfers):
    """By their names."""

    def both(self, wallet: str) -> list[str]:
        """Always the same one first."""
        return sorted(self.locks)
