"""The log keeps its seven promises, under every fuse and every power cut."""

from __future__ import annotations

import random
from typing import Any

import pytest

from refold.model.action import POWER_CUTS
from refold.model.expectation import ANY, NO_STREAM, STREAM_EXISTS, AnyExpectation, Criterion, Exact, NoMatch
from refold.model.log import Appended, Conflict, Log
from refold.model.process import ProcessDied

from .built import filled, names, request


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("expected", [ANY, NO_STREAM, STREAM_EXISTS, Exact(1), Exact(2)])
def test_an_append_happens_if_and_only_if_its_expectation_holds(version: int, expected: AnyExpectation) -> None:
    """A refused one leaves nothing, and says what was found."""
    log = filled(*"ab"[:version])
    outcome = log.append(request("x-1", "x", expected=expected))
    if expected.holds(version):
        assert outcome == Appended((version + 1,))
        assert names(log) == [*"ab"[:version], "x"]
    else:
        assert outcome == Conflict(version)
        assert names(log) == list("ab"[:version])


def test_positions_count_over_the_log_and_versions_over_the_stream() -> None:
    """Both from 1, without gaps."""
    log = Log()
    for n, stream in enumerate(("a", "b", "a", "b", "a")):
        log.append(request(f"w-{n}", "x", stream=stream))
    assert [(e.position, e.stream, e.version) for e in log.read(0, 10)] == [
        (1, "a", 1),
        (2, "b", 1),
        (3, "a", 2),
        (4, "b", 2),
        (5, "a", 3),
    ]
    assert [e.position for e in log.read_stream("a", 1)] == [3, 5]
    assert list(log.read_stream("nobody", 0)) == []


def test_read_gives_at_most_what_was_asked_for_behind_the_position() -> None:
    """And nothing at the tail."""
    log = filled(*"abcde")
    assert [e.position for e in log.read(1, 2)] == [2, 3]
    assert [e.position for e in log.read(4, 10)] == [5]
    assert list(log.read(5, 10)) == []


@pytest.mark.parametrize("fuse", [1, 2, 3, 4, 5])
def test_a_batch_is_whole_or_absent_wherever_the_log_dies(fuse: int) -> None:
    """Two events and their marker are three durable steps, the sync is the fourth."""
    log = filled("a")
    log.light(fuse)
    if fuse <= 4:
        with pytest.raises(ProcessDied) as death:
            log.append(request("x-1", "x", "y"))
        assert (death.value.process, death.value.during) == (log, fuse)
        log.crash()
        assert log.down
        log.restart()
    else:
        log.append(request("x-1", "x", "y"))
    assert names(log) in (["a"], ["a", "x", "y"])
    assert (names(log) == ["a"]) == (fuse <= 3)
    log.fuse = 0
    log.append(request("z-1", "z"))
    assert names(log)[-1] == "z"
    assert [event.version for event in log.read(0, 10)] == list(range(1, len(log.entries) + 1))


@pytest.mark.parametrize("how", POWER_CUTS)
@pytest.mark.parametrize("fuse", [1, 2, 3, 4])
def test_an_append_without_an_answer_may_be_lost_in_a_power_cut_but_only_as_a_whole(fuse: int, how: str) -> None:
    """What was acknowledged before stays."""
    log = filled("a", "b")
    log.light(fuse)
    with pytest.raises(ProcessDied):
        log.append(request("x-1", "x", "y"))
    log.cut_power(how)
    log.restart()
    assert names(log) == ["a", "b"]
    assert log.version("acme") == 2
    log.append(request("z-1", "z", expected=Exact(2)))
    assert names(log) == ["a", "b", "z"]


class Lazy(Log):
    """Never syncs, so that a power cut has something to take."""

    def sync(self) -> None:
        """Later."""


