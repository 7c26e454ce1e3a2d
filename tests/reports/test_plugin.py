"""The pytest plugin: options, a section in the summary, and nothing imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import environment

SUITE = """
from hypothesis import Phase, settings
from refold.search.state_machine import machine

TestGood = machine("inventory").TestCase
TestGood.settings = settings(TestGood.settings, max_examples=8, stateful_step_count=5, database=None, derandomize=True)
TestBad = machine("accounts", "nondeterministic-handler").TestCase
TestBad.settings = settings(TestBad.settings, phases=[Phase.generate], database=None, derandomize=True)
"""


def run(
    folder: Path, *arguments: str, source: str = SUITE, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """pytest on a user's test file."""
    (folder / "test_shop.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "test_shop.py"],
        cwd=folder,
        env=environment(COLUMNS="200", **(variables or {})),
        capture_output=True,
        text=True,
        check=False,
    )


def section(output: str) -> list[str]:
    """The lines of refold's section in the terminal summary."""
    lines = output.splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip("= ") == "refold" and line.startswith("="))
    end = next(n for n, line in enumerate(lines) if n > start and line.startswith("="))
    return [line for line in lines[start + 1 : end] if line.strip()]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_summary_has_a_section_with_every_refold_test(workers: tuple[str, ...], tmp_path: Path) -> None:
    """What held with its counts, what broke with the command that replays it; through pytest-xdist too."""
    done = run(tmp_path, *workers)
    assert done.returncode == 1, done.stdout
    lines = section(done.stdout)
    assert any("TestGood::runTest: held; " in line and "appended" in line for line in lines)
    assert any("TestBad::runTest: BROKEN replayed-state-differs (REPL)" in line for line in lines)
    (command,) = [line.strip() for line in lines if line.strip().startswith("refold replay")]
    assert (tmp_path / command.split()[-1]).is_file()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("plugin", [True, False], ids=["plugin", "unittest"])
def test_a_failure_says_the_same_as_a_report(plugin: bool, tmp_path: Path) -> None:
    """Let, Then, However, and last the command. Without the plugin it is shorter, for want of words."""
    if plugin:
        said = run(tmp_path, "-k", "Bad").stdout
    else:
        (tmp_path / "test_shop.py").write_text(SUITE)
        command = [sys.executable, "-m", "unittest", "test_shop.TestBad"]
        said = subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        ).stderr
    lines = [line.removeprefix("E").strip() for line in said.splitlines()]
    start = next(n for n, line in enumerate(lines) if "GuaranteeBroken: replayed-state-differs (REPL): " in line)
    message = lines[
        start : next(n for n, line in enumerate(lines) if n > start and line.startswith("refold replay")) + 1
    ]
    assert any(line.startswith("1. ") for line in message)
    assert ("However" in message) is plugin
    assert ("Replay it:" in message) is plugin


def test_the_summary_says_how_much_is_not_checked_and_where_to_read_it(tmp_path: Path) -> None:
    """Nothing on the reference system, which can do everything."""
    source = SUITE.replace('"accounts", "nondeterministic-handler"', '"accounts", "sqlite"').replace(
        "phases=[Phase.generate]", "max_examples=2, stateful_step_count=2"
    )
    good, bad = section(run(tmp_path, source=source).stdout)
    assert "not checked" not in good
    assert bad.endswith("; not checked: 26, see pytest -v")
    lines = section(run(tmp_path, "-v", "-k", "Bad", source=source).stdout)
    assert lines[0].endswith("; not checked: 26, see pytest -v")
    assert [line[:36] for line in lines[1:]] == [
        "    not checked: appends that take t",
        "    not checked: what only these par",
    ]


def test_statistics_of_hypothesis_show_what_happened(tmp_path: Path) -> None:
    """Events of every run, and the target."""
    done = run(tmp_path, "--hypothesis-show-statistics", "-k", "Good")
    assert done.returncode == 0, done.stdout
    assert "appended: " in done.stdout
    assert "crashes: none" in done.stdout
    assert "kinds of records in one run" in done.stdout


@pytest.mark.parametrize("how", ["option", "ini"])
def test_plans_go_where_they_are_told(how: str, tmp_path: Path) -> None:
    """The option wins over the ini file, which wins over the default."""
    if how == "ini":
        (tmp_path / "pytest.ini").write_text("[pytest]\nrefold_report_dir = elsewhere\n")
    done = run(tmp_path, "-k", "Bad", *(("--report-dir", "elsewhere") if how == "option" else ()))
    assert done.returncode == 1
    (plan,) = tmp_path.glob("elsewhere/plans/*.json")
    assert json.loads(plan.read_text())["anomaly"] == "replayed-state-differs"
    assert not (tmp_path / ".refold").exists()


def test_a_profile_reaches_the_machines(tmp_path: Path) -> None:
    """Also those of the workers of pytest-xdist."""
    source = (
        "from refold.search.state_machine import machine\n"
        "def test_profile():\n"
        "    assert machine('accounts').TestCase.settings.max_examples == 20\n"
    )
    for workers in ((), ("-n", "1")):
        assert run(tmp_path, "--refold-profile", "quick", *workers, source=source).returncode == 0


def test_an_unknown_profile_is_a_usage_error(tmp_path: Path) -> None:
    """With those that there are; also where the environment names it."""
    done = run(tmp_path, "--refold-profile", "fast")
    assert done.returncode == 4
    assert "quick" in done.stderr
    done = run(tmp_path, variables={"REFOLD_PROFILE": "fast"})
    assert done.returncode == 4
    assert done.stderr == "ERROR: REFOLD_PROFILE is 'fast', expected one of quick, default, ci, deep\n\n"


HEAVY = ("refold.properties", "refold.model", "refold.systems", "networkx", "rich", "jinja2", "msgspec", "click")


def test_a_run_without_refold_tests_imports_nothing_of_refold_but_the_plugin(tmp_path: Path) -> None:
    """And has no section in its summary."""
    source = "def test_nothing():\n    pass\n"
    (tmp_path / "conftest.py").write_text(
        "import json, sys\n"
        "def pytest_unconfigure(config):\n"
        "    open('modules.json', 'w').write(json.dumps(sorted(sys.modules)))\n"
    )
    done = run(tmp_path, source=source)
    assert done.returncode == 0, done.stdout
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert "refold.reports.plugin" in modules
    assert [name for name in modules if name.startswith(HEAVY)] == []
    assert "= refold =" not in done.stdout


def test_a_passing_test_without_a_machine_is_left_out_of_the_section(tmp_path: Path) -> None:
    """Though refold is imported."""
    source = SUITE.replace("TestBad", "Bad") + "\n\nBad = None\n\n\ndef test_plain():\n    assert True\n"
    done = run(tmp_path, source=source)
    assert done.returncode == 0, done.stdout
    assert len(section(done.stdout)) == 1
