"""The pytest plugin: options, a section in the summary, and nothing imported before it is needed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refold.model.errors import UsageError
from refold.reports.documents import test_report
from refold.search.failure import Broken

from .conftest import environment
from .specimens import SPECIMENS, result

SUITE = """
from hypothesis import Phase, settings
from refold.search.state_machine import machine

TestGood = machine("inventory").TestCase
TestGood.settings = settings(TestGood.settings, max_examples=8, database=None, derandomize=True)
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


def message(output: str) -> list[str]:
    """The lines of the only failure."""
    return [line.removeprefix("E").strip() for line in output.splitlines() if line.startswith("E  ") or line == "E"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_summary_has_a_line_for_every_test_that_held(workers: tuple[str, ...], tmp_path: Path) -> None:
    """And no word about what broke: that is told above; through pytest-xdist too."""
    done = run(tmp_path, *workers)
    assert done.returncode == 1, done.stdout
    (line,) = section(done.stdout)
    assert re.fullmatch(
        r"test_shop.py::TestGood: held \((?:\d+ of 11 not|all 11) checked\); 8 runs, [\d,]+ steps", line
    )
    (command,) = [line for line in message(done.stdout) if line.startswith("refold replay")]
    assert done.stdout.count("refold replay") == 1
    assert (tmp_path / command.split()[-1]).is_file()
    assert "Traceback" not in done.stderr


def test_in_ci_the_message_is_printed_once(tmp_path: Path) -> None:
    """pytest does not shorten its summary there: it has the first line of each message."""
    done = run(tmp_path, "-k", "Bad", variables={"CI": "true"})
    assert done.stdout.count("refold replay") == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert line.startswith("FAILED test_shop.py::TestBad::test_holds - refold.Broken: ")


def test_a_green_test_says_nothing_with_q_and_everything_with_v(tmp_path: Path) -> None:
    """What happened in the runs."""
    quiet = run(tmp_path, "-q", "-k", "Good")
    assert re.fullmatch(r"\. +\[100%\]\n1 passed, 1 deselected in [\d.]+s\n", quiet.stdout)
    held, *happened = section(run(tmp_path, "-v", "-k", "Good").stdout)
    assert re.search(r"held \(\d+ of 11 not checked\); 8 runs", held)
    assert happened[0].startswith("    appends: ")
    assert any(line.startswith("    not checked, because there was nothing to judge: ") for line in happened)


def test_a_failure_is_its_message_and_nothing_else(tmp_path: Path) -> None:
    """No frame, no source, nothing of Hypothesis's; the anomaly in the summary, the line of the test as its place."""
    done = run(tmp_path, "-k", "Bad")
    lines = done.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "FAILURES" in line)
    end = next(n for n, line in enumerate(lines) if "short test summary info" in line)
    body = [line for line in lines[start + 2 : end] if line]
    place = f"test_shop.py:{1 + SUITE.splitlines().index(next(line for line in SUITE.splitlines() if 'TestBad = ' in line))}"
    assert all(line.startswith("E") for line in body[:-1]), body
    assert body[-1].startswith(f"{place}: refold.Broken: replayed-state-differs (REPL): ")
    assert lines[end + 1].startswith("FAILED test_shop.py::TestBad::test_holds - refold.Broken: replayed-state-differs")
    for noise in ("Hypothesis", "hypothesis", "Tape", "You can reproduce", "target", "def "):
        assert noise not in "\n".join(lines[start:]), noise


def test_what_is_left_out_is_there_for_those_who_ask(tmp_path: Path) -> None:
    """Hypothesis's example with -v, all frames with --full-trace, and the command where pytest shows no failures."""
    assert "Failing test case: guarantees(" in run(tmp_path, "-v", "-k", "Bad").stdout
    whole = run(tmp_path, "--full-trace", "-k", "Bad").stdout
    assert "def test_holds" in whole
    assert "machine_search.py" in whole
    for style in ("line", "no"):
        done = run(tmp_path, f"--tb={style}", "-k", "Bad").stdout
        assert done.count("replayed-state-differs (REPL)") == 1 + (style == "line"), done
        assert section(done)[1].strip().startswith("refold replay ")


@pytest.mark.parametrize("style", ["short", "native", "long", "auto"])
def test_every_style_of_traceback_has_the_whole_message(style: str, tmp_path: Path) -> None:
    """One line for each line."""
    said = message(run(tmp_path, f"--tb={style}", "-k", "Bad").stdout)
    assert said[0].startswith("refold.Broken: replayed-state-differs (REPL): ")
    assert said[-1].startswith("refold replay ")
    assert len(said) > 10


