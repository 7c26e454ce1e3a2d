"""eventflow/EventFlow#598: "MongoDB: Concurrently execute 2 commands against the same aggregate does not throw
OptimisticConcurrencyException for persistence component".

The store numbers the events of an aggregate and relies on the database to reject a number that exists already. The collection of
MongoDB has no unique index on aggregate and number: two commands at the same time store two events with the same number, each decided
without the other.
Fixed: a unique index; a duplicate number is an OptimisticConcurrencyException, and the command is executed again.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

EVENTS = """
create table events (position integer primary key autoincrement, voucher text, sequence integer, amount integer);
create index events_of_aggregate on events (voucher, sequence);
"""
FIXED_EVENTS = EVENTS.replace("create index", "create unique index")
RETRIES = 4


class OptimisticConcurrencyException(Exception):
    """Somebody else has committed that number."""


class Overdrawn(Exception):
    """The voucher is not worth that much."""


class Voucher:
    """The aggregate."""

    def __init__(self, name):
        self.name, self.version, self.left, self.uncommitted = name, 0, 10, []

    def apply(self, sequence, amount):
        self.version, self.left = sequence, self.left - amount

    def redeem(self, amount):
        if not 0 <= self.left - amount <= 10:
            raise Overdrawn(self.name)
        self.uncommitted.append(amount)


class EventPersistence:
    """Loads and commits the events of an aggregate."""

    def __init__(self, path):
        self.path = path

    def load(self, name):
        voucher = Voucher(name)
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            for event in db.execute(
                "select sequence, amount from events where voucher = ? order by sequence", (name,)
            ).fetchall():
                voucher.apply(*event)
        return voucher

    def commit(self, voucher):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    for sequence, amount in enumerate(voucher.uncommitted, voucher.version + 1):
                        db.execute(
                            "insert into events (voucher, sequence, amount) values (?, ?, ?)",
                            (voucher.name, sequence, amount),
                        )
            except sqlite3.IntegrityError as error:
                raise OptimisticConcurrencyException(voucher.name) from error


class CommandBus:
    """What clients call."""

    def __init__(self, path):
        self.events = EventPersistence(path)

    def redeem(self, voucher, amount):
        for _ in range(RETRIES):
            with contextlib.suppress(OptimisticConcurrencyException):
                return self.attempt(voucher, amount)
        return self.attempt(voucher, amount)

    def attempt(self, name, amount):
        voucher = self.events.load(name)
        voucher.redeem(amount)
        self.events.commit(voucher)


@dataclass(frozen=True)
class Redeem:
    voucher: str
    amount: int


@dataclass(frozen=True)
class Redeemed(Redeem): ...


# What refold needs to know of it.


class App(Application):
    events = (Redeemed,)

    def commands(self):
        return [Redeem(voucher, amount) for voucher in ("v1", "v2") for amount in (6, -6)]

    def initial(self, key):
        return 10

    def decide(self, command, left):
        if not 0 <= left - command.amount <= 10:
            raise Refusal(f"{left} left", "oversold")
        return [Redeemed(command.voucher, command.amount)]

    def evolve(self, left, event):
        return left - event.amount


def system(schema):
    service = Service(CommandBus, refusals=[Overdrawn, OptimisticConcurrencyException])
    return sqlite_system(schema, service, events={Redeemed: "events"})


Bad, Good = system(EVENTS), system(FIXED_EVENTS)
