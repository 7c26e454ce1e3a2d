"""Datastores and snapshots of the system `sqlite`.

Values are stored as pickles, because rows are any immutable values (tuples, sets, the application's own classes) and
properties compare them by equality with what the projection made. That is safe here: only bytes that this very run has
written are ever read back (databases are emptied when a run begins), and children handle them unopened.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from refold.model.datastore import Datastore
from refold.model.snapshot import Snapshot
from refold.systems.sqlite.host import Host


def encoded(value: Any) -> bytes:
    """A value as bytes."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


class SqliteStore(Mapping[str, Any]):
    """A consumer's datastore in a file of its own; it is its own `view`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.applied, self.checkpoint = host.table.progress()

    # -- rows to look things up in

    def __getitem__(self, key: str) -> Any:
        value = self.host.table.get(key)
        if value is None:
            raise KeyError(key)
        return pickle.loads(value)

    def get(self, key: str, default: Any = None) -> Any:
        """One row, or the default."""
        value = self.host.table.get(key)
        return default if value is None else pickle.loads(value)

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self.host.table.all()])

    def __len__(self) -> int:
        return len(self.host.table.all())

    # -- the port

    def view(self) -> Mapping[str, Any]:
        """The rows, read from the file at every look."""
        return self

    def rows(self) -> dict[str, Any]:
        """A copy of all rows."""
        return {key: pickle.loads(value) for key, value in self.host.table.all()}

    def read(self, keys: Iterable[str]) -> dict[str, Any]:
        """These rows as they are in the file now."""
        return {key: self.get(key) for key in keys}

    def apply(self, position: int, writes: Mapping[str, Any], checkpoint: bool = False) -> None:
        """Rows, and with `checkpoint` the checkpoint, in one transaction."""
        rows = [(key, None if value is None else encoded(value)) for key, value in writes.items()]
        applied = max(position, self.applied)
        saved = position if checkpoint else self.checkpoint
        self.host.table.apply(rows, applied, saved)
        self.applied, self.checkpoint = applied, saved

    def save_checkpoint(self, position: int) -> None:
        """The checkpoint alone."""
        self.host.table.save_checkpoint(position)
        self.checkpoint = position

    def replace(self, position: int, rows: dict[str, Any]) -> None:
        """Exactly these rows, in one transaction."""
        self.host.table.replace(position, [(key, encoded(value)) for key, value in rows.items()])
        self.applied = self.checkpoint = position

    def crash(self) -> None:
        """The consumer dies with its connection."""
        self.host.crash()

    def reopen(self) -> None:
        """Recover from the file: also how far the consumer has come."""
        self.host.start()
        self.applied, self.checkpoint = self.host.table.progress()

    def close(self) -> None:
        """The files belong to the workspace, which closes them."""


class SqliteSnapshots:
    """Snapshots in a file: the newest of each owner."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def save(self, snapshot: Snapshot) -> None:
        """Keep it, durably."""
        self.host.table.save(snapshot.owner, snapshot.position, encoded(snapshot.state), snapshot.schema)

    def newest(self, owner: str) -> Snapshot | None:
        """The newest snapshot of `owner`, as it is in the file."""
        row = self.host.table.newest(owner)
        return None if row is None else Snapshot(owner, row[0], pickle.loads(row[1]), row[2])

    def close(self) -> None:
        """The files belong to the workspace, which closes them."""


class MemoryStore(Datastore):
    """Rows in memory, of a consumer that recovers from snapshots; when it dies, the connection to these dies too."""

    def __init__(self, snapshots: SqliteSnapshots) -> None:
        super().__init__()
        self.snapshots = snapshots

    def crash(self) -> None:
        """The snapshots have to be found in the file again."""
        self.snapshots.host.crash()
        self.snapshots.host.start()
