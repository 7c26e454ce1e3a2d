"""What the systems of the zoo do with a stored plan, and what the properties say of that and of its neighbours.

A plan is a random one and, after it, a short one that shows what is wrong with the system. A number before a line of digests is that of
its first record. REFOLD_UPDATE_GOLDEN=1 writes the files anew, and the difference is to be read; plans do not change with the menu.
"""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

import pytest

from refold.model.documents.history import to_line
from refold.model.documents.plan import plan_from_json
from refold.properties.property import Finding
from refold.reports.words.sentences import record_sentence
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.search.vacuous import counts as counts_of
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve

from ...reports.goldens import compare
from ..test_clauses import judged
from .neighbouring import digest, others, parts, some_verdicts

FOLDER = pathlib.Path(__file__).parents[2] / "data" / "zoo"
A_LINE = 12
"""Digests."""
NEIGHBOURS = 250
"""Of a history, about."""


@functools.cache
def plans() -> dict[str, dict[str, Any]]:
    """System -> the document of its plan."""
    lines = (FOLDER / "plans.jsonl").read_text(encoding="utf-8").splitlines()
    return {document["system"]: document for document in map(json.loads, lines)}


def test_each_broken_system_has_a_plan() -> None:
    """And no plan is of another one."""
    assert sorted(plans()) == sorted(BROKEN)


def sentences(record: Any) -> list[bytes]:
    """The record in words, and what these would be with one field in another way."""
    return [
        record_sentence(one).encode("utf-8", "replace") for one in (record, *(other for _, other in others(record, [])))
    ]


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_system_does_what_it_did(name: str) -> None:
    """Record by record, in words too; and it is judged as it was."""
    document = plans()[name]
    kind = EXAMPLES[document["application"]]
    application = kind()
    run = execute(resolve(name), application, plan_from_json(document, application), whole=True)
    digests = [digest(b"\n".join([to_line(record), *sentences(record)])) for record in run.history]
    lines = [f"{n} {' '.join(digests[n : n + A_LINE])}" for n in range(0, len(digests), A_LINE)]

    def anew(records: tuple[Any, ...]) -> list[Finding]:
        return judged(records, kind())

    verdicts = [*some_verdicts(run.history, anew, NEIGHBOURS), "", *parts(kind(), run.history)]
    counted = {**run.observations, **counts_of(run.history, run.performed)}
    counts = [f"{count} {what}" for what, count in sorted(counted.items())]
    compare(FOLDER / f"{name}.txt", "\n".join([*lines, "", *counts, "", *verdicts]))
