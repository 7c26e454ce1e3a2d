"""Broken consumers around positions, groups, dead letters, inboxes, replays and rebuilds; what is correct is never accused."""

from __future__ import annotations

import random

import pytest

from refold.model.action import Begin, Crash, CrashAt, CutPower, Deliver, Fail, Restart, Submit, TakeSnapshot
from refold.model.application import Application
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory, Restock
from refold.model.parts.consuming.batch import FireTimer
from refold.model.parts.consuming.dead_letters import FailDeadLetters, Parked, Poison, ReplayDeadLetter
from refold.model.parts.consuming.group import Rebalance, StallMember, WakeMember, Work
from refold.model.parts.consuming.mailer import BeginAgain, Sent, Token
from refold.model.parts.consuming.rebuild import Ask, Rebuild, Swap
from refold.model.parts.consuming.upgrade import Upgrade
from refold.model.parts.side_consumers import Joined
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference
from refold.systems.variants import VARIANTS

APPLICATIONS: dict[str, Application] = {"accounts": Accounts(), "inventory": Inventory()}
ROWS = (
    "batch-timer-race",
    "ceiling-not-scanned",
    "checkpoint-compare-as-text",
    "checkpoint-goes-back",
    "cross-partition-order",
    "dead-letter-lost",
    "dedupe-false-positive",
    "dedupe-key-lacks-consumer",
    "dedupe-not-persisted",
    "event-payload-mutated",
    "failed-event-checkpointed",
    "hash-order-dependence",
    "out-of-order-completion",
    "parked-replay-checkpoint",
    "poison-blocks-all",
    "poison-skip-corrupts-tail",
    "rebalance-double-processing",
    "rebuild-skips-side-table",
    "rebuild-swap-race",
    "replay-boundary-token-bug",
    "replay-without-upcast",
    "side-effects-on-replay",
    "snapshot-loses-side-metadata",
    "snapshot-not-deleted",
    "snapshot-schema-mismatch",
    "subscribe-at-head-ends",
    "unknown-event-ignored",
    "upcaster-shadowed",
    "wake-loop-dies",
    "zombie-consumer",
)
VARIANT_NAMES = (
    "drain-and-commit",
    "gate-by-high-water",
    "idempotent-by-position",
    "polling",
    "rebuild-under-lock",
    "serial-pool",
    "snapshot-upcast",
    "typed-positions",
)
BOLT, NUT = Submit("alice", Restock("bolt", 1)), Submit("alice", Restock("nut", 1))


def run(*plan, system=None):
    return execute(system or Reference(), Inventory(), plan)


def kinds(history, kind):
    return [record for record in history if type(record) is kind]


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("name", ROWS)
def test_a_broken_system_is_found_with_a_short_plan(name: str, seed: int) -> None:
    """And its first finding bears one of the row's guarantee codes."""
    row = BROKEN[name]
    campaign = Campaign(
        row.system(), APPLICATIONS[row.application], seed, Budget(seconds=None, examples=30_000, distinct=1)
    )
    (found, *_) = campaign.run().counterexamples
    assert found.finding.guarantee in row.guarantees
    assert len(found.plan) <= 15


@pytest.mark.parametrize("name", ["reference", *VARIANT_NAMES])
@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
def test_what_is_correct_is_never_accused(name: str, application: Application) -> None:
    """A few thousand steps with every fault."""
    system = Reference() if name == "reference" else VARIANTS[name].system()
    menu, generator, steps = system.menu(application), random.Random(5), 0
    while steps < 6_000:
        done = execute(system, application, menu.decode(generator.randbytes(menu.length(160))))
        assert not done.findings
        steps += done.steps


def test_a_side_consumer_joins_with_the_first_action_that_names_it() -> None:
    """And not before: a run without it bears no trace of it."""
    assert not kinds(run(BOLT).history, Joined)
    (joined,) = kinds(run(BOLT, Deliver("pool", 0)).history, Joined)
    assert joined.spec.name == "pool"


def test_a_plan_with_side_consumers_skips_them_where_there_are_none() -> None:
    done = run(BOLT, Deliver("pool", 0), Poison("ledger"), Rebalance(), system=Reference(extensions=()))
    assert done.steps == 1
    assert not done.findings


def test_a_worker_that_crashes_before_the_checkpoint_does_not_do_its_work_twice() -> None:
    """What is finished beyond the low-water mark is remembered with the rows."""
    plan = (BOLT, NUT, Deliver("pool", 1), CrashAt("pool", 2), Deliver("pool", 0), Restart("pool"))
    assert not run(*plan).findings


def test_a_poisoned_event_parks_its_stream_and_no_other() -> None:
    done = run(BOLT, BOLT, NUT, Poison("ledger"))
    assert [record.position for record in kinds(done.history, Parked)] == [1, 2]
    assert not done.findings


