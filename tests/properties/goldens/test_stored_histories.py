"""What the properties say of histories of users' own systems, of their neighbours, and of parts of them.

The histories are of systems of other tests, broken and correct, chosen so that together they pass every branch that all of those pass. The
first line of a file names the application. REFOLD_UPDATE_GOLDEN=1 writes the verdicts anew, and the difference is to be read.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, plain
from refold.properties.suite import checker
from refold.systems.user.module import load

from ...reports.goldens import compare
from ..test_clauses import found
from .neighbouring import parts, some_verdicts

FOLDER = pathlib.Path(__file__).parents[2] / "data" / "own"
HISTORIES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
NEIGHBOURS = 300
"""Of a history, about."""


def application_of(line: bytes) -> Application:
    """The one that the first line of a file names, and that nobody has asked before."""
    kind: Any = load(json.loads(line)["application"])
    application: Application = kind()
    return application


@pytest.mark.parametrize("name", HISTORIES)
def test_a_stored_history_is_judged_as_it_was(name: str) -> None:
    """As `refold check` does."""
    line, *lines = (FOLDER / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
    application = application_of(line)
    records = list(HistoryReader(application).records(lines))
    verdicts = some_verdicts(records, lambda some: found(checker(application_of(line), plain), some), NEIGHBOURS)
    compare(FOLDER / f"{name}.txt", "\n".join([*verdicts, "", *parts(application_of(line), records)]))
