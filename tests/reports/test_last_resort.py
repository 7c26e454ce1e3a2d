"""Code in C that does not come back ends with a sentence and exit code 2; so does a replay that takes too long."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from refold.reports.last_resort import LastResort

from .conftest import Ended

Refold = Callable[..., Ended]

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there are no such timers here")

LOGS = """
import time
from refold.model import Appended, Conflict, Log


class Log_:
    def __init__(self):
        self.log = Log()

    def append(self, request):
        return self.log.append(request)

    def read(self, after, limit):
        return self.log.read(after, limit)


class InC(Log_):
    def append(self, request):
        return sum(range(10**12))


class Sleeps(Log_):
    def append(self, request):
        time.sleep(600)
"""
PLAN = {
    "refold": "plan",
    "version": 1,
    "system": "logs.py:Log_",
    "application": "inventory",
    "actions": [{"do": "submit", "client": "alice", "command": {"Restock": {"item": "bolt", "count": 1}}}],
}
AS_IF = """
import time
from refold.reports.last_resort import LastResort
resort = LastResort("50% of the time is over", 2)
resort.put_off(0.3)
{then}
print("it goes on")
"""


def ended(then: str) -> subprocess.CompletedProcess[str]:
    """A process that has a last resort in less than a second."""
    return subprocess.run(
        [sys.executable, "-c", AS_IF.format(then=then)], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_process_in_c_is_ended() -> None:
    """With the sentence, a sign of per cent and all."""
    done = ended("sum(range(10**12))")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "refold: 50% of the time is over\n")


@pytest.mark.parametrize("then", ["resort.put_off(0)", "resort.put_off(600)", "resort.close()"])
def test_one_that_is_put_off_goes_on(then: str) -> None:
    """Or called off."""
    done = ended(f"{then}; time.sleep(1.2)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "it goes on\n", "")


def test_it_may_be_closed_twice() -> None:
    """And put off after that, which does nothing."""
    resort = LastResort("never", 2)
    resort.close()
    resort.close()
    resort.put_off(0.01)
    time.sleep(0.1)


@pytest.mark.parametrize(
    ("name", "words"),
    [("InC", "in C code that does not return; the process was ended"), ("Sleeps", "refold gave up on it")],
)
def test_a_replay_ends_at_its_deadline(name: str, words: str, refold_process: Refold, tmp_path: Path) -> None:
    """Wherever it hangs."""
    (tmp_path / "logs.py").write_text(LOGS)
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    done = refold_process("replay", "plan.json", "--system", f"logs.py:{name}", "--seconds", "2")
    assert done.code == 2
    (said,) = done.err.strip().splitlines()
    assert said.startswith(f"refold: system 'logs.py:{name}', with plan.json, did not finish within 2 s")
    assert words in said


def test_a_search_ends_too(refold_process: Refold, tmp_path: Path) -> None:
    """Where nothing else can end it."""
    (tmp_path / "logs.py").write_text(LOGS)
    done = refold_process(
        "verify", "--system", "logs.py:InC", "--examples", "3", "--seed", "1", REFOLD_HANG_SECONDS="2"
    )
    assert done.code == 2
    assert "refold: system 'logs.py:InC' did not answer for 2 s, in C code that does not return" in done.err
