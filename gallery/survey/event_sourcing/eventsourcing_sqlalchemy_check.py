"""`eventsourcing-sqlalchemy`: the library eventsourcing with SQLAlchemy under it, here on SQLite, with snapshots and a cache.

Promised by its documentation: it takes the place of the persistence modules of `eventsourcing`, with the same guarantees.
"""

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from refold.systems import EventSourcing

NEEDS = ["eventsourcing-sqlalchemy"]
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


def persistence(folder):
    return {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": f"sqlite:///{folder}/events.db"}


FIDO = ("register", "fido")
COMMANDS = [FIDO, ("teach", FIDO, "roll over"), ("teach", FIDO, "play dead"), ("tricks", FIDO)]
System = EventSourcing(DogSchool, COMMANDS, persistence=persistence)
