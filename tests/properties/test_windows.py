"""Memory that is given up: with windows of a few entries nobody is accused wrongly, and what is not judged is said.

Every history here is longer than its windows, so that every path on which something is forgotten is taken.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.examples.accounts import Accounts
from refold.properties.partial_history import beginning, middle_checker
from refold.properties.property import Checker
from refold.properties.suite import checker
from refold.properties.window import Window
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.registry import correct_systems, resolve

SMALL = 8
"""Entries that a window of these tests remembers."""


def histories(system: str, application: str, seeds: int, length: int = 400) -> Iterator[list[Any]]:
    """Histories of random plans, to their ends."""
    port, subject = resolve(system), application_named(application)
    menu = port.menu(subject)
    for seed in range(seeds):
        tape = random.Random(seed).randbytes(menu.length(length))
        yield execute(port, subject, menu.decode(tape), whole=True).history


def fed(judge: Checker, history: list[Any]) -> Checker:
    """The checker at the end of the history."""
    for record in history:
        judge.feed(record)
    judge.finish()
    return judge


@pytest.mark.parametrize("application", ["accounts", "inventory", "rota"])
@pytest.mark.parametrize("system", correct_systems())
def test_no_right_system_is_accused_by_judges_that_forget(system: str, application: str) -> None:
    """Also not where consumers begin again, or come to events that are forgotten."""
    subject = application_named(application)
    for history in histories(system, application, 3):
        judge = fed(checker(subject, remembered=SMALL), history)
        assert judge.findings == [], judge.findings[0]


@pytest.mark.parametrize("system", correct_systems())
def test_nothing_is_given_up_while_nothing_is_forgotten(system: str) -> None:
    """With windows of the usual size, in runs as a search makes them."""
    for history in histories(system, "accounts", 2):
        assert fed(checker(Accounts()), history).given_up() == ()


def test_a_window_forgets_the_oldest_and_says_what_that_costs() -> None:
    window = Window(2, "whether numbers come again that are older than the newest {size}")
    entries = dict.fromkeys(range(4))
    assert window.full == len(entries)
    assert window.given_up() == ""
    window.trim(entries)
    assert list(entries) == [2, 3]
    assert window.dropped == 2
    assert window.given_up() == "whether numbers come again that are older than the newest 2"
