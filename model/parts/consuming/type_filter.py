"""Audit: a consumer that asks for one type of event and reads the log in windows.

Its position is the ceiling of what it has scanned, whether or not anything in the window was for it; never more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.parts.side_consumers import SideConsumer

WINDOW = 2
"""Positions that are scanned at once."""


class FilteredConsumer(Consumer):
    """Asks for the last of the application's event types, which is usually the rarest."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        types = tuple(cls.__name__ for cls in self.application.events[-1:])
        self.spec = msgspec.structs.replace(self.spec, types=types)

    def fetch(self) -> None:
        """Scan one window; if nothing in it is for this consumer, all of it is done."""
        page = self.log.read(self.fetched, WINDOW)
        if not page:
            self.asleep = True
            return
        types = self.spec.types
        self.inbox = [event for event in page if not types or event.type in types]
        self.fetched = page[-1].position
        if not self.inbox:
            self.position = self.fetched = ceiling = self.ceiling(page)
            self.save_checkpoint(ceiling)

    def ceiling(self, page: Sequence[Stored]) -> int:
        """How far a window reaches that held nothing for this consumer."""
        return page[-1].position

    def done(self, event: Stored) -> None:
        """With the last match of a window the rest of the window is done too."""
        super().done(event)
        if not self.inbox and self.fetched > self.position:
            self.position = self.fetched

    def redeliver(self, back: int) -> bool:
        """Nobody sends it what it did not ask for."""
        page = self.log.read(max(self.position - back, 0), 1)
        return bool(page) and page[0].type in self.spec.types and super().redeliver(back)


class Audit(SideConsumer):
    """One filtered consumer."""

    name = "audit"
    title = "filtered subscriptions"
    covers = "consumers that ask for some types of events only"
    family = "audit"
    names = ("audit",)
    design = FilteredConsumer
