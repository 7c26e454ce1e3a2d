"""The race: no search wins everywhere, so they are stepped in turn, and the first to finish is right, whichever it is.

The share of each turn doubles, so none can hold up the others for more than a constant factor. Nothing depends on time:
the same history has the same winner.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from refold.properties.linearizability.searches.budget import Budget, BudgetSpent
from refold.properties.linearizability.searches.found import Found, Search
from refold.properties.linearizability.searches.just_in_time import depth_first, frontier, relaxed
from refold.properties.linearizability.searches.schedule import Schedule
from refold.properties.linearizability.searches.wing_gong import wing_gong

__all__ = ["Entrant", "Race", "entrants", "searched"]

_SHARE_FIRST = 2000
_WORK_TO_SHORTEN_MAX = 1_000_000

Entrant: TypeAlias = Callable[[Schedule, int], Search]
"""A search of the first so many moments of a schedule."""


class Race:
    """Searches of the first `until` moments of one schedule."""

    def __init__(self, entered: Sequence[Entrant], schedule: Schedule, until: int, *, patience: int = 1) -> None:
        """The more patience, the longer the first ones go on before the others."""
        self.share = patience * (_SHARE_FIRST + 8 * until)
        self.work = 0
        self._running = [search(schedule, until) for search in entered]

    def turn(self, budget: Budget) -> Found | None:
        """A turn for every search; what was found, if one has ended. `BudgetSpent` if there is nothing left to spend."""
        share = self.share
        self.share *= 2
        for search in self._running:
            spent = 0
            try:
                while spent < share:
                    work = next(search)
                    spent += work
                    budget.spend(work)
            except StopIteration as end:
                found: Found = end.value
                return found
            finally:
                self.work += spent
        return None

    def run(self, budget: Budget, work_max: int | None = None) -> Found:
        """Turns until one has ended; `BudgetSpent` also if that is more work than allowed."""
        while True:
            found = self.turn(budget)
            if found is not None:
                return found
            if work_max is not None and self.work > work_max:
                raise BudgetSpent("the work allowed was spent")


def entrants(schedule: Schedule) -> list[Entrant]:
    """Those that may win, the quickest to say yes first."""
    return [wing_gong, frontier, depth_first, *([] if schedule.all_known else [relaxed])]


def searched(schedule: Schedule, found: Found, budget: Budget) -> Found:
    """The first moment that is impossible, where a race has only found one that is."""
    if found.linearizable or found.earliest:
        return found
    race = Race([wing_gong, depth_first, frontier, relaxed], schedule, found.moments)
    try:
        before = race.run(budget, work_max=_WORK_TO_SHORTEN_MAX)
    except BudgetSpent:
        return found
    return attrs.evolve(before, linearizable=False) if before.linearizable or before.earliest else before
