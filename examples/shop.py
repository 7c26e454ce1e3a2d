"""A shop whose events have changed: it reads the carts that its first version stored (shop-1.jsonl).

Try it: refold verify --application shop.py:Shop --history shop-1.jsonl
"""

from __future__ import annotations

import dataclasses
from typing import Any

from refold import Application, Refusal


@dataclasses.dataclass(frozen=True)
class Add:
    """Put `count` pieces into the cart, at `cents` each."""

    cart: str
    count: int
    cents: int


@dataclasses.dataclass(frozen=True)
class Pay:
    """Pay what is in the cart."""

    cart: str


@dataclasses.dataclass(frozen=True)
class Added:
    """Version 1 called it `ItemAdded`, knew no `count`, and had a `price` in whole euros."""

    cart: str
    count: int
    cents: int


@dataclasses.dataclass(frozen=True)
class Paid:
    """The cart is closed."""

    cart: str


@dataclasses.dataclass(frozen=True)
class Cart:
    """Version 1 had a `total` in whole euros, and did not count pieces."""

    cents: int = 0
    pieces: int = 0
    paid: bool = False


class Shop(Application):
    """Version 2."""

    name = "shop"
    events = (Added, Paid)

    def commands(self) -> list[Add | Pay]:
        return [Add("ann", 1, 300), Add("bob", 2, 250), Pay("ann"), Pay("bob")]

    def initial(self, key: str) -> Cart:
        return Cart()

    def decide(self, command: Add | Pay, state: Cart) -> list[Added | Paid]:
        if state.paid:
            raise Refusal("the cart is paid")
        if isinstance(command, Add):
            return [Added(command.cart, command.count, command.cents)]
        if not state.pieces:
            raise Refusal("the cart is empty")
        return [Paid(command.cart)]

    def evolve(self, state: Cart, event: Added | Paid) -> Cart:
        if isinstance(event, Paid):
            return dataclasses.replace(state, paid=True)
        return Cart(state.cents + event.count * event.cents, state.pieces + event.count, state.paid)

    def upcast(self, type_name: str, data: Any) -> tuple[str, Any]:
        """What version 1 stored, as it would be stored today."""
        if type_name == "ItemAdded":
            return "Added", {"cart": data["cart"], "count": 1, "cents": 100 * data["price"]}
        return type_name, data

    def upcast_state(self, key: str, state: Any) -> Any:
        """What version 1 held of a cart. Pieces it did not count, so there is nothing to compare them with."""
        if "total" in state:
            return {"cents": 100 * state["total"], "paid": state["paid"]}
        return state
