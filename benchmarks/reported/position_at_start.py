"""zitadel/zitadel#12703: "fix(eventstore): prevent projections from skipping events".

The position of an event is the time at which its transaction began. A slow transaction that began earlier commits after a
faster one: by then the projection has stored the later position, and it never sees the earlier one.
Fixed: the position is taken at the insert, while no other writer can be in between.
"""

import contextlib
import sqlite3
import time
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (seq integer primary key autoincrement, position real, user text);
create table logins (user text primary key, count integer);
create table current_state (position real, offset integer);
insert into current_state values (0, 0);
"""


class Events:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def login(self, user):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin")
            self.push(db, user, time.monotonic())
            db.execute("commit")

    def push(self, db, user, now):
        """`now` is the time at which the transaction began, by the one clock of the server."""
        db.execute("insert into events (position, user) values (?, ?)", (now, user))


class FixedEvents(Events):
    """Takes the position at the insert."""

    def push(self, db, user, now):
        db.execute("insert into events (position, user) select coalesce(max(position), 0) + 1, ? from events", (user,))


class Projection:
    """Resumes at a position, after so many events that it has handled there: events may share a position."""

    def __init__(self, path):
        self.path = path

    def trigger(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            position, offset = db.execute("select position, offset from current_state").fetchone()
            event = db.execute(
                "select position, user from events where position >= ? order by position, seq limit 1 offset ?",
                (position, offset),
            ).fetchone()
            if event is not None:
                db.execute(
                    "insert into logins values (?, 1) on conflict (user) do update set count = count + 1", (event[1],)
                )
                offset = offset + 1 if event[0] == position else 1
                db.execute("update current_state set position = ?, offset = ?", (event[0], offset))
            db.execute("commit")
        return event is not None


@dataclass(frozen=True)
class Login:
    user: str


@dataclass(frozen=True)
class LoggedIn(Login): ...


# What refold needs to know of it.


class App(Application):
    events = (LoggedIn,)

    def commands(self):
        return [Login(user) for user in ("ann", "bob", "cat")]

    def decide(self, command, state):
        return [LoggedIn(command.user)]

    def evolve(self, state, event):
        return (state or 0) + 1


def system(service):
    logins = Worker(Projection, poll="trigger", rows="logins")
    events = {LoggedIn: "select seq as position, user from events"}
    return sqlite_system(SCHEMA, Service(service), events=events, consumers={"logins": logins})


Bad, Good = system(Events), system(FixedEvents)
