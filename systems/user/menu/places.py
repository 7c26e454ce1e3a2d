"""Places at which a user's own code stops: which of them a menu speaks of, and under what they are kept."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

from refold.systems.user.actors import numbered

COMMIT = "COMMIT"
"""How the place is called at which what was written becomes visible to others."""
PLACES = 12
"""Places of the user's code, at most, that a menu speaks of for each actor."""
WAITING = ("acquire", "await ", "sleep ", "join of", "its first line")
"""How places begin at which somebody only waits."""
QUIET = ("SELECT", "PRAGMA", "BEGIN", "SET ", "SHOW", "ROLLBACK", *WAITING)
"""How places begin at which nothing is written or sent."""


READS = "SELECT"
"""How places begin at which something is read, which may be old when it is used."""


def chosen(places: Sequence[str]) -> list[str]:
    """The places that a menu speaks of, in their order: where there are too many, those first at which something is written or sent, and
    those last that come again, except commits. Where nothing commits, each statement that writes is a commit by itself."""
    commits = any(place.startswith(COMMIT) for place in places)
    kept = set(sorted(places, key=functools.partial(rank, commits=commits))[:PLACES])
    return [place for place in places if place in kept]


def waits(place: str) -> bool:
    """Whether somebody only waits there: for time, for a lock, or for a thread of a pool. Awaits have numbers of their own."""
    return place.startswith(WAITING) or place.endswith(" in a thread")


def rank(place: str, *, commits: bool) -> int:
    """How late a place is chosen, among places with commits or without."""
    quiet = place.startswith(QUIET)
    if numbered(place)[1] > 1 and not place.startswith(COMMIT) and (commits or quiet):
        return 2
    return int(quiet)


def restart_of(name: str) -> str:
    """Under which name the places of a recovery are known."""
    return f"restart:{name}"


def beginning_of(name: str) -> str:
    """Under which name the places of a first turn are known, if it is unlike all others."""
    return f"beginning:{name}"


def begins_otherwise(turns: Sequence[Collection[str]]) -> bool:
    """Whether the first of some turns stops at places where no later one does, or at more than twice as many. How often a place comes again
    in a turn depends on how much there is to do."""
    first, *others = turns or [()]
    if len(first) > 2 * max(map(len, others), default=len(first)):
        return True
    names = [{numbered(place)[0] for place in turn} for turn in (first, *others)]
    return not set().union(*names[1:]).issuperset(names[0])


def due_of(name: str) -> str:
    """Under what the places are kept at which somebody stops only when time has passed."""
    return f"due:{name}"


def late_of(name: str) -> str:
    """Under what the places of the service are kept at which the time of a call makes a difference for this consumer."""
    return f"late:{name}"


def queue_of(name: str) -> str:
    """Under what the places are kept at which somebody holds what another one waits for in his own process."""
    return f"queue:{name}"


def failed_at(name: str, place: str) -> str:
    """Under what the places are kept to which the work of somebody comes after a step has failed at this one."""
    return f"failed:{name}:{place}"


def acting(places: Sequence[str]) -> list[str]:
    """Those at which something is written or sent."""
    return [place for place in places if not (place.startswith(QUIET) or waits(place))]
