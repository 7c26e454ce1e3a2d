"""A campaign on a Dask cluster comes to what it comes to on one machine. Each has a process of its own: a client of Dask leaves threads."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("distributed", reason="distributed is not installed")

CAMPAIGN = """
import json, pathlib, sys
from refold.search.matrix.cells import Cell
from refold.search.matrix.cluster import LOCAL, Cluster
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import LocalProcesses
from refold.search.matrix.store import CampaignStore

if __name__ == "__main__":
    store = CampaignStore(pathlib.Path(sys.argv[2]))
    store.begin([Cell("two-live-writers", "inventory")], seed=3)
    executor = Cluster(LOCAL, 1) if sys.argv[1] == "cluster" else LocalProcesses(1, silent=60)
    about = lambda cell, run, find, shrunk: {"plan": [str(action) for action in find.plan]}
    Coordinator(store, executor, seconds=None, runs=60, about=about).work()
    print(json.dumps([(find.anomaly, find.run, find.runs, find.about) for find in store.finds()]))
"""

NOBODY = """
import refold.search.matrix.cluster as cluster
cluster.CONNECT_SECONDS = 0.5
try:
    cluster.Cluster("tcp://127.0.0.1:9")
except cluster.SystemUnavailable as error:
    print(error)
"""


def come_to(folder: pathlib.Path, where: str) -> Any:
    """The finds of a small campaign."""
    script = folder / f"{where}.py"
    script.write_text(CAMPAIGN)
    done = subprocess.run(
        [sys.executable, str(script), where, str(folder / f"{where}.sqlite")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_finds_are_those_of_one_machine(tmp_path: pathlib.Path) -> None:
    """Runs, numbers and plans."""
    here = come_to(tmp_path, "here")
    assert here
    assert come_to(tmp_path, "cluster") == here


def test_no_scheduler_is_one_sentence() -> None:
    """It says how to start one."""
    done = subprocess.run([sys.executable, "-c", NOBODY], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no Dask scheduler answers at tcp://127.0.0.1:9 within 0.5 s: ")
    assert "dask scheduler" in done.stdout
