"""The pytest plugin: options, where reports go, the report of a failing test, and what is said about a test that held.

It is imported by every pytest run of an environment that has refold, so it imports nothing of refold until a refold test has run.
Options travel in the environment, which reaches the workers of pytest-xdist too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest

PROFILES = ("quick", "default", "ci", "deep")
KEY = "refold"
CI = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "REFOLD_STEP_SUMMARY")
"""Variables with which a CI job says that it shows more than output."""


class AsCompiled(MetaPathFinder):
    """Finds the modules of Hypothesis and refold as Python compiled them, before pytest does.

    pytest rewrites the assertions of every package that has a plugin, and keeps the result beside the bytecode. Where Python may not write
    bytecode (`PYTHONDONTWRITEBYTECODE`, usual in containers) it does so again in every run, for half a second. Where tests run pytest
    within pytest it is left to that: the inner one would warn of modules that are not rewritten.
    """

    def __init__(self, plugins: pytest.PytestPluginManager) -> None:
        self.plugins = plugins

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What Python itself would find."""
        if fullname.partition(".")[0] in ("hypothesis", "refold") and not self.plugins.hasplugin("pytester"):
            return PathFinder.find_spec(fullname, path, target)
        return None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any code of the user's is imported."""
    if sys.dont_write_bytecode:
        finder = AsCompiled(early_config.pluginmanager)
        sys.meta_path.insert(0, finder)
        early_config.add_cleanup(lambda: sys.meta_path.remove(finder))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, which begin with ``--refold-``, and the ini option ``refold_report_dir``."""
    group = parser.getgroup("refold", "refold: verification of event-sourced systems")
    group.addoption(
        "--refold-profile",
        choices=PROFILES,
        default=None,
        help="set how long each refold test searches: quick 2 s, default 10 s, ci 1 min, deep 10 min (default: default);"
        " a test that finds something stops earlier, and a test that sets max_examples does that many runs instead",
    )
    group.addoption(
        "--refold-replay", metavar="PLAN", default=None, help="make refold tests run this plan instead of searching"
    )
    group.addoption(
        "--refold-report-dir",
        "--report-dir",
        dest="refold_report_dir",
        metavar="DIR",
        default=None,
        help="write the plans and reports of failing refold tests to this directory (default: .refold); --report-dir is the old name of"
        " this option",
    )
    parser.addini("refold_report_dir", "directory for the plans and reports of refold (default: .refold)", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Pass the options on."""
    directory = config.getoption("refold_report_dir") or config.getini("refold_report_dir")
    if directory:
        os.environ["REFOLD_REPORT_DIR"] = str(directory)
    if plan := config.getoption("--refold-replay"):
        if not os.path.isfile(plan):
            raise pytest.UsageError(f"--refold-replay {plan!r}: there is no such file")
        os.environ["REFOLD_REPLAY"] = plan
    if profile := config.getoption("--refold-profile"):
        os.environ["REFOLD_PROFILE"] = profile
    if config.getoption("fulltrace", False):
        os.environ["REFOLD_FULL_TRACE"] = "1"
    named = os.environ.get("REFOLD_PROFILE", "")
    if named and named not in PROFILES:
        raise pytest.UsageError(f"REFOLD_PROFILE is {named!r}, expected one of {', '.join(PROFILES)}")


