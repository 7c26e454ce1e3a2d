"""Full replay, clause by clause: what convicts a view, a replay and a log, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.parts.calls import Shown
from refold.model.parts.reading.looks import Viewed
from refold.model.record import Scanned
from refold.properties.property import Finding
from refold.properties.suite import replay_checker


class Sums(Application):
    """What each stream adds up to."""

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        return {event.stream: sum(e.data for e in events if e.stream == event.stream) for event in events}


class Restless(Sums):
    """Counts how often it was asked."""

    asked = 0

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        self.asked += 1
        return {"asked": self.asked}


def stored(position: int, number: int, name: str = "") -> Stored:
    """An event that adds a number."""
    return Stored(position, "a", position, name or f"e{position}", "Added", number)


LOG = (stored(1, 3), stored(2, 4))


def judged(*records: Any, application: Application | None = None) -> list[Finding]:
    """What is found."""
    judge = replay_checker(application or Sums(), None)
    for record in records:
        judge.feed(record)
    return judge.findings


def test_a_view_shows_the_replay_of_the_whole_log() -> None:
    """The wrong keys alone are named, with the last event of the log."""
    assert judged(*LOG, Viewed("page", {"a": 7})) == []
    last = stored(3, 1)
    (found,) = judged(*LOG, last, Viewed("page", {"a": 6, "b": None}))
    assert (found.anomaly, found.clause, found.position) == ("view-differs-from-replay", "view", 3)
    assert (found.expected, found.actual) == ({"a": 8}, {"a": 6})
    assert [proof.record for proof in found.evidence] == [last, Viewed("page", {"a": 6, "b": None})]


def test_a_view_is_compared_with_the_log_of_its_moment() -> None:
    assert judged(LOG[0], Viewed("page", {"a": 3}), LOG[1], Viewed("page", {"a": 7})) == []
    assert [one.expected for one in judged(LOG[0], Viewed("page", {"a": 3}), LOG[1], Viewed("page", {"a": 3}))] == [
        {"a": 7}
    ]


def test_only_a_partial_view_may_lack_a_key() -> None:
    assert judged(*LOG, Viewed("cache", {}, True)) == []
    assert [one.actual for one in judged(*LOG, Viewed("page", {}))] == [{"a": None}]
    assert [one.actual for one in judged(Viewed("cache", {"a": 1}, True))] == [{"a": 1}]


def test_two_replays_of_the_same_events_are_the_same() -> None:
    (found,) = judged(*LOG, Viewed("page", {}), application=Restless())
    assert (found.anomaly, found.clause) == ("replay-differs", "twice")
    assert (found.expected, found.actual) == ({"asked": 1}, {"asked": 2})


@pytest.mark.parametrize(
    ("scanned", "position", "there"),
    [
        (Scanned((1,), ("e1",)), 2, "the end"),
        (Scanned((1, 2), ("e1", "x")), 2, "x"),
        (Scanned((1, 2), ("a", "e2")), 1, "a"),
        (Scanned((), ()), 1, "the end"),
    ],
    ids=["the last is gone", "another in its place", "another in the first place", "all are gone"],
)
def test_an_event_that_vanishes_is_convicted_at_its_place(scanned: Scanned, position: int, there: str) -> None:
    (found,) = judged(*LOG, scanned)
    assert (found.anomaly, found.clause, found.position) == ("event-vanished", "log", position)
    assert (found.expected, found.actual) == (f"e{position}", there)


@pytest.mark.parametrize("scanned", [Scanned((1, 2), ("e1", "e2")), Scanned((1, 2, 3), ("e1", "e2", "e3"))])
def test_a_log_that_has_grown_is_innocent(scanned: Scanned) -> None:
    assert judged(*LOG, scanned) == []


def test_a_scan_of_a_part_says_nothing_about_the_whole() -> None:
    assert judged(*LOG, Scanned((2,), ("e2",), 1)) == []


def test_an_event_becomes_visible_behind_all_others() -> None:
    assert [one.anomaly for one in judged(LOG[1], LOG[0])] == ["visible-below-read-position"]
    assert [one.anomaly for one in judged(*LOG, stored(2, 4, "again"))] == ["visible-below-read-position"]
    assert judged(stored(2, 1), stored(7, 1)) == []


@pytest.mark.parametrize("when", ["dead", "restarted", "working", "resting"])
def test_the_rows_of_a_consumer_are_a_view_once_nothing_moves_any_more(when: str) -> None:
    """What a dead process has left, or one that has just begun again shows, may lack what is still to come."""
    shown = Shown("page", 1, {"a": 3}, when)
    assert [one.anomaly for one in judged(*LOG, shown)] == ["view-differs-from-replay"] * (when == "resting")
