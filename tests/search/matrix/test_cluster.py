"""A campaign on a Dask cluster comes to what it comes to on one machine. Each has a process of its own: a client of Dask leaves threads."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
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
import json, os, pathlib, signal, sys, time
from distributed import LocalCluster
from refold.search.matrix.cells import Cell
from refold.search.matrix.cluster import Cluster
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import LocalProcesses
from refold.search.matrix.store import CampaignStore
from refold.search.matrix.tasks import LOCAL


class Killed(Cluster):
    "Two workers. Whoever of them is there is killed, three times; before that nothing is heard of their shards."

    dead = ()

    def hear(self):
        if len(self.dead) == 3 or len(self.tasks.futures) < 2:
            return super().hear()
        time.sleep(0.2)
        present = self.tasks.threads()  # Dask gives up one that dies before it has come
        nannies = [one for one in self.tasks.local.workers.values() if one.status.name == "running"]
        alive = {nanny.pid for nanny in nannies if nanny.worker_address in present} - set(self.dead)
        if not alive:
            return super().hear()
        for victim in sorted(alive)[:1]:
            os.kill(victim, signal.SIGKILL)
            self.dead = (*self.dead, victim)
        return []

    def close(self):
        assert len(self.dead) == 3
        super().close()


class Restarted(Cluster):
    "Its scheduler leaves with a shard under way, and comes back."

    def __init__(self):
        self.scheduler = self.new(1)
        self.said = []
        super().__init__(self.scheduler.scheduler_address, told=self.said.append)

    def new(self, workers, port=0):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=False, scheduler_port=port, protocol="tcp://",
            dashboard_address=None, silence_logs=50,
        )

    def hear(self):
        if not self.said and self.tasks.futures:
            port = int(self.scheduler.scheduler_address.rpartition(":")[2])
            self.scheduler.close()
            self.scheduler = self.new(1, port)
        return super().hear()

    def close(self):
        super().close()
        self.scheduler.close()
        print(*self.said, sep="\\n", file=sys.stderr)


EXECUTORS = {
    "here": lambda: LocalProcesses(1, silent=60),
    "cluster": lambda: Cluster(LOCAL, 1),
    "killed": lambda: Killed(LOCAL, 2),
    "restarted": Restarted,
}

if __name__ == "__main__":
    where, path, application, seed, runs = sys.argv[1:]
    cell = Cell("two-live-writers", application)
    cell.objects()  # whoever gives shards has loaded them
    store = CampaignStore(pathlib.Path(path))
    store.begin([cell], seed=int(seed))
    executor = EXECUTORS[where]()
    about = lambda cell, run, find, shrunk: {"plan": [str(action) for action in find.plan]}
    Coordinator(store, executor, seconds=None, runs=int(runs), about=about).work()
    (state,) = store.states()
    print(json.dumps([state.runs, state.missing, [(one.anomaly, one.run, one.runs, one.about) for one in store.finds()]]))
"""

NOBODY = """
import refold.search.matrix.tasks as tasks
tasks.CONNECT_SECONDS = 0.5
try:
    tasks.Tasks("tcp://127.0.0.1:9")
except tasks.SystemUnavailable as error:
    print(error)
"""


def come_to(folder: pathlib.Path, where: str, *campaign: object) -> tuple[Any, str]:
    """What a small campaign comes to, and what it says."""
    script = folder / f"{where}.py"
    script.write_text(CAMPAIGN)
    command = [sys.executable, str(script), where, str(folder / f"{where}.sqlite"), *map(str, campaign)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@functools.cache
def undisturbed(*campaign: object) -> Any:
    """What it comes to on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        return come_to(pathlib.Path(folder), "here", *campaign)[0]


INVENTORY = ("inventory", 3, 60)


@pytest.mark.parametrize(
    ("where", "campaign"),
    [("killed", INVENTORY), ("cluster", (f"{SHOP}:Shop", 6, 32))],  # the worker has not loaded the file of the second
    ids=["killed", "own"],
)
def test_the_finds_are_those_of_one_machine(where: str, campaign: tuple[object, ...], tmp_path: pathlib.Path) -> None:
    """Runs, numbers and plans, whatever becomes of the workers."""
    here = undisturbed(*campaign)
    assert here[0] == campaign[-1]
    assert here[2]
    assert come_to(tmp_path, where, *campaign)[0] == here


def test_a_scheduler_that_is_restarted_is_told_and_its_work_is_done_again(tmp_path: pathlib.Path) -> None:
    """It has forgotten what it was given; nothing is lost, and nothing counted twice."""
    found, said = come_to(tmp_path, "restarted", *INVENTORY)
    assert found == undisturbed(*INVENTORY)
    gone, back = said.splitlines()
    assert re.fullmatch(r"the Dask scheduler at tcp://\S+ is gone; waiting up to 120 s for it to come back", gone)
    assert re.fullmatch(
        r"the Dask scheduler at tcp://\S+ is back; what it had not finished is done again: 1 task", back
    )


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
