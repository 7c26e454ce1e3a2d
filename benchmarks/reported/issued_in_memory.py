"""noetl/noetl#255: "[NoETL] In-memory state cache becomes stale when command issuance fails".

The engine handles an event of an execution: it looks which steps come next, leaves out those that it has issued already, and notes the
new ones in the state that it keeps in memory. Then the commands are stored. If that fails, the event is handled again, but now the state
says that the steps were issued: no command is ever stored, and the workflow stops silently.
Fixed (noetl/noetl#256): when the commands cannot be stored, the state in memory is dropped, and read again from the database.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, kind text, execution text, handled integer default 0,
    unique (kind, execution));
create table commands (id integer primary key autoincrement, execution text, step text, sent integer default 0);
"""
NEXT = {"Started": "extract", "Extracted": "load"}


class Rejected(Exception):
    """There is no such execution, or that has happened already."""


class Api:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def start(self, execution):
        self.record("Started", execution)

    def extract(self, execution):
        """The client's report that the step is done."""
        self.record("Extracted", execution)

    def record(self, kind, execution):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            happened = {kind for (kind,) in db.execute("select kind from events where execution = ?", (execution,))}
            if kind in happened or (kind != "Started" and "Started" not in happened):
                raise Rejected(execution)
            db.execute("insert into events (kind, execution) values (?, ?)", (kind, execution))
            db.execute("commit")


class Engine:
    """Turns events into commands."""

    def __init__(self, path, workers):
        self.path, self.issued_steps = path, {}

    def work(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            event = db.execute(
                "select position, kind, execution from events where handled = 0 order by position limit 1"
            ).fetchone()
            if event is None:
                return False
            position, kind, execution = event
            steps = self.handle_event(db, kind, execution)
            try:
                self.issue_commands(db, position, execution, steps)
            except BaseException:
                self.issuance_failed(execution)
                raise
        return True

    def handle_event(self, db, kind, execution):
        """The steps that have to be issued because of this event."""
        issued = self.state(db, execution)
        steps = [step for step in (NEXT[kind],) if step not in issued]
        issued.update(steps)
        return steps

    def state(self, db, execution):
        if execution not in self.issued_steps:
            rows = db.execute("select step from commands where execution = ?", (execution,)).fetchall()
            self.issued_steps[execution] = {step for (step,) in rows}
        return self.issued_steps[execution]

    def issue_commands(self, db, position, execution, steps):
        with db:
            for step in steps:
                db.execute("insert into commands (execution, step) values (?, ?)", (execution, step))
            db.execute("update events set handled = 1 where position = ?", (position,))

    def issuance_failed(self, execution):
        """Nothing to be done."""


class FixedEngine(Engine):
    """Forgets what it believes."""

    def issuance_failed(self, execution):
        self.issued_steps.pop(execution, None)


class Dispatcher:
    """Sends the commands to the workers."""

    def __init__(self, path, workers):
        self.path, self.workers = path, workers

    def work(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            command = db.execute(
                "select id, execution, step from commands where sent = 0 order by id limit 1"
            ).fetchone()
            if command is None:
                return False
            self.workers.send(f"{command[2]} {command[1]}")
            with db:
                db.execute("update commands set sent = 1 where id = ?", (command[0],))
        return True


@dataclass(frozen=True)
class Start:
    execution: str


@dataclass(frozen=True)
class Extract(Start): ...


@dataclass(frozen=True)
class Started(Start): ...


@dataclass(frozen=True)
class Extracted(Start): ...


# What refold needs to know of it.


class App(Application):
    events = (Started, Extracted)

    def commands(self):
        return [make(execution) for make in (Start, Extract) for execution in ("e1", "e2", "e3", "e4")]

    def decide(self, command, state):
        event, happened = {Start: Started, Extract: Extracted}[type(command)], state or ()
        if event.__name__ in happened or (event is not Started and not happened):
            raise Refusal(f"not possible for {command.execution}", "duplicate-create")
        return [event(command.execution)]

    def evolve(self, state, event):
        return (*(state or ()), type(event).__name__)


def system(engine):
    return sqlite_system(
        SCHEMA,
        Service(Api, refusals=[Rejected]),
        events={
            event: f"select position, execution from events where kind = '{event.__name__}'" for event in App.events
        },
        sinks={"workers": Sink(lambda event: f"{NEXT[event.type]} {event.data.execution}")},
        relays={
            "engine": Relay(engine, poll="work", sends="workers"),
            "dispatcher": Relay(Dispatcher, poll="work", sends="workers"),
        },
    )


Bad, Good = system(Engine), system(FixedEngine)
