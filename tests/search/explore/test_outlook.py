"""How long an exploration will go on, compared with how long explorations went on."""

from __future__ import annotations

import pytest

from refold.search.explore.explorer import Level
from refold.search.explore.outlook import outlook

EXPLORED = {
    "two commands, a crash, a delivery out of order": (51, 290, 995, 1480, 1534, 1486, 885, 232, 20),
    "the same, before consumers were told apart": (15, 107, 638, 1964, 3955, 5539, 6203, 4658, 1782, 344, 33),
}
"""New states of each level of scopes of the reference system that were explored to the end."""


def levels(states: tuple[int, ...]) -> list[Level]:
    """Levels that take a second for each state that is gone on from."""
    return [
        Level(n, count, 0, 0, float(before))
        for n, (before, count) in enumerate(zip((1, *states), states, strict=False), 1)
    ]


@pytest.mark.parametrize("states", EXPLORED.values(), ids=list(EXPLORED))
def test_from_the_fifth_level_on_the_end_is_foreseen_within_a_factor_of_two(states: tuple[int, ...]) -> None:
    for known in range(5, len(states)):
        seen = outlook(levels(states[:known]))
        assert seen is not None
        left = sum(states[known - 1 :])
        assert seen.least / 2 <= left <= 2 * seen.most
        assert seen.least <= seen.most


def test_nothing_is_foreseen_by_two_levels_or_by_none() -> None:
    assert outlook([]) is None
    assert outlook(levels((10, 20))) is None
    assert outlook([*levels((10, 20)), Level(3, 0, 5, 5, 1.0)]) is None


def test_a_scope_that_grows_as_before_is_long() -> None:
    seen = outlook(levels((10, 100, 1000, 10_000)))
    assert seen is not None
    assert seen.growth == pytest.approx(10)
    assert seen.most > 1e6
