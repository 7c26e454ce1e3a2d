"""A correct system is never accused."""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from refold.model.action import ACTIONS
from refold.model.application import Application
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.parts.extensions import OWN
from refold.model.record import RECORDS
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.search.vacuous import COUNTED
from refold.systems.reference import Reference

from .found import plans

STEPS = 50_000


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_the_reference_is_never_accused(application: Application) -> None:
    """Fifty thousand steps of campaigns with several seeds; each kind of thing that can happen does."""
    steps = seed = 0
    happened: Counter[str] = Counter()
    while steps < STEPS:
        campaign = Campaign(Reference(), application, seed, Budget(seconds=None, examples=150))
        result = campaign.run()
        assert result.verdict == "held", result.counterexamples[0].findings
        happened.update(result.counts)
        steps += result.steps
        seed += 1
    modules = {one.__module__ for one in OWN}
    own = {kind for kind in (*RECORDS, *ACTIONS.values()) if kind.__module__ in modules}
    assert not [one.name for one in COUNTED if not happened[one.name] and not own.issuperset(one.of)]


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_the_reference_is_not_accused_in_runs_that_go_on_for_long(application: Application) -> None:
    """Thousands of actions in one history."""
    for plan in plans(Reference(), application, 3, 3000):
        run = execute(Reference(), application, plan, whole=True)
        assert run.findings == []
        assert run.settled
        assert run.steps > 1000


@pytest.mark.parametrize("application", [Accounts(), Inventory()], ids=lambda application: application.name)
def test_a_run_is_gone_when_its_last_reference_is(application: Application) -> None:
    """It leaves nothing that only the garbage collector could find: with it, every run would cost the collection of all runs before it."""
    system = Reference()
    families = range(1, len(system.menu(application).extra) + 1)
    menu = system.menu(application)
    run = [execute(system, application, menu.decode(bytes([0, n, n, 0]) + bytes(range(256)))) for n in families][-1]
    del run
    gc.collect()
    gc.disable()
    try:
        for n in families:
            execute(system, application, menu.decode(bytes([0, n, n, 0]) + bytes(range(1, 256))))
            assert gc.collect() == 0, menu.extra[n - 1]
    finally:
        gc.enable()
