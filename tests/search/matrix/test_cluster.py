"""A campaign on a Dask cluster comes to what it comes to on one machine."""

from __future__ import annotations

import json
import pathlib

import pytest

from refold.model.errors import SystemUnavailable
from refold.search.matrix.cells import Cell
from refold.search.matrix.coordinator import Coordinator
from refold.search.matrix.executor import Executor, LocalProcesses
from refold.search.matrix.store import CampaignStore

pytest.importorskip("distributed")

from refold.search.matrix.cluster import LOCAL, Cluster


def come_to(path: pathlib.Path, executor: Executor) -> list[tuple[str, int, int, str]]:
    """The finds of a small campaign."""
    store = CampaignStore(path)
    store.begin([Cell("two-live-writers", "inventory")], seed=3)
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


def test_no_scheduler_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how to start one."""
    monkeypatch.setattr("refold.search.matrix.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(SystemUnavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 within"):
        Cluster("tcp://127.0.0.1:9")
