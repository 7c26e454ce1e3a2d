"""At rest every part of the model says that there is nothing left to do."""

from __future__ import annotations

import random
from typing import Any

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.extension import Extension
from refold.model.parts.calls import RestartedAtRest
from refold.model.parts.claims.reservation import HoldsAtRest
from refold.model.record import RECORDS
from refold.systems.deployment import Deployment
from refold.systems.reference import Reference


@pytest.mark.parametrize("seed", range(12))
def test_what_has_settled_has_nothing_to_do(seed: int) -> None:
    """Whatever was done before: a part that still calls itself busy would keep everybody from coming to rest."""
    system, application = Reference(), Accounts()
    menu = system.menu(application)
    deployment = system.open(application, lambda record: None)
    assert isinstance(deployment, Deployment)
    header = bytes([0, 0, 1 + seed % len(menu.extra), 0])
    for action in menu.decode(header + random.Random(seed).randbytes(120)):
        deployment.perform(action)
    deployment.settle()
    parts = [part for part in deployment.extensions if type(part).turn is not Extension.turn]
    assert parts
    assert [part.name for part in parts if part.turn()] == []
    deployment.close()


def test_what_was_never_asked_for_anything_has_nothing_to_do() -> None:
    """All parts are there; none has been used."""
    deployment = Reference().open(Accounts(), lambda record: None)
    assert isinstance(deployment, Deployment)
    for action in list(deployment.dormant):
        deployment.call(action)
    assert len(deployment.extensions) > 15
    assert [part.name for part in deployment.extensions if part.turn()] == []
    deployment.close()


SHOWN = {kind for kind in RECORDS if kind.__name__.endswith("AtRest")} - {RestartedAtRest}
"""What a part of the model shows at rest; the other one is about a user's consumers."""


def test_whoever_was_asked_for_something_shows_at_rest_what_he_holds() -> None:
    """Else nobody could judge it. Each of these records is seen in some run."""
    system, application = Reference(), Accounts()
    menu = system.menu(application)
    records: list[Any] = []
    for seed in range(2 * len(menu.extra)):
        deployment = system.open(application, records.append)
        header = bytes([0, 0, 1 + seed % len(menu.extra), 0])
        for action in menu.decode(header + random.Random(seed).randbytes(120)):
            deployment.perform(action)
        deployment.settle()
        deployment.close()
    assert SHOWN - {type(record) for record in records} == set()


def test_whoever_was_never_asked_for_anything_has_nothing_to_show() -> None:
    """The booking office says so; the others say nothing."""
    records: list[Any] = []
    deployment = Reference().open(Accounts(), records.append)
    assert isinstance(deployment, Deployment)
    for action in list(deployment.dormant):
        deployment.call(action)
    deployment.settle()
    deployment.close()
    assert [record for record in records if type(record) in SHOWN] == [HoldsAtRest({})]
