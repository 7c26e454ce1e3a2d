"""What an action answers is whether it was performed: then it is a step, and else it is counted as skipped and leaves nothing behind."""

from __future__ import annotations

import random

import pytest

from refold.model.action import ACTIONS, Action
from refold.model.examples.accounts import Accounts
from refold.model.parts.extensions import EXTENSIONS
from refold.model.record import RECORDS
from refold.systems.deployment import Deployment
from refold.systems.reference import Reference

PLANS = 60
"""Plans about each part of the model."""


@pytest.mark.parametrize("part", range(len(EXTENSIONS)), ids=[one.name for one in EXTENSIONS])
def test_an_action_is_a_step_or_skipped(part: int) -> None:
    """In plans of the core and of one extension."""
    system, application = Reference(), Accounts()
    menu = system.menu(application)
    choice = random.Random(part)
    done: set[type[Action]] = set()
    for _ in range(PLANS):
        records: list[object] = []
        deployment = system.open(application, records.append)
        assert isinstance(deployment, Deployment)
        for action in menu.decode(bytes([0, 255, 1 + part % len(menu.extra), 0]) + choice.randbytes(100)):
            steps, skipped, told = deployment.steps, deployment.skipped, len(records)
            performed = deployment.perform(action)
            assert deployment.steps - steps == performed, action
            assert deployment.skipped - skipped == (not performed), action
            if performed:
                done.add(type(action))
            else:
                assert len(records) == told, f"{action} was skipped, and recorded {records[told:]}"
        deployment.close()
    assert len(done) > 10


def test_actions_and_records_cannot_be_changed() -> None:
    """They are in histories and plans, which several read."""
    assert [kind for kind in (*ACTIONS.values(), *RECORDS) if not kind.__struct_config__.frozen] == []
