"""The SQL of the system `sqlite`: one table class per database, plain values in and out.

The same classes run on every kind of connection (the standard library's on real files, APSW's on the memory disk) and in
this process or in a child, so they know nothing of applications: payloads, rows and snapshots arrive encoded. Every
write of theirs is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from refold.model.expectation import Expectation

APPLICATION_ID = 0x7265666F
"""Marks a database as one of refold's (“refo”): nothing else is ever emptied."""


class Connection(Protocol):
    """What `sqlite3.Connection` (in autocommit mode) and `apsw.Connection` have in common."""

    def execute(self, sql: str, arguments: Any = (), /) -> Any:
        """Run one statement; the cursor has `fetchone` and `fetchall`."""

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    def close(self) -> None:
        """Close it."""


class Stopped(Exception):
    """The fuse burnt down in the middle of a transaction, which stays open: its process has to die now."""


LogRow = tuple[int, str, int, str, str, str]
"""Position, stream, version, id, type, data."""


class Table:
    """The base: one connection, one schema."""

    schema: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.execute = connection.execute

    def create(self) -> None:
        """Make the tables in a new database; leave those of an existing one alone."""
        if self.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            self.transact((*self.schema, f"PRAGMA application_id = {APPLICATION_ID}"))

    def clear(self) -> None:
        """Empty the tables."""
        self.transact(self.contents)

    def transact(self, statements: Iterable[str]) -> None:
        """Run all of them or none."""
        self.execute("BEGIN IMMEDIATE")
        for sql in statements:
            self.execute(sql)
        self.execute("COMMIT")

    def give_up(self) -> None:
        """Roll back what a failing disk has left open, if SQLite has not."""
        if self.connection.in_transaction:
            self.execute("ROLLBACK")

    def damage(self) -> str | None:
        """What SQLite finds wrong with the file, or None."""
        try:
            found = str(self.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except Exception as error:  # the two kinds of connection have no common class of errors
            found = str(error)
        return None if found == "ok" else found


class LogTable(Table):
    """The events. The two UNIQUE constraints hold even if the checks before the inserts should not."""

    schema = (
        "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, version INTEGER NOT NULL,"
        " id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, data TEXT NOT NULL, UNIQUE (stream, version))",
    )
    contents = ("DELETE FROM events",)

    def append(
        self, stream: str, expected: Expectation, events: Sequence[tuple[str, str, str]], fuse: int
    ) -> tuple[tuple[int, ...] | None, int, int]:
        """Append (id, type, data) triples: (positions, 0, fuse left), or (None, version found, fuse left) for a conflict.

        Durable steps, before each of which a lit fuse may stop it: every insert, the commit, the answer. So the last one
        leaves the append committed and unanswered.
        """
        execute = self.execute
        execute("BEGIN IMMEDIATE")
        if execute("SELECT 1 FROM events WHERE id = ?", (events[0][0],)).fetchone() is not None:
            known = [execute("SELECT position FROM events WHERE id = ?", (event[0],)).fetchone() for event in events]
            execute("ROLLBACK")
            return tuple([row[0] for row in known if row is not None]), 0, fuse
        version = execute("SELECT max(version) FROM events WHERE stream = ?", (stream,)).fetchone()[0] or 0
        if not expected.holds(version):
            execute("ROLLBACK")
            return None, version, fuse
        first = position = (execute("SELECT max(position) FROM events").fetchone()[0] or 0) + 1
        for event in events:
            fuse = self.step(fuse)
            version += 1
            execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", (position, stream, version, *event))
            position += 1
        fuse = self.step(fuse)
        execute("COMMIT")
        fuse = self.step(fuse)
        return tuple(range(first, position)), 0, fuse

    @staticmethod
    def step(fuse: int) -> int:
        """A durable step begins here: the fuse that is left."""
        if fuse == 1:
            raise Stopped
        return fuse - 1 if fuse else 0

    def read(self, after: int, limit: int) -> list[LogRow]:
        """At most `limit` rows with greater positions (-1: all)."""
        rows: list[LogRow] = self.execute(
            "SELECT * FROM events WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
        ).fetchall()
        return rows

    def read_stream(self, stream: str, after: int) -> list[LogRow]:
        """The rows of one stream with greater versions."""
        rows: list[LogRow] = self.execute(
            "SELECT * FROM events WHERE stream = ? AND version > ? ORDER BY version", (stream, after)
        ).fetchall()
        return rows

    def version(self, stream: str) -> int:
        """The number of events in a stream."""
        found: int = self.execute("SELECT max(version) FROM events WHERE stream = ?", (stream,)).fetchone()[0] or 0
        return found


class RowTable(Table):
    """A consumer's rows, the position of the newest event applied to them, and the checkpoint: in one file, for one
    transaction."""

    schema = (
        "CREATE TABLE rows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE progress (applied INTEGER NOT NULL, checkpoint INTEGER NOT NULL)",
        "INSERT INTO progress VALUES (0, 0)",
    )
    contents = ("DELETE FROM rows", "UPDATE progress SET applied = 0, checkpoint = 0")

    def get(self, key: str) -> bytes | None:
        """One row."""
        row = self.execute("SELECT value FROM rows WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def all(self) -> list[tuple[str, bytes]]:
        """All rows in the order of their keys."""
        rows: list[tuple[str, bytes]] = self.execute("SELECT key, value FROM rows ORDER BY key").fetchall()
        return rows

    def progress(self) -> tuple[int, int]:
        """Newest position applied, and checkpoint."""
        applied, checkpoint = self.execute("SELECT applied, checkpoint FROM progress").fetchone()
        return applied, checkpoint

    def apply(self, writes: Sequence[tuple[str, bytes | None]], applied: int, checkpoint: int) -> None:
        """Change rows (None deletes) and progress in one step."""
        execute = self.execute
        execute("BEGIN IMMEDIATE")
        for key, value in writes:
            if value is None:
                execute("DELETE FROM rows WHERE key = ?", (key,))
            else:
                execute("INSERT OR REPLACE INTO rows VALUES (?, ?)", (key, value))
        execute("UPDATE progress SET applied = ?, checkpoint = ?", (applied, checkpoint))
        execute("COMMIT")

    def save_checkpoint(self, position: int) -> None:
        """Move only the checkpoint."""
        self.execute("UPDATE progress SET checkpoint = ?", (position,))

    def replace(self, position: int, rows: Sequence[tuple[str, bytes]]) -> None:
        """Replace all rows by these rows, the state at `position`."""
        execute = self.execute
        execute("BEGIN IMMEDIATE")
        execute("DELETE FROM rows")
        for row in rows:
            execute("INSERT INTO rows VALUES (?, ?)", row)
        execute("UPDATE progress SET applied = ?, checkpoint = ?", (position, position))
        execute("COMMIT")


class SnapshotTable(Table):
    """The newest snapshot of each owner."""

    schema = (
        "CREATE TABLE snapshots (owner TEXT PRIMARY KEY, position INTEGER NOT NULL, state BLOB NOT NULL,"
        " schema INTEGER NOT NULL) WITHOUT ROWID",
    )
    contents = ("DELETE FROM snapshots",)

    def save(self, owner: str, position: int, state: bytes, schema: int) -> None:
        """Put this one in the place of the owner's last."""
        self.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", (owner, position, state, schema))

    def newest(self, owner: str) -> tuple[int, bytes, int] | None:
        """Position, state, schema."""
        row: tuple[int, bytes, int] | None = self.execute(
            "SELECT position, state, schema FROM snapshots WHERE owner = ?", (owner,)
        ).fetchone()
        return row


TABLES: dict[str, type[Table]] = {"log": LogTable, "store": RowTable, "index": RowTable, "snapshots": SnapshotTable}
"""Database -> what is in it. The other consumers keep their rows in memory."""
