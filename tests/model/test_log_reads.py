"""Reads of a range obey the algebra of their bounds; gaps, idle sessions and torn records cost nobody anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from refold.model.context import Clock, Context
from refold.model.event import Stored, ascending
from refold.model.log import Log
from refold.model.parts.reading.revisioned_keys import Bucket
from refold.model.process import ProcessDied

from .built import context, filled, names, request

BOUNDS = st.integers(-3, 14)


def gappy(holes: set[int]) -> Log:
    """A log of twelve positions, of which `holes` were rolled back."""
    log = Log()
    for n in range(1, 13):
        append = request(f"w-{n}", "x")
        log.begin(append)
        if n in holes:
            log.abort(append.op)
        else:
            log.commit(append.op)
    return log


@given(st.sets(st.integers(1, 12)), BOUNDS, BOUNDS, st.integers(-1, 14))
def test_a_range_holds_the_first_events_between_its_bounds(holes: set[int], lower: int, upper: int, limit: int) -> None:
    """Zero, negative and inverted bounds included."""
    there = [n for n in range(1, 13) if n not in holes]
    wanted = [n for n in there if lower <= n <= upper][: max(limit, 0)]
    assert [event.position for event in gappy(holes).select(lower, upper, limit)] == wanted


@given(st.sets(st.integers(1, 12)), st.integers(0, 14), st.integers(1, 14))
def test_a_read_goes_on_behind_any_position_gaps_included(holes: set[int], after: int, limit: int) -> None:
    there = [n for n in range(1, 13) if n not in holes]
    assert [event.position for event in gappy(holes).read(after, limit)] == [n for n in there if n > after][:limit]


@given(st.sets(st.integers(1, 12)), st.integers(0, 14))
def test_the_index_of_a_position_is_where_the_events_behind_it_begin(holes: set[int], after: int) -> None:
    """Behind the last one there are none."""
    log = gappy(holes)
    assert log.entries[log.index(after) :] == [event for event in log.entries if event.position > after]


@given(st.sets(st.integers(1, 12)), BOUNDS, BOUNDS, BOUNDS)
def test_ranges_that_meet_are_the_range_of_both(holes: set[int], low: int, middle: int, high: int) -> None:
    """select(l, m) + select(m + 1, h) == select(l, h)."""
    log = gappy(holes)
    low, middle, high = sorted((low, middle, high))
    assert [*log.select(low, middle, 99), *log.select(middle + 1, high, 99)] == list(log.select(low, high, 99))


def test_an_idle_session_keeps_nobody_waiting() -> None:
    log = filled("a")
    log.open_session("report")
    log.append(request("x-1", "b"))
    assert names(log) == ["a", "b"]


def test_recovery_stops_at_a_torn_record_and_keeps_all_before_it() -> None:
    log = filled("a", "b")
    log.light(2)
    try:
        log.append(request("x-1", "c"))
    except ProcessDied:
        log.crash()
    assert log.torn
    log.restart()
    assert names(log) == ["a", "b"]
    log.append(request("x-2", "d"))
    assert names(log) == ["a", "b", "d"]


def test_the_highest_revision_survives_deletion() -> None:
    shared, _ = context(Log())
    assert isinstance(shared, Context)
    assert isinstance(shared.clock, Clock)
    bucket = Bucket(shared, {}, {}, lambda action: None)
    first = bucket.update("lamp", 0, exists=True)
    tombstone = bucket.bury("lamp")
    again = bucket.create_over_tombstone("lamp", tombstone)
    assert first < tombstone < again
    assert bucket.create_over_tombstone("lamp", tombstone) == 0, "the tombstone is no longer the newest entry"
    assert bucket.update("lamp", 0, exists=True) == 0, "a deleted key is not a new one"


def test_a_revision_is_the_number_of_an_entry_in_its_bucket() -> None:
    """Of all its keys; what is refused has none."""
    shared, _ = context(Log())
    assert isinstance(shared, Context)
    bucket = Bucket(shared, {}, {}, lambda action: None)
    written = [bucket.update("lamp", 0, exists=True), bucket.update("desk", 0, exists=True)]
    assert bucket.update("lamp", 2, exists=True) == 0
    written += [bucket.bury("desk"), bucket.update("lamp", 1, exists=True), bucket.create_over_tombstone("desk", 3)]
    assert written == [1, 2, 3, 4, 5]


def test_positions_of_a_page_ascend_only_if_each_is_above_the_one_before() -> None:
    """The same event twice in one page is out of order too."""
    one, two = (Stored(position, "s", position, f"a-1/{position}", "T", None) for position in (1, 2))
    assert ascending([one, two])
    assert not ascending([two, one])
    assert not ascending([one, one])
    assert not ascending([one, two, two])
    other = Stored(2, "s", 3, "b-1/0", "T", None)
    assert ascending([one, two, other]), "two events at one position: the business of what judges positions"
