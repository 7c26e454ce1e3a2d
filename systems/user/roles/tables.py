"""A system whose parts live in one database: events, rows and checkpoints are tables, or queries.

What every adapter of such a system writes again is written here once: what leads to the database, how to look into it, a worker whose
loop has another name than `poll`.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from typing import Any

from refold.model.errors import UsageError
from refold.model.words import counted, short
from refold.systems.user.coroutines import asynchronous
from refold.systems.user.errors import AdapterError
from refold.systems.user.roles.described import Described, Reader, Relay, Service, Worker
from refold.systems.user.roles.locks import Lock
from refold.systems.user.roles.run_database import EventTables, Looks, RunDatabase


def method_of(theirs: object, name: str) -> Callable[..., Any]:
    """A method of the user's. Raises `UsageError` if there is none, and if there is nobody yet to have it."""
    if inspect.iscoroutine(theirs):
        theirs.close()
        raise UsageError(
            f"{theirs.__qualname__} is async def, but a part of a system of tables is made by a function that is not; let it connect when"
            f" {name}() is called first, which may be async def"
        )
    found = getattr(theirs, name, None)
    if not callable(found):
        raise UsageError(
            f"{short(theirs)} has no method {name}(); say in `poll`, `handle`, `stop` or `rebuild` what it is called"
        )
    return found  # type: ignore[no-any-return]


def close_theirs(theirs: object) -> None:
    """Close what the user made, if it can be closed."""
    close = getattr(theirs, "close", None)
    if callable(close):
        close()


class TableConsumer:
    """A worker of the user's, whose rows are looked up; it has the methods of a consumer that it was given."""

    def __init__(self, worker: Worker, looks: Looks, theirs: object) -> None:
        self.worker = worker
        self.looks = looks
        self.projection = worker.projection
        self.promises = tuple(worker.promises)
        self.saves_every = worker.saves_every
        self.theirs = theirs
        if self.theirs is not None:
            loop = "handle" if worker.handle else "poll"
            setattr(self, loop, method_of(self.theirs, worker.handle or worker.poll))
        if worker.stop:
            self.stop = method_of(self.theirs, worker.stop)
        if worker.checkpoint:
            self.checkpoint = self.saved
        if worker.snapshot:
            self.snapshot = self.stored

    def close(self) -> None:
        """Close the user's worker, if it can be closed."""
        close_theirs(self.theirs)

    def rows(self) -> dict[str, Any]:
        """Key -> value, or values."""
        return {str(row[0]): row[1] if len(row) == 2 else row[1:] for row in self.looks.select(self.worker.rows)}

    def stored(self) -> tuple[int, Any] | None:
        """The newest snapshot."""
        newest = max(self.looks.select(self.worker.snapshot), key=lambda row: row[0], default=None)
        return None if newest is None else (int(newest[0]), json.loads(newest[1]))

    def saved(self) -> int:
        """The one number of its checkpoint; 0 where there is none yet."""
        found = self.looks.select(self.worker.checkpoint)
        if len(found) > 1:
            raise AdapterError(
                f"the checkpoint {self.worker.checkpoint!r} has {counted(len(found), 'row')}, expected one"
            )
        return int(found[0][0] or 0) if found else 0


class MadeReader:
    """A reader of the user's, with the method that readers have."""

    def __init__(self, reader: Reader, *given: Any) -> None:
        self.theirs = theirs = reader.make(*given)
        self.promises = tuple(reader.promises)
        self.query = method_of(theirs, reader.query)

    def close(self) -> None:
        """Close it, if it can be closed."""
        close_theirs(self.theirs)


class LoadingThrough:
    """The repository of a client: a method of its service. Snapshots are rows, which all clients share."""

    def __init__(self, service: Service, looks: Looks) -> None:
        self.service = service
        self.looks = looks
        if service.snapshots:
            self.snapshot = self.stored

    def __call__(self, theirs: object) -> LoadingOne:
        """That of one client."""
        return LoadingOne(method_of(theirs, self.service.load), self.service.state)

    def stored(self, key: str) -> tuple[int, Any] | None:
        """The newest snapshot of a key."""
        rows = [row for row in self.looks.select(self.service.snapshots) if str(row[0]) == key]
        newest = max(rows, key=lambda row: row[1], default=None)
        return None if newest is None else (int(newest[1]), self.service.snapshot(newest[2]))


