"""Change data capture: the copy follows its source, row by row forwards, and equals it at rest (CDC).

This is usually broken by a cursor over timestamps, which misses late commits and equal timestamps (catalogue: cdc-timestamp-cursor), by
resuming at the newest change when the stored offset is lost (cdc-resume-at-latest), and by snapshots that are inserted a second time
(cdc-resnapshot-duplicates)."""

from __future__ import annotations

from typing import Any

from refold.model.parts.messages.change_stream import Copied, CopyAtRest, SnapshotBegun, SourceChanged
from refold.model.words import counted
from refold.properties.property import Evidence, Finding, Handler, Property


class CopyFollowsSource(Property):
    """For every row r: the LSN of the copy of r never goes back. The copy holds r at most once. The value that it takes as of an LSN is
    the value that the source held for r at that LSN, and never an uncommitted change. At rest copy(r) == source(r), so each row is in
    both or in neither.

    A copy may be emptied for a snapshot: each of its rows may be deleted at the LSN of the snapshot, and may come back once for each
    snapshot, no older than it was at the newest one.
    """

    name = "change-stream"
    guarantee = "CDC"
    clauses = {
        "forwards": "the LSN of a row of the copy never goes back; if the row was emptied, it never goes below its LSN at the newest "
        "snapshot",
        "one row": "the copy holds every row at most once",
        "committed": "no other value of a row is taken as of an LSN after its last change, and no value as of an LSN not yet reached",
        "values of the source": "the copy takes the value that the source held for the row at the LSN, or nothing at the LSN of a snapshot",
        "equal at rest": "at rest the copy holds the rows of the source with their newest values, and no other rows",
    }
    needs = "change-stream"
    judges = (SourceChanged,)

    def __init__(self) -> None:
        super().__init__()
        self.source: dict[str, list[tuple[int, SourceChanged]]] = {}
        self.copied: dict[str, tuple[int, Copied]] = {}
        self.snapshot = -1
        self.newest = 0
        self.emptied: set[str] = set()
        self.cleared: set[str] = set()

    def handlers(self) -> dict[type, Handler]:
        """Changes on both sides, rest."""
        return {
            SourceChanged: self.on_changed,
            SnapshotBegun: self.on_snapshot,
            Copied: self.on_copied,
            CopyAtRest: self.on_rest,
        }

    def on_changed(self, number: int, record: SourceChanged) -> None:
        """The source moves on; its changes are kept from the one on that the copy has."""
        self.newest = max(self.newest, record.lsn)
        self.source.setdefault(record.item, []).append((number, record))

    def on_snapshot(self, number: int, record: SnapshotBegun) -> None:
        """The copy may be emptied before it is filled again."""
        self.snapshot = record.lsn
        self.cleared.clear()

    def on_copied(self, number: int, record: Copied) -> Finding | None:
        """One row, not older than before, and as the source held it."""
        before = self.copied.get(record.item)
        evidence = [] if before is None else [Evidence(*before, "was in the copy")]
        evidence.append(Evidence(number, record, "came on top"))
        item = record.item
        empties = record.value is None and record.lsn == self.snapshot
        empties = empties and (item in self.emptied or item not in self.cleared)
        floor = self.floor(item, before)
        if record.lsn >= floor:
            self.copied[item] = (number, record)
            if empties:
                self.emptied.add(item)
                self.cleared.add(item)
            else:
                self.emptied.discard(item)
        if record.rows > 1:
            return self.wrong(
                "row-copied-twice", "one row", number, record, "one row", counted(record.rows, "row"), evidence
            )
        if record.lsn < floor:
            return self.wrong(
                "copy-goes-back",
                "forwards",
                number,
                record,
                f"LSN {floor} or later",
                f"LSN {record.lsn}",
                evidence,
            )
        return None if empties else self.compare(number, record, evidence)

    def floor(self, item: str, before: tuple[int, Copied] | None) -> int:
        """The LSN below which the copy may not take this row."""
        if before is None:
            return 0
        if item not in self.emptied:
            return before[1].lsn
        return max([change.lsn for _, change in self.source.get(item, ()) if change.lsn <= self.snapshot], default=0)

    def compare(self, number: int, record: Copied, evidence: list[Evidence]) -> Finding | None:
        """What the source held as of the LSN that the copy names; older changes are not needed any more."""
        changes = self.source.get(record.item, [])
        older = sum(change.lsn <= record.lsn for _, change in changes)
        value = None
        if older:
            del changes[: older - 1]
            value = changes[0][1].value
        ahead = record.lsn > max(self.newest, self.snapshot)
        if record.value == value and not ahead:
            return None
        proof = [Evidence(*changes[0], "is what the source held"), *evidence] if older else evidence
        proof.sort(key=lambda one: one.number)
        if ahead or not changes or record.lsn > changes[-1][1].lsn:
            return self.wrong(
                "copied-before-commit", "committed", number, record, "a committed change", record.value, proof
            )
        return self.wrong("wrong-value-copied", "values of the source", number, record, value, record.value, proof)

    def wrong(
        self,
        anomaly: str,
        clause: str,
        number: int,
        record: Copied,
        expected: Any,
        actual: Any,
        evidence: list[Evidence],
    ) -> Finding:
        """What the copy took is not what it may take."""
        return self.finding(
            anomaly,
            record.item,
            number,
            clause=clause,
            position=record.lsn,
            expected=expected,
            actual=actual,
            evidence=evidence,
        )

    def on_rest(self, number: int, record: CopyAtRest) -> Finding | None:
        """Every row of either side is in both, once, with the source's newest value."""
        for item in sorted({*self.source, *record.rows}):
            changes = self.source.get(item)
            newest = changes[-1] if changes else None
            value = None if newest is None else newest[1].value
            expected = () if value is None else (value,)
            actual = tuple(record.rows.get(item, ()))
            if expected != actual:
                source = [] if newest is None else [Evidence(*newest, "is the source's newest change")]
                return self.finding(
                    "copy-differs",
                    item,
                    number,
                    clause="equal at rest",
                    position=None if newest is None else newest[1].lsn,
                    expected=expected,
                    actual=actual,
                    evidence=[*source, Evidence(number, record, "shows the copy at rest")],
                )
        return None
