"""ReactiveDomain/reactive-domain#298: "A failed Save is silent under caching, and leaves the aggregate unable to retry".

The read-through cache of aggregates catches whatever `save` raises, evicts the aggregate and returns normally. A rejected
append (a concurrency conflict, a failed statement) is answered as done, and nothing is in the log.
Fixed: the cache raises what it caught.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, account text, version integer, amount integer,
    unique (account, version));
"""


class NotEnough(Exception):
    """The account does not cover the amount."""


class Conflict(Exception):
    """Somebody else has appended to the stream since the aggregate was loaded."""


class Account:
    """The aggregate."""

    def __init__(self):
        self.version, self.balance, self.recorded = 0, 0, []

    def move(self, amount):
        if self.balance + amount < 0:
            raise NotEnough(f"only {self.balance}")
        self.balance += amount
        self.recorded.append(amount)


class Repository:
    """Loads and saves aggregates, with a version for each event."""

    def __init__(self, path):
        self.path = path

    def get(self, name):
        return self.update(name, Account())

    def update(self, name, account):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            for version, amount in db.execute(
                "select version, amount from events where account = ? and version > ? order by version",
                (name, account.version),
            ):
                account.version, account.balance = version, account.balance + amount
        return account

    def save(self, name, account):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                for n, amount in enumerate(account.recorded, account.version + 1):
                    db.execute("insert into events (account, version, amount) values (?, ?, ?)", (name, n, amount))
                db.commit()
            except sqlite3.IntegrityError as error:
                raise Conflict(name) from error
        account.version += len(account.recorded)
        account.recorded = []


class ReadThroughCache:
    """Keeps the aggregates that this process has loaded, and brings them up to date when they are asked for again."""

    def __init__(self, repository):
        self.repository, self.known = repository, {}

    def get(self, name):
        if name in self.known:
            return self.repository.update(name, self.known[name])
        self.known[name] = self.repository.get(name)
        return self.known[name]

    def save(self, name, account):
        try:
            self.repository.save(name, account)
            self.known[name] = account
        except Exception:
            self.known.pop(name, None)


class LoudCache(ReadThroughCache):
    """Evicts, and tells the caller."""

    def save(self, name, account):
        try:
            self.repository.save(name, account)
            self.known[name] = account
        except BaseException:
            self.known.pop(name, None)
            raise


class Accounts:
    """What clients call."""

    cache = ReadThroughCache

    def __init__(self, path):
        self.accounts = self.cache(Repository(path))

    def move(self, account, amount):
        found = self.accounts.get(account)
        found.move(amount)
        self.accounts.save(account, found)

    def load(self, account):
        return self.accounts.get(account)


class FixedAccounts(Accounts):
    """With the cache that tells."""

    cache = LoudCache


@dataclass(frozen=True)
class Move:
    account: str
    amount: int


@dataclass(frozen=True)
class Moved(Move): ...


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
        return [Moved(command.account, command.amount)]

    def evolve(self, state, event):
        return state + event.amount


def system(make):
    service = Service(make, refusals=[NotEnough, Conflict], load="load", state=lambda account: account.balance)
    return sqlite_system(SCHEMA, service, events={Moved: "events"})


Bad, Good = system(Accounts), system(FixedAccounts)
