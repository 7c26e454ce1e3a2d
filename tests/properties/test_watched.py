"""Watched consumers: histories that need several events in several streams."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.event import NewEvent, Stored
from refold.model.expectation import ANY
from refold.model.parts.calls import SERVICE, Called, Replied, Shown
from refold.model.record import Prepared, Settled, Settling

from ..systems.user.bags import Add, Added
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
