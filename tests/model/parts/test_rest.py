"""At rest every part of the model says that there is nothing left to do."""

from __future__ import annotations

import random

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.extension import Extension
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
