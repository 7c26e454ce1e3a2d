"""The diagnosis names the right row of the catalogue, by evidence alone."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
import pytest

from refold.model.documents.history import HistoryReader, to_line
from refold.model.examples.inventory import Inventory, Reserve, Reserved
from refold.model.record import Opened
from refold.properties.diagnosis.catalogue import catalogue
from refold.properties.diagnosis.rules import RULES
from refold.properties.diagnosis.scores import SHOWN, Diagnosis, diagnose
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference


@functools.cache
def example(name: str, seed: int = 11) -> Counterexample | None:
    """A counterexample of a broken system."""
    broken = BROKEN[name]
    budget = Budget(seconds=60, examples=600, distinct=1)
    found = Campaign(broken.system(), EXAMPLES[broken.application](), seed, budget).run().counterexamples
    return found[0] if found else None


def diagnosed(name: str) -> list[Diagnosis]:
    """What it looks like."""
    found = example(name)
    return [] if found is None else diagnose(found.findings, found.history)


def test_every_row_has_rules_and_every_rule_has_a_row() -> None:
    assert set(RULES) == set(catalogue())


def test_the_right_row_is_first_in_80_percent_and_among_three_in_95_percent() -> None:
    """Over all broken systems; those that a small budget does not find are left out."""
    ranks = [
        [diagnosis.row.name for diagnosis in diagnosed(name)].index(name)
        if name in [diagnosis.row.name for diagnosis in diagnosed(name)]
        else len(catalogue())
        for name in BROKEN
        if example(name) is not None
    ]
    assert sum(rank == 0 for rank in ranks) >= 0.8 * len(ranks)
    assert sum(rank < SHOWN for rank in ranks) >= 0.95 * len(ranks)


@pytest.mark.parametrize("name", ["ack-before-fsync", "lost-wakeup", "snapshot-aliased", "expected-any-misuse"])
def test_the_name_of_the_system_and_of_the_application_is_not_looked_at(name: str) -> None:
    found = example(name)
    assert found is not None

    def renamed(record: Any) -> Any:
        if type(record) is not Opened:
            return record
        return msgspec.structs.replace(record, system="checkpoint-before-effect", application="x")

    history = tuple(map(renamed, found.history))
    assert diagnose(found.findings, history) == diagnose(found.findings, found.history)


def test_scores_fall_and_stay_between_0_and_1_and_have_reasons() -> None:
    for name in BROKEN:
        ranked = diagnosed(name)
        scores = [diagnosis.score for diagnosis in ranked]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score < 1 for score in scores)
        assert all(diagnosis.because for diagnosis in ranked[:1])


def test_an_anomaly_that_nobody_knows_is_diagnosed_as_hardly_anything() -> None:
    finding = Finding("something-new", "LOG", "user", "somewhere", 1)
    assert all(diagnosis.score < 0.4 for diagnosis in diagnose([finding], []))


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_history_out_of_a_file_gives_the_same_diagnosis(name: str) -> None:
    found = example(name)
    if found is None:
        pytest.skip("not found within a small budget")
    lines = [to_line(record) for record in found.history]
    back = tuple(HistoryReader().records(lines))
    first, second = (diagnose(found.findings, history)[0] for history in (found.history, back))
    assert first.row == second.row


def test_no_findings_have_no_diagnosis() -> None:
    assert diagnose([], []) == []


class Careless(Inventory):
    """An application whose decider forgets a rule: it gives away what is not there."""

    name = "careless"

    def decide(self, command: Any, state: Any) -> Any:
        return (
            [Reserved(command.item, command.count)] if isinstance(command, Reserve) else super().decide(command, state)
        )


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_decider_that_is_wrong_on_the_newest_state_is_no_race(allowed: int) -> None:
    """One client, on a log that does everything right: no row of the catalogue is about that."""

    class Menu(Careless):
        def commands(self) -> list[Any]:
            return [Reserve("bolt", 1)]

        def broken_invariant(self, key: str, state: Any) -> str | None:
            return None if state >= -allowed else f"{state} bolts"

    (found, *_) = Campaign(Reference(), Menu(), 2, Budget(None, 30)).run().counterexamples
    assert (found.finding.anomaly, len(found.plan)) == ("invariant-broken", allowed + 1)
    assert diagnose(found.findings, found.history) == []
