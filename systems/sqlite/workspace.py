"""Workspaces: the databases of one run of the system `sqlite`, and the folder that they are in."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from refold.model.datastore import Datastore
from refold.model.declarations.ports import StorePort
from refold.model.errors import SystemUnavailable
from refold.systems.sqlite.host import Host, Unreadable
from refold.systems.sqlite.store import MemoryStore, SqliteSnapshots, SqliteStore
from refold.systems.sqlite.tables import APPLICATION_ID, TABLES

DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
MAGIC = b"SQLite format 3\0"


class Workspace:
    """One host per database; the next run uses them again, emptied.

    `close` closes the databases and then calls `closers`. It happens by itself when nobody needs the workspace any more, at
    the end of the program at the latest.
    """

    def __init__(self, hosts: Mapping[str, Host], closers: Iterable[Callable[[], object]] = ()) -> None:
        self.hosts = hosts
        self.close = weakref.finalize(self, end, (*[host.close for host in hosts.values()], *closers), os.getpid())

    def store(self, consumer: str) -> StorePort:
        """The datastore of a consumer."""
        if consumer in self.hosts:
            return SqliteStore(self.hosts[consumer])
        if consumer == "totals":
            return MemoryStore(SqliteSnapshots(self.hosts["snapshots"]))
        return Datastore()

    def reset(self) -> None:
        """Make every database empty and open it."""
        try:
            for host in self.hosts.values():
                host.reset()
        except (Unreadable, sqlite3.OperationalError) as error:
            self.close()
            raise SystemUnavailable(
                f"SQLite database {error}; expected one of refold's that can be written and that nobody else has open:"
                " name another place with path=…"
            ) from error


def end(closers: Iterable[Callable[[], object]], owner: int) -> None:
    """Call them all, in the process that they belong to and not in a fork of it."""
    if os.getpid() == owner:
        for close in closers:
            close()


def paths(place: Path) -> dict[str, Path]:
    """Where the databases are with ``path=place``: in this directory, or beside this file, which is the log's."""
    if place.is_file() or (place.suffix in DATABASE_SUFFIXES and not place.is_dir()):
        beside = {name: place.with_name(f"{place.stem}-{name}{place.suffix}") for name in TABLES}
        return {**beside, "log": place}
    return {name: place / f"{name}.db" for name in TABLES}


def prepare(place: Path) -> dict[str, Path]:
    """`paths`, after making sure that refold can and may write there; raises `SystemUnavailable`."""
    found = paths(place)
    folder = found["log"].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemUnavailable(
            f"directory {folder}: expected one to keep SQLite's files in, found none, and it cannot be made"
            f" ({error.strerror}); name another with path=…"
        ) from error
    for path in (folder, *found.values()):
        if path.exists() and not writable(path):
            kind = "a directory" if path == folder else "an SQLite database"
            raise SystemUnavailable(
                f"{path}: expected {kind} that can be written, found it read-only;"
                " change its permissions or name another place with path=…"
            )
    for path in found.values():
        if path.exists():
            identify(path)
    return found


def writable(path: Path) -> bool:
    """Whether we may write it; permissions are looked at too, because the superuser always may."""
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)


def identify(path: Path) -> None:
    """Refuse to empty what is not refold's: a file that is not an SQLite database, or a database with somebody else's tables."""
    if not path.is_file():
        raise SystemUnavailable(
            f"{path}: expected an SQLite database, found a directory; name another place with path=…"
        )
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    if head and head != MAGIC:
        raise SystemUnavailable(
            f"{path}: expected an SQLite database, found a file that begins with {head!r}; name another place with path=…"
        )
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
        ) as connection:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            (entries,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise SystemUnavailable(
            f"{path}: expected an SQLite database that nobody else has open, found: {error};"
            " name another place with path=…"
        ) from error
    if entries and owner != APPLICATION_ID:
        raise SystemUnavailable(
            f"{path}: expected an empty database or one of refold's, found somebody else's, which a run would empty;"
            " name another place with path=…"
        )
