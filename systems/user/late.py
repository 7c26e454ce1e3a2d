"""A log whose positions are taken at insert and show at commit, as those of a `bigserial` column: a lower one may come after a higher.

Its events count in the order in which they became visible, whatever their positions say; so a reader is judged by what it has missed,
and not the log by its gaps. A checkpoint covers all events at positions up to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from refold.model.event import Stored
from refold.systems.user.errors import awaited

PAGE = 1024


class InOrderOfCommit:
    """The user's log, read from its beginning each time, with the positions 1, 2, 3, … in the order in which events were first seen."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self.seen: dict[tuple[int, str], Stored] = {}
        """The user's position and id -> the event as it was first seen."""
        self.places: list[int] = []
        """The user's positions of the same events."""
        self.counts: dict[str, int] = {}
        """How many events of each stream have been seen."""

    @property
    def application(self) -> Any:
        """What the user's log makes its events with, if it asks for that by being without."""
        return self.log.application

    @application.setter
    def application(self, application: object) -> None:
        self.log.application = application

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.log, name)
        return functools.partial(self.of_stream, found) if name == "read_stream" else found

    def of_stream(self, read: Callable[[str, int], object], stream: str, after: int) -> list[Stored]:
        """The events of a stream, in the same places."""
        return [self.placed(event) for event in self.answer("read_stream", read(stream, after))]

    @staticmethod
    def answer(method: str, answer: object) -> Any:
        """What the user's log returns, or what comes of it."""
        return awaited("the log", method, answer)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """As a log in which nothing comes late."""
        last, found = 0, []
        while page := self.answer("read", self.log.read(last, PAGE)):
            found += [self.placed(event) for event in page]
            if len(page) < PAGE or page[-1].position <= last:
                break
            last = page[-1].position
        found.sort(key=lambda event: event.position)
        return [event for event in found if event.position > after][:limit]

    def placed(self, event: Stored) -> Stored:
        """The event as it is now, in the place and with the version that it got when it was first seen: those of its stream may be counted
        in the order of their positions."""
        name = (event.position, event.id)
        first = self.seen.get(name)
        if first is None:
            self.places.append(event.position)
            count = self.counts[event.stream] = self.counts.get(event.stream, 0) + 1
            version = count if getattr(self.log, "counted", False) else event.version
            first = self.seen[name] = msgspec.structs.replace(event, position=len(self.places), version=version)
        return msgspec.structs.replace(event, position=first.position, version=first.version)

    def original(self, position: int) -> int:
        """The user's position of an event."""
        return self.places[position - 1]

    def covered(self, checkpoint: int) -> int:
        """How many events, from the first seen on, are at positions up to a checkpoint."""
        for count, place in enumerate(self.places):
            if place > checkpoint:
                return count
        return len(self.places)
