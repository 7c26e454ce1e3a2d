"""The system `eventsourcing`: an application as the manual of the library has it, with a projection and a process application.

Import it only where the library is there.
"""

from __future__ import annotations

import types
from typing import Any

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder
from eventsourcing.system import ProcessApplication

from refold.model.errors import UsageError
from refold.model.words import suggestion
from refold.systems.frameworks.eventsourcing import EventSourcing
from refold.systems.frameworks.library import OPTIONS
from refold.systems.frameworks.stores import check_postgres

FIDO, REX = ("register", "fido"), ("register", "rex")
COMMANDS = [
    FIDO,
    ("teach", FIDO, "roll over"),
    ("teach", FIDO, "play dead"),
    ("tricks", FIDO),
    REX,
    ("teach", REX, "roll over"),
]


class Dog(Aggregate):
    """It learns each trick once."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("Taught")
    def teach(self, trick: str) -> None:
        """One more trick."""
        if trick in self.tricks:
            raise ValueError(f"{self.name} knows {trick}")
        self.tricks.append(trick)


class DogSchool(Application):  # type: ignore[type-arg]  # Application[Any] is an error in 9.4.0
    """Registers dogs and teaches them."""

    def register(self, name: str) -> Any:
        """A new dog; its id."""
        dog = Dog(name)
        self.save(dog)
        return dog.id

    def teach(self, dog_id: Any, trick: str) -> None:
        """A dog learns a trick."""
        dog: Any = self.repository.get(dog_id)
        dog.teach(trick)
        self.save(dog)

    def tricks(self, dog_id: Any) -> list[str]:
        """What a dog has learned."""
        dog: Any = self.repository.get(dog_id)
        return list(dog.tricks)


class Tricks(SQLiteTrackingRecorder):
    """How many dogs know each trick, in a table beside the tracking of the library."""

    def __init__(self, datastore: SQLiteDatastore) -> None:
        super().__init__(datastore)
        self.create_table_statements.append("CREATE TABLE IF NOT EXISTS tricks (trick TEXT PRIMARY KEY, dogs INTEGER)")

    def learned(self, trick: str, tracking: Tracking) -> None:
        """One dog more, together with where the projection has come to."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(
                "INSERT INTO tricks VALUES (?, 1) ON CONFLICT (trick) DO UPDATE SET dogs = dogs + 1", (trick,)
            )
            self._insert_tracking(cursor, tracking)

    def counts(self) -> dict[str, int]:
        """Trick -> number of dogs."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT trick, dogs FROM tricks")
            return {row["trick"]: row["dogs"] for row in cursor.fetchall()}


class TricksInMemory(POPOTrackingRecorder):
    """The same in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, int] = {}

    def learned(self, trick: str, tracking: Tracking) -> None:
        """One dog more."""
        self.known[trick] = self.known.get(trick, 0) + 1
        self.insert_tracking(tracking)

    def counts(self) -> dict[str, int]:
        """Trick -> number of dogs."""
        return dict(self.known)


class CountTricks(Projection[Any]):
    """Counts tricks."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """What is no trick is passed."""
        self.view.insert_tracking(tracking)

    @process_event.register
    def taught(self, domain_event: Dog.Taught, tracking: Tracking) -> None:  # type: ignore[name-defined]
        """A trick."""
        self.view.learned(domain_event.trick, tracking)


class Diary(Aggregate):
    """What happened on the only page of it."""

    @event("Opened")
    def __init__(self) -> None:
        self.lessons = 0

    @staticmethod
    def create_id() -> Any:
        """There is one."""
        from uuid import NAMESPACE_URL, uuid5

        return uuid5(NAMESPACE_URL, "diary")

    @event("Written")
    def write(self) -> None:
        """One lesson more."""
        self.lessons += 1


class Diaries(ProcessApplication):  # type: ignore[type-arg]
    """Follows the school, and writes its diary."""

    def policy(self, domain_event: Any, processing_event: Any) -> None:
        """A lesson."""
        if type(domain_event).__name__ != "Taught":
            return
        try:
            diary: Any = self.repository.get(Diary.create_id())
        except AggregateNotFoundError:
            diary = Diary()
        diary.write()
        processing_event.collect_events(diary)


def counts(view: Any) -> dict[str, int]:
    """What the projection shows."""
    found: dict[str, int] = view.counts()
    return found


def view_on_postgres() -> Any:
    """The class of a view that is imported only where there is what it needs. Raises `SystemUnavailable`."""
    check_postgres()
    from refold.systems.frameworks.school_postgres import TricksOnPostgres

    return TricksOnPostgres


def from_options(options: dict[str, str]) -> EventSourcing:
    """The system with these options. Raises `UsageError`."""
    chosen = {name: default for name, (_, default) in OPTIONS.items()}
    for name, value in options.items():
        if name not in OPTIONS:
            raise UsageError(
                f"system 'eventsourcing' has no option {name!r}{suggestion(name, OPTIONS)}; it has {', '.join(OPTIONS)}"
            )
        if value not in OPTIONS[name][0]:
            raise UsageError(f"system 'eventsourcing': {name} is {value!r}; it is one of {', '.join(OPTIONS[name][0])}")
        chosen[name] = value
    every = int(chosen["snapshots"])
    body = {"name": "DogSchool", "snapshotting_intervals": {Dog: every} if every else {}, "__module__": __name__}
    school: Any = types.new_class("DogSchool", (DogSchool,), exec_body=lambda space: space.update(body))
    view: Any = Tricks if chosen["persistence"] == "sqlite" else TricksInMemory
    if chosen["persistence"] == "postgres":
        view = view_on_postgres()
    return EventSourcing(
        school,
        COMMANDS,
        projections=[(CountTricks, view, counts), Diaries],
        env={"AGGREGATE_CACHE_MAXSIZE": "8"} if chosen["cache"] == "on" else {},
        persistence=chosen["persistence"],
        name="eventsourcing"
        + ("?" + "&".join(f"{name}={value}" for name, value in options.items()) if options else ""),
    )
