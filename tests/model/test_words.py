"""Words for numbers and lists."""

from __future__ import annotations

from refold.model.parts.messages.change_stream import CopyAtRest
from refold.model.parts.messages.dual_write import StoresAtRest
from refold.model.parts.messages.topic import Tally
from refold.model.words import counted, listed, places, some


def test_one_is_not_many() -> None:
    """And thousands have commas."""
    assert [counted(n, "event") for n in (0, 1, 2, 1_000)] == ["0 events", "1 event", "2 events", "1,000 events"]
    assert str(Tally(1, 2, 1, 2)) == "1 message up to offset 2 of epoch 1, sum 2"


def test_lists_are_said_without_brackets() -> None:
    """A record speaks to people, not to Python."""
    assert listed((1, 2)) == "1, 2"
    assert listed(()) == "nothing"
    assert str(CopyAtRest({"a": (1,)})) == "at rest the copy holds a = 1"
    assert str(StoresAtRest({"a": 1}, {})) == "at rest the first store holds version 1 of a; the second nothing"


def test_long_runs_of_positions_are_cut() -> None:
    """Their number is said."""
    assert places((3,)) == "position 3"
    assert places(()) == "no position"
    assert places(tuple(range(1, 11))) == "positions 1, 2, 3, 4, 5, 6, 7, 8, … (10 in all)"


def test_of_many_names_the_first_are_said() -> None:
    """And how many there are."""
    assert some(["a", "b"], most=2) == "a, b"
    assert some(["a", "b", "c"], most=2) == "a, b, … (3 in all)"