def test_a_failing_test_writes_a_report_and_says_where(tmp_path: Path) -> None:
    """The page, the same as data, and the history, in a folder of the test's own; the seed if pytest was told one."""
    done = run(tmp_path, "-k", "Bad", "--hypothesis-seed=5")
    (page,) = [line.removeprefix("Report: ") for line in message(done.stdout) if line.startswith("Report: ")]
    folder = tmp_path / Path(page).parent
    written = {
        "report.html",
        "report.json",
        "report.sarif",
        "code-quality.json",
        "summary.md",
        "history.jsonl",
        "graphs",
    }
    assert {file.name for file in folder.iterdir()} == written
    document = json.loads((folder / "report.json").read_text())
    assert (document["verdict"], document["seed"]) == ("broken", 5)
    assert document["findings"][0]["replay"] in message(done.stdout)
    assert document["examples"] > 0
    assert 0 < document["steps"] < document["examples"] * 700
    run(tmp_path, "-k", "Bad")
    assert json.loads((folder / "report.json").read_text())["seed"] is None
    assert "seed" not in re.findall(r"<div>application.*?</div>", (folder / "report.html").read_text())[0]


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And the failure is told all the same."""
    (tmp_path / ".refold").mkdir()
    (tmp_path / ".refold" / "test_shop.py-TestBad").write_text("in the way")
    said = message(run(tmp_path, "-k", "Bad").stdout)
    assert any(line.startswith("Report: not written, ") for line in said)
    assert said[-1].startswith("refold replay ")


def test_a_history_that_is_no_json_leaves_the_failure_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no internal error of pytest's."""

    def refuses(*_: object) -> None:
        raise UsageError("the history cannot be written as JSON")

    example = SPECIMENS["expected-any-misuse"]()
    monkeypatch.setattr(test_report, "write_report", refuses)
    monkeypatch.setenv("REFOLD_REPORT_DIR", str(tmp_path))
    error = Broken(example, "refold replay x.json", result("expected-any-misuse", example))
    test_report.tell(error, "test_shop.py::TestBad::test_holds", None)
    assert "Report: not written: the history cannot be written as JSON" in error.message


def test_the_stored_plan_is_tried_first_and_told_when_it_holds(tmp_path: Path) -> None:
    """Also where Hypothesis's own memory is gone."""
    run(tmp_path, "-k", "Bad")
    (plan,) = tmp_path.glob(".refold/plans/*.json")
    assert json.loads(plan.read_text())["test"] == "test_shop.py::TestBad::test_holds"
    again = run(tmp_path, "-k", "Bad")
    assert again.returncode == 1
    report = next(tmp_path.glob(".refold/test_shop.py-TestBad/report.json"))
    assert json.loads(report.read_text())["examples"] == 1
    mended = run(tmp_path, source=SUITE.replace("nondeterministic-handler", "reference"), variables={"HYPOTHESIS": "0"})
    assert mended.returncode == 0, mended.stdout
    (note,) = [line for line in section(mended.stdout) if "stored plan" in line]
    assert f"{plan.relative_to(tmp_path)} holds now" in note
    plan.write_text(plan.read_text().replace('"actions": [', '"actions": [7, '))
    strange = run(tmp_path, source=SUITE.replace("nondeterministic-handler", "reference"))
    assert strange.returncode == 0
    assert any("was not run: " in line for line in section(strange.stdout))


def test_ctrl_c_says_what_was_done(tmp_path: Path) -> None:
    """How many runs and steps."""
    (tmp_path / "test_shop.py").write_text("from refold import machine\n\nTestLong = machine('inventory').TestCase\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--refold-profile=deep", "-s", "test_shop.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob(".hypothesis")) and process.poll() is None:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert re.fullmatch(r"test_shop.py::TestLong: interrupted; [\d,]+ runs?, [\d,]+ steps?", section(printed)[0]), (
        printed
    )


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
    start = next(n for n, line in enumerate(lines) if "refold.Broken: replayed-state-differs (REPL): " in line)
    found = lines[start : next(n for n, line in enumerate(lines) if n > start and line.startswith("refold replay")) + 1]
    assert any(line.startswith("1. ") for line in found)
    assert ("However" in found) is plugin
    assert ("Replay it:" in found) is plugin


