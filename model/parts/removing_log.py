"""A log that removes events: the reference log with retention, truncation and deletion of streams.

Its removals are durable before they are answered. The version of a stream is that of its newest event, or of the newest one that was
removed; ids of removed events are kept, so that a retry is recognised for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.log import NO_EVENTS, Log


class RemovingLog(Log):
    """`removed` is the newest version of each stream that was removed."""

    def __init__(self, name: str = "log") -> None:
        super().__init__(name)
        self.removed: dict[str, int] = {}

    def version(self, stream: str) -> int:
        """The number of events that `stream` has ever had."""
        events = self.streams.get(stream)
        return events[-1].version if events else self.removed.get(stream, 0)

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """All events that are left of `stream` with versions greater than `after`."""
        events = self.streams.get(stream)
        if not events:
            return NO_EVENTS
        return events[max(after + 1 - events[0].version, 0) :]

    def trim(self, position: int) -> None:
        """Remove the events at positions up to `position`."""
        self.remove([event for event in self.entries if event.position <= position])

    def truncate(self, stream: str, version: int) -> None:
        """Remove the events of `stream` with versions up to `version`."""
        self.remove([event for event in self.streams.get(stream, ()) if event.version <= version])

    def delete_stream(self, stream: str) -> None:
        """Remove all events that `stream` has."""
        self.remove(list(self.streams.get(stream, ())))

    def remove(self, events: Sequence[Stored]) -> None:
        """One durable step. Readers meet a gap where the events were."""
        self.durable()
        gone = {event.position for event in events}
        self.dense = False
        self.entries = [event for event in self.entries if event.position not in gone]
        for stream in {event.stream: None for event in events}:
            there = self.streams[stream]
            self.removed[stream] = max(event.version for event in there if event.position in gone)
            self.streams[stream] = [event for event in there if event.position not in gone]

    def forget(self, events: Sequence[Stored]) -> None:
        """Those of them that were not removed."""
        super().forget([event for event in events if event in self.streams[event.stream]])
