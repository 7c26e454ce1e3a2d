"""Runs of the reference model, record by record, as they were when somebody last read them through.

The plans are long ones, with all families on. They were chosen so that together they pass every branch of the model and of the properties
that hundreds of such plans pass. A line of a file is a record: a digest of all its fields, and its sentence. So a change of the model shows
which records it changes. REFOLD_UPDATE_GOLDEN=1 writes the files anew; read the difference. Stored plans do not change with the menu.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.documents.history import to_line
from refold.model.documents.plan import plan_from_json
from refold.properties.suite import checker
from refold.reports.words.sentences import record_sentence
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.systems.registry import resolve

from ..reports.goldens import compare

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "runs"
PLANS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", PLANS)
def test_a_stored_plan_makes_the_history_that_it_made(name: str) -> None:
    """Every field of every record, every sentence, and what is found: of these strategies some are not safe. So too where hardly anything
    is remembered."""
    document = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    application = EXAMPLES[document["application"]]()
    run = execute(resolve(document["system"]), application, plan_from_json(document, application), whole=True)
    lines = [f"{hashlib.sha256(to_line(record)).hexdigest()[:8]} {record_sentence(record)}" for record in run.history]
    counts = [f"{count} {name}" for name, count in sorted(run.observations.items())]
    found = [f"{finding.anomaly} in {finding.where}, record {finding.number}" for finding in run.findings]
    small = [line for size in (1, 2, 8) for line in forgetful(application, run.history, size)]
    compare(FOLDER / f"{name}.txt", "\n".join([*lines, "", *counts, *run.given_up, *found, "", *small]))


def forgetful(application: Application, history: list[Any], size: int) -> Iterator[str]:
    """What the properties say where they remember so little, and how much each of them has forgotten."""
    judge = checker(application, remembered=size)
    for record in history:
        judge.feed(record)
    judge.finish()
    for finding in judge.distinct():
        yield f"remembering {size}: {finding.anomaly} in {finding.where}, record {finding.number}"
    for one in judge.properties:
        dropped = [window.dropped for window in one.windows]
        if any(dropped):
            yield f"remembering {size}, {one.name} forgets {' + '.join(map(str, dropped))}"
