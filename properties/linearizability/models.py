"""Specifications by name: `cas-register`, `set`, `counter`. A user's own is found by `refold.search.objects.specification`.

Bounds of a counter follow its name like a query: `counter?minimum=0&maximum=10`; `none` is no bound.
"""

from typing import Any, Literal
from urllib.parse import parse_qsl

from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import brief, frozen

__all__ = ["MODELS", "specification_named"]

MODELS = ("cas-register", "counter", "set")
"""The names of what is built in."""


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
    if model == "set":
        if initial is not None and not isinstance(initial, list | tuple):
            raise ValueError(f"a set starts from a list of elements, not from {brief(initial)}")
        return AddIfAbsentSet(frozen(initial))
    raise ValueError(f"unknown model {name!r}: use {', '.join(MODELS)} or MODULE:OBJECT")


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
