"""The command line for tests: in this process, where that will do, and in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from refold.reports.commands.cli import main

COMMAND = (
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'refold'; from refold.reports.commands.cli import main; main()",
)
"""What the console script does, wherever it is installed."""


@attrs.frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


BROKEN = "checkpoint-before-effect"


def only(ended: Ended) -> dict[str, Any]:
    """The one object on standard output; standard error is empty."""
    assert ended.err == ""
    value: dict[str, Any] = json.loads(ended.out)
    assert isinstance(value, dict)
    return value


def only_results(ended: Ended) -> list[dict[str, Any]]:
    """The results in the one object."""
    results: list[dict[str, Any]] = json.loads(ended.out)["results"]
    return results


def plan_of(refold: Callable[..., Ended], system: str = BROKEN) -> str:
    """A plan that breaks this system."""
    ended = refold("verify", "--system", system, "--seed", "1", "--examples", "300", "--json", "--report-dir", "found")
    return str(only(ended)["findings"][0]["plan"])


def environment(**changes: str) -> dict[str, str]:
    """The environment of a user's shell: nothing of the pytest that is running."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "REFOLD", "COLUMNS"))}
    return {**kept, **changes}


@pytest.fixture
def refold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ended]:
    """Run `refold ARGUMENTS` in this process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REFOLD_REPORT_DIR", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments: Any) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments], prog_name="refold")
        captured = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0 if code is None else 1, captured.out, captured.err)

    return run


@pytest.fixture
def refold_process(tmp_path: Path) -> Callable[..., Ended]:
    """Run `refold ARGUMENTS` in a process of its own, in an empty directory."""

    def run(*arguments: Any, **changes: str) -> Ended:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=tmp_path,
            env=environment(**changes),
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run
