"""KanishJebaMathewM/Truxify#9369: "fix(eventsourcing): preserve historical snapshot state when replaying post-snapshot events".

The state of an aggregate is its newest snapshot, if there are no events after it. If there are, the snapshot is bypassed: the state
begins empty, and only the events after the snapshot are replayed.
Fixed: the state begins with the snapshot, and the events after it are replayed onto it.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, truck text, version integer, pallets integer,
    unique (truck, version));
create table snapshots (truck text, version integer, loaded integer, primary key (truck, version));
"""
CAPACITY, EVERY = 6, 3


class Overloaded(Exception):
    """The truck cannot take that many, or does not have them."""


class VersionConflict(Exception):
    """Somebody else has loaded the truck."""


class EventSourcing:
    """Loads and saves aggregates. Every third version is kept as a snapshot."""

    def __init__(self, path):
        self.path = path

    def load(self, truck):
        """(version, pallets)"""
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            snapshot = db.execute(
                "select version, loaded from snapshots where truck = ? order by version desc limit 1", (truck,)
            ).fetchone() or (0, 0)
            events = db.execute(
                "select version, pallets from events where truck = ? and version > ? order by version",
                (truck, snapshot[0]),
            ).fetchall()
        return self.rebuild(snapshot, events)

    def rebuild(self, snapshot, events):
        if not events:
            return snapshot
        return self.replay((0, 0), events)

    def replay(self, state, events):
        version, loaded = state
        for number, pallets in events:
            version, loaded = number, loaded + pallets
        return version, loaded

    def save(self, truck, version, pallets, loaded):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            try:
                with db:
                    db.execute(
                        "insert into events (truck, version, pallets) values (?, ?, ?)", (truck, version, pallets)
                    )
                    if version % EVERY == 0:
                        db.execute("insert into snapshots values (?, ?, ?)", (truck, version, loaded))
            except sqlite3.IntegrityError as error:
                raise VersionConflict(truck) from error


class FixedEventSourcing(EventSourcing):
    """Begins with the snapshot."""

    def rebuild(self, snapshot, events):
        return self.replay(snapshot, events)


class Fleet:
    """What clients call."""

    store = EventSourcing

    def __init__(self, path):
        self.events = self.store(path)

    def load(self, truck, pallets):
        version, loaded = self.events.load(truck)
        if not 0 <= loaded + pallets <= CAPACITY:
            raise Overloaded(truck)
        self.events.save(truck, version + 1, pallets, loaded + pallets)

    def state(self, truck):
        return self.events.load(truck)


class FixedFleet(Fleet):
    """With the store that begins with the snapshot."""

    store = FixedEventSourcing


@dataclass(frozen=True)
class Load:
    truck: str
    pallets: int


@dataclass(frozen=True)
class Loaded(Load): ...


# What refold needs to know of it.


class App(Application):
    events = (Loaded,)

    def commands(self):
        return [Load(truck, pallets) for truck in ("red", "blue") for pallets in (3, 2, -2)]

    def initial(self, key):
        return 0

    def decide(self, command, state):
        if not 0 <= state + command.pallets <= CAPACITY:
            raise Refusal(f"{state} of {CAPACITY}", "oversold")
        return [Loaded(command.truck, command.pallets)]

    def evolve(self, state, event):
        return state + event.pallets


def system(fleet):
    service = Service(
        fleet,
        refusals=[Overloaded, VersionConflict],
        load="state",
        state=lambda found: found[1],
        snapshots="snapshots",
        snapshot=int,
    )
    return sqlite_system(SCHEMA, service, events={Loaded: "events"})


Bad, Good = system(Fleet), system(FixedFleet)
