"""Outlooks: how long an exploration will go on, by how its levels have grown so far.

What the bounds allow is used up little by little, so each level grows less than the one before: the logarithms of the numbers of new states
lie near a parabola. How it bends is taken from the last levels, and from what it was in other scopes as long as there are few.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import attrs

from refold.search.explore.explorer import Level

USUAL_BEND = -0.45
"""By what the logarithm of the growth changes from one level to the next, in most scopes that were explored to the end."""

RECENT = 3
"""Levels whose bends are looked at."""

UNSURE = 0.25
"""By what a bend may be off, either way."""

LEAST_BEND = -0.1
"""A scope that grows without an end has none; every scope has one."""

FARTHEST = 80
"""Levels ahead, at most."""


@attrs.frozen
class Outlook:
    """Seconds that are left, at least and at most, and how many times as large as the one before the last level is."""

    least: float
    most: float
    growth: float


def outlook(levels: Sequence[Level]) -> Outlook | None:
    """What there is to expect, after these levels, all of which were explored to their ends; None as long as there are fewer than three."""
    if len(levels) < 3 or not all(level.states for level in levels):
        return None
    growths = [math.log(after.states / before.states) for before, after in itertools.pairwise(levels)]
    bends = [after - before for before, after in itertools.pairwise(growths)][-RECENT:]
    bend = (USUAL_BEND + sum(bends)) / (1 + len(bends))
    pace = levels[-1].seconds / levels[-2].states
    states = levels[-1].states
    least, most = (pace * ahead(states, growths[-1], min(bend + off, LEAST_BEND)) for off in (-UNSURE, UNSURE))
    return Outlook(least, most, math.exp(growths[-1]))


def ahead(states: int, growth: float, bend: float) -> float:
    """The states that are still to be gone on from, those of the last level included."""
    total, now = 0.0, float(states)
    for _ in range(FARTHEST):
        if now < 1:
            break
        total += now
        growth += bend
        now *= math.exp(growth)
    return total