@pytest.mark.parametrize(("how", "kept"), [("drop", 0), ("reorder", 0), ("torn", 2)])
def test_a_power_cut_takes_unsynced_batches_from_the_end_and_leaves_a_consistent_log(how: str, kept: int) -> None:
    """Whole batches, and their ids are forgotten, so that they can be appended again."""
    log = Lazy()
    for n in range(4):
        log.append(request(f"w-{n}", f"{n}a", f"{n}b"))
    log.cut_power(how)
    assert log.down
    log.restart()
    assert names(log) == [name for n in range(kept) for name in (f"{n}a", f"{n}b")]
    assert log.version("acme") == 2 * kept
    again = log.append(request("w-3", "3a", "3b", expected=Exact(2 * kept) if kept else NO_STREAM))
    assert isinstance(again, Appended)
    assert names(log)[-2:] == ["3a", "3b"]
    assert [e.version for e in log.read(0, 100)] == list(range(1, 2 * kept + 3))


@pytest.mark.parametrize("how", POWER_CUTS)
def test_acknowledged_appends_survive_a_power_cut(how: str) -> None:
    """All of them."""
    log = filled(*"abc")
    log.cut_power(how)
    log.restart()
    assert names(log) == list("abc")


@pytest.mark.parametrize("lost", range(1, 6))
@pytest.mark.parametrize("kept", range(1, 5))
def test_positions_that_a_power_cut_has_freed_are_a_gap_that_readers_pass(kept: int, lost: int) -> None:
    """None of them is taken again, however many they are."""
    log = filled(*"abcd"[:kept])
    log.light(lost + 2)  # each event, their marker, and then the sync
    with pytest.raises(ProcessDied):
        log.append(request("x-1", *"vwxyz"[:lost]))
    log.cut_power("drop")
    log.restart()
    log.append(request("z-1", "z"))
    taken = (*range(1, kept + 1), kept + lost + 1)
    for after in range(kept + lost + 2):
        assert [event.position for event in log.read(after, 10)] == [place for place in taken if place > after]


def test_an_append_that_was_stored_before_gets_its_first_answer_again() -> None:
    """Whatever the stream has become since, and also after a restart."""
    log = filled("a")
    first = log.append(request("x-1", "x", "y", expected=Exact(1)))
    log.append(request("w-9", "z"))
    assert log.append(request("x-1", "x", "y", expected=Exact(1))) == first
    log.crash()
    log.restart()
    assert log.append(request("x-1", "x", "y", expected=Exact(1))) == first
    assert names(log) == ["a", "x", "y", "z"]


# -- slow appends


def test_a_slow_append_that_was_stored_in_the_meantime_gets_the_answer_of_then() -> None:
    """It was sent once more, and without a condition nothing else would stop it: an event id is stored once."""
    log = filled("a")
    slow = request("slow-1", "s", "t", stream="other")
    log.begin(slow)
    first = log.append(slow)
    assert log.commit("slow-1") == first == Appended((4, 5))
    assert names(log) == ["a", "s", "t"]


def test_nothing_of_a_slow_append_is_visible_before_its_commit() -> None:
    """Nor is anything behind it: a reader who went on would never see it."""
    log = filled("a")
    assert log.begin(request("slow-1", "s", "t", stream="other")) == (2, 3)
    assert log.append(request("w-2", "b")) == Appended((4,))
    assert names(log) == ["a"]
    assert log.horizon() == 2
    assert log.commit("slow-1") == Appended((2, 3))
    assert names(log) == ["a", "s", "t", "b"]
    assert names(log, after=1) == ["s", "t", "b"]


def test_the_horizon_is_the_lowest_open_append() -> None:
    """Commits in another order than begins do not lift it too far."""
    log = Log()
    log.begin(request("one-1", "p", stream="one"))
    log.begin(request("two-1", "q", stream="two"))
    log.commit("two-1")
    assert names(log) == []
    log.commit("one-1")
    assert names(log) == ["p", "q"]


def test_a_rolled_back_append_leaves_a_gap_that_readers_pass() -> None:
    """Its positions are never used again."""
    log = filled("a")
    log.begin(request("slow-1", "s"))
    log.abort("slow-1")
    assert log.append(request("w-2", "b")) == Appended((3,))
    assert [e.position for e in log.read(0, 10)] == [1, 3]
    assert [e.position for e in log.read(1, 1)] == [3]
    assert [e.position for e in log.read(2, 1)] == [3]
    assert [e.version for e in log.read(0, 10)] == [1, 2]


