"""The benchmark of public reports: its table and its modules belong together, and it counts what the searches say."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark, as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import reported  # type: ignore[import-not-found]

    return reported


def test_every_module_is_in_the_table_and_begins_with_its_report(reported: Any) -> None:
    """By its number and its title."""
    modules = {path.stem: path.read_text(encoding="utf-8") for path in (BENCHMARKS / "reported").glob("*.py")}
    assert set(modules) == set(reported.REPORTS)
    for name, report in reported.REPORTS.items():
        owner, repository, _, number = report.url.removeprefix("https://github.com/").split("/")
        begins = f'"""{owner}/{repository}#{number}'
        assert modules[name].startswith(begins), name
        assert f'"{report.title}"' in " ".join(modules[name].split()), name


def test_a_mechanism_is_counted(reported: Any) -> None:
    """What was found first, what was missed, an accusation and a search that could not be made."""
    found, vague = ({"guarantee": kind, "anomaly": "two-lock-holders", "actions": 6} for kind in ("LOCK", "LIVE"))
    runs = [
        reported.Run("unlock_by_name", "Bad", 1, 2.0, (found, vague)),
        reported.Run("unlock_by_name", "Bad", 2, 2.0, (vague,)),
        reported.Run("unlock_by_name", "Bad", 3, 2.0),
        reported.Run("unlock_by_name", "Good", 1, 2.0),
        reported.Run("unlock_by_name", "Good", 2, 2.0, (found,)),
        reported.Run("unlock_by_name", "Good", 3, 2.0, trouble="no end after 5 s"),
        reported.Run("token_expires", "Bad", 1, 2.0, (found,)),
    ]
    assert reported.line_of(reported.row_of("unlock_by_name", runs)) == (
        "unlock_by_name            expected LOCK  found 2 of 3: 1 LOCK two-lock-holders, 1 LIVE two-lock-holders;"
        " correct held 1 of 2, 1 ACCUSED, 1 COULD NOT BE MADE"
    )
    assert reported.row_of("unlock_by_name", runs)["as_expected"] == 1


def test_a_mechanism_is_searched_in_both_versions() -> None:
    """The one that is found first of all; every search is told when it is done."""
    command = [sys.executable, str(BENCHMARKS / "reported.py"), "unlock_by_name"]
    command += ["--seconds", "0.5", "--seeds", "1", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    totals = json.loads(ended.stdout)["totals"]
    assert totals == {"bad": 1, "found": 1, "as_expected": 1, "good": 1, "held": 1, "accusations": 0, "trouble": 0}
    assert ended.stderr.count("unlock_by_name") == 2


def test_a_search_that_cannot_be_made_is_no_miss(reported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told apart from one that found nothing."""
    monkeypatch.setattr(reported, "FOLDER", BENCHMARKS / "nowhere")
    run = reported.Searches(0.5).run("unlock_by_name", "Bad", 1)
    assert "unlock_by_name" in run.trouble
    assert not run.findings
