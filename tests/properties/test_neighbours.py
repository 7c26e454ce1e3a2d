"""What the properties say of the neighbours of every case: the same history without a record, with one twice, with two in another order, or
with one number, switch or name in another way.

Nobody has said of each of them what is right. The files hold what was said when they were last read through, so that a change of a
property shows all the verdicts that it changes: REFOLD_UPDATE_GOLDEN=1 writes them anew, and the difference is to be read.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from refold.model.application import Application
from refold.model.record import Opened, Record
from refold.model.words import short
from refold.properties.property import Finding
from refold.reports.words.values import value

from ..reports.goldens import compare
from .cases import CASES, Case
from .test_clauses import judged

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "neighbours"
JUDGES = sorted({name for name, _ in CASES})


def neighbours(history: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What was done to the history, and what it is then."""
    first = 1 if history and type(history[0]) is Opened else 0
    for place in range(first, len(history)):
        before, record, after = history[:place], history[place], history[place + 1 :]
        yield f"without {place}", (*before, *after)
        yield f"{place} twice", (*before, record, record, *after)
        if after:
            yield f"{place} after {place + 1}", (*before, after[0], record, *after[1:])
        for said, other in others(record, [one for one in history if one is not record]):
            yield f"{place} with {said}", (*before, other, *after)


def others(record: Record, rest: list[Any]) -> Iterator[tuple[str, Record]]:
    """The record with one field in another way: a number one higher or lower, a switch the other way, the next name that another record
    has there, a list without its last entry."""
    for field in record.__struct_fields__:
        now = getattr(record, field)
        changed: list[Any] = []
        if isinstance(now, bool):
            changed = [not now]
        elif isinstance(now, int):
            changed = [now - 1, now + 1]
        elif isinstance(now, str):
            names = sorted({getattr(one, field, now) for one in rest if type(getattr(one, field, 0)) is str} - {now})
            changed = [min((name for name in names if name > now), default=names[0])] if names else []
        elif isinstance(now, tuple | dict) and now:
            changed = [now[:-1] if isinstance(now, tuple) else dict(list(now.items())[:-1])]
        for other in changed:
            with contextlib.suppress(ValueError):  # no such record can be made
                yield f"{field}={short(other, 40)}", msgspec.structs.replace(record, **{field: other})


def told(finding: Finding) -> str:
    """In a line, without what reports say beside it."""
    place = f" at {finding.position}" if finding.position is not None else ""
    proofs = ",".join(str(proof.number) for proof in finding.evidence)
    return f"{finding.anomaly} ({finding.judge}, {finding.clause}) in {finding.where}{place}, #{finding.number} by {proofs}"


def fresh(records: tuple[Any, ...], application: Application | None) -> list[Finding]:
    """What is found with an application of the same kind that nobody has asked before: one of them counts its calls."""
    return judged(records, None if application is None else type(application)())


def said(case: Case) -> Iterator[str]:
    """Of both histories: what they are convicted of, and what is said of their neighbours, where that is something else."""
    for name, history in (("history", case.history), ("twin", case.twin)):
        base = fresh(history, case.application)
        yield f"{name}: {'; '.join(map(told, base)) or 'innocent'}"
        for finding in base:
            yield f"    expected {value(finding.expected)}"
            yield f"    but      {value(finding.actual)}"
        for change, records in neighbours(history):
            if (found := fresh(records, case.application)) != base:
                yield f"  {change}: {'; '.join(map(told, found)) or 'innocent'}"


@pytest.mark.parametrize("judge", JUDGES)
def test_the_neighbours_of_a_case_are_judged_as_before(judge: str) -> None:
    """Those of all clauses of a property."""
    lines: list[str] = []
    for name, clause in sorted(CASES):
        if name == judge:
            lines += [f"# {clause}", *said(CASES[name, clause]), ""]
    compare(FOLDER / f"{judge}.txt", "\n".join(lines))
