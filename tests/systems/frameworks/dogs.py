"""A school for dogs, as the manual of the library `eventsourcing` has it, and the mistakes that its authors might make."""

from __future__ import annotations

import contextlib
from typing import Any

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, Snapshot, event
from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteTrackingRecorder
from eventsourcing.system import ProcessApplication

from refold.systems import EventSourcing

FIDO = ("register", "fido")
COMMANDS = [FIDO, ("teach", FIDO, "roll over"), ("teach", FIDO, "play dead"), ("tricks", FIDO)]


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
    """With snapshots and a cache."""

    env = {"AGGREGATE_CACHE_MAXSIZE": "10"}
    snapshotting_intervals = {Dog: 2}

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


class Forgetful(Snapshot):
    """A snapshot without the last trick."""

    @classmethod
    def take(cls, aggregate: Any) -> Any:
        taken = Snapshot.take(aggregate)
        taken.state["tricks"] = taken.state["tricks"][:-1]
        return taken


class ForgetfulSchool(DogSchool):
    snapshot_class = Forgetful
    snapshotting_intervals = {}

    def teach(self, dog_id: Any, trick: str) -> None:
        super().teach(dog_id, trick)
        taken = Forgetful.take(self.repository.get(dog_id))
        assert self.snapshots is not None
        self.snapshots.put([taken])

    is_snapshotting_enabled = True


class AmnesicDog(Dog):
    """Its own snapshots lack its tricks. (The library prefers them to those of its application.)"""

    class Snapshot(Snapshot):
        @classmethod
        def take(cls, aggregate: Any) -> Any:
            taken = super().take(aggregate)
            taken.state["tricks"] = []
            return taken


class AmnesicSchool(DogSchool):
    snapshotting_intervals = {AmnesicDog: 2}

    def register(self, name: str) -> Any:
        dog = AmnesicDog(name)
        self.save(dog)
        return dog.id


class StaleSchool(DogSchool):
    """A cache that never looks whether there is something new, in two processes."""

    env = {"AGGREGATE_CACHE_MAXSIZE": "10", "AGGREGATE_CACHE_FASTFORWARD": "n"}


class DirtySchool(DogSchool):
    """Aggregates are changed in the cache itself, also by commands that come to nothing."""

    env = {"AGGREGATE_CACHE_MAXSIZE": "10", "DEEPCOPY_FROM_AGGREGATE_CACHE": "n"}

    def teach(self, dog_id: Any, trick: str) -> None:
        dog: Any = self.repository.get(dog_id)
        dog.teach(trick)
        if len(dog.tricks) > 1:
            raise ValueError("too much for today")
        self.save(dog)


class RememberingSchool(DogSchool):
    """Has a cache of its own, which nobody empties."""

    def tricks(self, dog_id: Any) -> list[str]:
        known: dict[Any, list[str]] = self.__dict__.setdefault("known", {})
        if dog_id not in known:
            known[dog_id] = super().tricks(dog_id)
        return known[dog_id]


class SwallowingSchool(DogSchool):
    """Says “done” where somebody else was faster."""

    def teach(self, dog_id: Any, trick: str) -> None:
        with contextlib.suppress(IntegrityError):
            super().teach(dog_id, trick)


class HastySchool(DogSchool):
    """Where somebody else was faster, puts its event behind his, whatever that was."""

    def teach(self, dog_id: Any, trick: str) -> None:
        dog: Any = self.repository.get(dog_id)
        dog.teach(trick)
        pending = dog.collect_events()
        while True:
            try:
                self.events.put(pending)
                return
            except IntegrityError:
                object.__setattr__(pending[0], "originator_version", pending[0].originator_version + 1)


class HalvesSchool(DogSchool):
    """Saves what belongs together in two steps."""

    def register(self, name: str) -> Any:
        made = super().register(name)
        dog: Any = self.repository.get(made)
        dog.teach("sit")
        self.save(dog)
        return made


class TwiceSchool(DogSchool):
    """Tries again after every error, also where it had been done."""

    def register(self, name: str) -> Any:
        try:
            return super().register(name)
        except Exception:
            return super().register(name)


class Counts(SQLiteTrackingRecorder):
    """A table of tricks, and how many dogs know each."""

    def __init__(self, datastore: SQLiteDatastore) -> None:
        super().__init__(datastore)
        self.create_table_statements.append("CREATE TABLE IF NOT EXISTS counts (trick TEXT PRIMARY KEY, n INTEGER)")

    def count(self, trick: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
            self._insert_tracking(cursor, tracking)

    def add(self, cursor: SQLiteCursor, trick: str) -> None:
        cursor.execute("INSERT INTO counts VALUES (?, 1) ON CONFLICT (trick) DO UPDATE SET n = n + 1", (trick,))

    def totals(self) -> dict[str, int]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, n FROM counts")
            return {row["trick"]: row["n"] for row in cursor.fetchall()}


class CountsInTwoSteps(Counts):
    """Notes where it has come to in a transaction of its own."""

    def count(self, trick: str, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)
        self.insert_tracking(tracking)


class Counting(Projection[Any]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def taught(self, domain_event: Dog.Taught, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self.view.count(domain_event.trick, tracking)


class MemoryCounts(POPOTrackingRecorder):
    """In memory: after a death it begins again."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, int] = {}

    def count(self, trick: str, tracking: Tracking) -> None:
        self.known[trick] = self.known.get(trick, 0) + 1
        self.insert_tracking(tracking)

    def totals(self) -> dict[str, int]:
        return dict(self.known)


class Fame(Aggregate):
    @event("Begun")
    def __init__(self) -> None:
        self.tricks = 0

    @staticmethod
    def create_id() -> Any:
        from uuid import NAMESPACE_URL, uuid5

        return uuid5(NAMESPACE_URL, "fame")

    @event("Grown")
    def grow(self) -> None:
        self.tricks += 1


class Newspaper(ProcessApplication[Any]):
    """Counts all tricks of all dogs in an aggregate of its own."""

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        if not isinstance(domain_event, Dog.Taught):  # type: ignore[attr-defined]
            return
        try:
            fame: Any = self.repository.get(Fame.create_id())
        except AggregateNotFoundError:
            fame = Fame()
        fame.grow()
        processing_event.collect_events(fame)


class HastyNewspaper(Newspaper):
    """Saves by itself, and not together with where it has come to."""

    name = "HastyNewspaper"

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        if not isinstance(domain_event, Dog.Taught):  # type: ignore[attr-defined]
            return
        try:
            fame: Any = self.repository.get(Fame.create_id())
        except AggregateNotFoundError:
            fame = Fame()
        fame.grow()
        self.save(fame)


def totals(view: Any) -> dict[str, int]:
    found: dict[str, int] = view.totals()
    return found


def somewhere_else(folder: str) -> dict[str, str]:
    """The settings of a persistence module that refold does not know by name."""
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": f"{folder}/dogs.db"}


def school(cls: Any = DogSchool, follower: Any = None, **options: Any) -> EventSourcing:
    """A school, and who follows it: a process application, or a projection with this view."""
    if follower is None:
        return EventSourcing(cls, COMMANDS, **options)
    worker = follower if issubclass(follower, ProcessApplication) else (Counting, follower, totals)
    return EventSourcing(cls, COMMANDS, projections=[worker], **options)