@pytest.hookimpl(specname="pytest_runtest_makereport")
def pytest_refold_words(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Give a failure its page and its message, before its report is made. (No wrapper: only behind pytest's own hook for unittest is it
    known what was raised.)"""
    if "refold.search.failure" in sys.modules and call.excinfo is not None:
        from refold.reports.documents.test_report import tell

        tell(call.excinfo.value, item.nodeid, item.config.getoption("--hypothesis-seed", None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on the test's report what refold did, and leave of a failure what it says; the report travels from workers to the terminal."""
    failure = sys.modules.get("refold.search.failure")
    if failure is None or call.when != "call":
        return (yield)
    cls = getattr(getattr(item, "cls", None), "refold_machine", None)
    searches = getattr(sys.modules.get("refold.search.testing.machine_search"), "searches", {})
    search = searches.pop(cls, None)
    noise = ""
    if search is not None:
        noise = vars(item).pop("hypothesis_report_information", "")
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    notes: list[dict[str, Any]] = []
    if isinstance(error, failure.Broken):
        if not item.config.getoption("fulltrace", False):
            shorten(report, item, error)
        noise = "\n".join([*error.aside, noise]).strip()
        notes.append(summary_of(error))
    elif search is not None:
        notes.append({"verdict": "held" if report.passed else "ran", **search.tally()})
    if noise and item.config.getoption("verbose") > 0:
        report.sections.append(("Hypothesis", noise))
    if notes:
        setattr(report, KEY, {"test": short_id(item.nodeid), "notes": notes})  # travels with it from a worker
        item.user_properties += [(f"{KEY}.{name}", value) for note in notes for name, value in properties_of(note)]
    return report


def properties_of(note: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What JUnit files say about a refold test, a property each: ``refold.verdict``, ``refold.steps``, ``refold.anomaly``, …"""
    for name in ("verdict", "runs", "steps", "anomaly", "guarantee", "replay", "report", "seed"):
        if note.get(name) not in (None, ""):
            yield name, str(note[name])
    if note.get("not_checked"):
        yield "not_checked", str(len(note["not_checked"]))


def shorten(report: pytest.TestReport, item: pytest.Item, error: BaseException) -> None:
    """Leave the message of a failure, and the line of the test where it is; the frames above it are refold's and Hypothesis's. The short
    summary has the first line of the message: in CI pytest would print all of it once more."""
    shown: Any = report.longrepr
    crash, trace = getattr(shown, "reprcrash", None), getattr(shown, "reprtraceback", None)
    if crash is None or trace is None:
        return
    path, line, _ = item.location
    crash.path, crash.lineno = path, (line or 0) + 1
    name, crash.message = crash.message.partition(":")[0], crash.message.partition("\n")[0]
    trace.extraline = None
    style = item.config.getoption("tbstyle", "auto")
    entries = [] if style == "line" else trace.reprentries[-1:]  # “line” means the line of the crash, which pytest adds
    end = "\n" if style == "native" else ""
    for entry in entries:
        entry.lines = [f"E   {line}".rstrip() + end for line in f"{name}: {error}".splitlines()]
        entry.reprfuncargs = entry.reprlocals = None
        entry.reprfileloc = crash
    trace.reprentries = entries
    if hasattr(shown, "chain"):
        shown.chain = [(trace, crash, None)]


def short_id(test: str) -> str:
    """A test's name without the method that all of refold's have."""
    return test.removesuffix("::test_holds").removesuffix("::runTest")


def summary_of(error: Any) -> dict[str, Any]:
    """What a failure says."""
    finding = error.counterexample.finding
    return {
        "verdict": "broken",
        "anomaly": finding.anomaly,
        "guarantee": finding.guarantee,
        "actions": [str(action) for action in error.counterexample.plan],
        "replay": error.command,
        "report": error.report,
    }


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for each refold test that held, and what it has to say about stored plans; more of it if asked for. What broke has said so
    above, unless pytest was told to leave that out."""
    config = terminalreporter.config
    verbose = config.getoption("verbose")
    seen = [
        report.refold for reports in terminalreporter.stats.values() for report in reports if hasattr(report, "refold")
    ]
    silent = config.getoption("tbstyle", "auto") in ("no", "line")
    lines = [line for value in seen for entry in value["notes"] for line in said(value["test"], entry, verbose, silent)]
    lines += interrupted()
    lines += [line for value in seen for entry in value["notes"] for line in announced(entry)]
    if lines:
        terminalreporter.section("refold")
        for line in lines:
            terminalreporter.write_line(line)


def said(test: str, entry: dict[str, Any], verbose: int, silent: bool) -> list[str]:
    """What the summary says about one test; `silent` if its failure is not shown."""
    if entry["verdict"] == "broken":
        return [f"{test}: {entry['anomaly']}", f"    {entry['replay']}"] if silent else []
    stored = [f"{test}: {note}" for note in entry.get("notes", ())]
    if verbose < 0:
        return stored
    more = "; see pytest -v" if entry["not_checked"] and not verbose else ""
    return [
        f"{test}: {entry['verdict']}{extent_of(entry)}; {done(entry)}{more}",
        *(details(entry) if verbose > 0 else ()),
        *stored,
    ]


def announced(entry: dict[str, Any]) -> list[str]:
    """What a CI job is to show of a failure: its report is read from the disk, which workers share."""
    if not entry.get("report") or not any(map(os.environ.get, CI)):
        return []
    import json
    import pathlib

    from refold.reports.ci import announced

    path = pathlib.Path(entry["report"]).with_name("report.json")
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return [f"refold: {path} cannot be shown to this job any more: {error}"]
    return announced.announced(document)


def done(entry: dict[str, Any]) -> str:
    """What a search came to, in a line."""
    from refold.model.words import counted

    return f"{counted(entry['runs'], 'run')}, {counted(entry['steps'], 'step')}"


def extent_of(entry: dict[str, Any]) -> str:
    """How many guarantees were not checked, which `pytest -v` explains."""
    from refold.reports.words.guarantees import extent, rated

    return f" ({extent(rated(entry['checked']))})"


def details(entry: dict[str, Any]) -> list[str]:
    """What happened in the runs, and what a test does not check, a line for each."""
    from refold.reports.words.counts import grouped
    from refold.reports.words.guarantees import NOT_CHECKED, rated
    from refold.search.capabilities import in_short

    lines = [f"    {group}: {said}" for group, said in grouped(entry["counts"])]
    codes = [row.code for row in rated(entry["checked"]) if row.verdict == NOT_CHECKED]
    lines += [f"    not checked, because there was nothing to judge: {' '.join(codes)}"] if codes else []
    return [*lines, *(f"    not checked: {text}" for text in in_short(entry["not_checked"]))]


def interrupted() -> list[str]:
    """What searches had come to that Ctrl-C ended, in this process."""
    searches = getattr(sys.modules.get("refold.search.testing.machine_search"), "searches", {})
    lines = []
    for search in (search for search in searches.values() if search.interrupted):
        lines.append(f"{short_id(search.cls.test)}: interrupted; {done(search.tally())}")
        lines += [f"    found {known[0]}: refold replay {plan}" for known, plan in search.plans.items()]
    return lines
