"""A shop written with orchestrix, as its README has it: aggregates in a repository, over its store in memory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from orchestrix.core.common.exceptions import ConcurrencyError
from orchestrix.core.eventsourcing.aggregate import AggregateRepository, AggregateRoot
from orchestrix.core.messaging.message import Event
from orchestrix.infrastructure.memory.store import InMemoryEventStore

from refold.model import Inventory, Stored
from refold.systems.gate import watch

logging.disable(logging.CRITICAL)
RULES = Inventory()


@dataclass(frozen=True, kw_only=True)
class Changed(Event):
    """There is more or less of something, or an order went to the warehouse."""

    what: str = ""
    count: int = 0


@dataclass
class Stock(AggregateRoot):
    """How much is free of something."""

    free: int = 0

    def change(self, what: str, count: int) -> None:
        """Refuses what there is not."""
        if what == "Reserved" and count > self.free:
            raise ValueError(f"{self.free} left")
        self._apply_event(Changed(what=what, count=count))

    def _when_changed(self, event: Changed) -> None:
        self.free += {"Restocked": event.count, "Reserved": -event.count, "Picked": 0}[event.what]


class ByRepository:
    """Stock is loaded and saved by the repository. One store for all clients; each of its methods is a stop."""

    refusals: tuple[type[Exception], ...] = (ValueError,)

    def __init__(self) -> None:
        self.store = InMemoryEventStore()
        self.watched: Any = watch(self.store, name="store")
        self.stocks = AggregateRepository(self.watched)
        self.seen: list[Stored] = []

    def service(self, client: str) -> Any:
        """All clients call the same function."""
        return self.call

    def call(self, command: Any) -> None:
        """Load, decide, save."""
        try:
            stock = self.stocks.load(Stock, command.item)
        except ValueError:
            stock = Stock(aggregate_id=command.item)
        version = stock.version
        if type(command).__name__ == "Restock":
            stock.change("Restocked", command.count)
        else:
            stock.change("Reserved", command.count)
            if command.count > 1:
                stock.change("Picked", command.count)
        self.save(stock, version)

    def save(self, stock: Stock, version: int) -> None:
        """As the repository does it."""
        self.stocks.save(stock)

    def read(self, after: int, limit: int) -> list[Stored]:
        """The store has no order over streams: here it is that of their discovery."""
        for item in ("bolt", "nut"):
            known = sum(event.stream == item for event in self.seen)
            for version, event in enumerate(self.store.load(item)[known:], known + 1):
                data = RULES.decode(event.what, {"item": item, "count": event.count})
                self.seen.append(Stored(len(self.seen) + 1, item, version, event.id, event.what, data))
        return self.seen[after : after + limit]


class ByStore(ByRepository):
    """The same, but saved by the store, with the version that was loaded."""

    refusals = (ValueError, ConcurrencyError)

    def save(self, stock: Stock, version: int) -> None:
        """With the expected version, counted from 0."""
        self.watched.save(stock.aggregate_id, stock.uncommitted_events, version - 1)
