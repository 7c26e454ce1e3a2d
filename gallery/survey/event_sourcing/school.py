"""The application that the library `eventsourcing` is verified with, whatever keeps its events: dogs, and the tricks that they know."""

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


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
