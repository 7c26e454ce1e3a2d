"""Situations that a search should reach: “sometimes” assertions.

A search that held says nothing about what it never came to. `sometimes` names a situation at the place in the code where it is seen; the
report counts the runs that reached it and says which were never reached. The idea is that of Antithesis's *sometimes assertions*.
"""

from __future__ import annotations

from refold.model.errors import UsageError

_this_run: dict[str, bool] = {}
"""Name -> whether the run that is under way has reached it. There is one run at a time in a process."""


def sometimes(name: str, condition: object = True) -> bool:
    """Say that the situation called `name` is reached if `condition` is true; returns whether it is.

    A search counts the runs in which that happened at least once, and lists every name that no run reached. Call it from an application, a
    service, a handler, anywhere in the process that is verified; outside of a search it does nothing else. Raises `UsageError` for a name
    that is no text.
    """
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"sometimes({name!r}): expected a text that names the situation")
    reached = bool(condition)
    if reached or name not in _this_run:
        _this_run[name] = reached
    return reached


def begin_run() -> None:
    """A run begins: nothing is reached yet."""
    _this_run.clear()


def of_this_run() -> dict[str, bool]:
    """What the run has come to: name -> whether it was reached."""
    return dict(_this_run)


def never_reached(runs: dict[str, int]) -> tuple[str, ...]:
    """A sentence for each situation (name -> runs that reached it) that no run has reached."""
    return tuple(f"what follows “{name}”: no run reached it" for name, reached in runs.items() if not reached)
