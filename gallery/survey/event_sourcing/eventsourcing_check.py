"""`eventsourcing`: aggregates, snapshots, a cache, and a projection that is tracked, in SQLite.

Promised by its documentation: an aggregate's events are numbered without gaps, and of two writers with the same expectation one fails;
a repository gives an aggregate as its events make it, also through snapshots and the cache; a projection that stores its view and its
position in one transaction counts each event once.
"""

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteTrackingRecorder
from school import Dog, DogSchool

from refold.systems import EventSourcing

NEEDS = ["eventsourcing"]
RUNS = {"System": ""}


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
