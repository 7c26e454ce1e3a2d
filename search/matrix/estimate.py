"""What another hour would find: species estimators, which ecologists use for the species that nobody has seen yet.

A run is a sample; what it shows (a finding, a pair of actions) are species. Chao1 (A. Chao, Nonparametric estimation of the number of
classes in a population, 1984) estimates how many there are that no run has shown, from those that one and two runs have shown. The
extrapolation to more runs is that of Colwell and others (Models and estimators linking individual-based and sample-based rarefaction,
extrapolation and comparison of assemblages, 2012).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs


@attrs.frozen
class Estimate:
    """`seen` things in `runs` runs; `unseen` is Chao1's lower bound for the others; `chance` that the next run shows a new one (Good and
    Turing)."""

    runs: int
    seen: int
    once: int
    unseen: float

    @property
    def chance(self) -> float:
        """0 to 1."""
        return self.once / self.runs if self.runs else 0.0

    def more(self, runs: float) -> float:
        """How many new things so many runs more would show."""
        if not self.unseen or not self.runs:
            return 0.0
        rate = self.once / (self.runs * self.unseen + self.once)
        return self.unseen * (1 - math.exp(runs * math.log1p(-rate))) if rate < 1 else self.unseen


def estimate(frequencies: Mapping[int, int], runs: int) -> Estimate:
    """From how many things (value) came in how many runs (key)."""
    once, twice = frequencies.get(1, 0), frequencies.get(2, 0)
    unseen = once * once / (2 * twice) if twice else once * (once - 1) / 2
    return Estimate(runs, sum(frequencies.values()), once, unseen)
