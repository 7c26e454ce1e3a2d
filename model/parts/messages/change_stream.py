"""Change data capture: an authoritative table, the stream of its changes, and a copy that a connector keeps downstream.

Contract: at rest the copy equals the table, one row per item; a row of the copy never goes back. Transactions take their time stamp
when they begin and their place in the stream (LSN) when they commit, so only the LSN is an order to resume by. Stream and table may be
read again (after a crash, or in a new snapshot when the stored offset is lost), so the copy is written by item and LSN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, listed

ITEMS = ("a", "b")
TICKS_PER_STAMP = 4
"""Time stamps are coarse: so many ticks share one."""


@action_kind
class ChangeRow(Action, frozen=True, tag="change-row"):
    """A transaction changes a row of the authoritative table and commits."""

    item: str

    def __str__(self) -> str:
        return f"a transaction changes row {self.item} and commits"


@action_kind
class RemoveRow(Action, frozen=True, tag="remove-row"):
    """A transaction deletes a row of the authoritative table and commits."""

    item: str

    def __str__(self) -> str:
        return f"a transaction deletes row {self.item} and commits"


@action_kind
class BeginChange(Action, frozen=True, tag="begin-change"):
    """A transaction changes a row and takes its time stamp; it commits later."""

    item: str

    def __str__(self) -> str:
        return f"a slow transaction changes row {self.item}"


@action_kind
class CommitChange(Action, frozen=True, tag="commit-change"):
    """The slow transaction commits: now its change has a place in the stream."""

    item: str

    def __str__(self) -> str:
        return f"the slow transaction on row {self.item} commits"


@action_kind
class Capture(Action, frozen=True, tag="capture"):
    """The connector takes one step: it copies one row of a snapshot or one change, or saves its offset."""

    def __str__(self) -> str:
        return "the connector makes one step (snapshot row, change, or offset)"


@action_kind
class CrashConnector(Action, frozen=True, tag="crash-connector"):
    """The connector dies and starts again. May lose: its progress since the saved offset. May never lose: that offset, and the copy."""

    fault = True

    def __str__(self) -> str:
        return "the connector crashes and starts again"


@action_kind
class LoseOffset(Action, frozen=True, tag="lose-offset"):
    """The connector dies and its offset store is gone with it. May never lose: the copy."""

    phrase = "a stored offset had been lost"
    fault = True

    def __str__(self) -> str:
        return "the connector crashes and its stored offset is lost"


class Change(msgspec.Struct, frozen=True):
    """One committed change: row `item` is `value` (None: deleted) as of `lsn`; its transaction began at `stamp`."""

    lsn: int
    item: str
    value: int | None
    stamp: int


ORIGIN = Change(0, "", None, 0)
"""The place before the first change."""


@record_kind
class SourceChanged(Record, frozen=True, tag="source-changed"):
    """The authoritative table changed."""

    phrase = "the source had changed"

    lsn: int
    item: str
    value: int | None

    def __str__(self) -> str:
        return (
            f"row {self.item} of the table is "
            + ("deleted" if self.value is None else f"{self.value}")
            + f" as of LSN {self.lsn}"
        )


@record_kind
class Copied(Record, frozen=True, tag="copied"):
    """The copy was written: row `item` as of `lsn` is `value`; the copy holds `rows` rows of that item now."""

    lsn: int
    item: str
    value: int | None
    rows: int

    def __str__(self) -> str:
        return (
            f"row {self.item} of the copy is "
            + ("deleted" if self.value is None else f"{self.value}")
            + f" as of LSN {self.lsn}; the copy has {counted(self.rows, 'row')} for it"
        )


@record_kind
class SnapshotBegun(Record, frozen=True, tag="snapshot-begun"):
    """The connector reads the whole table, which stands at `lsn`."""

    phrase = "a second snapshot of the source had begun"

    lsn: int

    def __str__(self) -> str:
        return f"the connector begins a snapshot at LSN {self.lsn}"


@record_kind
class ConnectorRestarted(Record, frozen=True, tag="connector-restarted"):
    """The connector goes on after the change at LSN `offset` (None: it has no offset stored)."""

    offset: int | None

    def __str__(self) -> str:
        return "the connector starts again " + (
            "without an offset" if self.offset is None else f"after LSN {self.offset}"
        )


@record_kind
class CopyAtRest(Record, frozen=True, tag="copy-at-rest"):
    """At rest the copy holds these rows: item -> values."""

    rows: dict[str, tuple[int, ...]]

    def __str__(self) -> str:
        return f"at rest the copy holds {listed(f'{item} = {listed(values)}' for item, values in self.rows.items())}"


class ChangeStream(Extension):
    """Table, stream, connector, copy."""

    name = "change-stream"
    title = "change data capture"
    covers = "a copy of a table under lost offsets, snapshots, slow commits"
    counts = (count("rows_copied", "changes and rows of snapshots that change data capture wrote to the copy", Copied),)
    family = "change-stream"
    called_by = (ChangeRow, RemoveRow, BeginChange, CommitChange, Capture, CrashConnector, LoseOffset)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.table: dict[str, Change] = {}
        self.stream: list[Change] = []
        self.slow: dict[str, int] = {}
        self.copy: dict[str, list[Change]] = {}
        self.lsns: dict[str, int] = {}
        self.offset: Change | None = ORIGIN
        self.place = ORIGIN
        self.to_read: list[str] | None = None
        self.seen: set[str] = set()

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Changes and captures in balance."""
        return [
            (cls.family, 5, [ChangeRow(item) for item in ITEMS]),
            (cls.family, 8, [Capture()]),
            (cls.family, 1, [RemoveRow(item) for item in ITEMS]),
            (cls.family, 2, [BeginChange(item) for item in ITEMS]),
            (cls.family, 2, [CommitChange(item) for item in ITEMS]),
            (cls.family, 2, [CrashConnector()]),
            (cls.family, 1, [LoseOffset()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Seven actions."""
        return {
            ChangeRow: self.change_row,
            RemoveRow: self.remove_row,
            BeginChange: self.begin_change,
            CommitChange: self.commit_change,
            Capture: self.capture,
            CrashConnector: self.crash_connector,
            LoseOffset: self.lose_offset,
        }

    # -- the source

    def change_row(self, action: ChangeRow) -> bool:
        """Not while a slow transaction holds the row."""
        if action.item in self.slow:
            return False
        self.step(action)
        self.commit(action.item, self.stamp())
        return True

    def remove_row(self, action: RemoveRow) -> bool:
        """Only a row that is there."""
        if action.item in self.slow or action.item not in self.table:
            return False
        self.step(action)
        self.commit(action.item, self.stamp(), remove=True)
        return True

    def begin_change(self, action: BeginChange) -> bool:
        """Lock the row and take the time."""
        if action.item in self.slow:
            return False
        self.step(action)
        self.slow[action.item] = self.stamp()
        return True

    def commit_change(self, action: CommitChange) -> bool:
        """The place in the stream is that of the commit."""
        if action.item not in self.slow:
            return False
        self.step(action)
        self.commit(action.item, self.slow.pop(action.item))
        return True

    def stamp(self) -> int:
        """The time, as rows bear it."""
        return 1 + self.clock.now // TICKS_PER_STAMP

    def commit(self, item: str, stamp: int, remove: bool = False) -> None:
        """Table and stream change together."""
        lsn = len(self.stream) + 1
        change = Change(lsn, item, None if remove else lsn, stamp)
        self.stream.append(change)
        if remove:
            del self.table[item]
        else:
            self.table[item] = change
        self.emit(SourceChanged(lsn, item, change.value))

    # -- the connector

    def capture(self, action: Capture) -> bool:
        """One step, if there is one to do."""
        if self.idle():
            return False
        self.step(action)
        self.advance()
        return True

    def idle(self) -> bool:
        """Whether the connector is through with everything."""
        return self.offset is not None and self.to_read is None and self.offset == self.place and self.poll() is None

    def advance(self) -> None:
        """A snapshot if there is no offset; else the changes behind it; else save the offset."""
        if self.offset is None and self.to_read is None:
            self.begin_snapshot()
        if self.to_read is not None:
            self.snapshot_row(self.to_read)
        elif (found := self.poll()) is not None:
            self.place = found
            self.write(found)
        else:
            self.offset = self.place

    def poll(self) -> Change | None:
        """The next change after the connector's place, which is the last change that it has dealt with."""
        place = self.place.lsn
        return self.stream[place] if place < len(self.stream) else None

    def begin_snapshot(self) -> None:
        """The stream goes on later from where it is now; whatever changes while the snapshot is read is read twice."""
        self.place = self.stream[-1]
        self.to_read = sorted(self.table)
        self.seen = set()
        self.emit(SnapshotBegun(self.place.lsn))

    def snapshot_row(self, to_read: list[str]) -> None:
        """One row; after the last one, rows of the copy that the table no longer has are swept away."""
        if to_read:
            item = to_read.pop(0)
            self.seen.add(item)
            if item in self.table:
                self.write_snapshot(self.table[item])
        if not to_read:
            for item in [item for item in self.copy if item not in self.seen]:
                self.write(Change(self.place.lsn, item, None, 0))
            self.to_read = None
            self.offset = self.place

    # -- the copy

    def write_snapshot(self, row: Change) -> None:
        """A row of a snapshot is written like any other change."""
        self.write(row)

    def write(self, change: Change) -> None:
        """One row per item, and nothing older than it is."""
        if self.newer(change):
            self.put(change, [change])

    def newer(self, change: Change) -> bool:
        """By LSN; deleted rows keep theirs."""
        return change.lsn > self.lsns.get(change.item, 0)

    def put(self, change: Change, rows: list[Change]) -> None:
        """These are the copy's rows of the item now."""
        item = change.item
        if change.value is None:
            self.copy.pop(item, None)
            rows = []
        else:
            self.copy[item] = rows
        self.lsns[item] = change.lsn
        self.emit(Copied(change.lsn, item, change.value, len(rows)))

    # -- faults and settling

    def crash_connector(self, action: CrashConnector) -> bool:
        """Only worth a step if there is something to forget."""
        if self.to_read is None and self.place == self.offset:
            return False
        self.step(action)
        self.restart()
        return True

    def lose_offset(self, action: LoseOffset) -> bool:
        """Only worth a step once there is something to miss."""
        if not self.stream or self.offset is None:
            return False
        self.step(action)
        self.offset = None
        self.restart()
        return True

    def restart(self) -> None:
        """Go on after the stored offset; without one, read everything again."""
        self.to_read = None
        self.emit(ConnectorRestarted(None if self.offset is None else self.offset.lsn))
        if self.offset is None:
            self.offset = self.without_offset()
        self.place = self.offset or ORIGIN

    def without_offset(self) -> Change | None:
        """Where to begin when the stored offset is lost: None, with a new snapshot."""
        return None

    def calm(self) -> None:
        """Slow transactions are rolled back."""
        self.slow.clear()

    def turn(self) -> bool:
        """Capture what is left."""
        if not self.stream or self.idle():
            return False
        self.advance()
        return True

    def rest(self) -> None:
        """Show the copy."""
        if self.stream:
            rows = {item: tuple([row.value or 0 for row in rows]) for item, rows in sorted(self.copy.items())}
            self.emit(CopyAtRest(rows))
