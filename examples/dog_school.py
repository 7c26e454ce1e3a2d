"""An application of the library `eventsourcing`, and four mistakes in it. The ten lines for refold are at the end.

Try it: refold verify --system dog_school.py:SCHOOL
"""

from __future__ import annotations

from typing import Any

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, Snapshot, event
from eventsourcing.persistence import IntegrityError
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteTrackingRecorder

from refold.systems import EventSourcing


class Dog(Aggregate):
    """It learns each trick once."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("Taught")
    def teach(self, trick: str) -> None:
        if trick in self.tricks:
            raise ValueError(f"{self.name} knows {trick}")
        self.tricks.append(trick)


class DogSchool(Application[Any]):
    """With a snapshot at every second event, and a cache."""

    snapshotting_intervals = {Dog: 2}
    env = {"AGGREGATE_CACHE_MAXSIZE": "10"}

    def register(self, name: str) -> Any:
        dog = Dog(name)
        self.save(dog)
        return dog.id

    def teach(self, dog_id: Any, trick: str) -> None:
        dog: Any = self.repository.get(dog_id)
        dog.teach(trick)
        self.save(dog)

    def tricks(self, dog_id: Any) -> list[str]:
        dog: Any = self.repository.get(dog_id)
        return list(dog.tricks)


class Counts(SQLiteTrackingRecorder):
    """A view: how many dogs know each trick."""

    def __init__(self, datastore: Any) -> None:
        super().__init__(datastore)
        self.create_table_statements.append("CREATE TABLE IF NOT EXISTS counts (trick TEXT PRIMARY KEY, n INTEGER)")

    def count(self, trick: str, tracking: Any) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
            self._insert_tracking(cursor, tracking)

    def add(self, cursor: Any, trick: str) -> None:
        cursor.execute("INSERT INTO counts VALUES (?, 1) ON CONFLICT (trick) DO UPDATE SET n = n + 1", (trick,))

    def totals(self) -> dict[str, int]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, n FROM counts")
            return {row["trick"]: row["n"] for row in cursor.fetchall()}


class Counting(Projection[Any]):
    """Keeps the counts."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Any) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def taught(self, domain_event: Dog.Taught, tracking: Any) -> None:  # type: ignore[name-defined]
        self.view.count(domain_event.trick, tracking)


# For refold: which commands there are, and what follows the log.

FIDO = ("register", "fido")
COMMANDS = [FIDO, ("teach", FIDO, "roll over"), ("teach", FIDO, "play dead"), ("tricks", FIDO)]

SCHOOL = EventSourcing(DogSchool, COMMANDS, projections=[(Counting, Counts, Counts.totals)])


# Four mistakes.


class Stale(DogSchool):
    """A cache that does not check whether another process has written."""

    env = {"AGGREGATE_CACHE_MAXSIZE": "10", "AGGREGATE_CACHE_FASTFORWARD": "n"}


class Forgetful(DogSchool):
    """Its snapshots lack the last trick."""

    def take_snapshot(self, aggregate_id: Any, version: int | None = None, **named: Any) -> None:
        dog: Any = self.repository.get(aggregate_id, version=version)
        dog.tricks = dog.tricks[:-1]
        assert self.snapshots is not None
        self.snapshots.put([Snapshot.take(dog)])


class Swallowing(DogSchool):
    """Swallows a conflict."""

    def teach(self, dog_id: Any, trick: str) -> None:
        try:
            super().teach(dog_id, trick)
        except IntegrityError:
            return


class CountsTwice(Counts):
    """Counts in one transaction, and saves its position in another."""

    def count(self, trick: str, tracking: Any) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
        self.insert_tracking(tracking)


STALE = EventSourcing(Stale, COMMANDS)
FORGETFUL = EventSourcing(Forgetful, COMMANDS)
SWALLOWING = EventSourcing(Swallowing, COMMANDS)
TWICE = EventSourcing(DogSchool, COMMANDS, projections=[(Counting, CountsTwice, Counts.totals)])
