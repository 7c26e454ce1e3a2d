"""Strategies for conditional updates as systems: those that are wrong are convicted, those that are right are never accused."""

from __future__ import annotations

import pytest

from refold.model.action import Append, Begin, Commit, CrashAt, Deliver, Prepare, Redecide, Restart, Submit
from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.parts.claims.lease import Lease
from refold.model.parts.claims.lock import JumpClock, Pause, Resume
from refold.model.record import Refused
from refold.model.strategies.claiming_clients import FencedClient
from refold.model.strategies.strategy import STRATEGIES
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.registry import KNOWN, resolve

APPLICATIONS = (Accounts(), Inventory())
SAFE = [name for name, strategy in STRATEGIES.items() if strategy.safe]
WRONG = [name for name, strategy in STRATEGIES.items() if not strategy.safe]


def named(application: Application) -> str:
    return application.name


def search(strategy: str, application: Application, seed: int, examples: int) -> Campaign:
    campaign = Campaign(
        resolve(f"reference?strategy={strategy}"),
        application,
        seed,
        Budget(seconds=None, examples=examples, distinct=1),
    )
    campaign.run()
    return campaign


def test_the_strategies_are_those_that_scripts_rely_on() -> None:
    """The names of the contract, in its order."""
    assert list(STRATEGIES) == [
        "blind",
        "expected-version",
        "catch-up",
        "lock",
        "lock-fenced",
        "reservation",
        "single-writer",
        "change-data-capture",
        "dual-writes",
    ]
    assert KNOWN["reference"].options()["strategy"] == (tuple(STRATEGIES), "expected-version")
    assert WRONG == ["blind", "lock", "dual-writes"]


def test_a_decision_over_several_streams_is_left_to_strategies_that_append_what_they_decide() -> None:
    """With a condition or without one; the others protect one key."""
    spanning = [name for name in STRATEGIES if resolve(f"reference?strategy={name}").spans]
    assert spanning == ["blind", "expected-version", "catch-up"]


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
@pytest.mark.parametrize("seed", range(8))
def test_the_blind_strategy_is_convicted_at_once(application: Application, seed: int) -> None:
    """Within a hundred runs, with a plan of at most six actions, as a broken conditional update."""
    campaign = search("blind", application, seed, 100)
    found = campaign.counterexamples[0]
    assert found.finding.guarantee == "CAS"
    assert len(found.plan) <= 6


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
@pytest.mark.parametrize("seed", range(3))
def test_the_lock_without_fencing_is_convicted_through_a_pause(application: Application, seed: int) -> None:
    """Nothing but a pause past the lease can break it: it asks for its lease right before it writes."""
    campaign = search("lock", application, seed, 60_000)
    found = campaign.counterexamples[0]
    assert found.finding.guarantee == "CAS"
    assert any(isinstance(action, Pause) for action in found.plan)
    assert len(found.plan) <= 8


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
def test_dual_writes_are_convicted(application: Application) -> None:
    """The log is written in another order than the store: decisions are wrong on it, and the store is not its replay."""
    assert search("dual-writes", application, 1, 2_000).counterexamples[0].finding.guarantee in ("CAS", "REPL")


@pytest.mark.parametrize("application", APPLICATIONS, ids=named)
@pytest.mark.parametrize("strategy", SAFE)
def test_a_safe_strategy_is_not_accused(strategy: str, application: Application) -> None:
    """All faults on, and they happened."""
    campaign = search(strategy, application, 5, 350)
    assert not campaign.counterexamples
    assert campaign.steps > 10_000
    assert campaign.result().counts["conflicts"]


PAUSED = (
    Prepare("alice", Register("acme", "ada")),
    Pause("alice"),
    Submit("bob", Register("acme", "ada")),
    Resume("alice"),
    Append("alice"),
)


