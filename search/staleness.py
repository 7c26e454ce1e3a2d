"""How stale the reading side was: a measurement, not a guarantee. Staleness is allowed; a report says how much there was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from refold.model.parts.reading.links import LinkDiscarded
from refold.model.parts.reading.query import Answered, GaveUp, Searched, Waiting


@attrs.frozen
class Staleness:
    """Sums over one or more histories.

    `answers` were given, `cached` of them by the cache, and `stale` of them when newer events of the key were visible:
    `events_behind` in all, `events_behind_max` for one answer, the oldest for `ticks_behind_max` ticks. `waits` and `gave_up`
    count queries that had to wait; `dangling` are pointers that were recognised as dangling and discarded, `shown_dangling` those
    that were shown.
    """

    answers: int = 0
    cached: int = 0
    stale: int = 0
    events_behind: int = 0
    events_behind_max: int = 0
    ticks_behind_max: int = 0
    waits: int = 0
    gave_up: int = 0
    dangling: int = 0
    shown_dangling: int = 0

    def __add__(self, other: Staleness) -> Staleness:
        """Both together: sums, and the greater of the maxima."""
        mine, others = attrs.asdict(self), attrs.asdict(other)
        return Staleness(
            **{
                name: max(mine[name], others[name]) if name.endswith("_max") else mine[name] + others[name]
                for name in mine
            }
        )

    def counts(self) -> dict[str, int]:
        """Names and numbers for a report."""
        return {f"reads_{name}": number for name, number in attrs.asdict(self).items()}


def measure(history: Iterable[Any]) -> Staleness:
    """The staleness that a history shows."""
    found = [record for record in history if type(record) in MEASURED]
    answers = [record for record in found if type(record) is Answered]
    hits = [hit for record in found if type(record) is Searched for hit in record.hits if not hit.version]
    return Staleness(
        answers=len(answers),
        cached=sum(answer.source == "cache" for answer in answers),
        stale=sum(answer.events_behind > 0 for answer in answers),
        events_behind=sum(answer.events_behind for answer in answers),
        events_behind_max=max((answer.events_behind for answer in answers), default=0),
        ticks_behind_max=max((answer.ticks_behind for answer in answers), default=0),
        waits=sum(type(record) is Waiting for record in found),
        gave_up=sum(type(record) is GaveUp for record in found),
        dangling=sum(type(record) is LinkDiscarded for record in found) + sum(not hit.shown for hit in hits),
        shown_dangling=sum(hit.shown for hit in hits),
    )


MEASURED = frozenset({Answered, Searched, Waiting, GaveUp, LinkDiscarded})
"""The records that are measured."""
