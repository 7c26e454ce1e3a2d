"""``refold conformance``: a table for each system, as text, as a page, and as JSON."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from refold.reports.commands.cli import main

from ..conftest import Ended

Refold = Callable[..., Ended]


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


HANGS = """
import os
from refold.systems.reference import Reference

class Endless(Reference):
    def open(self, application, emit):
        open("begun", "a").close()
        while True:
            pass

class Signalled(Reference):
    runs = 0
    def open(self, application, emit):
        self.runs += 1
        if self.runs == 9:
            os.kill(os.getpid(), 2)
        return super().open(application, emit)
"""


def test_ctrl_c_ends_the_command_and_not_only_the_system_at_hand(refold: Refold, tmp_path: pathlib.Path) -> None:
    (tmp_path / "own.py").write_text(HANGS)
    ended = refold("conformance", "own.py:Signalled", "sqlite", "--examples", "40", "--seed", "1", "--json")
    assert ended.code == 2
    assert ended.err == "refold: interrupted while searching system 'own.py:Signalled', 1 of 2\n"
    (table,) = json.loads(ended.out)["systems"]
    assert table["interrupted"]
    assert 1 <= table["examples"] < 40


def test_a_system_that_hangs_is_given_up(
    refold: Refold, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFOLD_HANG_SECONDS", "1")
    (tmp_path / "own.py").write_text(HANGS)
    ended = refold("conformance", "own.py:Endless")
    assert (ended.code, ended.out) == (2, "")
    assert "system 'own.py:Endless' did not answer for 1 s" in ended.err


def test_a_page_that_cannot_be_written_is_told_before_anything_is_searched(refold: Refold) -> None:
    ended = refold("conformance", "sqlite", "--write", "/proc/nowhere/page.md")
    assert (ended.code, ended.out) == (2, "")
    assert "/proc/nowhere" in ended.err


def test_the_page_says_how_it_is_made_again(refold: Refold, tmp_path: pathlib.Path) -> None:
    refold(
        "conformance",
        "reference?with=polling",
        "--application",
        "accounts",
        "--examples",
        "3",
        "--seed",
        "2",
        "--write",
        "p",
    )
    command = "refold conformance 'reference?with=polling' --application accounts --examples 3 --seed 2"
    assert command in (tmp_path / "p").read_text().splitlines()


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
@pytest.mark.parametrize(
    "command",
    [("verify",), ("conformance", "sqlite"), ("gallery",), ("check", "x"), ("campaign", "--minutes")],
    ids=lambda command: command[0],
)
def test_what_is_no_length_of_time_is_refused(command: tuple[str, ...], seconds: str, refold: Refold) -> None:
    """Each would search for ever, or not at all."""
    option = () if command[-1] == "--minutes" else ("--seconds",)
    ended = refold(*command, *option, seconds)
    assert (ended.code, ended.out) == (2, "")
    assert f"Invalid value for '{(*command, *option)[-1]}'" in ended.err
