"""johanhaleby/occurrent#208: "Close count-to-read window event loss in CatchupSubscriptionModel handover".

A subscription first replays all events that there are, then reads those that were written during the replay, and then goes live
from the position of the newest event. How many were written during the replay is counted, and the newest so many are read. An
event that is written between the count and the read moves this window on by one: the oldest event written during the replay is
not in it, and it is before the live position.
Fixed: the newest events are counted and read again until the count does not grow any more.
"""

import contextlib
import pathlib
import sqlite3
import tempfile
from dataclasses import dataclass

from refold import Application
from refold.model import Stored

SCHEMA = "create table events (position integer primary key autoincrement, account text, amount integer);"


class EventStore:
    """What clients call, and what subscriptions read."""

    def __init__(self, path):
        self.path = path

    def move(self, account, amount):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (account, amount) values (?, ?)", (account, amount))

    def query(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql, values).fetchall()

    def count(self):
        return self.query("select count(*) from events")[0][0]

    def position(self):
        return self.query("select coalesce(max(position), 0) from events")[0][0]

    def oldest(self, number):
        return self.query("select * from events order by position limit ?", number)

    def newest(self, number):
        return self.query("select * from events order by position desc limit ?", number)[::-1]

    def after(self, position):
        return self.query("select * from events where position > ? order by position limit 3", position)


class CatchupSubscription:
    """Delivers each event once for as long as it lives."""

    def __init__(self, store, action):
        self.store, self.action = store, action
        self.cache, self.live_from = set(), None

    def run(self):
        """Catch up, or deliver what is new; False if there is nothing."""
        if self.live_from is None:
            before = self.store.count()
            for event in self.store.oldest(before):
                self.deliver(event)
            live_from = self.store.position()
            self.reconcile(before)
            self.live_from = live_from
            return True
        events = self.store.after(self.live_from)
        for event in events:
            self.deliver(event)
            self.live_from = event[0]
        return bool(events)

    def reconcile(self, before):
        """Deliver what was written during the replay."""
        for event in self.store.newest(self.store.count() - before):
            self.deliver(event)

    def deliver(self, event):
        if event[0] not in self.cache:
            self.action(*event)
            self.cache.add(event[0])


class FixedCatchupSubscription(CatchupSubscription):
    """Reads the newest events until there are no more of them."""

    def reconcile(self, before):
        counted = before
        while (count := self.store.count()) > counted:
            for event in self.store.newest(count - before):
                self.deliver(event)
            counted = count


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


class Balances:
    """A view in memory."""

    projection, promises = "views", ("volatile",)

    def __init__(self, path, subscription):
        self.balances = {}
        self.subscription = subscription(EventStore(path), self.apply)

    def apply(self, position, account, amount):
        self.balances[account] = self.balances.get(account, 0) + amount

    def poll(self):
        return self.subscription.run()

    def rows(self):
        return dict(self.balances)


class Bad:
    subscription = CatchupSubscription

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "bank.db")
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.executescript(SCHEMA)
        self.consumers = {"balances": lambda: Balances(self.path, self.subscription)}
        self.close = self.folder.cleanup

    def service(self, client):
        store = EventStore(self.path)
        return lambda command: store.move(command.account, command.amount)

    def read(self, after, limit):
        rows = EventStore(self.path).query(
            "select * from (select *, row_number() over (partition by account order by position) from events)"
            " where position > ? order by position limit ?",
            after,
            limit,
        )
        return [Stored(p, account, v, str(p), "Moved", Moved(account, amount)) for p, account, amount, v in rows]


class Good(Bad):
    subscription = FixedCatchupSubscription
