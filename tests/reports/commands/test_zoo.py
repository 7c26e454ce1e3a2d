"""`refold zoo`: what it finds, and when it gives up."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.reports.commands import zoo as zoo_command
from refold.systems.broken import BROKEN as BROKEN_SYSTEMS
from refold.systems.broken import BrokenSystem
from refold.systems.reference import Reference

from ..conftest import BROKEN, Ended, environment, only

Refold = Callable[..., Ended]

ZOO = {"name", "tier", "guarantee", "found", "anomaly", "diagnosis", "seconds_cpu", "actions", "plan"}


def test_zoo_tells_what_it_found(refold: Refold, tmp_path: Path) -> None:
    """One row for each name."""
    ended = refold("zoo", "ack-before-fsync", BROKEN, "--jobs", "1", "--seed", "3", "--json")
    rows = only(ended)["rows"]
    assert ended.code == 0
    assert [row["name"] for row in rows] == ["ack-before-fsync", BROKEN]
    for row in rows:
        assert set(row) >= ZOO
        assert row["found"] is True
        assert (tmp_path / row["plan"]).is_file()
    assert rows[0]["anomaly"] == "acknowledged-append-lost"
    assert refold("replay", rows[0]["plan"], "--json").code == 1


def test_zoo_for_a_reader_counts(refold: Refold) -> None:
    """How many of how many."""
    ended = refold("zoo", "ack-before-fsync")
    assert ended.code == 0
    assert "1 of 1 found" in ended.out


def test_the_table_of_zoo_can_be_searched_at_every_width(refold: Refold, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is one word, in a pipe and in a narrow window, and what was left out is said."""
    name = "retry-with-new-version-defeats-id"
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = zoo_command.gather([name], [1], 1, "zoo", quiet=True)
    for width, whole in ((None, True), (80, False), (30, False)):
        if width:
            monkeypatch.setenv("COLUMNS", str(width))
        ended = io.StringIO()
        with contextlib.redirect_stdout(ended):
            zoo_command.show(rows)
        lines = ended.getvalue().splitlines()
        assert [line for line in lines if line.startswith(f"{name} ") and " found" in line]
        assert not [line for line in lines if line != line.rstrip()]
        assert ("left out at this width: tier" in ended.getvalue()) != whole


def test_many_seeds_are_a_span() -> None:
    """They follow each other."""
    assert [zoo_command.span(seeds) for seeds in ([3], [1, 2], [1, 2, 3, 4, 5])] == ["3", "1, 2", "1 to 5"]


class Held(Reference):
    """Nothing is wrong with it."""


class Hangs(Reference):
    """It never answers."""

    def open(self, application: Any, emit: Any) -> Any:
        """Wait."""
        time.sleep(600)


@pytest.mark.parametrize(
    ("system", "told"), [(Held, "not found within 0.2 s"), (Hangs, "failed")], ids=["held", "hangs"]
)
def test_zoo_gives_a_system_up_after_a_while(
    system: type, told: str, refold: Refold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that shows nothing, and one that does not answer: exit code 1, and the table says which it was."""
    monkeypatch.setenv("REFOLD_HANG_SECONDS", "2")
    monkeypatch.setattr(zoo_command, "SECONDS_MAX", 0.2)
    monkeypatch.setattr(BrokenSystem, "system", lambda broken: system())
    ended = refold("zoo", BROKEN)
    assert ended.code == 1
    assert f"{BROKEN}: {told}\n" in ended.out
    assert "0 of 1 found" in ended.out
    assert told in (tmp_path / ".refold" / "zoo" / "zoo.html").read_text()
    if system is Hangs:
        assert (
            f"refold: {BROKEN}, seed 1: system '{BROKEN}' did not answer for 2 s (it was in open(), line " in ended.err
        )


def test_the_help_of_zoo_says_how_long_it_searches(refold: Refold) -> None:
    """In the seconds that it really takes."""
    assert f"up to {zoo_command.SECONDS_MAX:g} s" in " ".join(refold("zoo", "--help").out.split())


def test_the_help_of_zoo_lists_every_broken_system(refold: Refold) -> None:
    """Messages elsewhere say that it does."""
    listed = refold("zoo", "--help").out.partition("Names")[2].replace(",", " ").split()
    assert set(BROKEN_SYSTEMS) <= set(listed)


ENDLESS = """
import sys, time
from refold.reports.commands.cli import main
from refold.systems.broken import BrokenSystem
from refold.systems.reference import Reference

class Endless(Reference):
    def open(self, application, emit):
        open("begun", "a").close()
        while True:
            time.sleep(0.1)

BrokenSystem.system = lambda broken: Endless()
sys.argv[0] = "refold"
main()
"""


def test_zoo_ends_its_searches_when_it_is_told_to_end(tmp_path: Path) -> None:
    """A time-out in CI is heard by the command alone; what searches in its processes would not end for a long time."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "zoo", "ack-before-fsync", BROKEN, "--jobs", "2"],
        cwd=tmp_path,
        env=environment(REFOLD_HANG_SECONDS="100000"),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "begun").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert (process.returncode, said) == (2, "refold: the search ended early; the results so far are above\n")
