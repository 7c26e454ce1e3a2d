"""``refold explore`` as a user meets it: what it prints, which files it writes, how it ends."""

from __future__ import annotations

import json
import pathlib

import pytest
from click.testing import CliRunner

from refold.reports.commands.cli import main
from refold.reports.commands.explore import forecast
from refold.search.explore.explorer import Level, Progress

TINY = ("--clients", "1", "--commands", "1", "--values", "1", "--crashes", "0", "--reordered", "0", "--jobs", "1")


def run(folder: pathlib.Path, *options: str) -> tuple[int, str, str]:
    """Exit code, what it prints, what it says aside."""
    done = CliRunner().invoke(main, ["explore", *TINY, "--report-dir", str(folder), *options])
    return done.exit_code, done.stdout, done.stderr


def test_a_world_without_a_fault_ends_with_a_certificate(tmp_path: pathlib.Path) -> None:
    code, said, _ = run(tmp_path)
    assert code == 0
    assert "explored to the end: no plan of this scope breaks anything" in said
    document = json.loads((tmp_path / "certificate.json").read_text())
    assert document["verdict"] == "held"
    assert document["certificate"]["complete"]
    assert not (tmp_path / "explore.state").exists()


def test_what_breaks_is_told_by_a_shortest_plan_that_can_be_replayed(tmp_path: pathlib.Path) -> None:
    code, said, _ = run(tmp_path, "--system", "lost-wakeup")
    assert code == 1
    assert "no plan of fewer than 2 actions breaks anything" in said
    assert (tmp_path / "report.html").is_file()
    (plan,) = (tmp_path / "plans").glob("*.json")
    assert len(json.loads(plan.read_text())["actions"]) == 2
    assert CliRunner().invoke(main, ["replay", str(plan), "--report-dir", str(tmp_path / "again")]).exit_code == 1


def test_one_that_is_stopped_goes_on_and_says_how_far_it_came(tmp_path: pathlib.Path) -> None:
    code, said, _ = run(tmp_path, "--seconds", "0")
    assert code == 0
    assert "not explored to the end" in said
    assert f"to resume from {tmp_path / 'explore.state'}, run the same command again" in said
    code, said, aside = run(tmp_path)
    assert code == 0
    assert "resuming with" in aside
    assert "explored to the end: no plan" in said


def test_a_program_gets_one_object(tmp_path: pathlib.Path) -> None:
    code, said, aside = run(tmp_path, "--json", "--system", "lost-wakeup")
    assert code == 1
    document = json.loads(said)
    assert document["certificate"]["shortest"] == 2
    assert document["report"]["verdict"] == "broken"
    assert not aside


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--seconds", "nan"), "is not a length of time"),
        (("--system", "refrence"), "did you mean"),
        (("--system", "nondeterministic-handler", "--application", "accounts"), ""),
    ],
)
def test_what_cannot_be_explored_is_told_in_a_sentence(
    tmp_path: pathlib.Path, options: tuple[str, ...], sentence: str
) -> None:
    code, _, aside = run(tmp_path, *options)
    assert sentence in aside
    assert "Traceback" not in aside
    assert code in (1, 2)


def test_a_state_that_is_nonsense_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "explore.state").write_bytes(b"nonsense")
    code, _, aside = run(tmp_path)
    assert code == 2
    assert "--fresh" in aside
    assert run(tmp_path, "--fresh")[0] == 0


def test_how_long_it_will_take_is_told_by_how_the_levels_grow() -> None:
    levels = [Level(1, 51, 88, 37, 0.1), Level(2, 290, 789, 427, 1.0), Level(3, 995, 2810, 1371, 3.0)]
    said = forecast(Progress([], levels))
    assert said.startswith("the rest of this scope will take another ")
    assert said.endswith(" the last level is 3.4 times as large as the one before")
    assert "the first levels of this scope are already large" in forecast(Progress([], levels[:2]))
    assert not forecast(Progress([], levels[:1]))  # a slow machine, not a large scope
    endless = [Level(n, 10 * 3**n, 1, 0, 3.0**n) for n in range(1, 6)]
    assert "or far more" in forecast(Progress([], endless))


HOSTILE = """
from dataclasses import dataclass

from refold.model import Inventory


@dataclass(frozen=True)
class Loud:
    item: str

    def __str__(self):
        return "\\x1b[2J" + "x" * 10_000


class Odd(Inventory):
    def commands(self):
        return [Loud("bolt")]

    def decide(self, command, state):
        return []
"""


def test_commands_are_told_in_a_line_and_do_nothing_to_a_terminal(tmp_path: pathlib.Path) -> None:
    """Whatever their own words are."""
    (tmp_path / "odd.py").write_text(HOSTILE)
    _, said, _ = run(tmp_path, "--application", f"{tmp_path / 'odd.py'}:Odd", "--seconds", "1")
    (line,) = [line for line in said.splitlines() if line.startswith("commands: ")]
    assert "\x1b" not in said
    assert len(line) < 200
    assert line.endswith("… (10,004 characters)")
