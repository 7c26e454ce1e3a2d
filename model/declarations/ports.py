"""The ports of the model: what logs, datastores and places for snapshots must offer, as types.

A log of a user's own needs `LogPort`. Everything more is a protocol of its own, and a capability: a log that has the methods can be
asked for it. A deployment drives a `DrivenLog`: the model's log, a real one, or a user's one behind checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.event import Stored
from refold.model.snapshot import Snapshot

StoredRows = dict[str, Any]
"""The rows of a datastore by key: whatever values the application's projections make."""


class Readable(Protocol):
    """Something that can be read page by page."""

    def read(self, after: int, limit: int, /) -> Sequence[Stored]:
        """At most `limit` events with positions greater than `after`, in order."""


class LogPort(Readable, Protocol):
    """An event log. Positions count from 1 over the whole log and versions from 1 over a stream.

    `append` either stores the whole batch and returns `Appended`, or stores nothing and returns `Conflict`; it raises `OutcomeUnknown` if
    it cannot tell which.
    """

    def append(self, request: AppendRequest, /) -> Appended | Conflict:
        """Append conditionally."""


class StreamLog(LogPort, Protocol):
    """A log that can read a single stream; logs without this method are read completely instead."""

    def read_stream(self, stream: str, after: int, /) -> Sequence[Stored]:
        """The events of one stream with versions greater than `after`."""


@runtime_checkable
class MortalLog(Protocol):
    """A log that can die (``crash-log``)."""

    def crash(self) -> None:
        """Die."""

    def restart(self) -> None:
        """Start again with what is durable."""


@runtime_checkable
class DurableLog(MortalLog, Protocol):
    """A log that calls ``durable`` right before each of its durable steps, and may die there (``crash-log-at-step``)."""

    durable: Callable[[], None]
    """The harness sets this attribute to a function of its own. Where the log has to die, the function raises an
    exception, and the log must do nothing more."""


@runtime_checkable
class SlowLog(Protocol):
    """A log whose appends may take their positions now and become visible later (``slow-append``)."""

    def begin(self, request: AppendRequest, /) -> tuple[int, ...] | Appended | Conflict:
        """Open a slow append. Returns the positions that it has taken, or at once the answer that `append` would give."""

    def commit(self, op: str, /) -> Appended | Conflict:
        """Make the slow append of operation `op` visible."""

    def abort(self, op: str, /) -> None:
        """Roll back the slow append of operation `op`."""


@runtime_checkable
class PoweredLog(Protocol):
    """A log whose machine can lose power (``power-cut``)."""

    def cut_power(self, how: str, /) -> None:
        """Lose unsynced writes in the way that ``how`` names: ``drop``, ``torn`` or ``reorder``."""

    def restart(self) -> None:
        """Start again with what is durable."""


@runtime_checkable
class FailingLog(Protocol):
    """A log whose disk can fail (``disk-failure``)."""

    def fail_disk(self, how: str, /) -> None:
        """The next write of an append, or its sync, fails as `how` says: ``error``, ``full``, ``short`` or ``sync``; the append raises
        `OutcomeUnknown`, better `DiskFailure`."""


@runtime_checkable
class RetainingLog(Protocol):
    """A log that removes its oldest events (``retention``): `XTRIM MINID` of Redis, the limits of a stream of NATS."""

    def trim(self, position: int, /) -> None:
        """Remove every event at a position up to `position`, which itself is included, and nothing else.

        Positions and versions go on: none that was given out is given out again. A reader that begins below meets the first event that is
        left. Returns when it is done; raises `OutcomeUnknown` where the log cannot tell.
        """


@runtime_checkable
class TruncatingLog(Protocol):
    """A log that removes the oldest events of one stream (``truncation``): “truncate before” and ``$maxCount`` of KurrentDB."""

    def truncate(self, stream: str, version: int, /) -> None:
        """Remove the events of `stream` with versions up to `version`, which itself is included, and nothing else.

        The version of the stream stays what it was, for readers and for expected versions. Returns and raises as `RetainingLog.trim`.
        """


@runtime_checkable
class DeletingLog(Protocol):
    """A log that removes all events of one stream (``stream-deletion``): the soft delete of KurrentDB, a purge by subject of NATS."""

    def delete_stream(self, stream: str, /) -> None:
        """Remove the events that `stream` has now, and nothing else.

        The stream may be appended to again, and goes on with the version behind its last one: a deleted stream is not a new one, so
        `NoStream` does not hold. Returns and raises as `RetainingLog.trim`.
        """


@runtime_checkable
class Closing(Protocol):
    """Something that holds files or connections."""

    def close(self) -> None:
        """Give them back."""


class DrivenLog(StreamLog, MortalLog, Protocol):
    """A log as a deployment drives it: a named process that is up or down, and that dies when its fuse has burnt down."""

    name: str
    down: bool
    fuse: int

    def light(self, steps: int, /) -> None:
        """Die right before the `steps`-th durable step from now, counted from 1."""


class StorePort(Protocol):
    """A consumer's datastore: the rows, the newest position applied, and the checkpoint."""

    applied: int
    checkpoint: int

    def view(self) -> Mapping[str, Any]:
        """The rows, for look-ups."""

    def rows(self) -> StoredRows:
        """A copy of all rows."""

    def get(self, key: str, /) -> Any:
        """One row, or None."""

    def read(self, keys: Iterable[str], /) -> StoredRows:
        """These rows as they are stored now."""

    def apply(self, position: int, writes: Mapping[str, Any], checkpoint: bool = False, /) -> None:
        """Change rows and, if `checkpoint` is true, the checkpoint, in one atomic step."""

    def save_checkpoint(self, position: int, /) -> None:
        """Move only the checkpoint."""

    def replace(self, position: int, rows: StoredRows, /) -> None:
        """Replace all rows by these rows, the state at `position`."""

    def crash(self) -> None:
        """The consumer's process dies: drop the connection and what is not committed."""

    def reopen(self) -> None:
        """The consumer's process is up again: recover rows, `applied` and `checkpoint` from what is durable."""

    def close(self) -> None:
        """Close files and connections."""


class SnapshotPort(Protocol):
    """The place where snapshots are kept."""

    def save(self, snapshot: Snapshot, /) -> None:
        """Store the snapshot durably."""

    def newest(self, owner: str, /) -> Snapshot | None:
        """The newest snapshot of `owner`, or None if there is none."""

    def close(self) -> None:
        """Close files and connections."""
