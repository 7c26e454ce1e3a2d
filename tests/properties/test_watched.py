"""Watched consumers: histories that need several events in several streams."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.parts.calls import SERVICE, Called, Replied, Shown
from refold.model.record import ConsumerSpec, Opened, Prepared, Recovered, Settled, Settling
from refold.properties.consumers import odd_events

from ..systems.user.bags import Add, Added
from ..systems.user.field.test_field import Deposited, Money, Withdrawn
from .cases.own import BAG, BEGUN
from .test_clauses import judged


def added(op: str, position: int, bag: str, version: int) -> tuple[Any, ...]:
    """A call that puts one in."""
    event = NewEvent(f"{op}/0", "Added", Added(bag))
    return (
        Called("alice", op, Add(bag)),
        Prepared("alice", op, Add(bag), SERVICE, bag, version - 1, ANY, (event,)),
        Stored(position, bag, version, event.id, event.type, event.data),
        Replied("alice", op, "done"),
    )


ALL = (*added("alice-1", 1, "a", 1), *added("alice-2", 2, "b", 1), *added("alice-3", 3, "a", 2))
WHOLE = {"a": 2, "b": 1}


def test_rows_in_the_middle_of_work_are_not_those_of_an_earlier_position_because_an_event_was_missing_once() -> None:
    """It died with a checkpoint ahead and mended that. Later its rows are for a moment what they would be without the event: no position
    has such rows, so they have not gone back. Those of position 1 have."""
    before = (BEGUN, *ALL, Shown("worker", 2, {"a": 1}, "dead"), Shown("worker", 2, {"a": 1, "b": 1}, "restarted"))
    after = (Settling(), Shown("worker", 3, WHOLE, "resting"), Shown("table", None, WHOLE, "resting"), Settled(0))
    whole = Shown("worker", 3, WHOLE)
    assert judged((*before, whole, Shown("worker", 3, {"a": 2}), *after), BAG) == []
    (found,) = judged((*before, whole, Shown("worker", 3, {"a": 1}), *after), BAG)
    assert (found.anomaly, found.clause) == ("rows-go-back", "forward")


@pytest.mark.parametrize("checkpoint", [0, 1, 2])
def test_a_checkpoint_is_left_behind_however_far(checkpoint: int) -> None:
    """By one event or by all of them; at the end it is not."""
    after = (Settling(), Shown("table", None, WHOLE, "resting"), Settled(0))
    (found,) = judged((BEGUN, *ALL, *after[:1], Shown("worker", checkpoint, WHOLE, "resting"), *after[1:]), BAG)
    assert (found.anomaly, found.position, found.actual) == ("checkpoint-left-behind", checkpoint + 1, checkpoint)
    assert judged((BEGUN, *ALL, *after[:1], Shown("worker", 3, WHOLE, "resting"), *after[1:]), BAG) == []


@pytest.mark.parametrize(
    ("rows", "anomaly"), [(5, "event-never-applied"), (7, "effect-applied-twice"), (3, "replayed-state-differs")]
)
def test_of_many_ways_to_a_row_the_shortest_are_followed(
    rows: int, anomaly: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event is lost, or counts twice, and that is seen with two ways in mind; three lost ones are not."""
    monkeypatch.setattr(odd_events, "SEARCHED", 2)
    events = [record for n in range(1, 7) for record in added(f"alice-{n}", n, "a", n)]
    after = (
        Settling(),
        Shown("table", None, {"a": 6}, "resting"),
        Shown("worker", 6, {"a": rows}, "resting"),
        Settled(0),
    )
    assert [found.anomaly for found in judged((BEGUN, *events, *after), BAG)] == [anomaly]


