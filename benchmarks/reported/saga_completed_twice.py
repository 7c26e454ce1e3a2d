"""wework/grabbit#109: "A completing saga action may get executed twice" (fixed by wework/grabbit#110).

A saga can be completed by more than one message: by a reply, and by a timeout. If both arrive, both find the saga, both carry
out the completing action, and both delete the saga; the store does not say that there was nothing to delete.
Fixed: deleting a saga that is not there is an error; the message is rolled back, and handled again without a saga.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, kind text, request text, unique (kind, request));
create table sagas (request text primary key);
create table subscriptions (kind text primary key, position integer);
insert into subscriptions values ('Replied', 0), ('TimedOut', 0);
create table outgoing (id integer primary key autoincrement, message text, sent integer default 0);
"""


class Rejected(Exception):
    """There is no such request, or that has happened already."""


class Desk:
    """What clients call. Asking starts the saga."""

    def __init__(self, path):
        self.path = path

    def ask(self, request):
        self.record("Asked", request)

    def reply(self, request):
        self.record("Replied", request)

    def time_out(self, request):
        self.record("TimedOut", request)

    def record(self, kind, request):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            happened = {kind for (kind,) in db.execute("select kind from events where request = ?", (request,))}
            if kind in happened or (kind != "Asked" and "Asked" not in happened):
                raise Rejected(request)
            db.execute("insert into events (kind, request) values (?, ?)", (kind, request))
            if kind == "Asked":
                db.execute("insert into sagas values (?)", (request,))
            db.execute("commit")


class SagaNotFound(Exception):
    """There was nothing to delete."""


class Handler:
    """Handles the messages of one kind."""

    kind = "Replied"

    def __init__(self, path, broker):
        self.path = path

    def receive(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            message = db.execute(
                "select position, request from events where kind = ?1"
                " and position > (select position from subscriptions where kind = ?1) order by position limit 1",
                (self.kind,),
            ).fetchone()
            if message is None:
                return False
            position, request = message
            saga = db.execute("select request from sagas where request = ?", (request,)).fetchone()
            with db:
                if saga is not None:
                    db.execute("insert into outgoing (message) values (?)", (f"close {request}",))
                    self.delete(db, request)
                db.execute("update subscriptions set position = ? where kind = ?", (position, self.kind))
        return True

    def delete(self, db, request):
        db.execute("delete from sagas where request = ?", (request,))


class FixedHandler(Handler):
    """Handles a message again whose saga had gone."""

    def receive(self):
        try:
            return super().receive()
        except SagaNotFound:
            return super().receive()

    def delete(self, db, request):
        if db.execute("delete from sagas where request = ?", (request,)).rowcount != 1:
            raise SagaNotFound(request)


class Dispatcher:
    """Sends what the handlers have stored."""

    def __init__(self, path, broker):
        self.path, self.broker = path, broker

    def receive(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            row = db.execute("select id, message from outgoing where sent = 0 order by id limit 1").fetchone()
            if row is not None:
                self.broker.send(row[1])
                with db:
                    db.execute("update outgoing set sent = 1 where id = ?", (row[0],))
        return row is not None


@dataclass(frozen=True)
class Ask:
    request: str


@dataclass(frozen=True)
class Reply(Ask): ...


@dataclass(frozen=True)
class TimeOut(Ask): ...


@dataclass(frozen=True)
class Asked(Ask): ...


@dataclass(frozen=True)
class Replied(Ask): ...


@dataclass(frozen=True)
class TimedOut(Ask): ...


# What refold needs to know of it.


class App(Application):
    events = (Asked, Replied, TimedOut)

    def commands(self):
        return [make(request) for make in (Ask, Reply, TimeOut) for request in ("r1", "r2")]

    def decide(self, command, state):
        event, happened = {Ask: Asked, Reply: Replied, TimeOut: TimedOut}[type(command)], state or ()
        if event.__name__ in happened or (event is not Asked and not happened):
            raise Refusal(f"not possible for {command.request}", "duplicate-create")
        return [event(command.request)]

    def evolve(self, state, event):
        return (*(state or ()), type(event).__name__)


def system(handler):
    handlers = {kind: type(kind + handler.__name__, (handler,), {"kind": kind}) for kind in ("Replied", "TimedOut")}
    relays = {kind.lower(): Relay(made, poll="receive", sends="broker") for kind, made in handlers.items()}
    return sqlite_system(
        SCHEMA,
        Service(Desk, refusals=[Rejected]),
        events={event: f"select position, request from events where kind = '{event.__name__}'" for event in App.events},
        sinks={
            "broker": Sink(
                lambda event: f"close {event.data.request}" if event.version == 2 else None, promises=["once"]
            )
        },
        relays={**relays, "dispatcher": Relay(Dispatcher, poll="receive", sends="broker")},
    )


Bad, Good = system(Handler), system(FixedHandler)
