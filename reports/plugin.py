"""The pytest plugin: options, where reports go, and a section in the terminal summary.

It is imported by every pytest run of an environment that has refold, so it imports nothing of refold until a refold test has run.
Options travel in the environment, which reaches the workers of pytest-xdist too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from typing import Any

import pytest

PROFILES = ("quick", "default", "ci", "deep")
KEY = "refold"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--refold-profile``, ``--report-dir`` and the ini option ``refold_report_dir``."""
    group = parser.getgroup("refold", "refold: verification of event-sourced systems")
    group.addoption(
        "--refold-profile", choices=PROFILES, default=None, help="how long refold tests search (default: default)"
    )
    group.addoption(
        "--refold-replay", metavar="PLAN", default=None, help="refold tests run this plan instead of searching"
    )
    group.addoption("--report-dir", dest="refold_report_dir", default=None, help="where refold writes failing plans")
    parser.addini("refold_report_dir", "where refold writes failing plans (default: .refold)", default="")


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
    named = os.environ.get("REFOLD_PROFILE", "")
    if named and named not in PROFILES:
        raise pytest.UsageError(f"REFOLD_PROFILE is {named!r}, expected one of {', '.join(PROFILES)}")


@pytest.hookimpl(specname="pytest_runtest_makereport")
def pytest_refold_words(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Give a failure its message, before its report is made. (No wrapper: only behind pytest's own hook for unittest is it known what was
    raised.)"""
    failure = sys.modules.get("refold.search.failure")
    if failure is None or call.excinfo is None:
        return
    for error in failures(call.excinfo.value, failure.GuaranteeBroken):
        from refold.reports.words.failure import message

        error.message = message(error)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note on the test's report what refold did; the report travels from workers to the terminal."""
    report = yield
    failure = sys.modules.get("refold.search.failure")
    if call.when == "call" and failure is not None:
        notes: list[dict[str, Any]] = []
        if call.excinfo is not None:
            notes.extend(map(summary_of, failures(call.excinfo.value, failure.GuaranteeBroken)))
        machine = sys.modules.get("refold.search.state_machine")
        cls = getattr(getattr(item, "cls", None), "refold_machine", None)
        tally = machine.tallies.pop(cls, None) if machine is not None and cls is not None else None
        if tally is not None:
            notes.append({"verdict": "held" if report.passed else "ran", **tally})
        if notes:
            report.user_properties.append((KEY, {"test": item.nodeid, "notes": notes}))
    return report


def failures(error: BaseException, kind: type[Any]) -> Iterator[Any]:
    """The failures of this kind in what was raised, also those within a group."""
    if isinstance(error, kind):
        yield error
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from failures(inner, kind)


def summary_of(error: Any) -> dict[str, Any]:
    """What a failure says."""
    finding = error.counterexample.finding
    return {
        "verdict": "broken",
        "anomaly": finding.anomaly,
        "guarantee": finding.guarantee,
        "actions": [str(action) for action in error.counterexample.plan],
        "replay": error.command,
    }


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line per refold test; for a broken one its anomaly and the command that replays it."""
    seen = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for key, value in getattr(report, "user_properties", ())
        if key == KEY
    ]
    if not seen:
        return
    terminalreporter.section("refold")
    verbose = terminalreporter.config.getoption("verbose") > 0
    for value in seen:
        for entry in value["notes"]:
            terminalreporter.write_line(summary(value["test"], entry))
            for line in unseen(entry) if verbose else ():
                terminalreporter.write_line(line)


def unseen(entry: dict[str, Any]) -> list[str]:
    """What a test does not check, a line for each."""
    from refold.search.capabilities import in_short

    return [f"    not checked: {text}" for text in in_short(entry.get("not_checked", ()))]


def summary(test: str, entry: dict[str, Any]) -> str:
    """One test in one line (two if it is broken)."""
    from refold.model.words import counted
    from refold.reports.words.sentences import kind_words

    if entry["verdict"] == "broken":
        actions = counted(len(entry["actions"]), "action")
        return f"{test}: BROKEN {entry['anomaly']} ({entry['guarantee']}), {actions}\n    {entry['replay']}"
    counts = ", ".join(f"{number} {kind_words(name, number)}" for name, number in entry["counts"].items() if number)
    lacking = len(entry["not_checked"])
    open_ = f"; not checked: {lacking}, see pytest -v" if lacking else ""
    done = f"{counted(entry['runs'], 'run')}, {counted(entry['steps'], 'step')}"
    return f"{test}: {entry['verdict']}; {done}: {counts}{open_}"
