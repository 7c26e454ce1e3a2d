"""Logs in a table of SQLite that remove events on purpose, as a developer writes them: a correct one, and what goes wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from refold.model.event import NewEvent, Stored
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.log import Appended, AppendRequest, Conflict


class Alike(Inventory):
    """The name of one key is the beginning of the other one's."""

    name = "alike"

    def commands(self) -> Sequence[Restock | Reserve]:
        """A nut, and a nutcracker."""
        items = ("nut", "nutcracker")
        return (*(Restock(item, 1) for item in items), *(Reserve(item, count) for item in items for count in (1, 2)))


APPLICATION = Alike()


class Table:
    """Correct: positions by AUTOINCREMENT, versions in a table of their own."""

    capabilities: tuple[str, ...] = (
        "crash-log",
        "dedupe",
        "durable-removal",
        "retention",
        "stream-deletion",
        "truncation",
    )
    position = "INTEGER PRIMARY KEY AUTOINCREMENT"

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.execute(
            f"CREATE TABLE events (position {self.position}, stream TEXT, version INT, id TEXT, type TEXT, data TEXT)"
        )
        self.db.execute("CREATE TABLE streams (stream TEXT PRIMARY KEY, version INT)")

    def version(self, stream: str) -> int:
        """The version of a stream."""
        row = self.db.execute("SELECT version FROM streams WHERE stream = ?", (stream,)).fetchone()
        return 0 if row is None else int(row[0])

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One transaction."""
        known = self.db.execute(
            "SELECT position FROM events WHERE id LIKE ? ORDER BY position", (f"{request.op}/%",)
        ).fetchall()
        if known:
            return Appended(tuple(position for (position,) in known))
        version = self.version(request.stream)
        if not request.expected.holds(version):
            return Conflict(version)
        self.db.execute("BEGIN")
        positions = [self.insert(request.stream, version + n, event) for n, event in enumerate(request.events, 1)]
        self.db.execute("REPLACE INTO streams VALUES (?, ?)", (request.stream, version + len(request.events)))
        self.db.execute("COMMIT")
        return Appended(tuple(positions))

    def insert(self, stream: str, version: int, event: NewEvent) -> int:
        """One row; its position."""
        row = (stream, version, event.id, event.type, json.dumps(APPLICATION.encode(event.data)))
        added = self.db.execute("INSERT INTO events (stream, version, id, type, data) VALUES (?, ?, ?, ?, ?)", row)
        assert added.lastrowid is not None
        return added.lastrowid

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """A page."""
        return self.stored("position > ? ORDER BY position LIMIT ?", after, limit)

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """One stream."""
        return self.stored("stream = ? AND version > ? ORDER BY version", stream, after)

    def stored(self, where: str, *values: Any) -> list[Stored]:
        """Rows as events."""
        rows: Iterable[Any] = self.db.execute(f"SELECT * FROM events WHERE {where}", values)
        return [Stored(*place, kind, APPLICATION.decode(kind, json.loads(data))) for *place, kind, data in rows]

    def trim(self, position: int) -> None:
        """Retention."""
        self.db.execute("DELETE FROM events WHERE position <= ?", (position,))

    def truncate(self, stream: str, version: int) -> None:
        """The beginning of a stream."""
        self.db.execute("DELETE FROM events WHERE stream = ? AND version <= ?", (stream, version))

    def delete_stream(self, stream: str) -> None:
        """A whole stream; its row in `streams` stays."""
        self.db.execute("DELETE FROM events WHERE stream = ?", (stream,))

    def crash(self) -> None:
        """All is in the file."""

    def restart(self) -> None:
        """As it was."""

    def close(self) -> None:
        """Over."""
        self.db.close()


class CountedVersions(Table):
    """The version is the number of rows."""

    def version(self, stream: str) -> int:
        """Goes back when rows go."""
        return int(self.db.execute("SELECT count(*) FROM events WHERE stream = ?", (stream,)).fetchone()[0])


class ReusedPositions(Table):
    """Without AUTOINCREMENT the next rowid is the greatest one plus one."""

    position = "INTEGER PRIMARY KEY"


class TrimsOneMore(Table):
    """Off by one."""

    def trim(self, position: int) -> None:
        """Takes one that nobody named."""
        super().trim(position + 1)


class TrimsOneLess(Table):
    """Off by one, the other way."""

    def trim(self, position: int) -> None:
        """Leaves the last one."""
        super().trim(position - 1)


class DeletesByPrefix(Table):
    """Finds the stream by the beginning of its name."""

    def delete_stream(self, stream: str) -> None:
        """Takes others too."""
        self.db.execute("DELETE FROM events WHERE stream LIKE ?", (f"{stream}%",))


class TrimsInMemory(Table):
    """Keeps in memory from where on it shows events."""

    def __init__(self) -> None:
        super().__init__()
        self.first = 1

    def trim(self, position: int) -> None:
        """Not in the file."""
        self.first = max(self.first, position + 1)

    def stored(self, where: str, *values: Any) -> list[Stored]:
        """Those that were not trimmed."""
        return super().stored(f"position >= {self.first} AND {where}", *values)

    def restart(self) -> None:
        """Forgets it."""
        self.first = 1


class PromisesNothing(TrimsInMemory):
    """The same, and says so."""

    capabilities = ("crash-log", "dedupe", "retention")


class StreamsStay(TrimsInMemory):
    """Trims what readers of the whole log see, and not what readers of a stream see."""

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """All of it."""
        return Table.stored(self, "stream = ? AND version > ? ORDER BY version", stream, after)

    def restart(self) -> None:
        """As it was."""


class StopsAtGaps(Table):
    """Expects the next position."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Ends where it is not there."""
        page = super().read(after, limit)
        there = [event.position == after + n for n, event in enumerate(page, 1)]
        return page[: there.index(False)] if False in there else page
