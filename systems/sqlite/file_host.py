"""A database in a real file, opened in this process."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from refold.systems.sqlite.host import Settings, TableOf, Unreadable, files
from refold.systems.sqlite.tables import TABLES


def connect(path: Path, settings: Settings) -> sqlite3.Connection:
    """A connection that is in autocommit mode and in nobody's way for long."""
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        settings.prepare(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class FileHost:
    """The database `name` in `path`. Raises `sqlite3.OperationalError` where the machine, or somebody else on it, is in the way.

    A crash leaves the files as a killed process would: closing a connection politely rolls back, checkpoints and deletes the
    journal, so the files are copied before and put back after.
    """

    failures: tuple[type[Exception], ...] = ()
    corruptions: tuple[type[Exception], ...] = ()

    def __init__(self, name: str, path: Path, settings: Settings) -> None:
        self.name = name
        self.path = path
        self.settings = settings
        self.connection: sqlite3.Connection | None = None
        self.table: TableOf = None

    def start(self) -> None:
        """Open, recover."""
        try:
            self.connection = connect(self.path, self.settings)
            self.table = TABLES[self.name](self.connection)
            self.table.create()
        except sqlite3.OperationalError as error:  # locked by somebody else, or no room: not what is in the file
            raise sqlite3.OperationalError(f"{self.path}: {error}") from error
        except sqlite3.Error as error:
            raise Unreadable(f"{self.path}: {error}") from error

    def crash(self) -> None:
        """The connection is gone and the files are as they are."""
        image = {file: file.read_bytes() for file in files(self.path) if file.exists()}
        if self.connection is not None and not self.connection.in_transaction:
            self.connection.execute("PRAGMA synchronous = off")  # what closing writes is overwritten at once
        self.close()
        for file in files(self.path):
            if file in image:
                file.write_bytes(image[file])
            else:
                file.unlink(missing_ok=True)

    def cut_power(self, how: str) -> None:
        """Real disks are not unplugged."""
        raise NotImplementedError("crash=process cannot cut the power; crash=power can")

    def fail(self, how: str) -> None:
        """Real disks are left alone."""
        raise NotImplementedError("crash=process cannot make a disk fail; crash=power can")

    def format(self) -> None:
        """Delete the files."""
        self.close()
        for file in files(self.path):
            file.unlink(missing_ok=True)
        self.start()

    def reset(self) -> None:
        """Empty the tables; what an interrupted run left open is rolled back."""
        if self.connection is None:
            self.start()
        assert self.connection is not None
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.table.clear()
        except sqlite3.Error as error:
            raise Unreadable(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection, self.table = self.connection, None, None
        if connection is not None:
            connection.close()
