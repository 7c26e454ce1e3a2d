"""oxidecomputer/omicron#5947: "saga recovery stops if Nexus fails to recover a saga" (fixed by oxidecomputer/omicron#6063).

When Nexus starts, it lists the sagas that have not ended, and loads one after the other. If it fails to load one, recovery stops
there, and it is never tried again: that saga and all that come after it stay in the state running, and nobody runs them.
Fixed: recovery is a task that runs again and again; it leaves alone what is running already, and a saga that cannot be loaded
does not keep it from loading the others.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table requests (position integer primary key autoincrement, kind text, instance text);
create table sagas (id integer primary key, state text);
create table params (saga integer primary key, text text);
"""


class Rejected(Exception):
    """The instance exists, or does not."""


class Api:
    """What clients call: it records a request together with its saga."""

    def __init__(self, path):
        self.path = path

    def provision(self, instance):
        self.record("Provisioned", instance)

    def destroy(self, instance):
        self.record("Destroyed", instance)

    def record(self, kind, instance):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            last = db.execute(
                "select kind from requests where instance = ? order by position desc limit 1", (instance,)
            ).fetchone() or ("Destroyed",)
            if last[0] == kind:
                raise Rejected(instance)
            id = db.execute("insert into requests (kind, instance) values (?, ?)", (kind, instance)).lastrowid
            db.execute("insert into sagas values (?, 'new')", (id,))
            db.execute("insert into params values (?, ?)", (id, f"{kind} {instance} ({id})"))
            db.execute("commit")


class Nexus:
    """Runs sagas. Those that it runs are in its memory."""

    def __init__(self, path, agent):
        self.path, self.agent, self.running, self.started = path, agent, {}, False

    def connect(self):
        return contextlib.closing(sqlite3.connect(self.path))

    def work(self):
        """Do something; False if there is nothing to do."""
        with self.connect() as db:
            self.recover(db)
            if not self.running:
                self.take_new(db)
            if not self.running:
                return False
            id, params = next(iter(self.running.items()))
            self.agent.send(params)
            with db:
                db.execute("update sagas set state = 'done' where id = ?", (id,))
            del self.running[id]
        return True

    def take_new(self, db):
        new = db.execute("select id from sagas where state = 'new' order by id limit 1").fetchone()
        if new is not None:
            self.running[new[0]] = self.load(db, new[0])
            with db:
                db.execute("update sagas set state = 'running' where id = ?", new)

    def recover(self, db):
        """Once, at the start."""
        if self.started:
            return
        self.started = True
        with contextlib.suppress(sqlite3.Error):
            for id in self.unfinished(db):
                self.running[id] = self.load(db, id)

    def unfinished(self, db):
        return [id for (id,) in db.execute("select id from sagas where state = 'running' order by id").fetchall()]

    def load(self, db, id):
        return db.execute("select text from params where saga = ?", (id,)).fetchone()[0]


class FixedNexus(Nexus):
    """Recovers whenever it has nothing else to do."""

    def recover(self, db):
        if self.running:
            return
        with contextlib.suppress(sqlite3.Error):
            for id in self.unfinished(db):
                with contextlib.suppress(sqlite3.Error):
                    self.running[id] = self.load(db, id)


@dataclass(frozen=True)
class Provision:
    instance: str


@dataclass(frozen=True)
class Destroy:
    instance: str


@dataclass(frozen=True)
class Provisioned(Provision): ...


@dataclass(frozen=True)
class Destroyed(Destroy): ...


# What refold needs to know of it.


class App(Application):
    events = (Provisioned, Destroyed)

    def commands(self):
        return [make(instance) for make in (Provision, Destroy) for instance in ("i1", "i2", "i3")]

    def initial(self, key):
        return "not there"

    def decide(self, command, state):
        event = Provisioned if type(command) is Provision else Destroyed
        if (state == "not there") != (event is Provisioned):
            raise Refusal(f"{command.instance} is {state}", "duplicate-create")
        return [event(command.instance)]

    def evolve(self, state, event):
        return "there" if type(event) is Provisioned else "not there"


def system(nexus):
    events = {event: f"select position, instance from requests where kind = '{event.__name__}'" for event in App.events}
    return sqlite_system(
        SCHEMA,
        Service(Api, refusals=[Rejected]),
        events=events,
        sinks={"agent": Sink(lambda event: f"{event.type} {event.data.instance} ({event.position})")},
        relays={"nexus": Relay(nexus, poll="work", sends="agent")},
    )


Bad, Good = system(Nexus), system(FixedNexus)