def test_a_slow_append_is_checked_again_at_its_commit() -> None:
    """The stream has moved: a definite no, and no trace."""
    log = filled("a")
    log.begin(request("slow-1", "s", expected=Exact(1)))
    log.append(request("w-2", "b"))
    assert log.commit("slow-1") == Conflict(2)
    assert names(log) == ["a", "b"]
    assert log.open == {}


def test_a_slow_append_without_expectation_moves_behind_what_came_between() -> None:
    """Versions of a stream stay gapless."""
    log = filled("a")
    log.begin(request("slow-1", "s"))
    log.append(request("w-2", "b"))
    assert log.commit("slow-1") == Appended((4,))
    assert [(e.data.name, e.version) for e in log.read(0, 10)] == [("a", 1), ("b", 2), ("s", 3)]


def test_a_slow_append_is_refused_at_once_where_its_expectation_fails() -> None:
    """And answered at once where it was stored before."""
    log = filled("a")
    assert log.begin(request("slow-1", "s", expected=NO_STREAM)) == Conflict(1)
    assert log.begin(request("w-1", "a")) == Appended((1,))
    assert log.open == {}


def test_open_appends_die_with_the_process() -> None:
    """Their positions remain a gap."""
    log = filled("a")
    log.begin(request("slow-1", "s"))
    log.crash()
    log.restart()
    assert log.open == {}
    log.append(request("w-2", "b"))
    assert [e.position for e in log.read(0, 10)] == [1, 3]


@pytest.mark.parametrize("fuse", [1, 2, 3, 4])
def test_a_slow_append_is_whole_or_absent_wherever_its_commit_dies(fuse: int) -> None:
    """Like any other."""
    log = filled("a")
    log.begin(request("slow-1", "s", "t"))
    log.light(fuse)
    with pytest.raises(ProcessDied):
        log.commit("slow-1")
    log.crash()
    log.restart()
    assert names(log) in (["a"], ["a", "s", "t"])


def test_the_log_agrees_with_a_list_over_random_appends() -> None:
    """A model of the model: a list of accepted batches, checked after every step, with gaps and slow appends in between."""
    generator = random.Random(11)
    for _ in range(100):
        log = Log()
        accepted: list[tuple[str, int, str]] = []
        open_: list[Any] = []
        for n in range(30):
            stream = generator.choice("ab")
            version = sum(event[0] == stream for event in accepted)
            expected = generator.choice((ANY, NO_STREAM, STREAM_EXISTS, Exact(max(version, 1)), Exact(version + 1)))
            wanted = request(f"op-{n}", *"xy"[: generator.randint(1, 2)], stream=stream, expected=expected)
            kind = generator.random()
            if kind < 0.6:
                outcome = log.append(wanted)
            elif kind < 0.75:
                outcome = log.begin(wanted)
                assert isinstance(outcome, Conflict) != expected.holds(version)
                if isinstance(outcome, tuple):
                    open_.append(wanted)
                continue
            elif open_:
                wanted = open_.pop(generator.randrange(len(open_)))
                version = sum(event[0] == wanted.stream for event in accepted)
                if kind > 0.9:
                    log.abort(wanted.op)
                    continue
                outcome = log.commit(wanted.op)
            else:
                continue
            assert isinstance(outcome, Appended) == wanted.expected.holds(version)
            if isinstance(outcome, Appended):
                accepted += [
                    (wanted.stream, position, event.id)
                    for position, event in zip(outcome.positions, wanted.events, strict=True)
                ]
            for name in "ab":
                assert [e.id for e in log.read_stream(name, 0)] == [i for s, _, i in accepted if s == name]
            visible = [(e.stream, e.position, e.id) for e in log.read(0, 1000)]
            horizon = log.horizon() if log.open else 1 << 30
            assert visible == [e for e in sorted(accepted, key=lambda e: e[1]) if e[1] < horizon]


@pytest.mark.parametrize("after", range(5))
def test_a_condition_over_tags_looks_behind_the_position_that_was_read(after: int) -> None:
    """What a decision has read is no reason against it."""
    condition = NoMatch((Criterion(("Registered",)),), after)
    answer = filled("a", "b", "c").append(request("x-1", "x", expected=condition))
    assert isinstance(answer, Appended) == (after >= 3)
