"""Positions: a total order within one space and epoch, and no comparison across them."""

from __future__ import annotations

import operator
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refold.systems.variants.position import IncomparablePositions, Position


def test_positions_of_one_space_are_totally_ordered() -> None:
    """By number, 9 before 10, whatever their text says."""
    positions = [Position(number) for number in (10, 9, 100, 0)]
    assert [position.number for position in sorted(positions)] == [0, 9, 10, 100]
    for a, b in product(positions, repeat=2):
        assert (a < b) == (a.number < b.number)
        assert (a == b) == (a.number == b.number)
        assert (a > b) == (a.number > b.number)
        assert (a <= b) == (a.number <= b.number)
        assert (a >= b) == (a.number >= b.number)
    assert len({Position(3), Position(3), Position(4)}) == 2


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Position(3, "stream:cart-7"), "coordinate spaces differ"),
        (Position(3, epoch=1), "new epoch"),
        (3, "not a position"),
        ("3", "not a position"),
    ],
)
def test_a_position_refuses_to_be_compared_with_what_it_cannot_be(other: object, why: str) -> None:
    """Equality included: a silent False hides the bug."""
    with pytest.raises(IncomparablePositions, match=why):
        _ = Position(3) == other
    for order in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(IncomparablePositions, match=why):
            order(Position(3), other)


def test_a_position_names_its_space_and_epoch() -> None:
    """As it stands in messages."""
    assert str(Position(7)) == "log@7"
    assert str(Position(7, "stream:a", 2)) == "stream:a@7 (epoch 2)"


NUMBERS = st.integers(0, 1 << 70)
SPACES = st.sampled_from(["log", "stream:a", "stream:b", "category:a", "parked:index"])
POSITIONS = st.builds(Position, NUMBERS, SPACES, st.integers(0, 2))


def comparable(a: Position, b: Position) -> bool:
    """Whether the two are places in one coordinate space of one epoch."""
    return (a.space, a.epoch) == (b.space, b.epoch)


@given(NUMBERS, NUMBERS, NUMBERS, SPACES, st.integers(0, 2))
def test_order_within_one_space_and_epoch_is_total(x: int, y: int, z: int, space: str, epoch: int) -> None:
    """Antisymmetric, transitive, connected; equality, hash and all six operators agree with it."""
    a, b, c = (Position(number, space, epoch) for number in (x, y, z))
    assert a <= b or b <= a
    assert (a <= b and b <= a) == (a == b)
    assert not (a <= b and b <= c) or a <= c
    assert [a < b, a == b, a > b].count(True) == 1
    assert (a != b) == (not a == b)  # noqa: SIM201 - the law is about both operators
    assert (a < b) == (not a >= b)
    assert (a > b) == (not a <= b)
    assert a != b or hash(a) == hash(b)


@given(st.lists(NUMBERS), SPACES)
def test_sorting_positions_sorts_their_numbers(numbers: list[int], space: str) -> None:
    """Nine comes before ten, and positions outgrow 64 bits without harm."""
    assert [position.number for position in sorted(Position(number, space) for number in numbers)] == sorted(numbers)


@given(POSITIONS, POSITIONS)
def test_every_comparison_answers_or_refuses_by_the_coordinate_spaces_alone(a: Position, b: Position) -> None:
    """All six operators and both directions behave alike."""
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        for left, right in ((a, b), (b, a)):
            if comparable(a, b):
                assert compare(left, right) == compare(left.number, right.number)
            else:
                with pytest.raises(IncomparablePositions):
                    compare(left, right)


@given(POSITIONS, st.one_of(st.integers(), st.text(), st.none(), st.floats(), st.tuples(st.integers())))
def test_a_position_is_never_compared_with_anything_else(position: Position, other: object) -> None:
    """Nor found in a list of bare numbers."""
    with pytest.raises(IncomparablePositions):
        _ = position == other
    with pytest.raises(IncomparablePositions):
        _ = position in [other]


@given(POSITIONS)
def test_a_position_survives_json(position: Position) -> None:
    """As it is kept in a checkpoint: space and epoch included. Numbers of JSON end at 64 bits."""
    if position.number < 1 << 63:
        assert msgspec.json.decode(msgspec.json.encode(position), type=Position) == position
