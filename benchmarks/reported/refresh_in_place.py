"""jonsequitur/Its.Cqrs#80: "redesign IEventSourcedRepository.Refresh".

A command is applied to an aggregate, which changes its state, and saving raises a concurrency exception. `refresh` then brings the same
object up to date: it applies the events that were missed, but what the rejected command has done to the state stays. The command is applied
again, to a state that no events lead to.
Fixed as the report says: `refresh` sources a new instance.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, account text, version integer, amount integer,
    balance integer, unique (account, version));
"""
ATTEMPTS = 3


class NotEnough(Exception):
    """The account does not cover the amount."""


class ConcurrencyException(Exception):
    """Somebody else has appended."""


class Account:
    """The aggregate. An event says what the balance is after it."""

    def __init__(self, name):
        self.name, self.version, self.balance, self.pending = name, 0, 0, []

    def update(self, history):
        for version, amount in history:
            self.version, self.balance = version, self.balance + amount

    def move(self, amount):
        if self.balance + amount < 0:
            raise NotEnough(self.name)
        self.balance += amount
        self.pending.append((amount, self.balance))


class Repository:
    """Loads, saves and refreshes aggregates."""

    def __init__(self, path):
        self.path = path

    def get(self, name):
        account = Account(name)
        account.update(self.history(name, 0))
        return account

    def history(self, name, after):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select version, amount from events where account = ? and version > ? order by version", (name, after)
            ).fetchall()

    def save(self, account):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    for version, (amount, balance) in enumerate(account.pending, account.version + 1):
                        db.execute(
                            "insert into events (account, version, amount, balance) values (?, ?, ?, ?)",
                            (account.name, version, amount, balance),
                        )
            except sqlite3.IntegrityError as error:
                raise ConcurrencyException(account.name) from error

    def refresh(self, account):
        account.pending.clear()
        account.update(self.history(account.name, account.version))
        return account


class FixedRepository(Repository):
    """Begins with a new instance."""

    def refresh(self, account):
        return self.get(account.name)


class Bank:
    """What clients call."""

    repository = Repository

    def __init__(self, path):
        self.accounts = self.repository(path)

    def move(self, account, amount):
        found = self.accounts.get(account)
        for attempt in range(1, ATTEMPTS + 1):
            found.move(amount)
            try:
                return self.accounts.save(found)
            except ConcurrencyException:
                if attempt == ATTEMPTS:
                    raise
                found = self.accounts.refresh(found)
        return None


class FixedBank(Bank):
    """With the repository that begins anew."""

    repository = FixedRepository


@dataclass(frozen=True)
class Move:
    account: str
    amount: int


@dataclass(frozen=True)
class Moved:
    account: str
    amount: int
    balance: int


# What refold needs to know of it.


class App(Application):
    events = (Moved,)

    def commands(self):
        return [Move(account, amount) for account in ("ann", "bob") for amount in (5, -3)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if state + command.amount < 0:
            raise Refusal(f"only {state}", "oversold")
        return [Moved(command.account, command.amount, state + command.amount)]

    def evolve(self, state, event):
        return state + event.amount


def system(make):
    return sqlite_system(SCHEMA, Service(make, refusals=[NotEnough, ConcurrencyException]), events={Moved: "events"})


Bad, Good = system(Bank), system(FixedBank)
