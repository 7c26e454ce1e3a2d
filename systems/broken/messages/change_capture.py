"""Broken change data capture (CDC)."""

from __future__ import annotations

from refold.model.parts.messages.change_stream import Change, ChangeStream
from refold.systems.broken.registry import broken


@broken(
    "cdc-timestamp-cursor",
    "change-stream",
    guarantee="CDC",
    reference="airbyte#14732, #85918, #80152, PR#44450",
    fix="a cursor over log positions, or an overlap window and dedupe",
)
class CdcTimestampCursor(ChangeStream):
    """Asks for rows with `updated_at > cursor`. A row with the same timestamp, or one whose transaction began early and commits late, is
    never read."""

    def poll(self) -> Change | None:
        """The next greater time stamp."""
        newer = [change for change in self.stream if change.stamp > self.place.stamp]
        return min(newer, key=lambda change: change.stamp, default=None)


@broken(
    "cdc-resume-at-latest",
    "change-stream",
    guarantee="CDC/CKPT",
    reference="debezium PR#1220 (DBZ-1730)",
    fix="resume from the slot's LSN or from the earliest, else take a new snapshot",
    tier=2,
)
class CdcResumeAtLatest(ChangeStream):
    """Starts at the newest change when the stored offset is lost. Everything in between is missing, and no error reports it."""

    def without_offset(self) -> Change | None:
        """From now on."""
        return self.stream[-1]


@broken(
    "cdc-resnapshot-duplicates",
    "change-stream",
    guarantee="CDC",
    reference="MaterializeInc/materialize#14211",
    fix="upsert by key and LSN",
    tier=2,
)
class CdcResnapshotDuplicates(ChangeStream):
    """Inserts the rows of a snapshot. A connector that dies during the snapshot takes another one, and every row is there twice."""

    def write_snapshot(self, row: Change) -> None:
        """A snapshot is read first, so the copy must be empty."""
        self.put(row, [*self.copy.get(row.item, ()), row])
