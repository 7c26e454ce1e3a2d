"""Change data capture: the copy follows its source, row by row forwards, and equals it at rest (CDC).

Usually broken by a cursor over time stamps, which late commits and equal stamps slip under (catalogue: cdc-timestamp-cursor), by going
on at the newest change when the stored offset is lost (cdc-resume-at-latest), and by snapshots that are inserted a second time
(cdc-resnapshot-duplicates)."""

from __future__ import annotations

from refold.model.parts.messages.change_stream import Copied, CopyAtRest, SnapshotBegun, SourceChanged
from refold.model.words import counted
from refold.properties.property import Evidence, Finding, Handler, Property


class CopyFollowsSource(Property):
    """For every row r: the LSN of the copy of r only grows, the copy holds r at most once, never a value that the source did not have;
    and at rest copy(r) == source(r)."""

    name = "change-stream"
    guarantee = "CDC"
    needs = "change-stream"
    judges = (SourceChanged,)

    def __init__(self) -> None:
        super().__init__()
        self.source: dict[str, tuple[int, SourceChanged]] = {}
        self.copied: dict[str, tuple[int, Copied]] = {}
        self.snapshot = -1
        self.emptied: set[str] = set()

    def handlers(self) -> dict[type, Handler]:
        """Changes on both sides, rest."""
        return {
            SourceChanged: self.on_changed,
            SnapshotBegun: self.on_snapshot,
            Copied: self.on_copied,
            CopyAtRest: self.on_rest,
        }

    def on_changed(self, number: int, record: SourceChanged) -> None:
        """The source moves on."""
        self.source[record.item] = (number, record)

    def on_snapshot(self, number: int, record: SnapshotBegun) -> None:
        """A copy may be emptied before it is filled again: a row that is deleted as of the snapshot may come back with it."""
        self.snapshot = record.lsn

    def on_copied(self, number: int, record: Copied) -> Finding | None:
        """Forwards, and once."""
        before = self.copied.get(record.item)
        self.copied[record.item] = (number, record)
        evidence = [] if before is None else [Evidence(*before, "was in the copy")]
        evidence.append(Evidence(number, record, "came on top"))
        if record.rows > 1:
            return self.finding(
                "row-copied-twice",
                record.item,
                number,
                position=record.lsn,
                expected="one row",
                actual=counted(record.rows, "row"),
                evidence=evidence,
            )
        back = before is not None and record.lsn < before[1].lsn and record.value != before[1].value
        if record.value is None and record.lsn == self.snapshot:
            self.emptied.add(record.item)
        elif record.item in self.emptied:
            self.emptied.discard(record.item)
            back = False
        if before is not None and back:
            return self.finding(
                "copy-goes-back",
                record.item,
                number,
                position=record.lsn,
                expected=f"LSN {before[1].lsn} or later",
                actual=f"LSN {record.lsn}",
                evidence=evidence,
            )
        newest = self.source.get(record.item)
        if newest is None or record.lsn > newest[1].lsn:
            if record.value is None:
                return None
            return self.finding(
                "copied-before-commit",
                record.item,
                number,
                position=record.lsn,
                expected="a committed change",
                actual=record.value,
                evidence=evidence,
            )
        return None

    def on_rest(self, number: int, record: CopyAtRest) -> Finding | None:
        """Row by row."""
        for item in sorted({*self.source, *record.rows}):
            newest = self.source.get(item)
            value = None if newest is None else newest[1].value
            expected = () if value is None else (value,)
            actual = tuple(record.rows.get(item, ()))
            if expected != actual:
                source = [] if newest is None else [Evidence(*newest, "is the source's newest change")]
                return self.finding(
                    "copy-differs",
                    item,
                    number,
                    position=None if newest is None else newest[1].lsn,
                    expected=expected,
                    actual=actual,
                    evidence=[*source, Evidence(number, record, "shows the copy at rest")],
                )
        return None
