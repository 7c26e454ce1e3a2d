"""zitadel/zitadel#10453 (#10439): "Adding 2 prjections with the same table should not be allowed".

The position of a projection is stored under the name of its table. Two projections that write different columns of one table
therefore share one position: what one of them has read, the other never sees.
Fixed: each projection has a name of its own.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, type text, user text, name text);
create table users (id text primary key, name text, logins integer not null default 0);
create table current_states (projection text primary key, position integer);
"""
BATCH = 3


class Users:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def push(self, type, user, name):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (type, user, name) values (?, ?, ?)", (type, user, name))

    def rename(self, user, name):
        self.push("Renamed", user, name)

    def login(self, user):
        self.push("LoggedIn", user, None)


class Handler:
    """Reads the next events, reduces those of its types, and saves rows and position in one transaction."""

    table = "users"

    def __init__(self, path):
        self.path = path

    def projection_name(self):
        return self.table

    def trigger(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            name = self.projection_name()
            state = db.execute("select position from current_states where projection = ?", (name,)).fetchone()
            events = db.execute(
                "select position, type, user, name from events where position > ? order by position limit ?",
                (state[0] if state else 0, BATCH),
            ).fetchall()
            for _, type, user, value in events:
                self.reduce(db, type, user, value)
            if events:
                db.execute("insert or replace into current_states values (?, ?)", (name, events[-1][0]))
            db.execute("commit")
        return bool(events)


class Names(Handler):
    """The column of names."""

    def reduce(self, db, type, user, value):
        if type == "Renamed":
            db.execute(
                "insert into users (id, name) values (?, ?) on conflict (id) do update set name = excluded.name",
                (user, value),
            )


class Logins(Handler):
    """The column of logins."""

    def reduce(self, db, type, user, value):
        if type == "LoggedIn":
            db.execute(
                "insert into users (id, logins) values (?, 1) on conflict (id) do update set logins = logins + 1",
                (user,),
            )


class NamedNames(Names):
    """With a position of its own."""

    def projection_name(self):
        return "users.names"


class NamedLogins(Logins):
    """With a position of its own."""

    def projection_name(self):
        return "users.logins"


@dataclass(frozen=True)
class Rename:
    user: str
    name: str


@dataclass(frozen=True)
class Login:
    user: str


@dataclass(frozen=True)
class Renamed(Rename): ...


@dataclass(frozen=True)
class LoggedIn(Login): ...


# What refold needs to know of it.


class App(Application):
    events = (Renamed, LoggedIn)

    def commands(self):
        return [
            *(Login(user) for user in ("u1", "u2")),
            *(Rename(user, name) for user in ("u1", "u2") for name in ("ann", "bo")),
        ]

    def decide(self, command, state):
        return [LoggedIn(command.user) if isinstance(command, Login) else Renamed(command.user, command.name)]

    def evolve(self, state, event):
        name, logins = state or ("", 0)
        return (name, logins + 1) if isinstance(event, LoggedIn) else (event.name, logins)

    def names(self, event, rows):
        return {event.data.user: event.data.name} if isinstance(event.data, Renamed) else {}

    def logins(self, event, rows):
        return {event.data.user: rows.get(event.data.user, 0) + 1} if isinstance(event.data, LoggedIn) else {}


def worker(handler, rows, projection):
    state = (
        f"select coalesce(max(position), 0) from current_states where projection = '{handler('').projection_name()}'"
    )
    return Worker(handler, poll="trigger", rows=rows, projection=projection, checkpoint=state)


def system(names, logins):
    events = {
        Renamed: "select position, user, name from events where type = 'Renamed'",
        LoggedIn: "select position, user from events where type = 'LoggedIn'",
    }
    consumers = {
        "names": worker(names, "select id, name from users where name is not null", "names"),
        "logins": worker(logins, "select id, logins from users where logins > 0", "logins"),
    }
    return sqlite_system(SCHEMA, Service(Users), events=events, consumers=consumers)


Bad, Good = system(Names, Logins), system(NamedNames, NamedLogins)
