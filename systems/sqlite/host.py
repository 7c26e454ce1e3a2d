"""Hosts: where a database of the system `sqlite` lives, and how it dies there.

Three of them, one per value of the option `crash`: a file in this process (`sqlite_file`), a file in a child process
(`sqlite_process`), a file on a memory disk whose power can be cut (`sqlite_power`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec

from refold.systems.sqlite.tables import Connection


class Unreadable(Exception):
    """The database cannot be opened: SQLite's words."""


CHECKPOINT_PAGES = 48
"""The size at which a WAL is copied into its database: far below the default of 1,000, so that this happens in short runs too."""


class Settings(msgspec.Struct, frozen=True):
    """How connections are opened: the options of the system of the same names."""

    journal: str = "wal"
    synchronous: str = "full"

    def prepare(self, connection: Connection) -> None:
        """Set up a fresh connection. Exclusive locking: one connection per file, and WAL without shared memory."""
        for pragma in (
            "locking_mode = exclusive",
            f"journal_mode = {self.journal}",
            f"synchronous = {self.synchronous}",
            "temp_store = memory",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()


TableOf = Any
"""The table of a database, of the class that `TABLES` says for its name, or a stand-in that has its methods in a child process."""


class Host(Protocol):
    """One database: `table` runs its SQL while it is up."""

    table: TableOf
    failures: tuple[type[Exception], ...]
    """What its tables raise when the disk has failed."""
    corruptions: tuple[type[Exception], ...]
    """What they raise when they cannot read their file, although nothing fails."""

    def start(self) -> None:
        """Open the database as it is now, and let SQLite recover it; raises `Unreadable`."""

    def crash(self) -> None:
        """The process that holds the connection dies. May lose: what was not committed. May never lose: what was."""

    def cut_power(self, how: str) -> None:
        """The machine dies too. May lose: what was not synced. May never lose: what was."""

    def fail(self, how: str) -> None:
        """The disk fails at the next write or sync, as `how` says; "": it does not."""

    def format(self) -> None:
        """Throw the files away and start on an empty database."""

    def reset(self) -> None:
        """Start, or go on, with an empty database: a new run begins."""

    def close(self) -> None:
        """Give back connection, process and memory; the files stay."""


JOURNALS = ("", "-wal", "-journal", "-shm")
"""The names of a database's files, behind the name of the database itself."""


def files(path: Path) -> list[Path]:
    """The files that a database may consist of."""
    return [path.with_name(path.name + suffix) for suffix in JOURNALS]
