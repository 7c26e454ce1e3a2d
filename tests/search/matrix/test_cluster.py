"""A campaign on a Dask cluster comes to what it comes to on one machine. Each has a process of its own: a client of Dask leaves threads."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Any

import pytest

from refold.search.matrix.cells import Cell
from refold.search.matrix.child import Child
from refold.search.matrix.cluster import made_here
from refold.search.matrix.executor import Died
from refold.search.matrix.shard import Shard

pytest.importorskip("distributed", reason="distributed is not installed")

SHOP = pathlib.Path(__file__).parents[3] / "examples" / "shop.py"

CAMPAIGN = """
import json, pathlib, sys
from refold.search.matrix.cells import Cell
from refold.search.matrix.cluster import LOCAL, Cluster
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import LocalProcesses
from refold.search.matrix.store import CampaignStore

if __name__ == "__main__":
    where, path, application, seed, runs = sys.argv[1:]
    cell = Cell("two-live-writers", application)
    cell.objects()  # whoever gives shards has loaded them
    store = CampaignStore(pathlib.Path(path))
    store.begin([cell], seed=int(seed))
    executor = Cluster(LOCAL, 1) if where == "cluster" else LocalProcesses(1, silent=60)
    about = lambda cell, run, find, shrunk: {"plan": [str(action) for action in find.plan]}
    Coordinator(store, executor, seconds=None, runs=int(runs), about=about).work()
    (state,) = store.states()
    print(json.dumps([state.runs, state.missing, [(one.anomaly, one.run, one.runs, one.about) for one in store.finds()]]))
"""

NOBODY = """
import refold.search.matrix.cluster as cluster
cluster.CONNECT_SECONDS = 0.5
try:
    cluster.Cluster("tcp://127.0.0.1:9")
except cluster.SystemUnavailable as error:
    print(error)
"""


def come_to(folder: pathlib.Path, where: str, *campaign: object) -> Any:
    """What a small campaign comes to."""
    script = folder / f"{where}.py"
    script.write_text(CAMPAIGN)
    command = [sys.executable, str(script), where, str(folder / f"{where}.sqlite"), *map(str, campaign)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "campaign",
    [("inventory", 3, 60), (f"{SHOP}:Shop", 6, 32)],  # the worker has not loaded the file of the second
    ids=["example", "own"],
)
def test_the_finds_are_those_of_one_machine(campaign: tuple[object, ...], tmp_path: pathlib.Path) -> None:
    """Runs, numbers and plans."""
    here = come_to(tmp_path, "here", *campaign)
    assert here[0] == campaign[-1]
    assert here[2]
    assert come_to(tmp_path, "cluster", *campaign) == here


def test_a_worker_does_not_wait_for_a_process_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and that is what is said of the shard."""

    def asleep(shard: Shard, seconds: float | None) -> Child:
        reading, writing = os.pipe()
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        process = subprocess.Popen(sleep, pass_fds=(writing,), text=True)
        os.close(writing)
        return Child(shard, process, Connection(reading, writable=False), 0.0)

    monkeypatch.setattr(Child, "begin", asleep)
    (said,) = made_here(Shard(1, Cell("two-live-writers", "inventory"), 3, 0, 10), None, 0.2)
    assert said == Died("because nothing was heard of it for 0.2 s")


def test_no_scheduler_is_one_sentence() -> None:
    """It says how to start one."""
    done = subprocess.run([sys.executable, "-c", NOBODY], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no Dask scheduler answers at tcp://127.0.0.1:9 within 0.5 s: ")
    assert "dask scheduler" in done.stdout
