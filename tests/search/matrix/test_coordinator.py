"""The coordinator, with an executor that says what a test wants to be said."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.properties.result import Counterexample
from refold.search.matrix.cells import Cell
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import Done, FirstSeen, Said
from refold.search.matrix.shard import Shard, ShardResult, search_shard
from refold.search.matrix.store import CampaignStore

CELL = Cell("two-live-writers", "inventory")
SEED = 6
RUNS = 96


class Scripted:
    """Makes two shards at a time, and tells of the one with the higher runs first or last."""

    def __init__(self, later_first: bool) -> None:
        self.later_first = later_first
        self.shards: list[Shard] = []

    def room(self) -> int:
        """Two at a time."""
        return 2 - len(self.shards)

    def give(self, shard: Shard, seconds: float | None) -> None:
        """It waits for the other."""
        self.shards.append(shard)

    def hear(self) -> Sequence[tuple[Shard, Said]]:
        """Both, in the order that was asked for."""
        said: list[tuple[Shard, Said]] = []
        for shard in sorted(self.shards, key=lambda shard: shard.first, reverse=self.later_first):
            result = search_shard(shard, seen=lambda run, find, shard=shard: said.append((shard, FirstSeen(run, find))))
            said.append((shard, Done(result)))
        self.shards.clear()
        return said

    def drop(self, shard: Shard) -> None:
        """Nothing is under way between two calls."""

    def close(self) -> None:
        """Nothing to let go."""


@pytest.mark.parametrize("later_first", [False, True])
def test_the_last_that_is_described_is_the_find_that_is_kept(tmp_path: pathlib.Path, later_first: bool) -> None:
    """Descriptions are pages in files by the name of the anomaly: that of a later run must not take the place of the one that is kept."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    pages: dict[str, tuple[int, bool]] = {}

    def about(cell: Cell, run: int, find: Counterexample, shrunk: bool) -> dict[str, Any]:
        pages[find.finding.anomaly] = run, shrunk
        return {"run": run, "shrunk": shrunk}

    Coordinator(store, Scripted(later_first), seconds=None, runs=RUNS, about=about).work()
    kept = {find.anomaly: (find.run, find.about["shrunk"]) for find in store.finds()}
    assert kept
    assert pages == kept


def result_of(shard: Shard, runs: int, trouble: str = "") -> ShardResult:
    """So many runs in which nothing was seen."""
    return ShardResult(runs, runs, 0.1, {}, {}, {}, {}, (), trouble=trouble)


def test_a_cell_that_cannot_go_on_stays_so_whatever_its_other_shards_come_to(tmp_path: pathlib.Path) -> None:
    """Two shards are made side by side: one ends with a sentence, then the other ends well. The sentence is what the user must hear."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    store.new_shard(0, 0, 10)
    store.new_shard(0, 10, 20)
    one, other = store.open_shards()
    store.done(one, 0, result_of(one, 3, "the server is gone"), [], now=1.0)
    store.done(other, 0, result_of(other, 10), [], now=2.0)
    assert store.state(0, CELL).trouble == "the server is gone"


class Answering(Scripted):
    """Makes one shard at a time, of whose runs all are made."""

    def __init__(self) -> None:
        super().__init__(False)

    def hear(self) -> Sequence[tuple[Shard, Said]]:
        """All is well."""
        said = [(shard, Done(result_of(shard, shard.runs))) for shard in self.shards]
        self.shards.clear()
        return said


def test_a_cell_that_could_not_go_on_is_tried_again_by_the_next_sitting(tmp_path: pathlib.Path) -> None:
    """Its runs are made up for, and nothing is said any more."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    store.new_shard(0, 0, 10)
    (one,) = store.open_shards()
    store.done(one, 0, result_of(one, 3, "the server is gone"), [], now=1.0)
    Coordinator(store, Answering(), seconds=None, runs=40, about=lambda *arguments: {}).work()
    state = store.state(0, CELL)
    assert (state.runs, state.trouble) == (40, "")


class Nobody(Scripted):
    """A cluster without workers."""

    def room(self) -> int:
        """None."""
        return 0

    def hear(self) -> Sequence[tuple[Shard, Said]]:
        """Nobody waits for this where nothing is left to do."""
        raise SystemUnavailable("no worker came")


def test_where_nothing_is_left_to_do_nobody_is_waited_for(tmp_path: pathlib.Path) -> None:
    """A campaign that is complete is so without workers; one that is not needs them."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    Coordinator(store, Answering(), seconds=None, runs=40, about=lambda *arguments: {}).work()
    Coordinator(store, Nobody(False), seconds=None, runs=40, about=lambda *arguments: {}).work()
    with pytest.raises(SystemUnavailable, match="no worker came"):
        Coordinator(store, Nobody(False), seconds=None, runs=41, about=lambda *arguments: {}).work()


def test_a_file_that_was_made_and_not_begun_is_a_new_one(tmp_path: pathlib.Path) -> None:
    """Its process was killed right then."""
    CampaignStore(tmp_path / "state").close()
    store = CampaignStore(tmp_path / "state")
    assert store.new
    store.begin([CELL], SEED)
    store.close()
    again = CampaignStore(tmp_path / "state")
    assert not again.new
    assert again.cells == [CELL]
    again.close()


def test_a_process_whose_parent_died_while_it_began_ends_at_once() -> None:
    """It takes a while to import what it needs, and nobody would hear of it any more."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    reading, writing = os.pipe()
    child = subprocess.run(
        [sys.executable, "-m", "refold.search.matrix.child", str(writing), str(gone.pid)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(writing,),
        check=False,
    )
    os.close(writing)
    os.close(reading)
    assert (child.returncode, child.stderr) == (1, b"")


def test_finds_are_counted_without_reading_them(tmp_path: pathlib.Path) -> None:
    """A status is told twice a second: it must not cost more the more was found. What is said of a find is not looked at."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    assert store.found_so_far() == 0
    for number, anomaly in enumerate(("lost-update", "torn-batch")):
        store.found(0, (anomaly, "CAS"), number, {})
    store.found(0, ("lost-update", "CAS"), 7, {})
    store.database.execute("UPDATE finds SET about = 'no JSON'")
    assert store.found_so_far() == 2


@pytest.mark.parametrize("later_first", [False, True])
def test_the_first_run_with_the_smallest_distance_is_kept(tmp_path: pathlib.Path, later_first: bool) -> None:
    """In whichever order shards are done; what was reached has none."""
    store = CampaignStore(tmp_path / "state")
    store.begin([CELL], SEED)
    near = [{"far": (3.0, 4), "there": (1.0, 5)}, {"far": (2.0, 12)}, {"far": (2.0, 21)}]
    for number in range(3):
        store.new_shard(0, 10 * number, 10 * number + 10)
    done = list(zip(store.open_shards(), near, strict=True))
    for shard, distances in reversed(done) if later_first else done:
        result = ShardResult(10, 10, 0.1, {}, {}, {}, {"far": 0, "there": 1}, (), nearest=distances)
        store.done(shard, 0, result, [], now=1.0)
    assert store.state(0, CELL).nearest == {"far": (2.0, 12)}
