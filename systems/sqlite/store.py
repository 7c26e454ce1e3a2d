"""Datastores and snapshots of the system `sqlite`.

Values are stored as pickles, because rows are any immutable values (tuples, sets, the application's own classes) and
properties compare them by equality with what the projection made. That is safe here: only bytes that this very run has
written are ever read back (databases are emptied when a run begins), and children handle them unopened.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping

from refold.model.datastore import Datastore
from refold.model.declarations.ports import StoredRows
from refold.model.snapshot import Snapshot
from refold.systems.sqlite.host import Host
from refold.systems.sqlite.tables import RowTable, SnapshotTable


def encoded(value: object) -> bytes:
    """A value as bytes."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


class SqliteStore(Mapping[str, object]):
    """A consumer's datastore in a file of its own; it is its own `view`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.applied, self.checkpoint = self.table.progress()

    @property
    def table(self) -> RowTable:
        """The rows, while the host is up."""
        table: RowTable = self.host.table
        return table

    # -- rows to look things up in

    def __getitem__(self, key: str) -> object:
        value = self.table.get(key)
        if value is None:
            raise KeyError(key)
        return pickle.loads(value)

    def get(self, key: str, default: object = None) -> object:
        """One row, or the default."""
        value = self.table.get(key)
        return default if value is None else pickle.loads(value)

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self.table.all()])

    def __len__(self) -> int:
        return len(self.table.all())

    # -- the port

    def view(self) -> Mapping[str, object]:
        """The rows, read from the file at every look."""
        return self

    def rows(self) -> StoredRows:
        """A copy of all rows."""
        return {key: pickle.loads(value) for key, value in self.table.all()}

    def read(self, keys: Iterable[str]) -> StoredRows:
        """These rows as they are in the file now."""
        return {key: self.get(key) for key in keys}

    def apply(self, position: int, writes: Mapping[str, object], checkpoint: bool = False) -> None:
        """StoredRows, and with `checkpoint` the checkpoint, in one transaction."""
        rows = [(key, None if value is None else encoded(value)) for key, value in writes.items()]
        applied = max(position, self.applied)
        saved = position if checkpoint else self.checkpoint
        self.table.apply(rows, applied, saved)
        self.applied, self.checkpoint = applied, saved

    def save_checkpoint(self, position: int) -> None:
        """The checkpoint alone."""
        self.table.save_checkpoint(position)
        self.checkpoint = position

    def replace(self, position: int, rows: StoredRows) -> None:
        """Exactly these rows, in one transaction."""
        self.table.replace(position, [(key, encoded(value)) for key, value in rows.items()])
        self.applied = self.checkpoint = position

    def crash(self) -> None:
        """The consumer dies with its connection."""
        self.host.crash()

    def reopen(self) -> None:
        """Recover from the file: also how far the consumer has come."""
        self.host.start()
        self.applied, self.checkpoint = self.table.progress()

    def close(self) -> None:
        """The files belong to the workspace, which closes them."""


class SqliteSnapshots:
    """Snapshots in a file: the newest of each owner."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @property
    def table(self) -> SnapshotTable:
        """The snapshots, while the host is up."""
        table: SnapshotTable = self.host.table
        return table

    def save(self, snapshot: Snapshot) -> None:
        """Keep it, durably."""
        self.table.save(snapshot.owner, snapshot.position, encoded(snapshot.state), snapshot.schema)

    def newest(self, owner: str) -> Snapshot | None:
        """The newest snapshot of `owner`, as it is in the file."""
        row = self.table.newest(owner)
        return None if row is None else Snapshot(owner, row[0], pickle.loads(row[1]), row[2])

    def close(self) -> None:
        """The files belong to the workspace, which closes them."""


class MemoryStore(Datastore):
    """StoredRows in memory, of a consumer that recovers from snapshots; when it dies, the connection to these dies too."""

    def __init__(self, snapshots: SqliteSnapshots) -> None:
        super().__init__()
        self.snapshots = snapshots

    def crash(self) -> None:
        """The snapshots have to be found in the file again."""
        self.snapshots.host.crash()
        self.snapshots.host.start()
