"""Mechanisms of public reports (`benchmarks/reported/`) that only certain words of a plan find: each within a few runs, and its repair is
left alone."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import pytest

from refold.model.examples.inventory import Inventory
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user.adopt import adapt

REPORTED = pathlib.Path(__file__).parents[4] / "benchmarks" / "reported"

FOUND = [
    ("position_at_start", 1, 8, "event-never-applied"),  # time within a call
    ("stop_commits", 2, 24, "checkpoint-ahead-of-effects"),  # the other tasks of a worker go on
    ("gap_at_head", 1, 12, "checkpoint-left-behind"),
    ("stop_all_goes_on", 1, 8, "event-never-applied"),
    ("count_then_read", 2, 24, "event-never-applied"),  # two writes during a first turn
    ("recovery_stops_at_first", 3, 24, "side-effect-missing"),  # a failure in the first turn after a death
    ("cleaned_up_while_written", 3, 12, "side-effect-missing"),  # a write beside the last event
    ("get_then_delete", 1, 12, "two-lock-holders"),  # time within a release
]


def searched(name: str, version: str, seed: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A short search, over after the first finding."""
    monkeypatch.syspath_prepend(str(REPORTED))
    module: Any = importlib.import_module(name)
    application = module.App() if hasattr(module, "App") else Inventory()
    budget = Budget(seconds=None, examples=runs, distinct=1)
    return Campaign(adapt(name, getattr(module, version)), application, seed, budget).run()


@pytest.mark.parametrize(("name", "seed", "runs", "anomaly"), FOUND)
def test_it_is_found(name: str, seed: int, runs: int, anomaly: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the name that fits."""
    examples = searched(name, "Bad", seed, runs, monkeypatch).counterexamples
    assert examples, name
    assert examples[0].finding.anomaly == anomaly


@pytest.mark.parametrize(("name", "seed", "runs"), [(name, seed, min(runs, 6)) for name, seed, runs, _ in FOUND])
def test_its_repair_is_left_alone(name: str, seed: int, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In as many runs, up to six."""
    assert [str(one.finding) for one in searched(name, "Good", seed, runs, monkeypatch).counterexamples] == []
