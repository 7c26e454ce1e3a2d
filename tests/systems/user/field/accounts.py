"""Wallets with jobs, an outbox, timers, snapshots, and workers that share their work; mistakes of public reports, and their repairs."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import Any

from . import wallets

SCHEMA = (
    wallets.SCHEMA
    + """
create table jobs (id integer primary key, event integer);
create table outbox (id integer primary key, event integer, due real default 0, sent integer default 0);
create table snapshots (wallet text primary key, version integer, balance integer);
create table token (position integer, owner text, claimed real);
insert into token values (0, null, 0);
"""
)
INSERT = "insert into events (wallet, version, type, data, at) values (?, ?, ?, ?, ?)"


class Beside(wallets.Wallets):
    """A service that writes something beside each event."""

    def store(self, wallet: wallets.Wallet, events: list[tuple[str, int]]) -> None:
        """In one transaction."""
        first = wallet.version - len(events) + 1
        with self.connection:
            written = []
            for number, (kind, amount) in enumerate(events, first):
                data = json.dumps({"wallet": wallet.name, "amount": amount})
                row = self.connection.execute(INSERT, (wallet.name, number, kind, data, time.time()))
                self.beside(row.lastrowid)
                written.append(row.lastrowid)
        for position in written:
            self.after(position)

    def beside(self, position: Any) -> None:
        """With the event."""

    def after(self, position: Any) -> None:
        """When it is committed."""


def queue_of(path: str) -> sqlite3.Connection:
    """The queue of jobs is a database of its own."""
    queue = sqlite3.connect(path + ".jobs", isolation_level=None)
    queue.execute("create table if not exists jobs (id integer primary key, event integer)")
    return queue


class EnqueuesFirst(Beside):
    """Sidekiq's wiki (Cannot find ModelName with ID): the job is enqueued before the transaction commits, and its worker is fast."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.queue = queue_of(path)

    def beside(self, position: Any) -> None:
        """A job."""
        self.queue.execute("insert into jobs (event) values (?)", (position,))


class EnqueuesWithIt(Beside):
    """The job is a row of the same transaction."""

    def beside(self, position: Any) -> None:
        """A job."""
        self.connection.execute("insert into jobs (event) values (?)", (position,))


class Jobs(wallets.Balances):
    """Takes jobs out of the queue; an event that it has handled is not handled again, one that it does not find is gone."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.queue = self.queue_of(path)

    def queue_of(self, path: str) -> sqlite3.Connection:
        """Where its jobs are."""
        return queue_of(path)

    def run_once(self) -> bool:
        """One job."""
        job = self.queue.execute("select id, event from jobs order by id limit 1").fetchone()
        if job is None:
            return False
        query = "select position, wallet, type, data from events where position = ?"
        event = self.connection.execute(query, (job[1],)).fetchone()
        if event is not None:
            self.perform(event)
        with self.queue:
            self.queue.execute("delete from jobs where id = ?", (job[0],))
        return True

    def perform(self, event: Any) -> None:
        """Once."""
        with self.connection:
            if self.connection.execute("insert or ignore into processed values (?)", (event[0],)).rowcount:
                self.apply(event)


class JobsOfTheDatabase(Jobs):
    """Its jobs are where the events are."""

    def queue_of(self, path: str) -> sqlite3.Connection:
        """The same."""
        return self.connection


class PutsIntoOutbox(Beside):
    """The message of an event is a row of its transaction."""

    def beside(self, position: Any) -> None:
        """A message."""
        self.connection.execute("insert into outbox (event) values (?)", (position,))


class Outbox:
    """Sends what is in the outbox."""

    def __init__(self, path: str, broker: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.broker = broker

    def step(self) -> bool:
        """One message, if there is one that is due."""
        query = "select id, event from outbox where sent = 0 and due <= ? order by id limit 1"
        row = self.connection.execute(query, (time.time(),)).fetchone()
        if row is None:
            return False
        self.relay(*row)
        return True

    def relay(self, number: int, event: int) -> None:
        """It is tried again if the broker refuses it."""
        self.broker.publish({"event_id": event})
        self.mark(number)

    def mark(self, number: int) -> None:
        """It is sent."""
        with self.connection:
            self.connection.execute("update outbox set sent = 1 where id = ?", (number,))


class MarksWhatWasRefused(Outbox):
    """KanishJebaMathewM/Truxify#13133: that the broker refuses a message is logged, and the row is marked all the same."""

    def relay(self, number: int, event: int) -> None:
        """Whatever the broker says."""
        with contextlib.suppress(ConnectionError):  # logged
            self.broker.publish({"event_id": event})
        self.mark(number)


