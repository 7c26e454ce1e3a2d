"""Applications and systems as users have them: with and without a name at the top of a module."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from refold.model.examples.inventory import Inventory
from refold.model.log import Log
from refold.systems.reference import Reference


class Shop(Inventory):
    """An application with a setting."""

    name = "shop"

    def __init__(self, limit: int = 3) -> None:
        self.limit = limit
        self.rule = lambda count: count < limit


class Strict(Inventory):
    """An application that cannot be made without a setting."""

    name = "strict"

    def __init__(self, limit: int) -> None:
        self.limit = limit


class Slow(Log):
    """Another log."""


SHOP = Shop(7)
SMALL = Strict(5)
AGAIN = functools.partial(Reference, "again", {"log": Log})
MADE = Reference("made", {"log": Log})
LAMBDA = lambda: Log()  # noqa: E731 - as users write it


class Holder:
    """A class within a class."""

    class Inner(Inventory):
        """At the top of a module all the same, by way of the other."""

        name = "inner"


def make() -> Reference:
    """A function that makes a system."""
    return Reference("mine")


def hidden() -> tuple[type[Inventory], Callable[[], Any]]:
    """A class and a function that no name leads to."""

    class Local(Inventory):
        name = "local"

    return Local, lambda: Log()
