"""Offers: which actions, or words of a few actions that often follow each other, a kind of action puts on the menu of plans."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

import attrs

from refold.model.declarations.capability import Capability
from refold.model.record import ConsumerSpec

SHIFTS = 6
"""Commands of another client that each command is raced against in one word."""

FAMILIES: tuple[str, ...] = (
    "slow",
    "unheard",
    "reorder",
    "duplicate",
    "failure",
    "snapshot",
    "consumer-crash",
    "log-crash",
)
"""The families of the core that swarm testing leaves out or in, one bit each, the first is the lowest."""

Talk = tuple[str, Any]
"""A client and a command."""


class Cast:
    """Who may act in plans for one application on one system, and on what."""

    def __init__(
        self, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec], log: str
    ) -> None:
        self.commands = commands
        self.clients = clients
        self.specs = consumers
        self.consumers = [spec.name for spec in consumers]
        self.log = log

    @functools.cached_property
    def talks(self) -> list[Talk]:
        """Every command of every client."""
        return list(product(self.clients, self.commands))

    @functools.cached_property
    def rivals(self) -> list[tuple[Talk, Talk]]:
        """Pairs of what two clients may do at once: every command of every client, against a few commands of another one."""
        commands, clients = self.commands, self.clients
        count, rest = len(commands), len(clients)
        return [
            ((client, commands[n]), (clients[(index + 1) % rest], commands[(n + shift) % count]))
            for shift in range(min(count, SHIFTS))
            for index, client in enumerate(clients)
            for n in range(count)
            if rest > 1
        ]


@attrs.frozen
class Offer:
    """A group of words of one swarm family, one of `FAMILIES` ("": the family that is in every run).

    `weight` is relative to those of all groups that a run may speak of. `needs` is the capability without which the words
    mean nothing (None: none). `words` are made for a cast; a word is a tuple of actions.
    """

    family: str
    weight: int
    words: Callable[[Cast], Sequence[tuple[Any, ...]]]
    needs: Capability | None = None


def alone(actions: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Words of one action each."""
    return [(action,) for action in actions]
