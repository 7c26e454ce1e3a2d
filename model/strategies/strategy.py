"""Strategies for conditional updates, interchangeable: how a client makes sure, or not, that its decision holds when it is stored.

A strategy is a choice of parts: the clients, sometimes the log, sometimes an extension. `reference?strategy=NAME` assembles the system of
them, so the same plans, faults and properties judge every strategy. Which one to take: docs/explanation/choosing-a-strategy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from refold.model.client import AggregateClient, Client, View
from refold.model.declarations.capability import SLOW_APPEND, Capability
from refold.model.expectation import ANY, AnyExpectation, NoMatch
from refold.model.extension import Extension
from refold.model.strategies.claiming_clients import (
    CatchUpClient,
    Claims,
    FencedClient,
    FencedLog,
    Holds,
    LockClient,
    OwnerClient,
    ReservingClient,
    ReservingLog,
)
from refold.model.strategies.database_clients import Database, Databases, DualWriter, TransactionClient


class BlindClient(Client):
    """Decides on the consumer's view and appends whatever has happened since."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """No condition."""
        return key, ANY

    def condition(self, condition: NoMatch) -> AnyExpectation:
        """No condition over tags either."""
        return ANY


class BlindAggregate(AggregateClient):
    """Loads the stream itself, which is newer than any view, and appends whatever has happened since all the same."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """No condition."""
        return key, ANY

    def condition(self, condition: NoMatch) -> AnyExpectation:
        """No condition over tags either."""
        return ANY


@attrs.frozen
class Strategy:
    """`parts` replace those of the reference system, `extensions` its extensions of the same name; `safe` says whether it keeps decisions
    right under every fault of the model; `lacks` are capabilities that make no sense with it,
    `brings` those that others lack: ``unconditional`` appends, which no log ever refuses. `spans`: a decision may be about several
    streams; locks, holds, owners and rows protect one key."""

    name: str
    what: str
    safe: bool
    parts: Mapping[str, Any] = attrs.field(factory=dict)
    extensions: tuple[type[Extension], ...] = ()
    lacks: frozenset[Capability] = frozenset()
    brings: frozenset[Capability] = frozenset()
    spans: bool = False


UNCONDITIONAL = frozenset({Capability("unconditional")})


def _clients(client: type[Client], carol: type[Client] | None = None) -> dict[str, Any]:
    return {"alice": client, "bob": client, "carol": carol or client}


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy(
            "blind",
            "decide on the consumer's view, append without a condition",
            False,
            _clients(BlindClient, BlindAggregate),
            brings=UNCONDITIONAL,
            spans=True,
        ),
        Strategy(
            "expected-version",
            "decide on the consumer's view, append with its version as the condition",
            True,
            spans=True,
        ),
        Strategy(
            "catch-up",
            "read the tail of the log first, then append with the expected version",
            True,
            {"alice": CatchUpClient, "bob": CatchUpClient},
            spans=True,
        ),
        Strategy(
            "lock",
            "a leased lock on the key, trusted",
            False,
            _clients(LockClient),
            (Claims,),
            frozenset({SLOW_APPEND}),
            UNCONDITIONAL,
        ),
        Strategy(
            "lock-fenced",
            "a leased lock on the key, whose token the log compares",
            True,
            {**_clients(FencedClient), "log": FencedLog},
            (Claims,),
        ),
        Strategy(
            "reservation",
            "a hold on the key that expires; the log accepts what is on hold",
            True,
            {**_clients(ReservingClient), "log": ReservingLog},
            (Holds,),
            frozenset({Capability("lock")}),
        ),
        Strategy(
            "single-writer",
            "one process at a time owns the key and does its commands one by one",
            True,
            _clients(OwnerClient),
            (Claims,),
        ),
        Strategy(
            "change-data-capture",
            "decide in a transaction of the authoritative store, whose change stream is the log",
            True,
            {**_clients(TransactionClient), "log": Database},
            (Databases,),
        ),
        Strategy(
            "dual-writes",
            "write to the store, then to the log",
            False,
            _clients(DualWriter),
            (Databases,),
            brings=UNCONDITIONAL,
        ),
    )
}
"""All strategies by name, in the order in which tables show them."""
