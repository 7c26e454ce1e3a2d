"""The port is what type checkers see: a log that lacks a method is named, where it is written."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from refold.model.action import Begin, CutPower
from refold.model.declarations.capability import POWER_CUT, SLOW_APPEND, Capability
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory, Restock
from refold.model.log import Log
from refold.systems.deployment import Deployment
from refold.systems.sqlite.log import SqliteLog
from refold.systems.sqlite.system import Sqlite

ROOT = pathlib.Path(__file__).parents[2]
HEAD = """
from collections.abc import Sequence
from refold.model import Appended, AppendRequest, Conflict, Stored
from refold.systems import {port}

class Mine:
    def append(self, request: AppendRequest) -> Appended | Conflict:
        return Appended(())
"""
READ = """
    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return []
"""
SLOW = """
    def begin(self, request: AppendRequest) -> tuple[int, ...] | Appended | Conflict:
        return (1,)

    def commit(self, op: str) -> Appended | Conflict:
        return Appended((1,))
"""
ABORT = """
    def abort(self, op: str) -> None:
        pass
"""

Check = Callable[[str], tuple[int, str]]


@pytest.fixture
def check(tmp_path: pathlib.Path) -> Check:
    """mypy on a file of a user's own."""

    def run(source: str) -> tuple[int, str]:
        (tmp_path / "mine.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(tmp_path / "mine.py")],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT / ".typing"), "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache" / "port")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_log_that_lacks_a_method_is_named_by_mypy(check: Check) -> None:
    """And which method it is."""
    code, said = check(HEAD.format(port="LogPort") + "\nlog: LogPort = Mine()\n")
    assert code == 1, said
    assert '"Mine" is missing following "LogPort" protocol member' in said
    assert "    read" in said
    code, said = check(HEAD.format(port="SlowLog") + READ + SLOW + "\nlog: SlowLog = Mine()\n")
    assert code == 1, said
    assert "    abort" in said


def test_a_log_that_has_them_all_is_not(check: Check) -> None:
    """Nor is the model's own."""
    more = "\nfrom refold.model import Log\nslow: SlowLog = Mine()\nlog: LogPort = Log()\ndriven: DrivenLog = Log()\n"
    code, said = check(HEAD.format(port="DrivenLog, LogPort, SlowLog") + READ + SLOW + ABORT + more)
    assert (code, said) == (0, "Success: no issues found in 1 source file\n")


@pytest.mark.parametrize(
    ("capability", "lacking"), [(SLOW_APPEND, r"begin\(\) and commit\(\) and abort\(\)"), (POWER_CUT, r"cut_power\(\)")]
)
def test_a_log_that_cannot_do_what_its_system_declares_is_told_so(capability: Capability, lacking: str) -> None:
    """In one sentence, when it is asked for it."""

    log = Log()
    hidden = {"begin", "commit", "abort", "cut_power"}

    class Lesser:
        def __getattr__(self, name: str) -> object:
            if name in hidden:
                raise AttributeError(name)
            return getattr(log, name)

    deployment = Deployment(
        "mine", Inventory(), lambda record: None, log=Lesser(), capabilities=frozenset({capability})
    )
    action = Begin("carol", Restock("bolt", 1)) if capability == SLOW_APPEND else CutPower("log", "drop")
    with pytest.raises(UsageError, match=f"mine: its log is a Lesser without {lacking}, which a capability"):
        deployment.perform(action)


def test_a_log_without_slow_appends_settles_without_them() -> None:
    """They are asked for only where one is open."""
    system = Sqlite(crash="process")
    deployment = system.open(Inventory(), lambda record: None)
    assert isinstance(deployment.log, SqliteLog)
    deployment.settle()
    deployment.close()
