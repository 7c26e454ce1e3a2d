"""looplab/eventhorizon#414: "Version is not set when recreating Aggregate from SnapShot".

An aggregate is loaded from its newest snapshot and the events after it. The events set its version, the snapshot does not: if no event
comes after the snapshot, the version of the aggregate is 0, its next event gets number 1, and cannot be saved. No command succeeds any
more.
Fixed (looplab/eventhorizon#416): the version of the snapshot is the version of the aggregate.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, tank text, version integer, litres integer,
    unique (tank, version));
create table snapshots (tank text, version integer, litres integer, primary key (tank, version));
"""
EVERY, CAPACITY = 3, 5


class VersionConflict(Exception):
    """The aggregate has changed since it was loaded."""


class DoesNotFit(Exception):
    """The tank would overflow, or run dry."""


class Tank:
    """The aggregate."""

    def __init__(self, name):
        self.name, self.version, self.litres, self.uncommitted = name, 0, 0, []

    def apply_snapshot(self, version, litres):
        self.litres = litres

    def apply(self, version, litres):
        self.version, self.litres = version, self.litres + litres

    def fill(self, litres):
        if not 0 <= self.litres + litres <= CAPACITY:
            raise DoesNotFit(self.name)
        self.uncommitted.append(litres)


class FixedTank(Tank):
    """Has the version of its snapshot."""

    def apply_snapshot(self, version, litres):
        self.version, self.litres = version, litres


class AggregateStore:
    """Events, and a snapshot with every third of them."""

    def __init__(self, path, make):
        self.path, self.make = path, make

    def load(self, name):
        tank = self.make(name)
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            snapshot = db.execute(
                "select version, litres from snapshots where tank = ? order by version desc limit 1", (name,)
            ).fetchone()
            if snapshot is not None:
                tank.apply_snapshot(*snapshot)
            for event in db.execute(
                "select version, litres from events where tank = ? and version > ? order by version",
                (name, snapshot[0] if snapshot else 0),
            ).fetchall():
                tank.apply(*event)
        return tank

    def save(self, tank):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    for litres in tank.uncommitted:
                        tank.apply(tank.version + 1, litres)
                        db.execute(
                            "insert into events (tank, version, litres) values (?, ?, ?)",
                            (tank.name, tank.version, litres),
                        )
                        if tank.version % EVERY == 0:
                            db.execute("insert into snapshots values (?, ?, ?)", (tank.name, tank.version, tank.litres))
            except sqlite3.IntegrityError as error:
                raise VersionConflict(tank.name) from error


class Tanks:
    """What clients call."""

    aggregate = Tank

    def __init__(self, path):
        self.store = AggregateStore(path, self.aggregate)

    def load(self, tank):
        return self.store.load(tank)

    def fill(self, tank, litres):
        found = self.store.load(tank)
        found.fill(litres)
        self.store.save(found)


class FixedTanks(Tanks):
    """With the aggregate that takes over the version."""

    aggregate = FixedTank


@dataclass(frozen=True)
class Fill:
    tank: str
    litres: int


@dataclass(frozen=True)
class Filled(Fill): ...


# What refold needs to know of it.


class App(Application):
    events = (Filled,)

    def commands(self):
        return [Fill(tank, litres) for tank in ("north", "south") for litres in (2, -1)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if not 0 <= state + command.litres <= CAPACITY:
            raise Refusal(f"{state} of {CAPACITY} litres", "oversold")
        return [Filled(command.tank, command.litres)]

    def evolve(self, state, event):
        return state + event.litres


def system(make):
    service = Service(
        make,
        refusals=[DoesNotFit, VersionConflict],
        load="load",
        state=lambda tank: tank.litres,
        snapshots="snapshots",
        snapshot=int,
    )
    return sqlite_system(SCHEMA, service, events={Filled: "events"})


Bad, Good = system(Tanks), system(FixedTanks)
