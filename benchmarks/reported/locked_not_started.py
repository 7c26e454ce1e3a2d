"""schmittjoh/JMSJobQueueBundle#258: "Crash between lock and start of a job renders it stuck".

`RunCommand` takes a pending job by writing its own name to it, and then starts it. When it begins, it looks for jobs with its name that
are still running, and runs them again: it has died. If it has died between taking and starting, the job is pending and has a name: it is
neither running, nor free to be taken.
Fixed as the report says: what is cleaned up at the beginning includes the pending jobs with its own name.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table invoices (position integer primary key autoincrement, number text unique);
create table jobs (id integer primary key autoincrement, invoice text, state text default 'pending', worker text);
"""


class Exists(Exception):
    """There is an invoice with that number."""


class Billing:
    """What clients call: it stores a job with each invoice."""

    def __init__(self, path):
        self.path = path

    def bill(self, number):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    db.execute("insert into invoices (number) values (?)", (number,))
                    db.execute("insert into jobs (invoice) values (?)", (number,))
            except sqlite3.IntegrityError:
                raise Exists(number) from None


class RunCommand:
    """Runs jobs. After an error it ends, and the supervisor starts it again under the same name."""

    worker, stale = "web1", "state = 'running'"

    def __init__(self, path, mail):
        self.path, self.mail, self.begun = path, mail, False

    def execute(self):
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as db:
                if not self.begun:
                    self.clean_up_stale_jobs(db)
                    self.begun = True
                return self.run_job(db)
        except BaseException:
            self.begun = False
            raise

    def clean_up_stale_jobs(self, db):
        with db:
            db.execute(
                f"update jobs set state = 'pending', worker = null where worker = ? and {self.stale}", (self.worker,)
            )

    def run_job(self, db):
        job = db.execute(
            "select id, invoice from jobs where state = 'pending' and worker is null order by id limit 1"
        ).fetchone()
        if job is None:
            return False
        if self.acquire_lock(db, job[0]):
            self.start_job(db, *job)
        return True

    def acquire_lock(self, db, id):
        with db:
            done = db.execute("update jobs set worker = ? where id = ? and worker is null", (self.worker, id))
        return done.rowcount == 1

    def start_job(self, db, id, invoice):
        self.set_state(db, id, "running")
        self.mail.send(f"invoice {invoice}")
        self.set_state(db, id, "finished")

    def set_state(self, db, id, state):
        with db:
            db.execute("update jobs set state = ? where id = ?", (state, id))


class FixedRunCommand(RunCommand):
    """Cleans up what it has only locked, too."""

    stale = "state in ('pending', 'running')"


@dataclass(frozen=True)
class Bill:
    number: str


@dataclass(frozen=True)
class Billed(Bill): ...


# What refold needs to know of it.


class App(Application):
    events = (Billed,)

    def commands(self):
        return [Bill(number) for number in ("i1", "i2", "i3", "i4", "i5")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.number} exists", "duplicate-create")
        return [Billed(command.number)]

    def evolve(self, state, event):
        return True


def system(command):
    names = ("web1", "web2")
    commands = {name: type(f"{command.__name__}_{name}", (command,), {"worker": name}) for name in names}
    return sqlite_system(
        SCHEMA,
        Service(Billing, refusals=[Exists]),
        events={Billed: "invoices"},
        sinks={"mail": Sink(lambda event: f"invoice {event.data.number}")},
        relays={name: Relay(made, poll="execute", sends="mail") for name, made in commands.items()},
    )


Bad, Good = system(RunCommand), system(FixedRunCommand)
