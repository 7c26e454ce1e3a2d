"""`refold gallery`: a bad release is convicted and its fixed twin held, and what cannot be run is said."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from refold.gallery import trial
from refold.gallery.environment import Environment, NotRun
from refold.gallery.rows import BROKEN, HELD, ROWS, Row, chosen
from refold.reports.commands import gallery

from ..reports.conftest import Ended, environment, only, refold

__all__ = ["refold"]

Refold = Callable[..., Ended]
CONTRACT = {"system", "version", "expected", "verdict", "anomaly", "plan"}
SECONDS = ("--seconds", "1")


def test_a_bad_release_is_convicted_and_its_fixed_twin_held(
    refold: Refold, paper: dict[str, Row], tmp_path: Path
) -> None:
    ended = refold("gallery", "paper-1.0", "paper-2.0", *SECONDS, "--json")
    assert ended.code == 0, ended.out
    bad, good = only(ended)["rows"]
    assert set(bad) >= CONTRACT
    assert (bad["verdict"], bad["version"], bad["right"]) == (BROKEN, "1.0", True)
    assert (good["verdict"], good["version"], good["right"]) == (HELD, "2.0", True)
    assert bad["anomaly"] in paper["paper-1.0"].anomalies
    assert bad["sentences"]
    assert Path(bad["plan"]).is_file()
    assert Path(bad["picture"]).is_file()
    page = (tmp_path / ".refold" / "gallery" / "gallery.html").read_text(encoding="utf-8")
    for said in ("paper-1.0", "paper-2.0", bad["anomaly"], bad["sentences"][0].split("'")[0], "paperlog#1", ".svg"):
        assert said in page, said


def test_what_cannot_be_installed_is_said_and_the_others_are_run(refold: Refold, paper: dict[str, Row]) -> None:
    ended = refold("gallery", "paper-3.0", "paper-2.0", *SECONDS)
    assert ended.code == 2
    assert "paper-3.0, seed 1: not run: pip cannot install paperlog==3.0: ERROR: " in ended.out
    assert "paper-2.0, seed 1: held" in ended.err
    assert "1 of 2 as expected" in ended.out
    assert "Traceback" not in ended.out + ended.err


def test_a_verdict_that_is_not_the_expected_one_is_exit_code_1(
    refold: Refold, paper: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something is found, and it is not the known bug."""
    bad = paper["paper-1.0"]
    monkeypatch.setitem(paper, "surprise", attrs.evolve(bad, name="surprise", expected=HELD, anomalies=()))
    monkeypatch.setitem(paper, "other", attrs.evolve(bad, name="other", anomalies=("acknowledged-append-lost",)))
    ended = refold("gallery", "surprise", "other", *SECONDS, "--json")
    assert ended.code == 1
    assert [(row["verdict"], row["right"]) for row in only(ended)["rows"]] == [(BROKEN, False), (BROKEN, False)]