def test_the_summary_says_how_much_is_not_checked_and_where_to_read_it(tmp_path: Path) -> None:
    """Nothing on the reference system, which can do everything."""
    source = SUITE.replace('"accounts", "nondeterministic-handler"', '"accounts", "sqlite"').replace(
        "phases=[Phase.generate]", "max_examples=2"
    )
    good, bad = section(run(tmp_path, source=source).stdout)
    assert "see pytest -v" not in good
    assert re.search(r" \(\d+ of 11 not checked\);.*; see pytest -v$", bad)
    lines = section(run(tmp_path, "-v", "-k", "Bad", source=source).stdout)
    assert "see pytest -v" not in lines[0]
    assert [line[:36] for line in lines if line.startswith("    not checked: ")] == [
        "    not checked: appends that take t",
        "    not checked: failing syncs: no s",
        "    not checked: what only these par",
    ]


def test_statistics_of_hypothesis_show_what_happened(tmp_path: Path) -> None:
    """Events of every run."""
    done = run(tmp_path, "--hypothesis-show-statistics", "-k", "Good")
    assert done.returncode == 0, done.stdout
    assert "appended: " in done.stdout
    assert re.search(r"crashes: (none|some|many)", done.stdout)


@pytest.mark.parametrize("option", ["--refold-report-dir", "--report-dir", ""], ids=["option", "old", "ini"])
def test_plans_go_where_they_are_told(option: str, tmp_path: Path) -> None:
    """The option wins over the ini file, which wins over the default; the former name of the option still does."""
    if not option:
        (tmp_path / "pytest.ini").write_text("[pytest]\nrefold_report_dir = elsewhere\n")
    done = run(tmp_path, "-k", "Bad", *((option, "elsewhere") if option else ()))
    assert done.returncode == 1
    (plan,) = tmp_path.glob("elsewhere/plans/*.json")
    assert json.loads(plan.read_text())["anomaly"] == "replayed-state-differs"
    assert not (tmp_path / ".refold").exists()


def test_a_profile_reaches_the_machines(tmp_path: Path) -> None:
    """Also those of the workers of pytest-xdist."""
    source = (
        "from refold.search.state_machine import machine\n"
        "def test_profile():\n"
        "    from refold.search.profiles import budget\n"
        "    assert budget(machine('accounts').TestCase.settings).seconds == 2\n"
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


LOADERS = (
    "import importlib, json\n"
    "def pytest_unconfigure(config):\n"
    "    names = ('hypothesis.core', 'refold.search.failure')\n"
    "    loaders = [type(importlib.import_module(name).__loader__).__name__ for name in names]\n"
    "    open('loaders.json', 'w').write(json.dumps(loaders))\n"
)


def test_without_bytecode_modules_of_hypothesis_and_refold_are_not_rewritten(tmp_path: Path) -> None:
    """It would take half a second in every run; pytest finds the tests' own modules as before."""
    (tmp_path / "conftest.py").write_text(LOADERS)
    source = "import sys\n\n\ndef test_it():\n    own = sys.modules[__name__].__loader__\n    assert type(own).__name__ == ''\n"
    done = run(tmp_path, "-q", source=source, variables={"PYTHONDONTWRITEBYTECODE": "1"})
    assert "AssertionRewritingHook" in done.stdout
    assert "rewritten" not in done.stdout + done.stderr
    assert json.loads((tmp_path / "loaders.json").read_text()) == ["SourceFileLoader", "SourceFileLoader"]


def test_a_pytest_within_pytest_is_not_warned(tmp_path: Path) -> None:
    """It would be, of modules that the outer one has not rewritten."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pytester"]\n')
    source = (
        "import hypothesis\n\n\ndef test_it(pytester):\n    pytester.makepyfile('def test_b(): pass')\n"
        "    pytester.runpytest().assert_outcomes(passed=1, warnings=0)\n"
    )
    done = run(tmp_path, "-q", source=source, variables={"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout


def test_with_bytecode_pytest_rewrites_plugins_as_ever(tmp_path: Path) -> None:
    """It does so once, and keeps it."""
    (tmp_path / "conftest.py").write_text(LOADERS)
    variables = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    run(tmp_path, "-q", source="def test_it():\n    pass\n", variables=variables)
    assert json.loads((tmp_path / "loaders.json").read_text())[0] == "AssertionRewritingHook"
