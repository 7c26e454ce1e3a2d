"""Staleness is measured, not judged."""

from __future__ import annotations

from refold.model.action import Deliver, Submit
from refold.model.examples.accounts import Accounts, Register
from refold.model.parts.reading.links import Archive
from refold.model.parts.reading.query import Query, Search
from refold.search.run import execute
from refold.search.staleness import Staleness, measure
from refold.systems.reference import Reference

PLAN = (
    Submit("alice", Register("acme", "ada")),
    Query("bob", "acme"),
    Deliver("index", 0),
    Search("bob", "acme"),
    Archive("acme"),
)


def test_stale_answers_waits_and_dangling_pointers_are_counted() -> None:
    found = measure(execute(Reference(), Accounts(), PLAN).history)
    assert found == Staleness(answers=1, stale=1, events_behind=1, events_behind_max=1, ticks_behind_max=1, dangling=2)


def test_measurements_add_up_and_maxima_do_not() -> None:
    found = measure(execute(Reference(), Accounts(), PLAN).history)
    twice = found + found
    assert (twice.answers, twice.events_behind, twice.events_behind_max) == (2, 2, 1)
    assert twice.counts()["reads_dangling"] == 4