def test_ctrl_c_keeps_the_rows_that_are_done(
    refold: Refold, paper: dict[str, Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = gallery.verified

    def until_the_second(row: Row, *others: Any) -> dict[str, Any]:
        if row.name == "paper-2.0":
            raise KeyboardInterrupt
        return real(row, *others)

    monkeypatch.setattr(gallery, "verified", until_the_second)
    ended = refold("gallery", "paper-1.0", "paper-2.0", "paper-3.0", *SECONDS)
    assert ended.code == 2
    assert "interrupted after 1 of 3 rows" in ended.err
    kept = json.loads((tmp_path / ".refold" / "gallery" / "gallery.json").read_text(encoding="utf-8"))["rows"]
    assert [row["name"] for row in kept] == ["paper-1.0"]


def test_a_gallery_goes_on_where_it_was_with_every_seed(
    refold: Refold, paper: dict[str, Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was run is not run again; what could not be run is, and so is what was searched for another time."""
    ran: list[tuple[str, int]] = []

    def pretended(row: Row, cache: Path, folder: Path, seconds: float, seed: int) -> dict[str, Any]:
        ran.append((row.name, seed))
        if (row.name, seed) == ("paper-2.0", 2) and len(ran) == 4:
            raise KeyboardInterrupt
        why = "there is no network" if len(ran) == 3 else ""
        found = trial.result(row, "1.0", seed, seconds, time.monotonic(), why=why)
        return found if why else found | {"verdict": row.expected, "right": True}

    monkeypatch.setattr(gallery, "verified", pretended)
    two = ("gallery", "paper-1.0", "paper-2.0", *SECONDS, "--seed", "1", "--seed", "2")
    ended = refold(*two)
    assert ended.code == 2
    assert "interrupted after 3 of 4 rows" in ended.err
    assert "--resume continues from there" in ended.err
    ended = refold(*two, "--resume", "--json")
    assert ended.code == 0, ended.err
    assert [(row["name"], row["seed"]) for row in only(ended)["rows"]] == ran[:2] + ran[4:]
    assert ran[4:] == [("paper-1.0", 2), ("paper-2.0", 2)]
    assert refold(*two[:-2], "--resume", "--json").code == 0
    assert len(json.loads((tmp_path / ".refold/gallery/gallery.json").read_text(encoding="utf-8"))["rows"]) == 4
    assert len(ran) == 6
    refold("gallery", "paper-1.0", "--seconds", "2", "--resume")
    assert len(ran) == 7


def test_only_a_gallery_can_be_resumed(refold: Refold, paper: dict[str, Row], tmp_path: Path) -> None:
    (tmp_path / ".refold/gallery").mkdir(parents=True)
    (tmp_path / ".refold/gallery/gallery.json").write_text("[]", encoding="utf-8")
    ended = refold("gallery", "paper-1.0", "--resume")
    assert (ended.code, ended.out) == (2, "")
    assert "was not written by “refold gallery”" in ended.err


def is_there(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


SLEEPER = "import os, sys, time; print(os.getpid(), flush=True); open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a search that is killed leaves its row to come to its end"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_is_interrupted_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    """The signal goes to refold only, as from a supervisor."""
    mark = tmp_path / "pid"
    command = [sys.executable, "-c", SLEEPER, str(mark)]
    code = (
        f"from pathlib import Path; from refold.gallery.trial import run; run({command!r}, 60, Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environment(), stderr=subprocess.DEVNULL) as process:
        while not (mark.exists() and mark.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        process.wait()
    pid = int(mark.read_text())
    while is_there(pid):
        time.sleep(0.05)


def test_a_search_that_does_not_end_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(NotRun, match=r"did not end within 0\.5 s"):
        trial.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.5, tmp_path)


def test_an_environment_is_kept_and_one_that_was_not_finished_is_made_again(
    paper: dict[str, Row], tmp_path: Path
) -> None:
    row = paper["paper-2.0"]
    made = Environment(tmp_path / "kept", row.requires, row.extras, row.python)
    made.make()
    assert made.version_of("paperlog") == "2.0"
    stamp = (made.folder / "ready.txt").stat().st_mtime_ns
    made.make()
    assert (made.folder / "ready.txt").stat().st_mtime_ns == stamp
    (made.folder / "ready.txt").unlink()
    made.make()
    assert made.version_of("paperlog") == "2.0"
    made.python.unlink()
    made.python.symlink_to("no-such-python")
    made.make()
    assert made.version_of("paperlog") == "2.0"


def test_two_that_need_one_environment_at_once_make_it_one_after_the_other(
    paper: dict[str, Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = paper["paper-2.0"]
    working: list[int] = []
    created = Environment.create

    def create(made: Environment) -> None:
        assert working == []
        working.append(1)
        created(made)
        working.pop()

    monkeypatch.setattr(Environment, "create", create)
    made = [Environment(tmp_path, row.requires, row.extras, row.python) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Environment.make, made))
    assert made[0].version_of("paperlog") == "2.0"


def test_where_nobody_is_at_home_the_cache_has_to_be_named(refold: Refold, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    ended = refold("gallery", "sqlite-synchronous")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no home directory to keep virtual environments in; say with --cache-dir" in ended.err


def test_an_environment_shows_refold_and_its_needs_and_nothing_else(
    paper: dict[str, Row], shelf: Path, tmp_path: Path
) -> None:
    """Not what else is installed where refold runs."""
    row = paper["paper-2.0"]
    made = Environment(shelf / "cache" / "refold" / "gallery", row.requires, row.extras, row.python)
    made.make()
    code = "import refold.reports, hypothesis; from importlib.util import find_spec as f; print(f('mypy'), f('ruff'), f('psycopg'))"
    done = subprocess.run([made.python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["None", "None", "None"]


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotRun, match=r"it needs Python 3\.99, and there is no python3\.99 on the path"):
        Environment(tmp_path, ["paperlog==2.0"], (), (3, 99)).make()


def test_a_python_that_does_not_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the stand-ins do that version managers put on the path."""
    standin = tmp_path / "python3.99"
    standin.write_text("#!/bin/sh\necho 'python3.99: not chosen here' >&2; exit 127\n", encoding="utf-8")
    standin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(NotRun, match=r"python3\.99 on the path does not run: python3\.99: not chosen here"):
        Environment(tmp_path / "kept", ["paperlog==2.0"], (), (3, 99)).make()


def test_a_name_that_is_not_in_the_gallery_is_a_usage_error(refold: Refold) -> None:
    ended = refold("gallery", "sqlite-synchronos")
    assert ended.code == 2
    assert "the gallery has no row or pair 'sqlite-synchronos' (did you mean 'sqlite-synchronous'" in ended.err


def test_every_pair_has_both_sides_and_one_adapter() -> None:
    """What tells its rows apart is what is installed, or a setting, or a class of one file."""
    for pair in {row.pair for row in ROWS.values()}:
        rows = chosen([pair])
        assert {row.expected for row in rows} == {BROKEN, HELD}, pair
        assert all(row.anomalies for row in rows if row.expected == BROKEN), pair
        adapters = {row.system.partition(":")[0] for row in rows if ":" in row.system}
        assert len(adapters) <= 1, pair
        assert all(find_spec(adapter) is not None for adapter in adapters), pair