def test_what_happens_to_every_event_is_a_rule_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them count twice, or all of one type do, or are lost. That is no row for which nobody knows a reason."""
    monkeypatch.setattr(odd_events, "SEARCHED", 2)
    spec = ConsumerSpec(name="worker", projection="views", watched=True)
    payloads = [Deposited("w1", 5) if n % 3 else Withdrawn("w1", 1) for n in range(18)]
    names = [type(one).__name__.encode().decode() for one in payloads]  # equal, and not one object, as from a table
    events = [Stored(n, "w1", n, f"e{n}", names[n - 1], one) for n, one in enumerate(payloads, 1)]
    begun = Opened(1, "by hand", "money", ("alice",), (spec,))

    def told(balance: int) -> list[tuple[str, int | None]]:
        shown = Shown("worker", 18, {"w1": balance}, "resting")
        found = judged((begun, *events, Settling(), shown, Settled(0)), Money())
        return [(one.anomaly, one.position) for one in found if one.judge == "watched-consumers"]

    deposited, withdrawn = 12 * 5, 6
    assert told(deposited - withdrawn) == []
    assert told(2 * (deposited - withdrawn)) == [("effect-applied-twice", 1)]
    assert told(2 * deposited - withdrawn) == [("effect-applied-twice", 2)]
    assert told(deposited - 2 * withdrawn) == [("effect-applied-twice", 1)]
    assert told(deposited) == [("event-never-applied", 1)]
    assert told(-withdrawn) == [("event-never-applied", 2)]
    assert [anomaly for anomaly, _ in told(17 * deposited)] == ["replayed-state-differs"]


@pytest.mark.parametrize("restarted", [False, True])
def test_of_equal_events_one_is_lost_that_was_not_in_the_rows_yet(restarted: bool) -> None:
    """Rows and checkpoint agreed at position 2: the events up to there were applied, and the third is the first that may be lost. One that
    was seen to begin again with less may lack any."""
    events = [record for n in range(1, 6) for record in added(f"alice-{n}", n, "a", n)]
    again = (Recovered("worker", 2, {}),) if restarted else ()
    after = (Settling(), Shown("table", None, {"a": 5}, "resting"), Shown("worker", 5, {"a": 4}, "resting"), Settled(0))

    def told(*before: Any) -> list[tuple[str, int | None]]:
        found = judged((BEGUN, *events[:8], *before, *events[8:], *again, *after), BAG)
        return [(one.anomaly, one.position) for one in found]

    assert told() == [("event-never-applied", 1)]
    assert told(Shown("worker", 2, {"a": 2})) == [("event-never-applied", 3)]
    assert told(Shown("worker", 1, {"a": 2})) == [("event-never-applied", 1)]
    assert told(Shown("worker", 2, {"a": 2}), Shown("worker", 2, {"a": 1}, "dead"))[0][1] == 2


def test_after_a_restart_rows_begin_anew_and_may_not_go_back_from_there() -> None:
    """What they were before is no measure; what they have been since is."""
    one, none = Shown("worker", 1, {"a": 1}, "working"), Shown("worker", 1, {}, "working")
    begun = (BEGUN, *ALL, Shown("worker", 3, WHOLE, "working"), Recovered("worker", 0, {}))
    assert judged((*begun, none, one), BAG) == []
    assert [found.anomaly for found in judged((*begun, one, none), BAG)] == ["rows-go-back"]


def test_of_two_ways_to_explain_a_row_the_one_with_fewer_events_is_told() -> None:
    """A withdrawal that counts twice, and not two deposits that are lost."""
    spec = ConsumerSpec(name="worker", projection="views", watched=True)
    payloads = [*(Deposited("w1", 3) for _ in range(5)), Withdrawn("w1", 6)]
    names = [type(one).__name__.encode().decode() for one in payloads]  # equal, and not one object, as from a table
    events = [Stored(n, "w1", n, f"e{n}", names[n - 1], one) for n, one in enumerate(payloads, 1)]
    begun = Opened(1, "by hand", "money", ("alice",), (spec,))

    def told(balance: int) -> list[str]:
        shown = Shown("worker", 6, {"w1": balance}, "resting")
        found = judged((begun, *events, Settling(), shown, Settled(0)), Money())
        return [one.anomaly for one in found if one.judge == "watched-consumers"]

    assert told(9) == []
    assert told(3) == ["effect-applied-twice"]
    assert told(6) == ["event-never-applied"]


def test_rows_that_lack_an_event_may_look_like_earlier_ones_and_then_that_is_the_matter() -> None:
    """They went back in the middle of work, and at rest an event is missing: the latter is told."""
    back = Shown("worker", 3, {"a": 1})
    end = Shown("worker", 3, {"a": 1, "b": 1}, "resting"), Shown("table", None, WHOLE, "resting"), Settled(0)
    (found,) = judged((BEGUN, *ALL, Shown("worker", 3, WHOLE), back, Settling(), *end), BAG)
    assert found.anomaly == "event-never-applied"


def test_rows_of_which_each_moves_on_have_not_gone_back() -> None:
    """Two work on one table, each on its streams, and one is ahead: they may look as they did at an earlier position."""
    spec = ConsumerSpec(name="worker", projection="views", watched=True)
    payloads = [Deposited("w1", 3), Deposited("w2", 5), Deposited("w1", 3), Withdrawn("w1", 3)]
    events = [Stored(n, one.wallet, n, f"e{n}", type(one).__name__, one) for n, one in enumerate(payloads, 1)]
    begun = Opened(1, "by hand", "money", ("alice",), (spec,))

    def told(*shown: dict[str, int]) -> list[str]:
        looks = [Shown("worker", None, rows) for rows in shown]
        end = Settling(), Shown("worker", None, {"w1": 3, "w2": 5}, "resting"), Settled(0)
        found = judged((begun, *events, *looks, *end), Money())
        return [one.anomaly for one in found if one.judge == "watched-consumers"]

    first, second, third = {"w1": 3}, {"w1": 3, "w2": 5}, {"w1": 6, "w2": 5}
    assert told(first, second, third, second) == []
    assert told(first, second, third, {"w1": 6}, first) == ["rows-go-back"]
    assert told(first, second, first) == ["rows-go-back"]
