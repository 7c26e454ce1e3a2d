"""A stock, and three mistakes in its aggregate."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from refold import Refusal
from refold.systems import EventSourcing


class Item(Aggregate):
    """Nothing is reserved that is not there."""

    @event("Added")
    def __init__(self, name: str) -> None:
        self.name = name
        self.free = 0

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(NAMESPACE_URL, name)

    @event("Restocked")
    def restock(self, count: int) -> None:
        self.free += count

    @event("Reserved")
    def reserve(self, count: int) -> None:
        if count > self.free:
            raise ValueError(f"only {self.free}")
        self.free -= count


class OversellingItem(Item):
    @event("Reserved")
    def reserve(self, count: int) -> None:
        if count > self.free + 1:
            raise ValueError(f"only {self.free}")
        self.free -= count


class WrongSignItem(Item):
    @event("Reserved")
    def reserve(self, count: int) -> None:
        if count > self.free:
            raise ValueError(f"only {self.free}")
        self.free += count


class StrictItem(Item):
    @event("Reserved")
    def reserve(self, count: int) -> None:
        if count >= self.free:
            raise ValueError(f"only {self.free}")
        self.free -= count


class Shop(Application[UUID]):
    item: type[Item] = Item

    def restock(self, name: str, count: int) -> None:
        self.change(name, lambda item: item.restock(count))

    def reserve(self, name: str, count: int) -> None:
        self.change(name, lambda item: item.reserve(count))

    def change(self, name: str, do: Any) -> None:
        try:
            item: Any = self.repository.get(Item.create_id(name))
        except AggregateNotFoundError:
            item = self.item(name)
        do(item)
        self.save(item)


class OversellingShop(Shop):
    item = OversellingItem


class WrongSignShop(Shop):
    item = WrongSignItem


class StrictShop(Shop):
    item = StrictItem


SIGNS = {"Added": 0, "Restocked": +1, "Reserved": -1}


def evolve(free: int | None, happened: Any) -> int:
    """What an event means."""
    return (free or 0) + SIGNS[type(happened).__name__] * getattr(happened, "count", 0)


def decide(command: Any, free: int | None) -> None:
    """What may be done."""
    if command[0] == "reserve" and command[2] > (free or 0):
        raise Refusal("there is less than that")


COMMANDS = [("restock", "nut", 2), ("reserve", "nut", 1), ("reserve", "nut", 2)]


def stock(cls: Any = Shop, **options: Any) -> EventSourcing:
    """With a second opinion."""
    return EventSourcing(cls, COMMANDS, state=lambda item: item.free, decide=decide, evolve=evolve, **options)
