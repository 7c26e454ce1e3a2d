"""Several processes search as one does: the same runs, finds and counts, whatever happens to a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.model.examples.accounts import Accounts
from refold.model.log import Log
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.workers import why_not
from refold.systems.reference import Reference
from refold.systems.registry import resolve

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux only")


def searched(system: Any, jobs: int, examples: int = 150, seed: int = 3) -> Result:
    """The result of a search with so many processes."""
    return Campaign(system, Accounts(), seed, Budget(None, examples), jobs=jobs).run()


def told(result: Result) -> tuple[Any, ...]:
    """Everything of a result that must not depend on the number of processes."""
    finds = [(one.plan, one.findings, one.history, one.found_at, one.minimal) for one in result.counterexamples]
    counted = (result.examples, result.steps, result.skipped, result.counts)
    return (*counted, finds, result.sample, result.samples, result.checked, result.not_checked)


@pytest.mark.parametrize("name", ["reference", "lost-wakeup", "checkpoint-before-effect", "sqlite"])
def test_what_is_found_does_not_depend_on_the_number_of_processes(name: str) -> None:
    one, two, three = (told(searched(resolve(name), jobs)) for jobs in (1, 2, 3))
    assert one == two == three


class Killed(Log):
    """Its third append of a run ends the process, the first time that it comes so far."""

    folder: Path
    appends = 0

    def append(self, request: Any) -> Any:
        self.appends += 1
        if self.appends == 3 and os.getpid() != int((self.folder / "parent").read_text()) and self.once():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().append(request)

    def once(self) -> bool:
        """Whether this is the first time."""
        try:
            (self.folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def killing(place: Path, cls: type[Killed] = Killed) -> Reference:
    """The reference with such a log."""
    (place / "parent").write_text(str(os.getpid()))
    return Reference("killed", {"log": type("Here", (cls,), {"folder": place})})


def test_a_process_that_is_killed_costs_its_time_and_nothing_else(tmp_path: Path) -> None:
    expected = told(searched(Reference("killed"), 1))
    assert told(searched(killing(tmp_path), 2)) == expected
    assert (tmp_path / "killed").exists()


class KilledAlways(Killed):
    """Every time."""

    def once(self) -> bool:
        return True


def test_a_run_that_ends_every_process_ends_the_search_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"was ended twice \(by signal 9\)"):
        searched(killing(tmp_path, KilledAlways), 2)


class Raises(Log):
    """Its own code fails, in the fortieth run and later."""

    opened = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).opened += 1

    def append(self, request: Any) -> Any:
        if type(self).opened > 40:
            raise ZeroDivisionError("no")
        return super().append(request)


def test_an_error_in_a_process_is_told_as_it_is_told_here() -> None:
    with pytest.raises(UsageError, match="its part 'log' raised ZeroDivisionError: no"):
        searched(Reference("raises", {"log": type("Fresh", (Raises,), {"opened": 0})}), 2, examples=400)


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = Campaign(resolve("checkpoint-before-effect"), Accounts(), 3, Budget(None, 100_000), jobs=2)

    def interrupt(counterexample: Any) -> None:
        raise KeyboardInterrupt

    campaign.found = interrupt
    result = campaign.run()
    assert result.interrupted
    assert [one.finding.anomaly for one in result.counterexamples] == ["checkpoint-ahead-of-effects"]


def test_nothing_is_left_running_or_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = children()
    system = resolve("sqlite?crash=kill")
    searched(system, 3, examples=60)
    system.dismiss()  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
    assert children() <= before


def children() -> set[str]:
    """The processes that this one has started; those of other tests may still be there."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return set(found.read_text().split()) if found.exists() else set()


def test_one_process_is_a_reason_of_its_own() -> None:
    assert why_not(1) == "one process was asked for"
    assert why_not(2) == ""


def test_a_dismissal_that_comes_in_the_callback_of_a_weak_reference_is_not_lost() -> None:
    """Python swallows what is raised there."""
    script = """
import os, signal, time, weakref
from refold.search import workers
class Thing: pass
workers.obey()
thing = Thing()
kept = weakref.ref(thing, lambda gone: [os.kill(os.getpid(), signal.SIGTERM), time.sleep(0)])
try:
    del thing
    while True:
        time.sleep(0.01)
except workers.Dismissed:
    print("dismissed")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("dismissed\n", "")
