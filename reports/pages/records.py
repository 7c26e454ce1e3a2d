"""The story of a history with positions: one row for each record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.record import (
    Acknowledged,
    Applied,
    CheckpointSaved,
    Crashed,
    Ignored,
    Observed,
    PowerCut,
    Recovered,
    Scanned,
    Settled,
    Settling,
    Started,
    Step,
    StreamScanned,
)
from refold.properties.property import Finding
from refold.reports.pages.board import Change
from refold.reports.pages.holdings import FOLD, Holdings
from refold.reports.pages.past import Past
from refold.reports.pages.story import Fault, Lane, Row, Story
from refold.reports.pictures.timeline import CLIENT, CONSUMER, LOG, Mark, Timeline, lane_kind, lane_name
from refold.reports.words.sentences import record_sentence

RECORDS_MAX = 20_000
"""Records of one history that a page holds at most: those before the violation, and some after it."""
FOLDED_FROM = 40
"""Records of a history from which on its quiet parts are folded."""
QUIET = (Acknowledged, Applied, CheckpointSaved, Ignored, Observed, Recovered, Scanned, StreamScanned)
"""Records of what goes as it should."""


def story_of(
    history: Sequence[Any],
    application: Application | None,
    finding: Finding | None = None,
    badges: Mapping[int, str] | None = None,
    *,
    prefix: str = "",
    begins: int = 0,
    plain: Callable[[Any], Any] | None = None,
    most: int = RECORDS_MAX,
) -> Story:
    """The rows of a history. `begins`: how many records of the file came before the first that is given; `badges` is what the explanation
    calls the records that it names; at `most` so many rows are shown."""
    return Teller(application, finding, badges or {}, plain).told(history, prefix, begins, most)


class Teller:
    """Makes rows of records."""

    def __init__(
        self,
        application: Application | None,
        finding: Finding | None,
        badges: Mapping[int, str],
        plain: Callable[[Any], Any] | None,
    ) -> None:
        self.finding = finding
        self.badges = badges
        self.timeline = Timeline()
        self.holdings = Holdings(application, plain)
        self.past = Past()
        self.faults: dict[str, Fault] = {}
        self.ended: list[Fault] = []
        self.down: set[str] = set()
        self.proofs = {} if finding is None else {proof.number for proof in finding.evidence}

    def told(self, history: Sequence[Any], prefix: str, begins: int, most: int) -> Story:
        """All rows, or those around the violation; what was before them is folded all the same."""
        violation = 0 if self.finding is None else self.finding.number
        first = window(len(history), violation - begins, most)
        rows = []
        before: dict[Any, Any] = {}
        for index, record in enumerate(history):
            if index >= first + most:
                break
            row = self.row(begins + index + 1, record, violation)
            if index < first:
                before.update((change.cell, change) for change in row.changes)
            elif index == first and before:
                rows.append(opening(row, before))
            else:
                rows.append(row)
        if len(rows) < FOLDED_FROM:
            rows = [row if not row.quiet else unfolded(row) for row in rows]
        shown = {row.number for row in rows}
        opens = violation if violation in shown else rows[-1].number if rows else 0
        return Story(rows, self.lanes(rows), [*self.ended, *self.faults.values()], prefix, "record", opens)

    def row(self, number: int, record: Any, violation: int) -> Row:
        """One record."""
        mark = self.mark(number, record)
        lane = mark.lane if mark.shape != "band" else ""
        changes = self.holdings.feed(record, lane)
        causes = self.past.feed(number, record, lane)
        key = self.past.key(record)
        if number == violation:
            causes = tuple(sorted({*causes, *self.proofs} - {number}))
        self.lasting(number, record, lane)
        wrong = any(change.held.should for change in changes)
        style = "bad" if number == violation else "step" if isinstance(record, Step | Settling | Settled) else ""
        badge = self.badges.get(number, "")
        return Row(
            number,
            record_sentence(record),
            str(record.__struct_config__.tag).replace("-", " "),
            lane,
            mark.shape,
            mark.origin or "",
            mark.line,
            key,
            causes,
            changes,
            isinstance(record, QUIET) and not (style or badge or wrong or number in self.proofs),
            style,
            badge,
        )

    def mark(self, number: int, record: Any) -> Mark:
        """Where it is drawn, and how."""
        drawn = len(self.timeline.marks)
        self.timeline.feed(number, record)
        if len(self.timeline.marks) > drawn:
            return self.timeline.marks[-1]
        if isinstance(record, CheckpointSaved):
            return Mark((number,), "checkpoint", CONSUMER + record.consumer, "", "")
        return Mark((number,), "band", "", "", "")

    def lasting(self, number: int, record: Any, lane: str) -> None:
        """Faults that begin or end here."""
        if isinstance(record, Crashed | PowerCut):
            self.faults.setdefault(f"down {lane}", Fault(lane, number, 0, record_sentence(record)))
        elif isinstance(record, Recovered):
            self.over(f"down {lane}", number)
        elif isinstance(record, Started):
            self.faults.setdefault(f"open {record.op}", Fault(LOG, number, 0, record_sentence(record)))
        elif isinstance(record, Stored):
            self.over(f"open {record.operation}", number)
        elif isinstance(op := getattr(record, "op", None), str):
            self.over(f"open {op}", number)

    def over(self, fault: str, number: int) -> None:
        """It lasts no longer."""
        found = self.faults.pop(fault, None)
        if found is not None:
            self.ended.append(Fault(found.lane, found.begins, number, found.what))

    def lanes(self, rows: Sequence[Row]) -> list[Lane]:
        """Clients, the log, consumers, others: those that do something in these rows, or hold something."""
        timeline = self.timeline
        told = {row.lane for row in rows} | {row.origin for row in rows}
        told |= {change.cell[0] for row in rows for change in row.changes}
        names = [
            *(CLIENT + who for who in timeline.clients),
            LOG,
            *(CONSUMER + who for who in timeline.consumers),
            *timeline.others,
        ]
        names += sorted(lane for lane in told if lane not in (*names, "", FOLD))
        lanes = [Lane(lane, lane_name(lane), lane_kind(lane)) for lane in names if lane in told or lane == LOG]
        return [*lanes, Lane(FOLD, FOLD, "should be")] if FOLD in told else lanes


def window(records: int, violation: int, most: int) -> int:
    """How many records are before the first one that is shown."""
    if records <= most:
        return 0
    return min(max(violation - most * 9 // 10, 0), records - most)


def opening(row: Row, before: Mapping[Any, Change]) -> Row:
    """The first row of a part of a history, at which everything that was held before shows too."""
    changes = {**before, **{change.cell: change for change in row.changes}}
    return attrs.evolve(row, changes=tuple(changes.values()))


def unfolded(row: Row) -> Row:
    """A row of a history that is short enough to be shown as it is."""
    return attrs.evolve(row, quiet=False)
