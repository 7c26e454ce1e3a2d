"""A campaign on a Dask cluster comes to what it comes to on one machine."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from multiprocessing.connection import Connection

import pytest

from refold.model.errors import SystemUnavailable
from refold.search.matrix.cells import Cell
from refold.search.matrix.child import Child
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import Died, Executor, LocalProcesses
from refold.search.matrix.shard import Shard
from refold.search.matrix.store import CampaignStore

pytest.importorskip("distributed")

from refold.search.matrix.cluster import LOCAL, Cluster, made_here

CELL = Cell("two-live-writers", "inventory")
SHOP = pathlib.Path(__file__).parents[3] / "examples" / "shop.py"


def come_to(path: pathlib.Path, executor: Executor) -> list[tuple[str, int, int, str]]:
    """The finds of a small campaign."""
    store = CampaignStore(path)
    store.begin([CELL], seed=3)
    Coordinator(
        store,
        executor,
        seconds=None,
        runs=60,
        about=lambda cell, run, find, shrunk: {"plan": json.dumps([str(action) for action in find.plan])},
    ).work()
    finds = [(find.anomaly, find.run, find.runs, find.about["plan"]) for find in store.finds()]
    store.close()
    return finds


def test_the_finds_are_those_of_one_machine(tmp_path: pathlib.Path) -> None:
    """Runs, numbers and plans."""
    here = come_to(tmp_path / "here", LocalProcesses(1, silent=60))
    there = come_to(tmp_path / "there", Cluster(LOCAL, 1))
    assert here == there
    assert here


def test_events_of_a_users_own_file_come_back(tmp_path: pathlib.Path) -> None:
    """The worker itself has not loaded that file, only the process that makes the shard."""
    store = CampaignStore(tmp_path / "state")
    cell = Cell("two-live-writers", f"{SHOP}:Shop")
    cell.objects()  # whoever gives shards has loaded them
    store.begin([cell], seed=6)
    Coordinator(store, Cluster(LOCAL, 1), seconds=None, runs=32, about=lambda cell, run, find, shrunk: {}).work()
    state = store.states()[0]
    assert (state.runs, state.missing) == (32, ())
    assert store.finds()
    store.close()


def test_a_worker_does_not_wait_for_a_process_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and that is what is said of the shard."""

    def asleep(shard: Shard, seconds: float | None) -> Child:
        reading, writing = os.pipe()
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        process = subprocess.Popen(sleep, pass_fds=(writing,), text=True)
        os.close(writing)
        return Child(shard, process, Connection(reading, writable=False), 0.0)

    monkeypatch.setattr(Child, "begin", asleep)
    (said,) = made_here(Shard(1, CELL, 3, 0, 10), None, 0.2)
    assert said == Died("because nothing was heard of it for 0.2 s")


def test_no_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how to start one."""
    monkeypatch.setattr("refold.search.matrix.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(SystemUnavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 within"):
        Cluster("tcp://127.0.0.1:9")
