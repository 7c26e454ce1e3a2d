"""Every broken system is found, fast and by its name; and every property is there for a reason."""

from __future__ import annotations

import pytest

from refold.properties.suite import properties
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.search.vacuous import PATIENCE
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve

from .found import CASES, SEEDS, SHOWN_BY_PLANS, SIXTEEN, counterexample, plans

ACTIONS_MAX = 12


def test_the_sixteen_are_there() -> None:
    """Under the names of the catalogue."""
    assert set(SIXTEEN) <= set(BROKEN)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_broken_system_is_found_with_a_short_plan_and_the_right_guarantee(name: str, seed: int) -> None:
    """In a bounded number of runs, whatever the seed; the plan shows it again."""
    found = counterexample(name, seed)
    assert found is not None
    assert found.finding.guarantee in BROKEN[name].guarantees
    assert 0 < len(found.plan) <= ACTIONS_MAX
    again = execute(BROKEN[name].system(), application_named(BROKEN[name].application), found.plan)
    assert found.finding.signature in {finding.signature for finding in again.findings}


@pytest.mark.parametrize("name", SHOWN_BY_PLANS)
def test_the_plan_that_breaks_a_broken_system_does_not_break_the_reference(name: str) -> None:
    """So it is the replaced part that is to blame."""
    found = counterexample(name, SEEDS[0])
    assert found is not None
    application = application_named(BROKEN[name].application)
    assert execute(resolve("reference"), application, found.plan, whole=True).findings == []


def test_a_test_kit_that_does_nothing_is_found_in_a_few_runs() -> None:
    """It has no plan: what it shows is that nothing happened, whatever was asked of it."""
    found = counterexample("vacuous-scenario", 1)
    assert found is not None
    assert (found.finding.anomaly, found.plan, found.found_at) == ("vacuous-run", (), PATIENCE)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_system_says_where_the_bug_was_seen_and_how_it_is_fixed(name: str) -> None:
    """In words for the report, one replaced part."""
    broken = BROKEN[name]
    assert broken.docs
    assert broken.reference
    assert broken.fix
    assert len(set(broken.parts.values())) == 1
    assert resolve(name).name == name


def judges(name: str, count: int = 20, seed: int = 0, wanted: str = "") -> dict[str, int]:
    """Property that convicts this system in random runs, and in the shrunk one -> in how many of them it is the only one. Stops as soon
    as that is so for `wanted`."""
    alone: dict[str, int] = {}
    system, application = BROKEN[name].system(), application_named(BROKEN[name].application)
    shrunk = counterexample(name, SEEDS[0])
    assert shrunk is not None
    for plan in (
        shrunk.plan,
        *plans(system, application, count, 16, seed),
        *plans(system, application, count, 60, seed),
    ):
        found = {finding.judge for finding in execute(system, application, plan, whole=True).findings}
        for judge in found:
            alone[judge] = alone.get(judge, 0) + (len(found) == 1)
        if alone.get(wanted):
            break
    return alone


def test_every_property_is_needed_or_says_why_it_is_there_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, some run of some broken system would not be convicted; where that is not so (yet), the docstring of its class
    gives the reason behind “is kept, although”."""
    table = {name: judges(name) for name in SHOWN_BY_PLANS}
    checked = [judge for judge in properties(application_named("accounts")) if judge.guarantee]
    excused = {judge.name for judge in checked if "is kept, although" in (type(judge).__doc__ or "")}
    for judge in checked:
        if judge.name not in excused and not any(row.get(judge.name) for row in table.values()):
            for name, row in table.items():  # looked at more closely, where it convicts at all
                if judge.name in row or judge.guarantee in BROKEN[name].guarantees:
                    closer = judges(name, 60, 1, judge.name)
                    if closer.get(judge.name):
                        row[judge.name] = closer[judge.name]
                        break
    with capsys.disabled():
        print("\nruns that are convicted by this property alone (0: others convict them too)")
        for name, row in table.items():
            print(
                f"{name:28}", *(f"{judge.name} {row[judge.name]}" for judge in checked if judge.name in row), sep="  "
            )
    needed = {judge.name for judge in checked if any(row.get(judge.name) for row in table.values())}
    assert {judge.name for judge in checked} - needed - excused == set(), "needless, or a broken system is missing"
