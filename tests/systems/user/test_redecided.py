"""A command that is decided anew may make another number of events than the first time: the log answers with what it has."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import Action, AppendUnheard, Prepare, Redecide, Submit
from refold.search.run import execute
from refold.systems.registry import resolve
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError

from .bags import Add, Bag, Clear, Forgetful, MyLog

FEWER_THAN_THEN: tuple[Action, ...] = (
    Submit("carol", Add("a")),
    Prepare("carol", Clear("a")),
    AppendUnheard("carol"),
    *(Submit("carol", Add("a")) for _ in range(3)),
    Redecide("carol"),
)
"""One event is stored, three are asked for under the same ids."""

MORE_THAN_THEN: tuple[Action, ...] = (
    *(Submit("carol", Add("a")) for _ in range(3)),
    Prepare("carol", Clear("a")),
    AppendUnheard("carol"),
    Submit("carol", Add("a")),
    Redecide("carol"),
)
"""Three events are stored, one is asked for."""


@pytest.mark.parametrize("plan", [FEWER_THAN_THEN, MORE_THAN_THEN])
@pytest.mark.parametrize("system", ["reference", "sqlite", MyLog])
def test_a_log_that_gives_its_first_answer_again_is_right(system: Any, plan: tuple[Action, ...]) -> None:
    """Its answer is as long as what it has stored."""
    run = execute(resolve(system) if isinstance(system, str) else adapt("own", system), Bag(), plan)
    assert [str(finding) for finding in run.findings] == []
    assert run.skipped == 0


def test_an_answer_of_the_wrong_length_for_a_new_append_is_nonsense() -> None:
    """Only what is stored may be answered with other positions than were asked for."""

    class Short(MyLog):
        def append(self, request: Any) -> Any:
            answer = super().append(request)
            return type(answer)(answer.positions[:1])

    plan = [Submit("carol", Add("a")), Submit("carol", Add("a")), Submit("carol", Clear("a"))]
    with pytest.raises(AdapterError, match="append\\(\\) of 2 events returned 1 position; each"):
        execute(adapt("own", Short), Bag(), plan)


def test_an_append_that_is_nowhere_is_lost_however_often_it_was_decided() -> None:
    """The length of neither decision was seen."""
    plan = [Submit("carol", Add("a")), Submit("carol", Add("a"))]
    assert [one.anomaly for one in execute(adapt("own", Forgetful), Bag(), plan).findings] == [
        "acknowledged-append-lost"
    ]
