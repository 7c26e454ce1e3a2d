"""What extensions do can be written down and read back, and is the same every time."""

from __future__ import annotations

import random

import pytest

from refold.model.action import Action
from refold.model.application import Application
from refold.model.documents.history import HistoryReader, plain, to_line
from refold.model.documents.plan import plan_from_json, plan_to_json
from refold.model.tape import HEADER
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.systems.reference import Reference


def long_plan(application: Application, seed: int) -> tuple[Action, ...]:
    """A plan with all families on."""
    menu = Reference().menu(application)
    return menu.decode(bytes(HEADER) + random.Random(seed).randbytes(600))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_stored_history_is_judged_like_the_live_one(name: str) -> None:
    application = EXAMPLES[name]()
    run = execute(Reference(), application, long_plan(application, 5))
    assert run.findings == []
    judge = checker(application, plain)
    for record in HistoryReader(application).records([to_line(record) for record in run.history]):
        judge.feed(record)
    assert judge.finish() == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_same_plan_gives_the_same_bytes(name: str) -> None:
    application = EXAMPLES[name]()
    plan = long_plan(application, 6)
    again = plan_from_json(plan_to_json(plan, application), application)
    first, second = (execute(Reference(), application, which).history for which in (plan, again))
    assert [to_line(record) for record in first] == [to_line(record) for record in second]


def test_every_action_of_the_menu_reads_as_a_sentence() -> None:
    for action in Reference().menu(EXAMPLES["accounts"]()).actions():
        assert " " in str(action)
        assert "struct" not in str(action)
