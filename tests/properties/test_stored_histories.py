"""The verdict does not depend on where the history comes from: live, or read back from lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, plain, to_line
from refold.properties.property import Finding
from refold.properties.suite import checker, properties
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.broken import BROKEN

from ..search.found import CASES, SEEDS, SHOWN_BY_PLANS, counterexample, plans


def stored(history: Sequence[Any], application: Application | None) -> list[Finding]:
    """What the properties say of a history that was written to lines and read back."""
    lines = [to_line(record) for record in history]
    judge = checker(application, plain)
    for record in HistoryReader(application).records(lines):
        judge.feed(record)
    return judge.finish()


def essence(findings: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """All of a finding but the values, which have another form in a file, and the evidence's objects."""
    return [
        (f.anomaly, f.guarantee, f.judge, f.where, f.number, f.position, [(e.number, e.role) for e in f.evidence])
        for f in findings
    ]


NEEDY = {judge.name for judge in properties(application_named("accounts")) if judge.needs_application}


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_stored_counterexample_gets_the_verdict_that_it_got_live(name: str, seed: int) -> None:
    """With the application: the same findings, records and evidence."""
    found = counterexample(name, seed)
    assert found is not None
    again = stored(found.history, application_named(BROKEN[name].application))
    assert sorted(essence(again)) == sorted(essence(found.findings))


@pytest.mark.parametrize("name", BROKEN)
def test_whole_random_runs_get_the_verdict_that_they_got_live(name: str) -> None:
    """Not only shrunk ones."""
    application = application_named(BROKEN[name].application)
    for plan in plans(BROKEN[name].system(), application, 6, 60):
        run = execute(BROKEN[name].system(), application, plan, whole=True)
        if run.settled:
            assert essence(stored(run.history, application)) == essence(run.findings)


@pytest.mark.parametrize("name", SHOWN_BY_PLANS)
def test_without_the_application_a_subset_is_found_and_nothing_else(name: str) -> None:
    """Whatever property needs none says the same; in memory and from lines."""
    found = counterexample(name, SEEDS[0])
    assert found is not None
    without = stored(found.history, None)
    live = checker(None)
    for record in found.history:
        live.feed(record)
    assert essence(without) == essence(live.finish())
    assert {finding.judge for finding in without}.isdisjoint(NEEDY)
    told = {finding.signature for finding in without}
    assert told <= {finding.signature for finding in found.findings}
    assert told >= {finding.signature for finding in found.findings if finding.judge not in NEEDY}


def test_most_broken_systems_are_convicted_without_any_application() -> None:
    """All but those whose bug is in what the values mean."""
    silent = {name for name in BROKEN if (found := counterexample(name, 1)) is None or not stored(found.history, None)}
    assert silent <= {
        "nondeterministic-handler",
        "expected-any-misuse",
        "unique-via-stale-read-model",
        "snapshot-off-by-one",
    } | {name for name in BROKEN if name not in SHIPPED_FIRST}


SHIPPED_FIRST = frozenset(
    {
        "checkpoint-before-effect",
        "effect-before-checkpoint",
        "snapshot-aliased",
        "snapshot-of-uncommitted",
        "ack-before-fsync",
        "partial-batch-append",
        "check-then-append",
        "duplicate-append-lost-ack",
        "retry-reorders",
        "dedupe-window-too-small",
        "cache-resurrects-deleted",
        "lost-wakeup",
    }
)
"""Broken systems that leave a trace which needs no application to be read."""
