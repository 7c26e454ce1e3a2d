"""Consumers that show no checkpoint: one loses an event, one stops before the end."""

from __future__ import annotations

import pathlib
from typing import Any

from refold.model.examples.inventory import Inventory
from refold.systems.user.module import load

FileLog: Any = load(str(pathlib.Path(__file__).parents[3] / "examples" / "my_log.py") + ":FileLog")


class Numbers:
    """The stock of each item, without the third event of the log."""

    projection = "views"
    lost = 3
    last = 1_000_000

    def __init__(self, log: Any) -> None:
        self.log, self.seen, self.table = log, 0, dict[str, int]()

    def poll(self) -> bool:
        """One event."""
        found = self.log.read(self.seen, 1) if self.seen < self.last else []
        for event in found:
            self.seen = event.position
            if event.position != self.lost:
                self.table[event.stream] = Inventory().evolve(self.table.get(event.stream, 0), event.data)
        return bool(found)

    def rows(self) -> dict[str, int]:
        """All of them."""
        return dict(self.table)


class Stops(Numbers):
    """Reads nothing behind the second event."""

    last = 2


class Lossy:
    """A log and one consumer."""

    consumer = Numbers

    def __init__(self) -> None:
        self.log = FileLog()
        self.consumers = {"numbers": self.consumer(self.log)}


class Stopped(Lossy):
    """The other one."""

    consumer = Stops


class StopsAndRepeats(Numbers):
    """Handles the third event only when there are more than five, and the fourth twice."""

    lost = 0

    def poll(self) -> bool:
        """One event."""
        found = self.log.read(self.seen, 6)
        if self.seen == 2 and len(found) < 4:
            return False
        for event in found[:1]:
            self.seen = event.position
            for _ in range(2 if event.position == 4 else 1):
                self.table[event.stream] = Inventory().evolve(self.table.get(event.stream, 0), event.data)
        return bool(found)


class Both(Lossy):
    """A third one."""

    consumer = StopsAndRepeats
