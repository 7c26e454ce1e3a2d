"""A log whose positions are taken at insert and show at commit, as those of a `bigserial` column: a lower one may come after a higher.

Its events count in the order in which they became visible, whatever their positions say; so a reader is judged by what it has missed,
and not the log by its gaps. A checkpoint covers all events at positions up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.event import Stored

PAGE = 1024


class InOrderOfCommit:
    """The user's log, read from its beginning each time, with the positions 1, 2, 3, … in the order in which events were first seen."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self.events: list[Stored] = []
        self.places: list[int] = []
        """The user's positions of the same events."""
        self.ids: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.log, name)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """As a log in which nothing comes late."""
        last = 0
        while page := self.log.read(last, PAGE):
            for event in page:
                if event.id not in self.ids:
                    self.ids.add(event.id)
                    self.places.append(event.position)
                    self.events.append(msgspec.structs.replace(event, position=len(self.events) + 1))
            if len(page) < PAGE or page[-1].position <= last:
                break
            last = page[-1].position
        return self.events[after : after + limit]

    def covered(self, checkpoint: int) -> int:
        """How many events, from the first seen on, are at positions up to a checkpoint."""
        for count, place in enumerate(self.places):
            if place > checkpoint:
                return count
        return len(self.places)
