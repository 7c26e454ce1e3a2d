"""Odd events: what explains a row is what trying everything finds."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import pytest

from refold.model.event import Stored
from refold.properties.consumers.odd_events import LOST, OddEvents, Rows, fold

AMOUNTS = [(1, 1, 1, 1, 1), (1, 2, 1, 2, 1), (5, -5, 2, 3, -5, 5)]


def log(*payloads: Any) -> list[Stored]:
    """So many events."""
    return [Stored(n, "w", n, f"e{n}", "Changed", one) for n, one in enumerate(payloads, 1)]


def add(event: Stored, rows: Rows) -> Rows:
    """One row is the sum of all."""
    return {"w": rows.get("w", 0) + event.data}


def put(event: Stored, rows: Rows) -> Rows:
    """One row holds what was put into it, in the order in which it came first."""
    return {"w": {**rows.get("w", {}), event.data: True}}


@pytest.mark.parametrize("times", [0, 2], ids=["passed over", "handled once more"])
@pytest.mark.parametrize("amounts", AMOUNTS)
def test_the_run_that_explains_a_row_is_the_shortest_and_first_that_begins_with_no_event_that_is_surely_in_it(
    amounts: tuple[int, ...], times: int
) -> None:
    """For events that were passed over, if there is such a run; what is handled once more was in the row before."""
    events = log(*amounts)
    runs = [(count, first) for count in range(2, len(events) + 1) for first in range(len(events) - count + 1)]
    sums: dict[tuple[int, int], int | None] = {
        (count, first): sum(amounts) + (times - 1) * sum(amounts[first : first + count]) for count, first in runs
    }
    if not times:
        sums[len(events), 0] = None
    for value, sure in itertools.product({*sums.values(), 1000}, range(len(events) + 1)):
        fitting = [run for run in runs if sums[run] == value]
        late = [(count, first) for count, first in fitting if not times and events[first].position > sure]
        count, first = min(late or fitting, default=(0, 0))
        found = OddEvents(add, operator.eq, events, sure).run("w", value, times)
        assert found == ((events[first], count) if count else None)


@pytest.mark.parametrize("names", ["abac", "abcab", "aabbc"])
def test_of_all_losses_that_explain_a_row_the_fewest_are_told(names: str) -> None:
    """Also where rows that are equal are not written alike."""
    events = log(*names)
    losses = [lost for count in range(1, len(events) + 1) for lost in itertools.combinations(events, count)]
    left = {tuple(lost): fold(put, [one for one in events if one not in lost]).get("w") for lost in losses}
    for value in left.values():
        if value == fold(put, events)["w"]:
            continue
        found = OddEvents(put, operator.eq, events).way("w", value, LOST)
        fewest = min(len(lost) for lost, row in left.items() if row == value)
        assert found is not None
        assert found[1] == fewest
        assert found[0] in [lost[0] for lost, row in left.items() if row == value and len(lost) == fewest]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_four_events_that_were_all_lost_or_all_applied_twice_are_a_rule(count: int) -> None:
    """Fewer may be by chance."""
    events = log(*range(1, count + 1))
    odd = OddEvents(add, operator.eq, events)
    by_rule = count >= 4
    assert odd.by_rule({}) == ((events[0], None) if by_rule else None)
    assert odd.by_rule({"w": 2 * sum(range(1, count + 1))}) == ((None, events[0]) if by_rule else None)


def in_stock(event: Stored, rows: Rows) -> Rows:
    """There is a row while there is something; nothing is taken from what is not there."""
    if event.data < 0 and rows["w"] + event.data < 0:
        raise ValueError("there is not so much")
    return {"w": rows.get("w", 0) + event.data or None}


@pytest.mark.parametrize(
    ("amounts", "value", "lost", "twice"),
    [
        ((2, -2, 3, -1), 3, 4, None),
        ((2, -2, 3, -1), 1, None, 4),
        ((2, -1, 2, -1), 1, None, 4),
        ((2, -2), 1, None, None),
    ],
)
def test_an_application_that_raises_on_what_the_log_does_not_lead_to_explains_rows_all_the_same(
    amounts: tuple[int, ...], value: int | None, lost: int | None, twice: int | None
) -> None:
    """What it raises on is none of the ways that lead to the row."""
    events = log(*amounts)
    rows = {} if value is None else {"w": value}
    found = OddEvents(in_stock, operator.eq, events).causes(rows, fold(in_stock, events))
    assert [event and event.position for event in found] == [lost, twice]


def test_where_events_in_a_row_were_passed_over_or_more_of_them_handled_once_more_it_is_the_shorter_run() -> None:
    """Both explain the row, which no single event does."""
    events = log(-3, -3, 2, 2)
    odd, rows = OddEvents(add, operator.eq, events), {"w": -1}
    assert odd.run("w", -1, 0) == (events[1], 2)
    assert odd.run("w", -1, 2) == (events[1], 3)
    assert odd.causes(rows, fold(add, events)) == (events[1], None)


def test_one_event_that_was_lost_explains_a_row_better_than_several_in_a_row_that_were_passed_over() -> None:
    """Both explain it."""
    events = log(-3, 1, -2, 3)
    odd, rows = OddEvents(add, operator.eq, events), {"w": 1}
    assert odd.run("w", 1, 0) == (events[0], 2)
    assert odd.causes(rows, fold(add, events)) == (events[2], None)
