"""Broken logs, writers and topics are found fast, under the right guarantee, with a short plan; the reference is never accused."""

from __future__ import annotations

import random

import pytest

from refold.model.parts.messages.topic import CatchUp, Consume, Expire, FailOver, Publish, Restore, SaveTally
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference
from refold.systems.variants import VARIANTS

ROWS = (
    "seq-gap-commit-order",
    "gap-skip-over-live-tx",
    "permanent-gap-stall",
    "xmin-horizon-stall",
    "duplicate-global-position",
    "unordered-read",
    "phantom-position",
    "memory-log-lost-on-kill",
    "torn-tail-aborts-replay",
    "acked-lost-on-failover",
    "retention-trims-undelivered",
    "conflict-swallowed",
    "first-append-race",
    "retry-with-new-version-defeats-id",
    "per-key-vs-global-sequence",
    "create-after-delete-race",
    "uncommitted-cleared-on-failure",
    "failed-command-bumps-version",
    "two-live-writers",
    "false-conflict",
    "checkpoint-ahead-of-log",
    "stale-snapshot-truncated-log",
)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("row", ROWS)
def test_a_broken_system_is_found_under_its_guarantee_with_a_short_plan(row: str, seed: int) -> None:
    broken = BROKEN[row]
    application = EXAMPLES[broken.application]()
    budget = Budget(seconds=None, examples=8_000, distinct=1)
    found = Campaign(broken.system(), application, seed, budget).run().counterexamples
    assert found, f"{row} was not found"
    assert found[0].finding.guarantee in broken.guarantees
    assert 1 <= len(found[0].plan) <= 10


@pytest.mark.parametrize("application", sorted(EXAMPLES))
def test_the_reference_survives_long_random_plans_unaccused(application: str) -> None:
    """With all faults on: 40 plans of 800 actions."""
    system, chosen = Reference(), EXAMPLES[application]()
    menu = system.menu(chosen)
    generator = random.Random(7)
    for _ in range(40):
        run = execute(system, chosen, menu.decode(generator.randbytes(menu.length(800))))
        assert run.findings == []


@pytest.mark.parametrize("application", sorted(EXAMPLES))
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_correct_variant_survives_long_random_plans_unaccused(name: str, application: str) -> None:
    system, chosen = VARIANTS[name].system(), EXAMPLES[application]()
    menu = system.menu(chosen)
    generator = random.Random(11)
    for _ in range(30):
        run = execute(system, chosen, menu.decode(generator.randbytes(menu.length(200))))
        assert run.findings == []


def test_a_topic_that_lost_its_tail_begins_a_new_epoch_and_the_subscriber_builds_anew() -> None:
    """Offset 2 of the old epoch is another message than offset 2 of the new one."""
    plan = (Publish("alice"), Publish("alice"), Consume(), Consume(), SaveTally(), Restore(), *[Publish("alice")] * 2)
    run = execute(Reference(), EXAMPLES["accounts"](), plan, whole=True)
    assert run.findings == []
    assert [str(record) for record in run.history if type(record).__name__ == "TallyObserved"] == [
        "the subscriber is at rest: 2 messages up to offset 2 of epoch 2, sum 7"
    ]


def test_acknowledged_messages_survive_a_failover() -> None:
    plan = (Publish("alice"), FailOver(), CatchUp(), Publish("alice"), Publish("alice"), Expire(), FailOver())
    run = execute(Reference(), EXAMPLES["accounts"](), plan, whole=True)
    assert run.findings == []
    assert run.skipped == 1  # there is nothing to catch up with


def test_a_finding_needs_no_application() -> None:
    """What needs none is checked in histories of unknown applications too."""
    run = execute(BROKEN["seq-gap-commit-order"].system(), EXAMPLES["accounts"](), ())
    judge = checker(None)
    for record in run.history:
        judge.feed(record)
    assert judge.findings == []
