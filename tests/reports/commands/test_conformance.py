"""``refold conformance``: a table for each system, as text, as a page, and as JSON."""

from __future__ import annotations

import json
import pathlib

from click.testing import CliRunner

from refold.reports.commands.cli import main


def test_a_system_that_keeps_what_it_promises(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    done = CliRunner().invoke(main, ["conformance", "sqlite", "--examples", "12", "--seed", "1", "--write", str(page)])
    assert done.exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "refold conformance sqlite --examples 12 --seed 1" in text
    assert text.count("\n| A") == 17
    assert "| A4 | reads keep their bounds and limits | not checked | the system has nothing of this kind |" in text
    table = text[text.index("## sqlite") :].strip()
    assert table in done.stdout


def test_what_is_broken_comes_with_its_plan() -> None:
    done = CliRunner().invoke(
        main, ["conformance", "check-then-append", "sqlite", "--examples", "60", "--seed", "1", "--json"]
    )
    assert done.exit_code == 1
    broken, held = json.loads(done.stdout)["systems"]
    rows = {row["code"]: row for row in broken["assertions"]}
    assert rows["A7"]["verdict"] == "broken"
    assert rows["A7"]["anomaly"] == "lost-update"
    assert 2 <= len(rows["A7"]["plan"]) <= 6
    assert {row["verdict"] for row in held["assertions"]} == {"held", "not checked"}


def test_a_system_that_there_is_not_ends_before_anything_is_searched() -> None:
    done = CliRunner().invoke(main, ["conformance", "sqlite", "sqlit"])
    assert done.exit_code == 2
    assert "there is no system 'sqlit'" in done.stderr
    assert done.stdout == ""
