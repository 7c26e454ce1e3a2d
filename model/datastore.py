"""Datastores: where a consumer keeps its rows, and next to them how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Writes = Mapping[str, Any]


def write(rows: dict[str, Any], writes: Writes) -> None:
    """Put what a projection wrote into `rows`; None deletes a row. (`Datastore.apply` and the folds of properties do the same without a
    call, because every event goes through them.)"""
    for key, value in writes.items():
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


class Datastore:
    """Rows by key, the position of the newest event applied to them, and the checkpoint. The datastore is in memory,
    but as durable as a file: if its consumer crashes, nothing that was applied is lost.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}
        self.applied = 0
        self.checkpoint = 0

    def view(self) -> Mapping[str, Any]:
        """The rows themselves, for look-ups; not a copy."""
        return self._rows

    def rows(self) -> dict[str, Any]:
        """A copy of all rows."""
        return dict(self._rows)

    def get(self, key: str) -> Any:
        """One row, or None."""
        return self._rows.get(key)

    def read(self, keys: Iterable[str]) -> dict[str, Any]:
        """These rows as they are stored now (None: no such row)."""
        get, found = self._rows.get, {}
        for key in keys:
            found[key] = get(key)
        return found

    def apply(self, position: int, writes: Writes, checkpoint: bool = False) -> None:
        """Change the rows because of the event at `position`; if `checkpoint` is true, also move the checkpoint in the
        same step."""
        rows = self._rows
        for key, value in writes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        if position > self.applied:
            self.applied = position
        if checkpoint:
            self.checkpoint = position

    def save_checkpoint(self, position: int) -> None:
        """Move only the checkpoint."""
        self.checkpoint = position

    def replace(self, position: int, rows: dict[str, Any]) -> None:
        """Replace all rows by `rows`, the state at `position`, to recover from a snapshot."""
        self._rows = rows
        self.applied = self.checkpoint = position

    def crash(self) -> None:
        """The consumer's process dies. A datastore in memory loses nothing; one in a file would lose its connection."""

    def reopen(self) -> None:
        """The consumer's process is up again. A datastore in memory has nothing to recover."""

    def close(self) -> None:
        """Does nothing, because a datastore in memory has nothing to close."""
