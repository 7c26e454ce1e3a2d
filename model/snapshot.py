"""Snapshots: the fold up to a position, kept so that recovery folds only the tail."""

from __future__ import annotations

from typing import Any

import msgspec


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """`state` is the fold of `owner` up to `position`, made by code of version `schema`. `owner` is a consumer or ``stream:NAME``."""

    owner: str
    position: int
    state: Any
    schema: int


class SnapshotStore:
    """Keeps the snapshot of each owner that was saved last, durably. It keeps the object: who saves one must not change its state
    afterwards."""

    def __init__(self) -> None:
        self._newest: dict[str, Snapshot] = {}

    def save(self, snapshot: Snapshot) -> None:
        """Keep this snapshot as the newest of its owner, whatever its position."""
        self._newest[snapshot.owner] = snapshot

    def delete(self, owner: str) -> None:
        """Forget the snapshot of `owner`."""
        self._newest.pop(owner, None)

    def owners(self, prefix: str) -> list[str]:
        """Those whose name begins with `prefix` and who have a snapshot, sorted."""
        return sorted(owner for owner in self._newest if owner.startswith(prefix))

    def newest(self, owner: str) -> Snapshot | None:
        """The newest snapshot of `owner`, or None."""
        return self._newest.get(owner)

    def close(self) -> None:
        """Does nothing, because there is nothing to close."""
