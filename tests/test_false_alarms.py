"""False alarms are counted in slices: a file that is kept goes on where it was, and an accusation is told."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from refold.model.examples.inventory import Inventory
from refold.systems.registry import resolve

BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"

ROLES = {
    "log",
    "log with conditions over tags",
    "service in one step",
    "service in two steps",
    "pushed projection",
    "pulling projection",
    "async projection that runs by itself",
    "inline projection",
    "repository",
    "reader",
    "relay",
    "process manager",
    "mailer",
    "lock with renewal",
    "async roles",
    "several instances",
}


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark, as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import false_alarms  # type: ignore[import-not-found]

    return false_alarms


def run(*arguments: str) -> tuple[int, str]:
    """Exit code, and what it prints."""
    command = [sys.executable, str(BENCHMARKS / "false_alarms.py"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_every_role_has_a_correct_example(alarms: Any) -> None:
    """Each under a name of its own."""
    examples = alarms.every_example()
    assert {one.role for one in examples} >= ROLES
    assert len({one.key for one in examples}) == len(examples)


def test_a_kept_file_goes_on_where_it_was(tmp_path: pathlib.Path) -> None:
    """Also behind a line that was torn, with seeds that come next."""
    kept = tmp_path / "kept.jsonl"
    arguments = ("--keep", str(kept), "service without rules")
    assert run(*arguments, "--steps", "1")[0] == 0
    (first,) = map(json.loads, kept.read_text().splitlines())
    with kept.open("a") as file:
        file.write('{"example": "serv')
    code, said = run(*arguments, "--steps", str(first["steps"] + 1))
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    assert code == 0
    assert lines[0] == first
    assert [line["seed"] for line in lines] == [1, 2]
    assert f"{sum(line['steps'] for line in lines):,} steps" in said
    assert "0 false alarms" in said


def test_an_accusation_is_counted_and_so_is_a_refusal(alarms: Any) -> None:
    """A broken system stands for a correct one that is accused."""
    accused = alarms.Example("log", "accused", lambda: resolve("ack-before-fsync"), Inventory)
    refused = alarms.Example("log", "refused", lambda: resolve("no-such-system"), Inventory)
    innocent = alarms.Example("log", "innocent", lambda: resolve("reference"), Inventory)
    tallies = {one.key: alarms.Tally() for one in (accused, refused, innocent)}
    for one in (accused, refused, innocent):
        tallies[one.key].add(alarms.slice_of(one, 1, 200))
    assert [tally.accusations for tally in tallies.values()] == [1, 1, 0]
    assert alarms.report([accused, refused, innocent], tallies) == 2
