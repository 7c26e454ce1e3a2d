"""The script that looks for what a search has left finds it, and does not take others' for it."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .consoles import ROOT

spec = importlib.util.spec_from_file_location("left_behind", ROOT / "benchmarks" / "left_behind.py")
assert spec is not None
assert spec.loader is not None
left_behind = importlib.util.module_from_spec(spec)
spec.loader.exec_module(left_behind)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks in /proc")


def sleeper(place: Any, cwd: Path, ours: bool = True) -> subprocess.Popen[bytes]:
    """A process that is there for a while."""
    return subprocess.Popen(["/bin/sleep", "60"], env=place.environment if ours else {}, cwd=cwd)


def test_what_is_left_is_found_and_what_others_have_is_not(tmp_path: Path) -> None:
    mine, others = tmp_path / "mine", tmp_path / "others"
    for folder in (mine, others):
        folder.mkdir()
    place, other = left_behind.Place(mine), left_behind.Place(others)
    with sleeper(other, others) as stranger:
        try:
            assert place.left() == []
            server = tmp_path / "refold-server-small-1"
            server.mkdir()
            (place.state / "refold" / "servers").mkdir(parents=True)
            record = place.state / "refold" / "servers" / "refold-server-small-1.json"
            record.write_text(json.dumps({"folder": str(server), "server": [1 << 30, "now"]}), encoding="utf-8")
            place.look()
            (place.files / "run").touch()
            with sleeper(place, tmp_path) as search, sleeper(place, server, ours=False) as worker:
                try:
                    found = place.left()
                finally:
                    search.kill()
                    worker.kill()
            for said in (
                f"process {search.pid}:",
                f"process {worker.pid}:",
                f"record {record}",
                f"file {place.files / 'run'}",
                f"folder {server}",
            ):
                assert any(line.startswith(said) for line in found), (said, found)
            assert len(found) == 5
        finally:
            stranger.kill()
