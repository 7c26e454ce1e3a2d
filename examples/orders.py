"""A shop that was not written for refold: it decides as it likes, keeps snapshots, a cache and a table of totals.

All that is said for refold is at the end: what the log means (`replay`), and where to look (`views`).
Try it: refold verify --system orders.py:Shop --application orders.py:Orders
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from refold import Application, Refusal
from refold.model import Stored


@dataclasses.dataclass(frozen=True)
class Order:
    """Buy something for `price`."""

    customer: str
    price: int


@dataclasses.dataclass(frozen=True)
class Ordered:
    """It is bought."""

    customer: str
    price: int


class Shop:
    """Nobody may owe more than 10."""

    partial = ("cache", "snapshots")

    def __init__(self) -> None:
        self.log: list[Stored] = []
        self.snapshots: dict[str, tuple[int, int]] = {}
        self.cache: dict[str, int] = {}
        self.totals: dict[str, int] = {}
        self.done = 0

    def load(self, customer: str) -> int:
        """What a customer owes: the snapshot, and the events behind it."""
        position, owes = self.snapshots.get(customer, (0, 0))
        return owes + sum(e.data.price for e in self.log[position:] if e.stream == customer)

    def execute(self, command: Order) -> None:
        """Decide and append."""
        owes = self.load(command.customer)
        if owes + command.price > 10:
            raise Refusal(f"{command.customer} owes {owes}")
        version = sum(e.stream == command.customer for e in self.log) + 1
        event = Ordered(command.customer, command.price)
        place = len(self.log) + 1
        self.log.append(Stored(place, command.customer, version, f"order-{place}", "Ordered", event))
        self.cache.pop(command.customer, None)
        if version % 3 == 0:
            self.snapshots[command.customer] = (place, self.load(command.customer))

    def query(self, customer: str) -> int:
        """What a page shows: out of the cache, if it is there."""
        if customer not in self.cache:
            self.cache[customer] = self.load(customer)
        return self.cache[customer]

    def work(self) -> bool:
        """The table of totals follows the log, one event at a time."""
        if self.done == len(self.log):
            return False
        event = self.log[self.done].data
        self.totals[event.customer] = self.totals.get(event.customer, 0) + event.price
        self.done += 1
        return True

    def read(self, after: int, limit: int) -> list[Stored]:
        """The log, for refold."""
        return self.log[after : after + limit]

    def views(self) -> Mapping[str, Mapping[str, Any]]:
        """All that holds a state, for refold."""
        customers = {event.stream for event in self.log}
        return {
            "cache": dict(self.cache),
            "page": {customer: self.query(customer) for customer in customers},
            "repository": {customer: self.load(customer) for customer in customers},
            "totals": dict(self.totals),
        }


class ForgetfulShop(Shop):
    """Has a cache that nobody empties."""

    def execute(self, command: Order) -> None:
        before = dict(self.cache)
        super().execute(command)
        self.cache = before


class Orders(Application):
    """What refold needs beside it: which commands there are, and what the log means."""

    name = "orders"
    events = (Ordered,)

    def commands(self) -> Sequence[Order]:
        return [Order("ann", 1), Order("ann", 4), Order("bob", 3)]

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        owes: dict[str, int] = {}
        for event in events:
            owes[event.data.customer] = owes.get(event.data.customer, 0) + event.data.price
        return owes
