"""Shrunk plans reproduce, and nothing can be taken out of them."""

from __future__ import annotations

import pytest

from refold.model.action import Append, Deliver, Prepare, Submit
from refold.model.examples.accounts import Accounts, Delete, Register
from refold.model.tape import Plan
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.search.shrink import Shrinker
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference

from .found import CASES, counterexample, plans


def shows(name: str, plan: Plan, signature: tuple[str, str]) -> bool:
    """Whether a plan's run shows the anomaly first."""
    findings = execute(BROKEN[name].system(), application_named(BROKEN[name].application), plan).findings
    return bool(findings) and findings[0].signature == signature


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_no_action_and_no_pair_of_actions_can_be_left_out_of_a_shrunk_plan(name: str, seed: int) -> None:
    """And the plan itself reproduces; none of its actions is skipped."""
    found = counterexample(name, seed)
    assert found is not None
    plan, signature = found.plan, found.finding.signature
    run = execute(BROKEN[name].system(), application_named(BROKEN[name].application), plan)
    assert tuple(run.performed) == plan
    assert shows(name, plan, signature)
    for first in range(len(plan)):
        assert not shows(name, plan[:first] + plan[first + 1 :], signature), f"without action {first + 1}"
        for second in range(first + 1, len(plan)):
            rest = plan[:first] + plan[first + 1 : second] + plan[second + 1 :]
            assert not shows(name, rest, signature), f"without actions {first + 1} and {second + 1}"


MENU = Reference().menu(Accounts())
ADA = Register("acme", "ada")


def shrunk(plan: Plan, wanted: Plan) -> Plan:
    """Shrink a plan that “reproduces” while it holds these actions in this order."""

    def reproduces(candidate: Plan) -> Plan | None:
        rest = iter(candidate)
        return candidate if all(action in rest for action in wanted) else None

    assert reproduces(plan) is not None
    return Shrinker(MENU, reproduces).shrink(plan)


@pytest.mark.parametrize("seed", range(10))
def test_a_needle_is_found_in_a_long_plan(seed: int) -> None:
    """Three actions among hundreds."""
    wanted = (Submit("bob", Delete("zeta", "bob")), Deliver("cache", 2), Append("carol"))
    (hay,) = plans(Reference(), Accounts(), 1, 300, seed)
    third = len(hay) // 3
    plan = (*hay[:third], wanted[0], *hay[third : 2 * third], wanted[1], *hay[2 * third :], wanted[2])
    assert shrunk(plan, wanted) == wanted


def test_an_action_becomes_a_simpler_one_where_that_is_enough() -> None:
    """The earliest of the menu that still reproduces."""

    def reproduces(candidate: Plan) -> Plan | None:
        deeds = [action for action in candidate if isinstance(action, Submit | Prepare)]
        return candidate if deeds else None

    plan = (Prepare("carol", Delete("zeta", "bob")), Deliver("cache", 2))
    assert Shrinker(MENU, reproduces).shrink(plan) == (Submit("alice", ADA),)


def test_shrinking_stops_after_the_trials_that_it_is_allowed() -> None:
    """With the best plan so far."""
    (plan,) = plans(Reference(), Accounts(), 1, 200)
    shrinker = Shrinker(MENU, lambda candidate: candidate if len(candidate) > 20 else None, most=3)
    assert len(shrinker.shrink(plan)) < len(plan)
    assert shrinker.tried == 3


def test_shrinking_is_deterministic() -> None:
    """Twice the same."""
    (plan,) = plans(Reference(), Accounts(), 1, 200)
    wanted = (plan[50], plan[100])
    assert shrunk(plan, wanted) == shrunk(plan, wanted)


def test_what_counts_others_is_counted_anew_when_one_of_them_goes() -> None:
    """The newest of three in flight is the third; of two it is the second."""
    submit = Submit("alice", ADA)

    def reproduces(candidate: Plan) -> Plan | None:
        submits = candidate.count(submit)
        return candidate if submits >= 2 and candidate[-1] == Deliver("cache", submits - 1) else None

    plan = (submit, submit, submit, Deliver("cache", 2))
    assert reproduces(plan) is not None
    assert Shrinker(MENU, reproduces).shrink(plan) == (submit, submit, Deliver("cache", 1))
