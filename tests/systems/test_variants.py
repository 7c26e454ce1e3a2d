"""Correct variants are never accused, and are cures of rows that exist."""

from __future__ import annotations

import pytest

from refold.model.action import DISK_FAILURES, Begin, Commit, DiskFailureKind, FailDisk, Submit
from refold.model.examples.accounts import Register
from refold.model.examples.inventory import Restock
from refold.model.parts.claims.idle_session import CloseSession, OpenSession
from refold.model.parts.consuming.group import Work
from refold.model.record import DiskFailed
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve
from refold.systems.variants import VARIANTS


@pytest.mark.parametrize("application", sorted(EXAMPLES))
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_correct_variant_survives_thousands_of_steps_unaccused(name: str, application: str) -> None:
    result = Campaign(VARIANTS[name].system(), EXAMPLES[application](), 3, Budget(seconds=None, examples=150)).run()
    assert result.steps > 4_000
    assert [found.finding.anomaly for found in result.counterexamples] == []


def test_who_reads_right_after_an_idle_transaction_ended_sees_no_more_than_the_observer() -> None:
    """A consumer of an extension was accused of applying an event that was not in the log yet."""
    plan = (OpenSession("report"), Submit("alice", Register("zeta", "ada")), CloseSession("report"), Work("m2"))
    run = execute(resolve("reference?with=xmin-bounded-wait"), EXAMPLES["accounts"](), plan, whole=True)
    assert run.findings == []
    assert len(run.performed) == 4


def test_every_variant_names_rows_of_the_zoo_that_it_cures() -> None:
    for variant in VARIANTS.values():
        assert variant.fixes
        assert variant.docs
        replaced = set(variant.parts)
        for row in variant.fixes:
            if row in BROKEN and replaced & set(BROKEN[row].parts):
                break
        else:
            pytest.fail(f"{variant.name} replaces {replaced}, which none of the rows that it fixes does")


def test_a_variant_is_resolved_by_name() -> None:
    assert resolve("reference?with=log-first").name == "reference?with=log-first"


@pytest.mark.parametrize("how", DISK_FAILURES)
def test_places_that_a_slow_append_has_left_are_buried_although_the_disk_fails_at_its_new_ones(
    how: DiskFailureKind,
) -> None:
    """Its stream has moved since it began, so that it takes new places at its commit; readers would wait for the old ones for ever."""
    restock = Restock("bolt", 1)
    plan = (
        Begin("bob", restock),
        Submit("alice", restock),
        FailDisk("log", how),
        Commit("bob"),
        Submit("carol", restock),
    )
    run = execute(resolve("reference?with=gap-tombstones"), EXAMPLES["inventory"](), plan, whole=True)
    assert [finding.anomaly for finding in run.findings] == []
    assert len(run.performed) == 5
    assert DiskFailed("log", how) in run.history
