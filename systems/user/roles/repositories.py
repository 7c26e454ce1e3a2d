"""Repositories: the aggregate as the application gets it, through cache and snapshot (REPL, SNAP).

With nobody in the middle of work, what is loaded is the fold of the stream. What a snapshot says is the fold up to its version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.declarations.capability import OWN_SNAPSHOTS, Capability
from refold.model.declarations.offer import Cast
from refold.model.errors import UsageError
from refold.model.extension import Handler
from refold.model.parts.reading.consulting import Load
from refold.model.parts.reading.looks import Viewed
from refold.model.record import SnapshotTaken
from refold.model.tape import Group
from refold.model.words import short
from refold.systems.user.errors import AdapterError, awaited, let_through, told
from refold.systems.user.roles.role import OwnRole, Places, Surroundings


class RepositoryPort(Protocol):
    """Where the application loads an aggregate, through whatever caches and snapshots it has.

    A system has an attribute `repository`: either one object that all clients share, or a function that is passed a
    client's service and returns that client's own repository.

    Promise: while no operation is in progress, `load` returns the fold of all events of the key. Optional, on the
    system's `repository`: `snapshot(key)` returns the newest stored snapshot as (version, state), or None. The state
    must be the fold of the key's first `version` events.
    """

    def load(self, key: str) -> Any:
        """The state of a key, as `Application.evolve` would make it; None if there is none."""


class Repositories(OwnRole):
    """What clients load."""

    name = "repository"
    field: ClassVar[str] = "repository"
    folds = True

    def __init__(self, scene: Surroundings, theirs: Any) -> None:
        super().__init__(scene, theirs)
        self.snapshots: dict[str, Any] = {}
        self.loaded: set[str] = set()

    @classmethod
    def check(cls, title: str, theirs: Any) -> None:
        """It loads, or says what does."""
        if not callable(getattr(theirs, "load", None)) and not callable(theirs):
            raise UsageError(
                f"{title!r}: its repository is {short(theirs)}, expected an object with load(key), or a function of a service that gives"
                " one"
            )

    @classmethod
    def offers(cls, theirs: Any) -> tuple[Capability, ...]:
        """Snapshots, where they are to be seen."""
        return (OWN_SNAPSHOTS,) if callable(getattr(theirs, "snapshot", None)) else ()

    @classmethod
    def words(cls, theirs: Any, cast: Cast, application: Application, places: Places) -> Iterator[Group]:
        """Loads, alone and right after a call."""
        yield "", 8, [(Load(client, key),) for client in cast.clients for key in application.keys]
        yield "", 8, [(Submit(*talk), Load(talk[0], application.key(talk[1]))) for talk in cast.talks]

    def handlers(self) -> dict[type, Handler]:
        """Loads."""
        return {Load: self.on_load}

    def of(self, client: str) -> Any:
        """The repository of a client."""
        if callable(getattr(self.theirs, "load", None)):
            return self.theirs
        found = self.theirs(self.scene.service_of(client))
        if not callable(getattr(found, "load", None)):
            raise AdapterError(
                f"{self.scene.title}: repository() returned {short(found)}, expected an object with load(key)"
            )
        return found

    def on_load(self, action: Load) -> bool:
        """With nobody in the middle of work: the only time at which it is known what must be there."""
        if self.stage.work:
            return False
        self.step(action)
        self.load(action.client, (action.key,))
        return True

    def load(self, client: str, keys: Sequence[str]) -> None:
        """Load, in the client's own process."""
        repository = self.of(client)
        self.loaded.add(client)
        states = {}
        for key in keys:
            try:
                state = self.stage.at_once(client, repository.load, key)
            except BaseException as error:
                let_through(error)
                raise AdapterError(
                    f"{self.scene.title}: load({key!r}) of the repository raised {told(error)}"
                ) from error
            state = awaited(f"{self.scene.title}: repository", "load", state)
            states[key] = self.application.initial(key) if state is None else state
        self.emit(Viewed(f"the repository of {client}", states, True))

    def looked(self, who: str) -> None:
        """A snapshot that is another than before was taken."""
        if callable(getattr(self.theirs, "snapshot", None)):
            self.look_at(self.theirs)

    def look_at(self, repository: Any) -> None:
        """The snapshots of all keys. What a transaction has locked is looked at later."""
        for key in self.application.keys:
            try:
                found = self.ask(repository, "repository", "snapshot", key)
            except AdapterError as error:
                if self.stage.work and "locked" in str(error):
                    return
                raise
            if found is None or found == self.snapshots.get(key):
                continue
            if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[0], int):
                raise AdapterError(
                    f"{self.scene.title}: snapshot({key!r}) returned {short(found)}, expected (version, state) or None"
                )
            self.snapshots[key] = found
            self.emit(SnapshotTaken(f"stream:{key}", found[0], found[1], self.application.schema))

    def rest(self) -> None:
        """Everything, as everybody loads it."""
        self.looked("")
        for client in self.scene.clients:
            if client in self.loaded or not callable(getattr(self.theirs, "load", None)):
                self.load(client, self.application.keys)