class LoadingOne:
    """Loads, and makes states of what was loaded."""

    def __init__(self, method: Callable[[str], Any], state: Callable[[Any], Any]) -> None:
        self.method = method
        self.state = state

    def load(self, key: str) -> Any:
        """The state of a key; None if there is none."""
        found = self.method(key)
        return None if found is None else self.state(found)


class MadeRelay:
    """A relay of the user's, with the methods that relays have."""

    def __init__(self, relay: Relay, *given: Any) -> None:
        self.theirs = theirs = relay.make(*given)
        self.poll = method_of(theirs, relay.poll)
        if relay.stop:
            self.stop = method_of(theirs, relay.stop)

    def close(self) -> None:
        """Close it, if it can be closed."""
        close_theirs(self.theirs)


class OnTables:
    """What one run of a system on a database is made of."""

    def __init__(self, place: RunDatabase, parts: Described) -> None:
        self.looks = looks = Looks(place)
        self.code = parts.code
        if parts.events is not None:
            self.log = EventTables(looks, parts.events)
        self.consumers = {name: self.consumer(worker) for name, worker in parts.consumers.items()}
        self.rebuilds = {name: self.rebuild(one) for name, one in parts.consumers.items() if one.rebuild} or None
        self.sinks = {name: sink.fresh() for name, sink in parts.sinks.items()} or None
        self.relays = {name: self.relay(relay) for name, relay in parts.relays.items()} or None
        self.readers = {name: self.reader(reader) for name, reader in parts.readers.items()} or None
        self.lock = None if parts.lock is None else self.locked(parts.lock)
        service = parts.service
        self.repository = LoadingThrough(service, looks) if service is not None and service.load else None
        if service is not None:
            self.refusals = tuple(service.refusals)
            self.service = lambda client: service.make(*self.given(service.sends))
        self.close = looks.close

    def given(self, sends: str) -> tuple[Any, ...]:
        """What leads to the database, and to a sink."""
        place = self.looks.place.given
        return (*place, self.sinks[sends]) if sends and self.sinks is not None else place

    def locked(self, lock: Lock) -> Lock:
        """A lock in this database: whoever holds it is made with what leads there, and a name."""
        written = lock.written
        seen = functools.partial(self.looks.select, written) if isinstance(written, str) else written
        name = written if isinstance(written, str) and " " not in written else lock.name
        return Lock(
            lambda client: lock.make(*self.looks.place.given, client),
            lock.lease,
            written=seen,
            name=name,
            names=lock.names,
        )

    def reader(self, reader: Reader) -> Callable[[], MadeReader]:
        """Made by the process that answers."""
        return lambda: MadeReader(reader, *self.looks.place.given)

    def relay(self, relay: Relay) -> Callable[[], MadeRelay]:
        """A new one for each life of its process."""
        return lambda: MadeRelay(relay, *self.given(relay.sends))

    def consumer(self, worker: Worker) -> Callable[[], object] | TableConsumer:
        """A new one for each life of its process; one that nobody calls has no process."""
        make = worker.make
        if make is None:
            return TableConsumer(worker, self.looks, None)
        given = self.looks.place.given
        if not asynchronous(make):
            return lambda: TableConsumer(worker, self.looks, make(*given))

        async def awaited() -> TableConsumer:
            theirs: Any = make(*given)
            return TableConsumer(worker, self.looks, await theirs)

        return awaited

    def rebuild(self, worker: Worker) -> Callable[[], object]:
        """What makes the rows of a worker anew, in a process of its own."""
        given = self.looks.place.given
        make, rebuild = worker.make, worker.rebuild
        if not isinstance(rebuild, str):
            return functools.partial(rebuild, *given)
        if make is None:
            raise UsageError(f"nobody has a method {rebuild}(), because the consumer has no `make`")
        if not asynchronous(make):
            return lambda: method_of(make(*given), rebuild)()

        async def awaited() -> object:
            theirs: Any = make(*given)
            return await method_of(await theirs, rebuild)()

        return awaited
