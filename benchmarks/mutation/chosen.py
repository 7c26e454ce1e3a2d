"""A pytest plugin for mutation testing: notes what each test touches and how long it takes, and runs chosen tests in a chosen order.

pytest -p chosen --clock=FILE ...     coverage, if it runs, notes the test that touches a line; FILE gets the seconds of what passed
pytest -p chosen --chosen=FILE ...    only the tests that FILE names, one a line, in its order;
                                      FILE.failed gets the name of the first that fails
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import coverage
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options, each with a file."""
    group = parser.getgroup("mutation testing")
    group.addoption("--clock", type=pathlib.Path, help="write the seconds of each test that passed to this file")
    group.addoption("--chosen", type=pathlib.Path, help="run the tests that this file names, in its order")


def pytest_configure(config: pytest.Config) -> None:
    """What was asked for."""
    if config.getoption("clock"):
        config.pluginmanager.register(Clock(config.getoption("clock"), hasattr(config, "workerinput")))
    if config.getoption("chosen"):
        config.pluginmanager.register(Chosen(config.getoption("chosen")))


class Clock:
    """Tells coverage which test runs, and counts the seconds of those that passed."""

    def __init__(self, file: pathlib.Path, worker: bool) -> None:
        self.file = file
        self.worker = worker
        self.seconds: dict[str, float] = {}
        self.others: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Lines are touched by this test from here to the end of its tear-down."""
        measured = coverage.Coverage.current()
        if measured is not None:
            measured.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            if measured is not None:
                measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Its set-up and tear-down count as well."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome != "passed":
            self.others.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """With several workers the one who hands out the tests has heard of all of them."""
        if not self.worker:
            passed = {name: round(took, 4) for name, took in self.seconds.items() if name not in self.others}
            self.file.write_text(json.dumps(passed, indent=0), encoding="utf-8")


class Chosen:
    """Keeps the tests of a list, in its order, and notes beside it which one failed first."""

    def __init__(self, file: pathlib.Path) -> None:
        self.failed = file.with_suffix(".failed")
        self.places = {name: place for place, name in enumerate(file.read_text(encoding="utf-8").splitlines())}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """After whoever else has something to say."""
        left = [item for item in items if item.nodeid not in self.places]
        items[:] = sorted(
            (item for item in items if item.nodeid in self.places), key=lambda item: self.places[item.nodeid]
        )
        config.hook.pytest_deselected(items=left)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Its set-up and tear-down may fail as well."""
        if report.failed and not self.failed.exists():
            self.failed.write_text(report.nodeid, encoding="utf-8")
