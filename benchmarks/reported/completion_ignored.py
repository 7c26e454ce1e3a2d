"""Particular/NServiceBus.Persistence.Sql#262: "Saga completion is ignored when the saga concurrently processes another message".

Two messages for one saga are handled at the same time: one updates the saga, the other completes it. Completion deletes the row
"where version = what was read". If the update was first, no row is deleted, nobody looks at the number of rows, and the message
counts as handled: the saga stays for ever.
Fixed (3.0.5): a completion that deletes no row is an error; the message is rolled back and handled again.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, kind text, tab text);
create table sagas (tab text primary key, drinks integer, version integer);
create table subscriptions (kind text primary key, position integer);
insert into subscriptions values ('Ordered', 0), ('Closed', 0);
"""


class Rejected(Exception):
    """The tab is not open, or was opened before."""


class Bar:
    """What clients call. Opening a tab starts its saga."""

    def __init__(self, path):
        self.path = path

    def open(self, tab):
        self.record("Opened", tab)

    def order(self, tab):
        self.record("Ordered", tab)

    def close(self, tab):
        self.record("Closed", tab)

    def record(self, kind, tab):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            happened = {kind for (kind,) in db.execute("select kind from events where tab = ?", (tab,))}
            if happened if kind == "Opened" else "Opened" not in happened or "Closed" in happened:
                raise Rejected(tab)
            db.execute("insert into events (kind, tab) values (?, ?)", (kind, tab))
            if kind == "Opened":
                db.execute("insert into sagas values (?, 0, 1)", (tab,))
            db.execute("commit")


class ConcurrencyException(Exception):
    """The saga has changed since it was read."""


class Handler:
    """Handles the messages of one kind; those without a saga are ignored."""

    def __init__(self, path):
        self.path = path

    def receive(self):
        for _ in range(5):
            with contextlib.suppress(ConcurrencyException):
                return self.attempt()
        return self.attempt()

    def attempt(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            message = db.execute(
                "select position, tab from events where kind = ?1"
                " and position > (select position from subscriptions where kind = ?1) order by position limit 1",
                (self.kind,),
            ).fetchone()
            if message is None:
                return False
            saga = db.execute("select tab, drinks, version from sagas where tab = ?", (message[1],)).fetchone()
            with db:
                if saga is not None:
                    self.handle(db, *saga)
                db.execute("update subscriptions set position = ? where kind = ?", (message[0], self.kind))
        return True


class Orders(Handler):
    """Update the saga."""

    kind = "Ordered"

    def handle(self, db, tab, drinks, version):
        done = db.execute(
            "update sagas set drinks = ?, version = version + 1 where tab = ? and version = ?",
            (drinks + 1, tab, version),
        )
        if done.rowcount != 1:
            raise ConcurrencyException(tab)


class Closings(Handler):
    """Complete the saga."""

    kind = "Closed"

    def handle(self, db, tab, drinks, version):
        db.execute("delete from sagas where tab = ? and version = ?", (tab, version))


class FixedClosings(Closings):
    """Notice that nothing was deleted."""

    def handle(self, db, tab, drinks, version):
        if db.execute("delete from sagas where tab = ? and version = ?", (tab, version)).rowcount != 1:
            raise ConcurrencyException(tab)


@dataclass(frozen=True)
class Open:
    tab: str


@dataclass(frozen=True)
class Order(Open): ...


@dataclass(frozen=True)
class Close(Open): ...


@dataclass(frozen=True)
class Opened(Open): ...


@dataclass(frozen=True)
class Ordered(Open): ...


@dataclass(frozen=True)
class Closed(Open): ...


# What refold needs to know of it.


class App(Application):
    events = (Opened, Ordered, Closed)

    def commands(self):
        return [make(tab) for make in (Open, Order, Close) for tab in ("t1", "t2", "t3")]

    def decide(self, command, state):
        event = {Open: Opened, Order: Ordered, Close: Closed}[type(command)]
        if state is not None if event is Opened else state in (None, "closed"):
            raise Refusal(f"{command.tab} is {state}", "duplicate-create")
        return [event(command.tab)]

    def evolve(self, state, event):
        return {Opened: "open", Ordered: "open", Closed: "closed"}[type(event)]

    def view(self, event, rows):
        return {event.tab: {Opened: 0, Ordered: (rows.get(event.tab) or 0) + 1, Closed: None}[type(event)]}


def system(closings):
    return sqlite_system(
        SCHEMA,
        Service(Bar, refusals=[Rejected]),
        events={event: f"select position, tab from events where kind = '{event.__name__}'" for event in App.events},
        consumers={
            name: Worker(make, poll="receive", rows="select tab, drinks from sagas")
            for name, make in (("orders", Orders), ("closings", closings))
        },
    )


Bad, Good = system(Closings), system(FixedClosings)
