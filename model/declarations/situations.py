"""Situations that a search should reach: “sometimes” assertions.

A search that held says nothing about what it never came to. `sometimes` names a situation at the place in the code where it is seen; the
report counts the runs that reached it and says which were never reached. The idea is that of Antithesis's *sometimes assertions*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from refold.model.errors import UsageError

_this_run: dict[str, bool] = {}
"""Name -> whether the run that is under way has reached it. There is one run at a time in a process."""

_distances: dict[str, float] = {}
"""Name -> how near the run that is under way has come to it."""


def sometimes(name: str, condition: object = True, *, distance: float | None = None) -> bool:
    """Report that the situation called `name` is reached if `condition` is true; returns whether it is.

    `distance` is a number that says how far away the situation is. At 0 the condition decides; above 0 the situation is not reached. If a
    situation is never reached, the plan of the run that came nearest to it is kept.

    A search counts the runs in which the situation was reached at least once, and lists every name that no run reached.
    Call this function from an application, a service, a handler, or anywhere else in the process that is verified;
    outside a search, it only returns whether `condition` is true. Raises `UsageError` if the name is not a string, or
    if the distance is not a number of at least 0.
    """
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"sometimes({name!r}): expected a text that names the situation")
    reached = bool(condition)
    if distance is not None:
        reached = near(name, distance) and reached
    if reached or name not in _this_run:
        _this_run[name] = reached
    return reached


def near(name: str, distance: float) -> bool:
    """Keep a distance if no other was smaller in this run; returns whether it is 0."""
    try:
        there = float(distance)
    except (TypeError, ValueError, OverflowError):
        there = math.nan
    if not there >= 0:
        raise UsageError(f"sometimes({name!r}, distance={distance!r}): expected a number that is 0 or more")
    _distances[name] = min(there, _distances.get(name, math.inf))
    return there == 0


def begin_run() -> None:
    """A run begins: nothing is reached yet."""
    _this_run.clear()
    _distances.clear()


def of_this_run() -> dict[str, bool]:
    """What the run has come to: name -> whether it was reached."""
    return dict(_this_run)


def distances_of_this_run() -> dict[str, float]:
    """How near the run has come: name -> the smallest distance."""
    return dict(_distances)


def never_reached(runs: Mapping[str, int], nearest: Mapping[str, tuple[float, int]] | None = None) -> tuple[str, ...]:
    """A sentence for each situation (name -> runs that reached it) that no run has reached. `nearest` has the smallest distance of those
    that came near, and the number of the run (from 0)."""
    return tuple(
        f"what follows “{name}”: no run reached it{came_nearest((nearest or {}).get(name))}"
        for name, reached in runs.items()
        if not reached
    )


def came_nearest(nearest: tuple[float, int] | None) -> str:
    """How near a run came, as the end of a sentence."""
    return "" if nearest is None else f"; run {nearest[1] + 1:,} came nearest, at a distance of {nearest[0]:g}"