def test_it_is_the_next_event_in_flight_that_is_poisoned() -> None:
    """Not the next that the log would give."""
    done = run(BOLT, NUT, Deliver("ledger", 1), Poison("ledger"))
    assert [record.position for record in kinds(done.history, Parked)] == [1]


def test_dead_letters_are_replayed_in_order_and_once() -> None:
    plan = (BOLT, BOLT, Poison("ledger"), Deliver("ledger", 0), Deliver("ledger", 0))
    assert not run(*plan, ReplayDeadLetter("ledger"), ReplayDeadLetter("ledger")).findings
    assert not run(
        *plan, FailDeadLetters("ledger"), Crash("ledger"), Restart("ledger"), ReplayDeadLetter("ledger")
    ).findings


def test_an_applied_event_that_comes_again_poisoned_is_not_parked() -> None:
    """It crashed between effect and checkpoint; its handler broke in between."""
    plan = (BOLT, CrashAt("ledger", 2), Deliver("ledger", 0), Restart("ledger"), Poison("ledger"), Deliver("ledger", 0))
    assert not run(*plan, ReplayDeadLetter("ledger")).findings


def test_a_stalled_member_is_fenced_and_learns_who_owns_what() -> None:
    assert not run(BOLT, NUT, StallMember("m1"), StallMember("m2"), Rebalance(), WakeMember("m1"), Work("m1")).findings


def test_a_member_that_stalls_with_nothing_in_hand_learns_of_a_rebalance() -> None:
    assert not run(StallMember("m1"), StallMember("m2"), Rebalance(), BOLT, NUT).findings


def test_a_timer_in_the_middle_of_a_batch_finds_nothing() -> None:
    plan = (BOLT, BOLT, Deliver("batcher", 0), Deliver("batcher", 0), Deliver("batcher", 0), FireTimer("batcher"))
    done = run(*plan)
    assert done.steps == 5
    assert not done.findings


def test_a_mailer_that_begins_again_sends_what_is_new_and_nothing_else() -> None:
    done = run(BOLT, NUT, Deliver("mailer", 1), BeginAgain("mailer"), BOLT)
    assert sorted(record.position for record in kinds(done.history, Sent)) == [1, 2, 3]


def test_what_a_token_covers_stays_covered() -> None:
    left, right = Token(2, {5, 7}), Token(4, {9})
    joined = left.joined(right)
    for position in range(12):
        assert joined.covers(position) == (left.covers(position) or right.covers(position) or position <= 4)


def test_old_events_and_snapshots_are_understood_after_an_upgrade() -> None:
    reading = (Deliver("reports", 0), Upgrade(), Rebuild("reports"), BOLT, Swap("reports"), Ask("reports", 1))
    assert not run(BOLT, Deliver("totals", 0), TakeSnapshot("totals"), *reading).findings


def test_the_model_does_not_look_at_the_hash_seed() -> None:
    """The stand-in for it is the number of starts: once is right, twice is found."""
    from refold.model.examples.accounts import Register

    row = BROKEN["hash-order-dependence"]
    two = (Submit("carol", Register("acme", "ada")), Submit("carol", Register("acme", "bob")))
    assert not execute(row.system(), Accounts(), (*two, Deliver("reports", 0))).findings
    restarted = (Deliver("reports", 0), Crash("reports"), Restart("reports"))
    assert execute(row.system(), Accounts(), (*restarted, *two)).findings[0].guarantee == "REPL"


@pytest.mark.parametrize("name", ["reference", "cross-partition-order", "dedupe-key-lacks-consumer", "wake-loop-dies"])
def test_an_action_that_is_not_enabled_leaves_no_trace(name: str) -> None:
    """Or else the performed part of a plan would not reproduce what the plan shows, and nothing could be shrunk."""
    system = Reference() if name == "reference" else BROKEN[name].system()
    menu, generator = system.menu(APPLICATIONS["inventory"]), random.Random(8)
    for _ in range(60):
        whole = execute(system, Inventory(), menu.decode(generator.randbytes(menu.length(60))))
        again = execute(system, Inventory(), whole.performed)
        names = [{record.spec.name for record in kinds(done.history, Joined)} for done in (whole, again)]
        assert names[0] == names[1]
        assert [finding.signature for finding in again.findings] == [finding.signature for finding in whole.findings]


def test_a_batching_consumer_that_fails_reads_nothing_from_a_log_that_is_down() -> None:
    """It read what nobody else could see, and was accused of applying it."""
    restock = Submit("alice", Restock("bolt", 1))
    plan = (
        restock,
        Begin("bob", Restock("bolt", 1)),
        Deliver("batcher", 0),
        restock,
        restock,
        CutPower("log", "drop"),
        Fail("batcher"),
        *(Deliver("batcher", 0),) * 3,
    )
    assert execute(Reference(), Inventory(), plan, whole=True).findings == []
