"""Example application *inventory*: reserve stock that must not go below zero.

Its events do not commute with themselves (reserving twice takes twice), so every effect applied twice or lost shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from refold.model.application import Application, Refusal


class Restock(msgspec.Struct, frozen=True, gc=False):
    """Put `count` pieces of `item` on the shelf."""

    item: str
    count: int


class Reserve(msgspec.Struct, frozen=True, gc=False):
    """Take `count` pieces of `item`, if there are so many."""

    item: str
    count: int


class Restocked(msgspec.Struct, frozen=True, gc=False):
    """There are `count` pieces more."""

    item: str
    count: int


class Reserved(msgspec.Struct, frozen=True, gc=False):
    """There are `count` pieces fewer."""

    item: str
    count: int


class Picked(msgspec.Struct, frozen=True, gc=False):
    """A reservation's order to the warehouse; the same batch as `Reserved`."""

    item: str
    count: int


class Inventory(Application):
    """The state of an item is the number of free pieces."""

    name = "inventory"
    events = (Restocked, Reserved, Picked)

    def commands(self) -> Sequence[Restock | Reserve]:
        """Commands for two items, with one or two pieces at a time."""
        items = ("bolt", "nut")
        return (
            *(Restock(item, count) for item in items for count in (1, 2)),
            *(Reserve(item, count) for item in items for count in (1, 2)),
        )

    def key(self, message: Restock | Reserve | Restocked | Reserved | Picked) -> str:
        """The item."""
        return message.item

    def conditional(self, command: Restock | Reserve) -> bool:
        """True for reservations, which are decisions; deliveries of stock are facts."""
        return type(command) is Reserve

    def initial(self, key: str) -> int:
        """0: the shelf is empty."""
        return 0

    def decide(self, command: Restock | Reserve, state: int) -> Sequence[Restocked | Reserved | Picked]:
        """Refuses to reserve more pieces than are free."""
        item, count = command.item, command.count
        if type(command) is Restock:
            return (Restocked(item, count),)
        if state < count:
            raise Refusal(f"{state} of {item} left, {count} wanted", "oversold")
        if count == 1:
            return (Reserved(item, 1),)
        return (Reserved(item, count), Picked(item, count))

    def evolve(self, state: int, event: Restocked | Reserved | Picked) -> int:
        """Counts pieces."""
        if type(event) is Restocked:
            return state + event.count
        return state - event.count if type(event) is Reserved else state

    def broken_invariant(self, key: str, state: int) -> str | None:
        """What is wrong if more pieces are reserved than there are."""
        return f"the stock of {key} is {state}" if state < 0 else None
