"""A system whose parts live in one database: events, rows and checkpoints are tables, or queries.

What every adapter of such a system writes again is written here once: a database for each run, connections to look with, events out of
rows, a worker whose loop has another name than `poll`.
"""

from __future__ import annotations

import functools
import json
import pathlib
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.words import counted, short, suggestion
from refold.systems.user.errors import AdapterError
from refold.systems.user.roles.locks import Lock
from refold.systems.user.roles.sinks import Sink

Row = tuple[Any, ...]
Select = Callable[[str], list[Row]]
"""What a query gives, read through a connection that no plan disturbs."""


def query(text: str) -> str:
    """A query; the name of a table stands for everything in it."""
    return text if " " in text.strip() else f"select * from {text}"


@attrs.frozen
class RunDatabase:
    """The database of one run: what a service and its workers are made with, how to connect in order to look, and how it is given back."""

    given: tuple[Any, ...]
    connect: Callable[[], Any]
    close: Callable[[], object]


class Looks:
    """Reads the database of a run through one connection of its own, outside of every transaction."""

    def __init__(self, place: RunDatabase) -> None:
        self.place = place
        self.connection: Any = None

    def table(self, text: str) -> tuple[list[str], list[Row]]:
        """Columns and rows of a query or a table."""
        if self.connection is None:
            self.connection = self.place.connect()
        cursor = self.connection.cursor()
        try:
            cursor.execute(query(text))
            return [column[0] for column in cursor.description], [tuple(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def select(self, text: str) -> list[Row]:
        """Its rows."""
        return self.table(text)[1]

    def close(self) -> None:
        """Give connection and database back."""
        if self.connection is not None:
            self.connection.close()
        self.place.close()


class EventTables:
    """The log, as queries show it. `application` is put in its place by the harness."""

    def __init__(self, looks: Looks, queries: Mapping[type, str] | str) -> None:
        self.looks = looks
        self.queries = queries
        self.application: Application | None = None
        self.rows: object = None
        self.events: list[Stored] = []

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Events behind a position. All are looked at, because their versions count from the first one of their stream."""
        queries = {None: self.queries} if isinstance(self.queries, str) else self.queries
        tables = [(cls, *self.looks.table(text)) for cls, text in queries.items()]
        if tables != self.rows:
            self.rows, self.events = tables, self.stored(tables)
        return [event for event in self.events if event.position > after][:limit]

    def stored(self, tables: Sequence[tuple[Any, list[str], list[Row]]]) -> list[Stored]:
        """The events in the order of their positions; each stream counts its own."""
        found = [self.event(cls, dict(zip(columns, row, strict=True))) for cls, columns, rows in tables for row in rows]
        found.sort(key=lambda event: event.position)
        numbers: dict[str, int] = {}
        numbered = []
        for event in found:
            numbers[event.stream] = version = event.version or numbers.get(event.stream, 0) + 1
            numbered.append(Stored(event.position, event.stream, version, event.id, event.type, event.data))
        return numbered

    def event(self, cls: type | None, columns: dict[str, Any]) -> Stored:
        """One row as an event; its version is 0 where no column says which it is. Raises `AdapterError`."""
        application = self.application
        if application is None:
            raise AdapterError("events are read from tables before there is an application that knows their streams")
        if "position" not in columns:
            raise AdapterError(f"the query of events has the columns {', '.join(columns)}, and no position")
        position = columns.pop("position")
        name, payload = self.payload(application, cls, columns, position)
        return Stored(
            position,
            str(columns.get("stream") or application.key(payload)),
            int(columns.get("version") or 0),
            str(columns.get("id") or position),
            name,
            payload,
        )

    def payload(
        self, application: Application, cls: type | None, columns: dict[str, Any], position: int
    ) -> tuple[str, Any]:
        """Name and payload: of the columns that are called like fields, or out of `type` and `data`."""
        try:
            if cls is not None:
                fields = {name: columns.pop(name) for name in fields_of_class(cls) if name in columns}
                return cls.__name__, cls(**fields)
            name, data = str(columns["type"]), columns["data"]
            return name, application.decode(name, json.loads(data) if isinstance(data, str | bytes) else data)
        except Exception as error:
            wanted = "the columns type and data" if cls is None else f"the fields of {cls.__name__}"
            raise AdapterError(
                f"the event at position {position} cannot be made of {wanted} ({type(error).__name__}: {error}); its columns are"
                f" {', '.join(columns)}"
            ) from error


def fields_of_class(cls: Any) -> Sequence[str]:
    """The names of the fields of an event class."""
    for place in ("__struct_fields__", "__match_args__", "__dataclass_fields__"):
        if fields := getattr(cls, place, None):
            return tuple(fields)
    return ()


@attrs.frozen
class Service:
    """What clients call: `make` is called once for each life of a client's process, with what leads to the database (a path).

    It has `execute(command)`, or a method for each command (`claim_name(name, owner)` for `ClaimName(name, owner)`). `refusals` are the
    errors by which it says no, beside `refold.Refusal`. One that sends messages by itself names the sink in `sends`, and is made with it.

    `load` is the name of its method that loads the aggregate of a key, through whatever caches and snapshots it has, and `state` makes of
    that what `Application.evolve` makes. `snapshots` is a table or a query with a key, a version and a state, of which `snapshot` makes the
    same; as JSON it is read by default.
    """

    make: Callable[..., object]
    refusals: Sequence[type[BaseException]] = ()
    sends: str = attrs.field(default="", kw_only=True)
    load: str = attrs.field(default="", kw_only=True)
    state: Callable[[Any], Any] = attrs.field(default=lambda aggregate: aggregate, kw_only=True)
    snapshots: str = attrs.field(default="", kw_only=True)
    snapshot: Callable[[Any], Any] = attrs.field(default=json.loads, kw_only=True)


@attrs.frozen
class Reader:
    """What answers questions about keys: a cache, an index, a page.

    `make` is called once, with what leads to the database; `query` is the name of its method. `promises` are those of every reader.
    """

    make: Callable[..., object]
    query: str = attrs.field(default="query", kw_only=True)
    promises: Sequence[str] = attrs.field(default=(), kw_only=True)


@attrs.frozen
class Worker:
    """A consumer whose rows, and whose checkpoint, are in the database.

    `make` is called once for each life of its process, with what leads to the database; `poll` is the name of its method that does a
    bounded piece of work and says whether there was any. One that is handed its events names that method in `handle` instead, and needs a
    checkpoint. Without `make` nobody is called: its table is written in the transaction of the append. `rows` is a table or a
    query: the first column is the key, the others are the value. `checkpoint` is a table or a query with one number. The rest is as for
    every consumer.
    """

    make: Callable[..., object] | None = None
    rows: str = attrs.field(default="", kw_only=True)
    checkpoint: str = attrs.field(default="", kw_only=True)
    poll: str = attrs.field(default="poll", kw_only=True)
    handle: str = attrs.field(default="", kw_only=True)
    stop: str = attrs.field(default="", kw_only=True)
    projection: str = attrs.field(default="views", kw_only=True)
    promises: Sequence[str] = attrs.field(default=(), kw_only=True)
    saves_every: int = attrs.field(default=1, kw_only=True)


@attrs.frozen
class Relay:
    """A process that takes turns and sends: the relay of an outbox, a process manager, a mailer.

    `make` is called once for each life of it, with what leads to the database and the sink called `sends`. `poll` is the name of its method
    that does a bounded piece of work and says whether there was any.
    """

    make: Callable[..., object]
    sends: str = attrs.field(kw_only=True)
    poll: str = attrs.field(default="poll", kw_only=True)
    stop: str = attrs.field(default="", kw_only=True)


def method_of(theirs: object, name: str) -> Callable[..., Any]:
    """A method of the user's. Raises `UsageError` if there is none."""
    found = getattr(theirs, name, None)
    if not callable(found):
        raise UsageError(f"{short(theirs)} has no method {name}(); say in `poll`, `handle` or `stop` what it is called")
    return found  # type: ignore[no-any-return]


def close_theirs(theirs: object) -> None:
    """Close what the user made, if it can be closed."""
    close = getattr(theirs, "close", None)
    if callable(close):
        close()


class TableConsumer:
    """A worker of the user's, whose rows are looked up; it has the methods of a consumer that it was given."""

    def __init__(self, worker: Worker, looks: Looks) -> None:
        self.worker = worker
        self.looks = looks
        self.projection = worker.projection
        self.promises = tuple(worker.promises)
        self.saves_every = worker.saves_every
        self.theirs = None if worker.make is None else worker.make(*looks.place.given)
        if self.theirs is not None:
            loop = "handle" if worker.handle else "poll"
            setattr(self, loop, method_of(self.theirs, worker.handle or worker.poll))
        if worker.stop:
            self.stop = method_of(self.theirs, worker.stop)
        if worker.checkpoint:
            self.checkpoint = self.saved

    def close(self) -> None:
        """Close the user's worker, if it can be closed."""
        close_theirs(self.theirs)

    def rows(self) -> dict[str, Any]:
        """Key -> value, or values."""
        return {str(row[0]): row[1] if len(row) == 2 else row[1:] for row in self.looks.select(self.worker.rows)}

    def saved(self) -> int:
        """The one number of its checkpoint; 0 where there is none yet."""
        found = self.looks.select(self.worker.checkpoint)
        if len(found) > 1:
            raise AdapterError(f"the checkpoint {self.worker.checkpoint!r} has {counted(len(found), 'row')}, not one")
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
        if parts.events is not None:
            self.log = EventTables(looks, parts.events)
        self.consumers = {name: self.consumer(worker) for name, worker in parts.consumers.items()}
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
        return Lock(lambda client: lock.make(*self.looks.place.given, client), lock.lease, written=seen, name=name)

    def reader(self, reader: Reader) -> Callable[[], MadeReader]:
        """Made by the process that answers."""
        return lambda: MadeReader(reader, *self.looks.place.given)

    def relay(self, relay: Relay) -> Callable[[], MadeRelay]:
        """A new one for each life of its process."""
        return lambda: MadeRelay(relay, *self.given(relay.sends))

    def consumer(self, worker: Worker) -> Callable[[], TableConsumer] | TableConsumer:
        """A new one for each life of its process; one that nobody calls has no process."""
        if worker.make is None:
            return TableConsumer(worker, self.looks)
        return lambda: TableConsumer(worker, self.looks)


@attrs.frozen
class Described:
    """What a user says of his system."""

    service: Service | None
    events: Mapping[type, str] | str | None
    consumers: Mapping[str, Worker]
    sinks: Mapping[str, Sink]
    relays: Mapping[str, Relay]
    readers: Mapping[str, Reader]
    lock: Lock | None

    def check(self) -> None:
        """Whether everybody sends to a sink that there is. Raises `UsageError`."""
        if (self.service is None) != (self.events is None):
            raise UsageError(
                "a service without events has nothing to be judged by, and events without a service nobody appends"
            )
        for sends in (
            "" if self.service is None else self.service.sends,
            *(relay.sends for relay in self.relays.values()),
        ):
            if sends and sends not in self.sinks:
                raise UsageError(
                    f"there is no sink {sends!r}{suggestion(sends, self.sinks)}; sinks are {', '.join(self.sinks) or 'none'}"
                )


def sqlite_system(
    create: Callable[[str], object] | str,
    service: Service | Callable[..., object] | None = None,
    *,
    events: Mapping[type, str] | str | None = None,
    consumers: Mapping[str, Worker] | None = None,
    sinks: Mapping[str, Sink] | None = None,
    relays: Mapping[str, Relay] | None = None,
    readers: Mapping[str, Reader] | None = None,
    lock: Lock | None = None,
) -> Callable[[], OnTables]:
    """A system whose parts live in one SQLite file; what it returns makes a new one for each run.

    `create` makes the tables of an empty file, whose path it is given; or is the script that does. `service` is what clients call.
    `events` says where the events are: for each class of events a table or a query with a column ``position`` and a column for each of
    its fields; or one query with the columns ``position``, ``type`` and ``data`` (JSON). Columns ``stream``, ``version`` and ``id`` are
    used if they are there, else the stream is the application's key, its events are counted, and the id is the position. `sinks` are
    where messages leave the system, `relays` what sends them, and `readers` what answers
    questions about keys. `lock` is a lock in the database: what its `make` makes is made with the path and the name of a client.
    """
    parts = Described(
        service if isinstance(service, Service) or service is None else Service(service),
        events,
        dict(consumers or {}),
        dict(sinks or {}),
        dict(relays or {}),
        dict(readers or {}),
        lock,
    )
    parts.check()

    def system() -> OnTables:
        folder = tempfile.TemporaryDirectory(prefix="refold-")
        path = str(pathlib.Path(folder.name) / "data.db")
        if isinstance(create, str):
            connection = sqlite3.connect(path)
            connection.executescript(create)
            connection.close()
        else:
            create(path)
        return OnTables(RunDatabase((path,), lambda: looking(path), folder.cleanup), parts)

    return system


def looking(path: str) -> sqlite3.Connection:
    """A connection that waits for nobody: what is locked cannot be seen now."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
