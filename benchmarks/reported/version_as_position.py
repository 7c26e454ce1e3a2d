"""prooph/micro#13: "Version vs. event no problem with snapshots".

The events of all aggregates are in one stream. An aggregate is loaded from its newest snapshot and the events that come after it,
which are looked up with the version of the aggregate as if it were their number in the stream. The number is larger than the version as
soon as there is another aggregate, so events that are in the snapshot are applied again.
Fixed: the events are matched by the version of the aggregate in their metadata.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table event_stream (no integer primary key autoincrement, aggregate text, version integer, amount integer,
    unique (aggregate, version));
create table snapshots (aggregate text, version integer, balance integer, primary key (aggregate, version));
"""
EVERY = 2


class NotEnough(Exception):
    """The account does not cover the amount."""


class ConcurrencyException(Exception):
    """Somebody else has appended."""


class Kernel:
    """What clients call: loads, decides and appends. Every second version is kept as a snapshot."""

    missing = "select version, amount from event_stream where aggregate = ? and no > ? order by no"

    def __init__(self, path):
        self.path = path

    def load(self, account):
        """(version, balance)"""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            version, balance = db.execute(
                "select version, balance from snapshots where aggregate = ? order by version desc limit 1", (account,)
            ).fetchone() or (0, 0)
            for number, amount in db.execute(self.missing, (account, version)).fetchall():
                version, balance = number, balance + amount
        return version, balance

    def move(self, account, amount):
        version, balance = self.load(account)
        if balance + amount < 0:
            raise NotEnough(account)
        self.append(account, version + 1, amount, balance + amount)

    def append(self, account, version, amount, balance):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    db.execute(
                        "insert into event_stream (aggregate, version, amount) values (?, ?, ?)",
                        (account, version, amount),
                    )
                    if version % EVERY == 0:
                        db.execute("insert into snapshots values (?, ?, ?)", (account, version, balance))
            except sqlite3.IntegrityError as error:
                raise ConcurrencyException(account) from error


class FixedKernel(Kernel):
    """Matches the version in the metadata."""

    missing = "select version, amount from event_stream where aggregate = ? and version > ? order by no"


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


def system(kernel):
    service = Service(
        kernel,
        refusals=[NotEnough, ConcurrencyException],
        load="load",
        state=lambda loaded: loaded[1],
        snapshots="snapshots",
        snapshot=int,
    )
    events = {Moved: "select no as position, aggregate as account, amount from event_stream"}
    return sqlite_system(SCHEMA, service, events=events)


Bad, Good = system(Kernel), system(FixedKernel)