def test_a_pause_past_the_lease_breaks_the_lock() -> None:
    """Five actions: alice decides, sleeps; bob does the same and is first; alice goes on."""
    run = execute(resolve("reference?strategy=lock"), Accounts(), PAUSED)
    assert [finding.anomaly for finding in run.findings] == ["duplicate-create"]


@pytest.mark.parametrize("strategy", ["lock-fenced", "single-writer"])
def test_the_same_pause_ends_in_a_refusal(strategy: str) -> None:
    """The token, or the version, is too old."""
    run = execute(resolve(f"reference?strategy={strategy}"), Accounts(), PAUSED)
    assert not run.findings
    assert [record.client for record in run.history if type(record) is Refused] == ["alice"]


def test_an_owner_does_not_remember_what_the_log_took_for_an_earlier_attempt() -> None:
    """The first attempt was stored and not heard; the second is recognised; the owner's next decision is on what the log holds."""
    plan = (
        CrashAt("log", 3),
        Submit("alice", Restock("nut", 1)),
        Restart("log"),
        Submit("alice", Restock("bolt", 1)),
        JumpClock(),
        Redecide("alice"),
        Submit("alice", Restock("nut", 1)),
        Submit("bob", Reserve("nut", 2)),
    )
    run = execute(resolve("reference?strategy=single-writer"), Inventory(), plan)
    assert not run.findings


def test_dual_writes_part_in_two_actions() -> None:
    """The store knows the stock already, the log does not."""
    plan = (Prepare("alice", Restock("bolt", 1)), Submit("bob", Reserve("bolt", 1)))
    assert execute(resolve("reference?strategy=dual-writes"), Inventory(), plan).findings


def test_what_the_store_has_decided_is_what_its_change_stream_says() -> None:
    """The same plan under change data capture: the second transaction sees the row as it is."""
    plan = (Prepare("alice", Register("acme", "ada")), Submit("bob", Delete("acme", "ada")), Append("alice"))
    assert not execute(resolve("reference?strategy=change-data-capture"), Accounts(), plan).findings


class FencedAtWrites(FencedClient):
    """Shows its token only when it writes."""

    def claimed(self, key: str, lease: Lease) -> None:
        """The log does not hear of the reading."""


def test_a_token_that_is_compared_only_at_writes_is_not_enough() -> None:
    """Bob has read under the newer token and not written yet, so alice's old token is the newest that the log knows."""
    strategy = STRATEGIES["lock-fenced"]
    parts = {**strategy.parts, **dict.fromkeys(("alice", "bob", "carol"), FencedAtWrites)}
    system = Reference("fenced at writes", parts, strategy.extensions)
    plan = (
        Prepare("alice", Register("acme", "ada")),
        Pause("alice"),
        Prepare("bob", Register("acme", "ada")),
        Resume("alice"),
        Append("alice"),
        Append("bob"),
    )
    assert [finding.anomaly for finding in execute(system, Accounts(), plan).findings] == ["duplicate-create"]
    assert not execute(resolve("reference?strategy=lock-fenced"), Accounts(), plan).findings


@pytest.mark.parametrize(
    ("text", "what"),
    [("reference?strategy=blnd", "expected one of blind"), ("reference?strategie=blind", "its options are")],
)
def test_an_unknown_strategy_is_a_usage_error(text: str, what: str) -> None:
    """It names what is allowed."""
    with pytest.raises(UsageError, match=what):
        resolve(text)


def test_a_decision_behind_a_slow_append_is_judged_when_it_shows() -> None:
    """Its acknowledgement comes first, because readers stop below the open position; it is judged all the same."""
    plan = (
        Submit("alice", Restock("nut", 1)),
        Deliver("store", 0),
        Begin("carol", Restock("bolt", 1)),
        Submit("alice", Reserve("nut", 1)),
        Submit("bob", Reserve("nut", 1)),
        Commit("carol"),
    )
    run = execute(resolve("reference?strategy=blind"), Inventory(), plan)
    assert [finding.anomaly for finding in run.findings][:1] == ["oversold"]
