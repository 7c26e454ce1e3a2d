"""What the properties say of the neighbours of every case: the same history without a record, with one twice, with two in another order, or
with one number, switch or name in another way.

Nobody has said of each of them what is right. The files hold what was said when they were last read through, so that a change of a
property shows all the verdicts that it changes: REFOLD_UPDATE_GOLDEN=1 writes them anew, and the difference is to be read.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.application import Application
from refold.properties.property import Finding
from refold.reports.words.values import value

from ...reports.goldens import compare
from ..cases import CASES, Case
from ..test_clauses import judged
from .neighbouring import neighbours, told

FOLDER = pathlib.Path(__file__).parents[2] / "data" / "neighbours"
JUDGES = sorted({name for name, _ in CASES})


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
