"""Where the parts of a system are when they are in one database: one call for each kind of database, and a fresh one for each run."""

from __future__ import annotations

import pathlib
import sqlite3
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from refold.model.errors import SystemUnavailable
from refold.systems.run_folder import RunFolder
from refold.systems.user.roles.described import Described, Reader, Relay, Service, Worker
from refold.systems.user.roles.locks import Lock
from refold.systems.user.roles.run_database import Row, RunDatabase
from refold.systems.user.roles.sinks import Sink
from refold.systems.user.roles.tables import OnTables


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
    """A system whose parts are all in one SQLite file. Returns a function that creates a new system for each run.

    - `create` is either a function that is passed the path of an empty file and creates the tables in it, or an SQL
      script that creates them.
    - `service` is what clients call.
    - `events` says where the events are. It names, for each class of events, a table or a query with a column
      `position` and a column for each field of the class; or it is a single query for all events, with the columns
      `position`, `type` and `data` (JSON). The columns `stream`, `version` and `id` are used if they exist. Otherwise,
      the stream is the application's key, the version is the event's number in its stream, and the id is the position.
    - `consumers` are your workers.
    - `sinks` are where messages leave the system, and `relays` send them.
    - `readers` answer questions about keys.
    - `lock` is a lock in the database. Its `make` is called with the path of the file and the name of a client.
    """
    parts = described(service, events, consumers, sinks, relays, readers, lock)
    folders: list[RunFolder] = []

    def system() -> OnTables:
        if not folders:
            folders.append(RunFolder("sqlite"))
        return OnTables(sqlite_database(create, folders[0]), parts)

    return system


def postgres_system(
    schema: Callable[[str], object] | str,
    service: Service | Callable[..., object] | None = None,
    *,
    url: str | None = None,
    events: Mapping[type, str] | str | None = None,
    consumers: Mapping[str, Worker] | None = None,
    sinks: Mapping[str, Sink] | None = None,
    relays: Mapping[str, Relay] | None = None,
    readers: Mapping[str, Reader] | None = None,
    lock: Lock | None = None,
) -> Callable[[], OnTables]:
    """A system whose parts are all in one PostgreSQL database. Returns a function that creates a new system for each
    run, on a server that refold starts or on the server at `url`.

    `schema` is either a function that is passed the address of an empty database and creates the tables in it, or an
    SQL script that creates them. Your parts are passed that address wherever `sqlite_system` would pass them the path
    of the file. The other parameters are the same as those of `sqlite_system`. Events are numbered in the order in
    which they became visible.
    """
    parts = described(service, events, consumers, sinks, relays, readers, lock)
    return lambda: OnTables(postgres_database(schema, url), parts)


def described(
    service: Service | Callable[..., object] | None,
    events: Mapping[type, str] | str | None,
    consumers: Mapping[str, Worker] | None,
    sinks: Mapping[str, Sink] | None,
    relays: Mapping[str, Relay] | None,
    readers: Mapping[str, Reader] | None,
    lock: Lock | None,
) -> Described:
    """What a user says of his system. Raises `UsageError` if it does not fit together."""
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
    return parts


def postgres_database(schema: Callable[[str], object] | str, url: str | None) -> RunDatabase:
    """A database of PostgreSQL for one run. Raises `SystemUnavailable`."""
    if find_spec("psycopg") is None:
        raise SystemUnavailable("a system on PostgreSQL needs psycopg; install with: pip install 'refold[postgres]'")
    from refold.systems.servers.database import PostgresDatabase

    database = PostgresDatabase(schema, url=url)
    return RunDatabase((database.dsn,), database.table, database.close, database.short_runs, database.shows_late)


def sqlite_database(create: Callable[[str], object] | str, folders: RunFolder) -> RunDatabase:
    """A file of SQLite for one run, in a folder that goes with it; `folders` are there at least as long."""
    folder = folders.fresh()
    path = str(pathlib.Path(folder) / "data.db")
    if isinstance(create, str):
        connection = sqlite3.connect(path)
        connection.executescript(create)
        connection.close()
    else:
        create(path)
    opened: list[sqlite3.Connection] = []

    def look(text: str) -> tuple[list[str], list[Row]]:
        if not opened:
            opened.append(looking(path))
        cursor: Any = opened[0].cursor()
        try:
            cursor.execute(text)
            return [column[0] for column in cursor.description], [tuple(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def close() -> None:
        for connection in opened:
            connection.close()
        folders.remove(folder)

    return RunDatabase((path,), look, close)


def looking(path: str) -> sqlite3.Connection:
    """A connection that waits for nobody: what is locked cannot be seen now."""
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
