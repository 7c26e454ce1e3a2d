"""Settings of Hypothesis: what the user writes counts, and nothing that tapes need gets lost by it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from refold.model.errors import UsageError
from refold.search.profiles import PROFILES, STEPS, budget, fitting, standard
from refold.search.state_machine import machine, searches


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surroundings."""
    monkeypatch.setenv("REFOLD_REPORT_DIR", str(tmp_path))
    monkeypatch.delenv("REFOLD_PROFILE", raising=False)


@pytest.fixture
def loaded() -> Iterator[None]:
    """A profile of Hypothesis's that the user has registered and loaded."""
    before = settings.get_current_profile_name()
    settings.register_profile(
        "ours", max_examples=3, stateful_step_count=4, derandomize=True, phases=[Phase.generate], deadline=1
    )
    settings.load_profile("ours")
    yield
    settings.load_profile(before)


def ran(case: Any) -> int:
    """How many runs the test makes."""
    case("runTest").runTest()
    return int(searches.pop(case.refold_machine).tally()["runs"])


def test_settings_are_assigned_as_everywhere_in_hypothesis() -> None:
    """Without naming those of the machine as their parent."""
    case: Any = machine("accounts").TestCase
    case.settings = settings(max_examples=2, database=None, derandomize=True)
    assert ran(case) == 2


def test_settings_are_a_class_attribute_of_a_subclass() -> None:
    """The other usual way."""

    class TestOwn(machine("accounts").TestCase):  # type: ignore[misc]
        settings = settings(max_examples=2, database=None, derandomize=True)

    assert ran(TestOwn) == 2


def test_settings_decorate_a_machine() -> None:
    """The third."""
    assert ran(settings(max_examples=2, database=None, derandomize=True)(machine("accounts")).TestCase) == 2


def test_what_the_user_chose_counts() -> None:
    """Field by field; what was not chosen is as machines need it."""
    chosen = fitting(settings(max_examples=7, derandomize=True, phases=[Phase.generate], deadline=50, print_blob=True))
    assert (chosen.max_examples, chosen.derandomize, chosen.database, chosen.print_blob) == (7, True, None, True)
    assert tuple(chosen.phases) == (Phase.generate,)
    assert chosen.deadline == timedelta(milliseconds=50)
    assert set(chosen.suppress_health_check) == set(HealthCheck)
    other = fitting(settings(stateful_step_count=9, suppress_health_check=[HealthCheck.too_slow]))
    assert (other.stateful_step_count, other.max_examples) == (9, settings().max_examples)
    assert Phase.explain not in other.phases
    assert other.deadline is None
    assert set(other.suppress_health_check) == set(HealthCheck)


def test_a_profile_of_hypothesis_counts_where_it_says_something(loaded: None) -> None:
    """Its deadline is meant for the other tests, which take no plans apart."""
    for chosen in (standard(), fitting(settings(print_blob=True))):
        assert (chosen.max_examples, chosen.stateful_step_count, chosen.derandomize) == (3, 4, True)
        assert tuple(chosen.phases) == (Phase.generate,)
        assert chosen.deadline is None


def test_a_profile_that_is_loaded_after_the_machine_was_made_counts(request: pytest.FixtureRequest) -> None:
    """As it does for other tests of Hypothesis's."""
    case = machine("accounts").TestCase
    request.getfixturevalue("loaded")
    assert ran(case) == 3


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_sets_how_long_machines_search(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, unless the user says how many runs; the rest of his settings does not change that."""
    monkeypatch.setenv("REFOLD_PROFILE", profile)
    for chosen in (machine("accounts").TestCase.settings, settings(print_blob=True), settings()):
        assert (budget(chosen).seconds, budget(chosen).examples) == (PROFILES[profile], None)
        assert fitting(chosen).stateful_step_count == STEPS
    assert (budget(settings(max_examples=7)).seconds, budget(settings(max_examples=7)).examples) == (None, 7)


def test_without_a_profile_the_default_one_counts() -> None:
    """Ten seconds."""
    assert budget(settings()).seconds == PROFILES["default"]


def test_the_number_of_examples_in_a_profile_of_hypothesis_counts(
    loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a profile of refold's is named, which is meant for these tests."""
    assert (budget(settings()).seconds, budget(settings()).examples) == (None, 3)
    monkeypatch.setenv("REFOLD_PROFILE", "quick")
    assert budget(settings()).seconds == PROFILES["quick"]


def test_a_profile_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would mean a search of another length than the one that was asked for."""
    monkeypatch.setenv("REFOLD_PROFILE", "deeep")
    with pytest.raises(UsageError, match=r"REFOLD_PROFILE is 'deeep' \(did you mean 'deep'\?\), expected one of quick"):
        machine("accounts")


IN_CI = """
from hypothesis import settings
from refold.search.state_machine import machine

case = machine("accounts").TestCase
print(case.settings.derandomize, settings(case.settings, derandomize=True).derandomize)
settings.register_profile("ci", derandomize=True)
settings.load_profile("ci")
print(machine("accounts").TestCase.settings.derandomize)
"""


def test_every_push_searches_other_runs_unless_the_user_says_so() -> None:
    """Hypothesis derandomizes where it sees that it is in CI."""
    done = subprocess.run(
        [sys.executable, "-c", IN_CI], env={**os.environ, "CI": "true"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True", "True"]
