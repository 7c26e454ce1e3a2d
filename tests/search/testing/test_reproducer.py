"""What shrinking asks, and when another anomaly is taken for the one that was found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from refold.model.action import Submit
from refold.properties.property import Finding
from refold.search import run
from refold.search.run import Reproducer

VAGUE = Finding("replayed-state-differs", "REPL", "watched-consumers", "counts", 9)
LOST = attrs.evolve(VAGUE, anomaly="event-never-applied", guarantee="CKPT")
PLAN = (Submit("alice", "one"), Submit("alice", "two"))


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the next run of a plan shows."""
    found: list[Finding] = []
    monkeypatch.setattr(
        run, "execute", lambda system, application, plan: SimpleNamespace(findings=list(found), performed=plan)
    )
    return found


def reproducer(shown: Finding, known: tuple[object, ...] = ()) -> Reproducer:
    nothing: Any = None
    return Reproducer(nothing, nothing, shown, known)


def test_a_plan_reproduces_that_shows_the_same_anomaly_first(shows: list[Finding]) -> None:
    asked = reproducer(LOST)
    assert asked(PLAN) is None
    shows.append(LOST)
    assert asked(PLAN) == PLAN
    shows.insert(0, VAGUE)
    assert asked(PLAN) is None


def test_rows_that_differ_are_shrunk_to_what_says_why(shows: list[Finding]) -> None:
    """And from then on only that counts."""
    asked = reproducer(VAGUE)
    shows.append(LOST)
    assert asked(PLAN[:1]) == PLAN[:1]
    assert asked.signature == LOST.signature
    shows[0] = VAGUE
    assert asked(PLAN[:1]) is None


@pytest.mark.parametrize(
    "other", [attrs.evolve(LOST, where="mails"), attrs.evolve(LOST, judge="cas"), attrs.evolve(LOST, anomaly="known")]
)
def test_another_place_another_property_and_what_is_known_say_nothing(other: Finding, shows: list[Finding]) -> None:
    asked = reproducer(VAGUE, (("known", "CKPT"),))
    shows.append(other)
    assert asked(PLAN) is None
    assert asked.signature == VAGUE.signature
