"""The scene: which marks of a timeline a picture shows, and on which lanes.

Of a short history everything, but for consumers that have nothing to do with the violation; of a long one what lies around the violation
and around the records that prove it. Whatever is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from refold.model.words import counted
from refold.properties.property import Finding
from refold.reports.pictures.timeline import CLIENT, CONSUMER, SETTLING, Mark, Timeline, lane_name

MARKS_MAX = 90
"""Marks that a picture shows at most; of a longer history it shows the surroundings of the violation."""
BEFORE, AFTER, AROUND = 44, 3, 2
"""Marks shown before and after the violation, and around each piece of evidence, when not all can be shown."""


@attrs.frozen
class Gap:
    """`left_out` records that the picture does not show."""

    left_out: int


@attrs.frozen
class Scene:
    """What a picture shows: its lanes from left to right, its rows from top to bottom, and notes on what it leaves out."""

    clients: tuple[str, ...]
    consumers: tuple[str, ...]
    others: tuple[str, ...]
    rows: tuple[Mark | Gap, ...]
    notes: tuple[str, ...]
    records: int


def scene(history: Sequence[Any], finding: Finding | None = None, named: Iterable[int] = ()) -> Scene:
    """The marks of a history, or of the surroundings of `finding` in it, on the lanes that have to do with it; `named` are the numbers of
    the records that the explanation names."""
    timeline = Timeline()
    for number, record in enumerate(history, start=1):
        timeline.feed(number, record)
    proofs = set() if finding is None else {finding.number, *(proof.number for proof in finding.evidence), *named}
    marks, notes = _involved(timeline, finding, proofs)
    rows, left_out = _window(marks, finding.number if finding is not None else 0, proofs)
    if left_out:
        notes.append(
            f"the picture shows {'what led to the violation' if finding is not None else 'the beginning'}; "
            f"{counted(left_out, 'more record')} {'is' if left_out == 1 else 'are'} in the list below"
        )
    shown = {mark.lane for mark in rows if isinstance(mark, Mark)} | {
        mark.origin for mark in rows if isinstance(mark, Mark)
    }
    return Scene(
        tuple(CLIENT + who for who in timeline.clients if CLIENT + who in shown),
        tuple(CONSUMER + who for who in timeline.consumers if CONSUMER + who in shown),
        tuple(lane for lane in timeline.others if lane in shown),
        rows,
        tuple(notes),
        len(history),
    )


def _involved(timeline: Timeline, finding: Finding | None, proofs: set[int]) -> tuple[list[Mark], list[str]]:
    """Without the consumers and other actors that neither the plan nor the proof has anything to do with."""
    if finding is None:
        return timeline.marks, []
    needed = {CONSUMER + who for who in timeline.named | {finding.where}}
    for mark in timeline.marks:
        planned = timeline.settled_at is None or mark.numbers[0] < timeline.settled_at
        if proofs & set(mark.numbers) or (planned and mark.lane in timeline.others):
            needed |= {mark.lane, mark.origin or ""}
    idle = [lane for lane in (*(CONSUMER + who for who in timeline.consumers), *timeline.others) if lane not in needed]
    marks = [mark for mark in timeline.marks if mark.lane not in idle]
    if not idle or len(marks) == len(timeline.marks):
        return marks, []
    return marks, [
        f"not drawn, because neither the plan nor the explanation touches them: {', '.join(lane_name(who) for who in idle)}"
    ]


def _window(marks: list[Mark], violation: int, proofs: set[int]) -> tuple[tuple[Mark | Gap, ...], int]:
    """The marks to show, with a gap wherever some are left out."""
    keep = set(range(len(marks)))
    if violation:
        proven = [n for n, mark in enumerate(marks) if proofs & set(mark.numbers)]
        centre = next(
            (n for n, mark in enumerate(marks) if violation in mark.numbers), proven[-1] if proven else len(marks) - 1
        )
        settling = next(
            (n for n, mark in enumerate(marks) if mark.shape == "band" and mark.label == SETTLING), len(marks)
        )
        last = max([centre, *proven])
        end = settling if last < settling <= MARKS_MAX else last + AFTER + 1
        keep = set(range(min(end, len(marks))))
        if len(keep) > MARKS_MAX:
            keep = set(range(max(centre - BEFORE, 0), min(centre + AFTER + 1, len(marks))))
            for n in proven[:12]:
                keep.update(range(max(n - AROUND, 0), min(n + AROUND + 1, len(marks))))
    elif len(marks) > MARKS_MAX:
        keep = set(range(MARKS_MAX))
    rows: list[Mark | Gap] = []
    missing = total = 0
    for n, mark in enumerate(marks):
        if n in keep:
            if missing:
                rows.append(Gap(missing))
            rows.append(mark)
            missing = 0
        else:
            missing += len(mark.numbers)
            total += len(mark.numbers)
    if missing:
        rows.append(Gap(missing))
    return tuple(rows), total
