"""``refold campaign``: interrupted, killed and resumed, it comes to the same."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from refold.reports.commands.campaign import Seldom
from tests.reports.conftest import COMMAND, Ended, environment, only

CELLS = ("--system", "two-live-writers", "--application", "inventory")
SAME = ("--runs", "60", "--seed", "3", "--json")

OWN = """
from refold.model.examples.inventory import Inventory

class Shop(Inventory):
    def evolve(self, state, event):
        raise KeyError("unfinished")
"""


def come_to(document: dict[str, Any]) -> Any:
    """What does not depend on the time that it took."""
    return [
        [(find["anomaly"], find["run"], find["runs"], find["actions"], find["minimal"]) for find in cause["findings"]]
        for cause in document["causes"]
    ]


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that search for it."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def waited(what: Callable[[], Any]) -> Any:
    """The first true answer, at last."""
    until = time.monotonic() + 60
    while not (answer := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return answer


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the campaign comes to if nobody disturbs it, with one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = subprocess.run(
        [*COMMAND, "campaign", *CELLS, *SAME, "--jobs", "1"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_it_says_what_was_found_and_where_to_look(undisturbed: dict[str, Any]) -> None:
    """Every find once, with its plan and its page; the fields are there for scripts."""
    (cell,) = undisturbed["cells"]
    assert (cell["runs"], cell["trouble"], cell["missing"]) == (60, "", [])
    assert undisturbed["verdict"] == "broken"
    find = undisturbed["causes"][0]["findings"][0]
    assert find["minimal"]
    assert find["replay"].startswith("refold replay ")
    assert undisturbed["estimates"]["findings"]["seen"] == sum(len(one["findings"]) for one in undisturbed["causes"])


def test_killed_again_and_again_it_comes_to_the_same(undisturbed: dict[str, Any], tmp_path: pathlib.Path) -> None:
    """Its processes, and the campaign itself: nothing is lost and nothing comes twice."""
    command = [*COMMAND, "campaign", *CELLS, *SAME, "--jobs", "2"]
    for _ in range(2):
        with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            with suppress(ProcessLookupError):  # it was just done
                os.kill(waited(lambda: children(process))[0], signal.SIGKILL)
            waited(lambda: children(process))
            process.kill()
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    document = json.loads(done.stdout)
    assert come_to(document) == come_to(undisturbed)
    assert [cell["runs"] for cell in document["cells"]] == [60]
    plans = {find["plan"] for cause in document["causes"] for find in cause["findings"]}
    assert {str(path.relative_to(tmp_path)) for path in (tmp_path / ".refold/campaign/plans").iterdir()} == plans


def test_what_it_had_left_when_it_was_killed_is_tidied_up(undisturbed: dict[str, Any], tmp_path: pathlib.Path) -> None:
    """Plans of its seed that belong to no find. Those of others stay, and what is no plan."""
    plans = tmp_path / ".refold/campaign/plans"
    plans.mkdir(parents=True)
    left = {
        "left.json": '{"seed": 3}',
        "other.json": '{"seed": 4}',
        "own.json": "[]",
        "bad.json": "{",
        "nearest-x.json": '{"seed": 3}',
    }
    for name, text in left.items():
        (plans / name).write_text(text, encoding="utf-8")
    command = [*COMMAND, "campaign", *CELLS, *SAME, "--jobs", "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    found = {
        pathlib.Path(find["plan"]).name for cause in json.loads(done.stdout)["causes"] for find in cause["findings"]
    }
    assert {path.name for path in plans.iterdir()} == found | left.keys() - {"left.json"}


def test_it_goes_on_to_more_runs(refold: Callable[..., Ended], tmp_path: pathlib.Path) -> None:
    """And says no to another seed or other cells in the same file."""
    first = only(refold("campaign", "--system", "reference", "--runs", "10", "--seed", "1", "--json"))
    more = only(refold("campaign", "--runs", "20", "--json"))
    assert (first["verdict"], first["runs"], more["runs"], more["seed"]) == ("held", 10, 20, 1)
    other = refold("campaign", "--system", "sqlite", "--runs", "30")
    assert (
        other.code,
        "contains a campaign of other systems or applications (reference with inventory)" in other.err,
    ) == (2, True)
    seed = refold("campaign", "--seed", "2", "--runs", "30")
    assert (seed.code, "was started with seed 1, not 2" in seed.err) == (2, True)
    page = (tmp_path / ".refold/campaign/campaign.html").read_text()
    assert "Nothing found so far" in page
    assert 'http-equiv="refresh"' not in page


def test_a_broken_application_is_one_sentence(refold: Callable[..., Ended], tmp_path: pathlib.Path) -> None:
    """Before anything is searched."""
    (tmp_path / "shop.py").write_text(OWN)
    ended = refold("campaign", "--application", "shop.py:Shop", "--runs", "5")
    assert ended.code == 2
    assert "raised KeyError" in ended.err
    assert "Traceback" not in ended.err


def test_a_system_that_stops_answering_does_not_stop_the_others(
    refold: Callable[..., Ended], tmp_path: pathlib.Path
) -> None:
    """It is named, and the others are searched to the end."""
    (tmp_path / "own.py").write_text(
        "class Log:\n    def append(self, *a, **k): raise OSError('disk gone')\n    def read(self, *a, **k): return []\n"
    )
    ended = refold(
        "campaign",
        "--system",
        "own.py:Log",
        "--system",
        "reference",
        "--application",
        "inventory",
        "--runs",
        "8",
        "--json",
    )
    document = json.loads(ended.out)
    own, reference = document["cells"]
    assert own["trouble"] or document["verdict"] == "broken"
    assert reference["runs"] == 8
    assert ended.code in (1, 2)


def test_the_table_and_the_page(refold: Callable[..., Ended]) -> None:
    """For a reader."""
    ended = refold("campaign", "--system", "lost-wakeup", "--runs", "60", "--seed", "3")
    assert ended.code == 1
    assert "BROKEN" in ended.out
    assert "in 60 runs" in ended.out or "of 60 runs, first in run" in ended.out
    assert ended.out.splitlines()[-1].startswith("page: ")


def test_the_page_is_written_less_often_the_longer_it_takes() -> None:
    """A campaign of weeks has much to say after every shard; saying it takes a twentieth of the time at most."""
    now, spent, times = 0.0, 0.0, 0

    def write() -> None:
        nonlocal now, spent, times
        times += 1
        now += times
        spent += times

    seldom = Seldom(write, 20, lambda: now)
    seldom()
    assert times == 1, "the first shard is told at once"
    for _ in range(5000):
        now += 1
        seldom()
    assert times > 5
    assert spent <= now / 20 + times


NEAR = """
from refold import sometimes
from refold.model.examples.inventory import Inventory

class Shop(Inventory):
    def evolve(self, state, event):
        after = super().evolve(state, event)
        if isinstance(after, int):
            sometimes("a stock of a thousand", distance=abs(1000 - after))
        return after
"""


@pytest.mark.parametrize(
    "command",
    [("campaign", "--runs", "12"), ("verify", "--examples", "12", "--system", "reference")],
    ids=["campaign", "verify"],
)
def test_the_plan_that_came_nearest_to_what_was_never_reached_can_be_run(
    command: tuple[str, ...], refold: Callable[..., Ended], tmp_path: pathlib.Path
) -> None:
    """It is a file like those of finds."""
    (tmp_path / "near.py").write_text(NEAR)
    ended = refold(*command, "--application", "near.py:Shop", "--seed", "3", "--json", "--report-dir", "out")
    assert ended.code == 0, ended.err
    document = only(ended)
    (near,) = (document["cells"][0] if "cells" in document else document)["nearest"].values()
    assert near["distance"] > 0
    assert pathlib.Path(near["plan"]).name.startswith("nearest-a-stock-of-a-thousand-")
    again = refold("replay", near["plan"], "--json")
    assert again.code == 0, again.err
    assert f"at a distance of {near['distance']:g}" in str(only(again)["not_checked"])
