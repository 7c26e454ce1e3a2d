"""Specifications by name: `cas-register`, `set`, `counter`, `mutex`, `fifo-queue`.

A user's own is found by `refold.search.objects.specification`.

Bounds of a counter follow its name like a query: `counter?minimum=0&maximum=10`; `none` is no bound.
"""

from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import parse_qsl

from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister, FifoQueue, Mutex
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import brief, frozen

__all__ = ["KEPT_ACCOUNTS", "MODELS", "OPERATIONS", "models_with", "specification_named"]

OPERATIONS: dict[str, tuple[str, ...]] = {
    "cas-register": ("read", "write", "cas"),
    "counter": ("add", "increment", "decrement", "read"),
    "fifo-queue": ("enqueue", "dequeue"),
    "mutex": ("acquire", "release"),
    "set": ("add", "remove", "contains", "read"),
}
"""The operations of what is built in."""
KEPT_ACCOUNTS: dict[str, tuple[str, ...]] = {
    "kafka": ("send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions"),
    "list-append": ("append", "read"),
    "queue": ("enqueue", "dequeue", "drain"),
    "set-full": ("add", "read"),
    "total-queue": ("enqueue", "dequeue", "drain"),
}
"""The operations of what `refold.properties.accounts` judges, without a search."""
MODELS = tuple(OPERATIONS)
"""The names of what is built in."""


def models_with(operations: Iterable[str]) -> list[str]:
    """The built-in models that have all these operations."""
    asked = set(operations)
    return [model for model, known in (OPERATIONS | KEPT_ACCOUNTS).items() if asked <= set(known)]


def specification_named(name: str, initial: Any = None, nil_reads: Literal["value", "any"] = "value") -> Specification:
    """The specification of that name, starting from a JSON value; `ValueError` says what is wrong with the name."""
    model, _, query = name.partition("?")
    if model == "counter":
        if initial is not None and (isinstance(initial, bool) or not isinstance(initial, int)):
            raise ValueError(f"a counter starts from an integer, not from {brief(initial)}")
        return BoundedCounter(initial, **_bounds(query))
    if model in MODELS and query:
        raise ValueError(f"model {model!r} takes no options, found {query!r}")
    if model == "cas-register":
        return CasRegister(frozen(initial), nil_reads_any=nil_reads == "any")
    if model == "mutex":
        if initial is not None and not isinstance(initial, bool):
            raise ValueError(f"a mutex starts from true (held) or false, not from {brief(initial)}")
        return Mutex(initial)
    if model in ("set", "fifo-queue"):
        if initial is not None and not isinstance(initial, list | tuple):
            what = "a set starts from a list of elements" if model == "set" else "a queue starts from a list of items"
            raise ValueError(f"{what}, not from {brief(initial)}")
        return AddIfAbsentSet(frozen(initial)) if model == "set" else FifoQueue(frozen(initial))
    raise ValueError(f"unknown model {name!r}: use {', '.join(sorted((*MODELS, *KEPT_ACCOUNTS)))} or MODULE:OBJECT")


def _bounds(query: str) -> dict[str, int | None]:
    bounds: dict[str, int | None] = {}
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option not in ("minimum", "maximum"):
            raise ValueError(f"unknown option {option!r} of model 'counter': use minimum, maximum")
        try:
            bounds[option] = None if value == "none" else int(value)
        except ValueError:
            raise ValueError(
                f"{option}={brief(value)} of model 'counter' is no integer: write a number or none"
            ) from None
    return bounds
