"""The estimators, against figures that can be worked out by hand, and against populations that are known."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from refold.search.matrix.estimate import estimate


def test_chao1_by_hand() -> None:
    """Ten things once, five twice: 10 * 10 / (2 * 5) unseen; without any twice, 10 * 9 / 2."""
    found = estimate({1: 10, 2: 5, 7: 3}, runs=100)
    assert (found.seen, found.once, found.unseen) == (18, 10, 10.0)
    assert found.chance == pytest.approx(0.1)
    assert estimate({1: 10}, runs=100).unseen == 45.0


def test_what_was_seen_often_hides_nothing() -> None:
    """No single one: nothing more is expected."""
    found = estimate({2: 4, 9: 1}, runs=50)
    assert found.unseen == 0.0
    assert found.more(1000) == 0.0
    assert estimate({}, runs=0).chance == 0.0


def test_more_runs_show_more_up_to_what_is_unseen() -> None:
    """The extrapolation grows and has a ceiling."""
    found = estimate({1: 10, 2: 5}, runs=100)
    steps = [found.more(runs) for runs in (0, 1, 10, 100, 10_000)]
    assert steps == sorted(steps)
    assert steps[0] == 0.0
    assert steps[1] == pytest.approx(found.chance, rel=0.1)
    assert steps[-1] == pytest.approx(found.unseen, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_the_expectation_is_near_what_then_comes(seed: int) -> None:
    """A population of 200 things, some common and most rare: 400 runs, then 400 more."""
    chance = random.Random(seed)
    rates = [1 / (rank + 3) ** 1.3 for rank in range(200)]

    def sample(runs: int) -> Counter[int]:
        return Counter(thing for _ in range(runs) for thing, rate in enumerate(rates) if chance.random() < rate)

    before = sample(400)
    found = estimate(Counter(before.values()), 400)
    new = len(set(sample(400)) - set(before))
    assert 0.5 * new <= found.more(400) <= 1.6 * new
