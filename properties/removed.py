"""What was removed from the log on purpose; the part of the oracle that exists where a removal was recorded.

An event is `gone` if a removal that was answered names it. It is in `doubt` if one that was not answered does: it may be there, or not.
A log that does not promise that removals are durable is in doubt about all of them once it has died.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from refold.model.declarations.capability import DURABLE_REMOVAL
from refold.model.event import Stored
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.record import Crashed, Opened, PowerCut

Removal = LogTrimmed | StreamTruncated | StreamDeleted
"""The record of a removal."""

LOG = "log"
"""The process whose death may undo removals."""


class SeenLog(Protocol):
    """What has to be known of the log as it was seen; the oracle knows it."""

    opened: Opened | None
    tail: int
    low: int

    @property
    def versions(self) -> Mapping[str, int]:
        """Stream -> its newest version."""

    def between(self, low: int, high: int, /) -> Sequence[Stored]:
        """The events with low < position <= high, as far as they are still kept."""


class Extent:
    """Which events removals have named: those at positions up to `position`, and of each stream those with versions up to `versions`."""

    def __init__(self) -> None:
        self.position = 0
        self.versions: dict[str, int] = {}

    def names(self, event: Stored) -> bool:
        """Whether this event is among them."""
        return event.position <= self.position or event.version <= self.versions.get(event.stream, 0)

    def grow(self, position: int, versions: Iterable[tuple[str, int]]) -> None:
        """More was named."""
        self.position = max(self.position, position)
        for stream, version in versions:
            self.versions[stream] = max(self.versions.get(stream, 0), version)


class Removed:
    """What is gone, what is in doubt, and the records that say so. `fresh` is the last removal, until the log has been read from its
    beginning, or has died; `changes` counts; `died` is the last death of the log, None before the first."""

    def __init__(self, oracle: SeenLog) -> None:
        self.oracle = oracle
        self.gone = Extent()
        self.doubt = Extent()
        self.fresh: tuple[int, Removal] | None = None
        self.trims: tuple[int, Removal] | None = None
        self.of_streams: dict[str, tuple[int, Removal]] = {}
        self.died: tuple[int, Crashed | PowerCut] | None = None
        self.changes = 0
        self.vague = False
        """Whether events were trimmed that nobody knows any more, so that the beginning of streams is not known."""

    def names(self, event: Stored) -> bool:
        """Whether a removal has taken this event, or may have."""
        return self.gone.names(event) or self.doubt.names(event)

    @property
    def durable(self) -> bool:
        """Whether the log promises that what is removed stays removed."""
        opened = self.oracle.opened
        return opened is not None and DURABLE_REMOVAL in opened.capabilities

    def note(self, number: int, record: Removal) -> None:
        """One more removal, of what was visible by then."""
        oracle = self.oracle
        extent = self.gone if record.done else self.doubt
        if isinstance(record, LogTrimmed):
            position = min(record.position, oracle.tail)
            versions = {event.stream: event.version for event in oracle.between(extent.position, position)}
            self.vague = self.vague or oracle.low > extent.position
            extent.grow(position, versions.items())
            self.trims = (number, record)
        else:
            version = min(record.version, oracle.versions.get(record.stream, 0))
            extent.grow(0, [(record.stream, version)])
            self.of_streams[record.stream] = (number, record)
        self.fresh = (number, record)
        self.changes += 1

    def die(self, number: int, record: Crashed | PowerCut) -> None:
        """The log's process or machine is gone, and with it, perhaps, what it only remembered."""
        if record.process != LOG:
            return
        self.died = (number, record)
        self.fresh = None
        if not self.durable:
            self.doubt.grow(self.gone.position, self.gone.versions.items())
            self.gone = Extent()
            self.changes += 1

    def scanned(self, missing: bool) -> None:
        """The log was read from its beginning. If nothing in doubt was there (`missing`), all of it is gone."""
        self.fresh = None
        if missing and (self.doubt.position or self.doubt.versions):
            self.gone.grow(self.doubt.position, self.doubt.versions.items())
            self.doubt = Extent()
            self.changes += 1

    def because_of(self, event: Stored) -> tuple[int, Removal] | None:
        """The last removal that may have named this event."""
        known = [self.trims, self.of_streams.get(event.stream)]
        return max((one for one in known if one is not None), key=lambda one: one[0], default=None)

    def last_doubted(self, stream: str) -> int:
        """The newest version of `stream` that is gone, or in doubt."""
        return max(self.gone.versions.get(stream, 0), self.doubt.versions.get(stream, 0))
