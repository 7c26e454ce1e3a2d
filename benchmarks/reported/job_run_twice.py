"""silverstripe/silverstripe-queuedjobs#26: "Ensure multiple queue processors don't run duplicate jobs".

A queue processor selects a job that is new, marks it as running, and runs it. With two processors, both select the same job
before either marks it, and the job (a mail) is done twice.
Fixed as the report says: one update from the state new to running; who has updated no row leaves the job to the other one.
A job is run at most once: if its processor dies, somebody has to look at it.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table signups (position integer primary key autoincrement, address text unique);
create table jobs (id integer primary key autoincrement, address text, status text default 'New');
"""


class SignedUp(Exception):
    """That address has signed up."""


class Site:
    """What clients call: it stores a job with each sign-up."""

    def __init__(self, path):
        self.path = path

    def sign_up(self, address):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    db.execute("insert into signups (address) values (?)", (address,))
                    db.execute("insert into jobs (address) values (?)", (address,))
            except sqlite3.IntegrityError:
                raise SignedUp(address) from None


class Processor:
    """Takes a job and runs it."""

    def __init__(self, path, mail):
        self.path, self.mail = path, mail

    def process(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            job = db.execute(
                "select id, address from jobs where status in ('New', 'Wait') order by id limit 1"
            ).fetchone()
            if job is None:
                return False
            if self.take(db, job[0]):
                self.mail.send(f"welcome {job[1]}")
                with db:
                    db.execute("update jobs set status = 'Complete' where id = ?", (job[0],))
        return True

    def take(self, db, number):
        with db:
            db.execute("update jobs set status = 'Running' where id = ?", (number,))
        return True


class FixedProcessor(Processor):
    """Takes a job only from those that nobody has taken."""

    def take(self, db, number):
        with db:
            done = db.execute(
                "update jobs set status = 'Running' where status in ('New', 'Wait') and id = ?", (number,)
            )
        return done.rowcount == 1


@dataclass(frozen=True)
class SignUp:
    address: str


@dataclass(frozen=True)
class Joined(SignUp): ...


# What refold needs to know of it.


class App(Application):
    events = (Joined,)

    def commands(self):
        return [SignUp(address) for address in ("ann", "bob", "cat", "dan")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.address} has signed up", "duplicate-create")
        return [Joined(command.address)]

    def evolve(self, state, event):
        return True


def system(processor):
    return sqlite_system(
        SCHEMA,
        Service(Site, refusals=[SignedUp]),
        events={Joined: "signups"},
        sinks={"mail": Sink(lambda event: f"welcome {event.data.address}", promises=["at-most-once"])},
        relays={name: Relay(processor, poll="process", sends="mail") for name in ("first", "second")},
    )


Bad, Good = system(Processor), system(FixedProcessor)
