"""`eventsourcing-sqlalchemy`: the library eventsourcing with SQLAlchemy under it, here on SQLite, with snapshots and a cache.

Promised by its documentation: it takes the place of the persistence modules of `eventsourcing`, with the same guarantees.
"""

from school import DogSchool

from refold.systems import EventSourcing

NEEDS = ["eventsourcing-sqlalchemy"]
RUNS = {"System": ""}


def persistence(folder):
    return {"PERSISTENCE_MODULE": "eventsourcing_sqlalchemy", "SQLALCHEMY_URL": f"sqlite:///{folder}/events.db"}


FIDO = ("register", "fido")
COMMANDS = [FIDO, ("teach", FIDO, "roll over"), ("teach", FIDO, "play dead"), ("tricks", FIDO)]
System = EventSourcing(DogSchool, COMMANDS, persistence=persistence)
