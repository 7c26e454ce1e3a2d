"""A shop written with the library `eventsourcing`, as its tutorial has it: for all releases from 9.0 on."""

from __future__ import annotations

import os
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing import application, domain

from refold.model import Inventory, Stored

NotFound: Any = getattr(application, "AggregateNotFoundError", None) or getattr(application, "AggregateNotFound")  # noqa: B009
Base: Any = application.Application
Aggregate: Any = domain.Aggregate
event: Any = domain.event
RULES = Inventory()


class StockItem(Aggregate):
    """How much is free of something."""

    def __init__(self, item: str) -> None:
        self.item = item
        self.free = 0

    @staticmethod
    def create_id(item: str) -> UUID:
        """By its name."""
        return uuid5(NAMESPACE_URL, item)

    @event("Restocked")
    def restock(self, item: str, count: int) -> None:
        """There is more."""
        self.free += count

    @event("Reserved")
    def reserve(self, item: str, count: int) -> None:
        """Refuses what there is not."""
        if count > self.free:
            raise ValueError(f"{self.free} left")
        self.free -= count

    @event("Picked")
    def pick(self, item: str, count: int) -> None:
        """An order to the warehouse."""


class Shop(Base):
    """Its method is what a client calls."""

    def execute(self, command: Any) -> None:
        """Load, decide, save."""
        item = self.item(command.item)
        if type(command).__name__ == "Restock":
            item.restock(command.item, command.count)
        else:
            item.reserve(command.item, command.count)
            if command.count > 1:
                item.pick(command.item, command.count)
        self.save(item)

    def item(self, name: str) -> Any:
        """As it is stored; a new one if it is not."""
        try:
            return self.repository.get(StockItem.create_id(name))
        except NotFound:
            return StockItem(name)

    def read(self, after: int, limit: int) -> list[Stored]:
        """The notification log, but for the birth of an item."""
        found: list[Stored] = []
        while not found and (page := self.recorder.select_notifications(after + 1, limit)):
            after = page[-1].id
            found = [stored(one.id, self.mapper.to_domain_event(one)) for one in page if "Created" not in one.topic]
        return found


def stored(position: int, happened: Any) -> Stored:
    """A notification as refold reads it. An item's birth is no event of its stream here."""
    kind = type(happened).__name__
    data = RULES.decode(kind, {"item": happened.item, "count": happened.count})
    return Stored(position, happened.item, happened.originator_version - 1, str(position), kind, data)


def in_module(module: str, kind: type[Shop] = Shop) -> Shop:
    """A shop on one of the library's persistence modules, which older releases call by another name."""
    os.environ |= {"PERSISTENCE_MODULE": module, "INFRASTRUCTURE_FACTORY": f"{module}:Factory"}
    return kind()


class KeepingShop(Shop):
    """It keeps the items that it has loaded, as programs with one writer do."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.kept: dict[str, Any] = {}

    def item(self, name: str) -> Any:
        """As it is kept."""
        return self.kept.setdefault(name, super().item(name))


class InMemory:
    """One application for all clients, with everything in memory."""

    refusals = (ValueError,)

    def __init__(self) -> None:
        self.shop = in_module("eventsourcing.popo", KeepingShop)
        self.read, self.execute = self.shop.read, self.shop.execute