class ArmsAfterwards(Beside):
    """ablative-io/aion#159: a timer is recorded in the history, and written where the sweep looks in a transaction of its own."""

    def after(self, position: Any) -> None:
        """In a minute."""
        with self.connection:
            self.connection.execute("insert into outbox (event, due) values (?, ?)", (position, time.time() + 60))


class ArmsWithIt(Beside):
    """Both at once."""

    def beside(self, position: Any) -> None:
        """In a minute."""
        self.connection.execute("insert into outbox (event, due) values (?, ?)", (position, time.time() + 60))


class Snapshots(Beside):
    """Every second version is kept."""

    def load(self, name: str) -> wallets.Wallet:
        """From the snapshot, and the events behind it."""
        wallet = wallets.Wallet(name)
        kept = self.connection.execute("select version, balance from snapshots where wallet = ?", (name,)).fetchone()
        wallet.version, wallet.balance = kept or (0, 0)
        query = "select type, data from events where wallet = ? and version > ? order by version"
        for kind, data in self.connection.execute(query, (name, wallet.version)).fetchall():
            wallet.apply(kind, json.loads(data)["amount"])
        return wallet

    def after(self, position: Any) -> None:
        """Now and then."""
        (name,) = self.connection.execute("select wallet from events where position = ?", (position,)).fetchone()
        wallet = self.load(name)
        if wallet.version % 2 == 0:
            row = (name, self.version_of(wallet), wallet.balance)
            with self.connection:
                self.connection.execute("insert or replace into snapshots values (?, ?, ?)", row)

    def version_of(self, wallet: wallets.Wallet) -> int:
        """Of its last event."""
        return wallet.version


class SnapshotsOfTheNext(Snapshots):
    """AxonFramework#1408, prooph/snapshotter#30: the version is that of the next event."""

    def version_of(self, wallet: wallets.Wallet) -> int:
        """One too many."""
        return wallet.version + 1


class Node(wallets.Balances):
    """One of two that share a position; whoever has claimed it works, and a claim runs out."""

    def run_once(self) -> bool:
        """Claim; look; work."""
        with self.connection:
            now = time.time()
            claimed = self.connection.execute(
                "update token set owner = ?, claimed = ? where owner is null or owner = ? or claimed < ?",
                (self.name, now, self.name, now - 10),
            )
        if not claimed.rowcount:
            return False
        event = self.following()
        if event is None:
            return self.release()
        with self.connection:
            self.apply(event)
            self.save(event)
        return True

    def release(self) -> bool:
        """There is nothing to do."""
        with self.connection:
            self.connection.execute("update token set owner = null where owner = ?", (self.name,))
        return False

    def position(self) -> Any:
        """That of all."""
        (self.at,) = self.connection.execute("select position from token").fetchone()
        return self.at

    def save(self, event: Any) -> None:
        """Only for as long as the claim is its own, and the position where it was."""
        row = (event[0], time.time(), self.name, self.at)
        query = "update token set position = ?, claimed = ? where owner = ? and position = ?"
        if not self.connection.execute(query, row).rowcount:
            raise RuntimeError("the claim is lost")


class ClaimsForGood(Node):
    """AxonIQ/AxonFramework#422: the claim is extended by whoever has worked, without a look whose it is."""

    def save(self, event: Any) -> None:
        """Whosever the claim is."""
        self.connection.execute("update token set position = ?, claimed = ?", (event[0], time.time()))


class Inbox(wallets.Balances):
    """One of several that take whatever is not in the inbox yet."""

    def following(self) -> Any:
        """The first one."""
        query = "select position, wallet, type, data from events where position not in (select event from processed) limit 1"
        return self.connection.execute(query).fetchone()

    def run_once(self) -> bool:
        """The inbox decides."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            if self.connection.execute("insert or ignore into processed values (?)", (event[0],)).rowcount:
                self.apply(event)
        return True


class AsksTheInbox(Inbox):
    """fs2-kafka#1502 in kind: it has asked the inbox before, and puts the message in afterwards, whether it was in it or not."""

    def run_once(self) -> bool:
        """Work, and then put it in."""
        event = self.following()
        if event is None:
            return False
        with self.connection:
            self.apply(event)
            self.connection.execute("insert or ignore into processed values (?)", (event[0],))
        return True
