"""`eventsourcing`: aggregates, snapshots, a cache, and a projection that is tracked, in SQLite.

Promised by its documentation: an aggregate's events are numbered without gaps, and of two writers with the same expectation one fails;
a repository gives an aggregate as its events make it, also through snapshots and the cache; a projection that stores its view and its
position in one transaction counts each event once.
"""

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteTrackingRecorder

from refold.systems import EventSourcing

NEEDS = ["eventsourcing"]
RUNS = {"System": ""}


class Dog(Aggregate):
    @event("Registered")
    def __init__(self, name):
        self.name = name
        self.tricks = []

    @event("Taught")
    def teach(self, trick):
        if trick in self.tricks:
            raise ValueError(f"{self.name} knows {trick}")
        self.tricks.append(trick)


class DogSchool(Application):
    snapshotting_intervals = {Dog: 2}
    env = {"AGGREGATE_CACHE_MAXSIZE": "10"}

    def register(self, name):
        dog = Dog(name)
        self.save(dog)
        return dog.id

    def teach(self, dog_id, trick):
        dog = self.repository.get(dog_id)
        dog.teach(trick)
        self.save(dog)

    def tricks(self, dog_id):
        return list(self.repository.get(dog_id).tricks)


class Counts(SQLiteTrackingRecorder):
    def __init__(self, datastore):
        super().__init__(datastore)
        self.create_table_statements.append("CREATE TABLE IF NOT EXISTS counts (trick TEXT PRIMARY KEY, n INTEGER)")

    def count(self, trick, tracking):
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute("INSERT INTO counts VALUES (?, 1) ON CONFLICT (trick) DO UPDATE SET n = n + 1", (trick,))
            self._insert_tracking(cursor, tracking)

    def totals(self):
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, n FROM counts")
            return {row["trick"]: row["n"] for row in cursor.fetchall()}


class Counting(Projection):
    @singledispatchmethod
    def process_event(self, domain_event, tracking):
        self.view.insert_tracking(tracking)

    @process_event.register
    def taught(self, domain_event: Dog.Taught, tracking):
        self.view.count(domain_event.trick, tracking)


FIDO = ("register", "fido")
COMMANDS = [FIDO, ("teach", FIDO, "roll over"), ("teach", FIDO, "play dead"), ("tricks", FIDO)]
System = EventSourcing(DogSchool, COMMANDS, projections=[(Counting, Counts, Counts.totals)])
