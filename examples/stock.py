"""A stock with the library `eventsourcing`, a second opinion on what its events mean and what is allowed, and three mistakes.

Try it: refold verify --system stock.py:SHOP
"""

from __future__ import annotations

from collections.abc import Callable
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


class Shop(Application[UUID]):
    item: type[Item] = Item

    def restock(self, name: str, count: int) -> None:
        self.change(name, lambda item: item.restock(count))

    def reserve(self, name: str, count: int) -> None:
        self.change(name, lambda item: item.reserve(count))

    def change(self, name: str, do: Callable[[Any], None]) -> None:
        try:
            item: Any = self.repository.get(Item.create_id(name))
        except AggregateNotFoundError:
            item = self.item(name)
        do(item)
        self.save(item)


# For refold.

SIGNS = {"Added": 0, "Restocked": +1, "Reserved": -1}


def evolve(free: int | None, event: Any) -> int:
    """What an event means: the state after it."""
    return (free or 0) + SIGNS[type(event).__name__] * getattr(event, "count", 0)


def decide(command: Any, free: int | None) -> None:
    """What may be done on this state."""
    if command[0] == "reserve" and command[2] > (free or 0):
        raise Refusal("there is less than that")


def shop(cls: type[Shop]) -> EventSourcing:
    commands = [("restock", "nut", 2), ("reserve", "nut", 1), ("reserve", "nut", 2)]
    return EventSourcing(cls, commands, state=lambda item: item.free, evolve=evolve, decide=decide)


SHOP = shop(Shop)


# Three mistakes.


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


class Overselling(Shop):
    item = OversellingItem


class WrongSign(Shop):
    item = WrongSignItem


class Strict(Shop):
    item = StrictItem


OVERSELLING = shop(Overselling)
WRONG_SIGN = shop(WrongSign)
STRICT = shop(Strict)
