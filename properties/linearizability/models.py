"""Specifications by name: `cas-register`, `set`, `counter`, or a user's own as `MODULE:OBJECT`.

Bounds of a counter follow its name like a query: `counter?minimum=0&maximum=10`; `none` is no bound.
"""

from typing import Any, Literal
from urllib.parse import parse_qsl

from refold.properties.linearizability.objects import AddIfAbsentSet, BoundedCounter, CasRegister
from refold.properties.linearizability.specification import Specification
from refold.properties.linearizability.value import brief, frozen
from refold.systems.port import UsageError
from refold.systems.registry import load
from refold.systems.user.errors import let_through, told

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
    return _own(name, initial)


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


def _own(name: str, initial: Any) -> Specification:
    module_name, colon, object_name = name.rpartition(":")
    if not colon or not module_name or not object_name:
        raise ValueError(f"unknown model {name!r}: use {', '.join(MODELS)} or MODULE:OBJECT")
    try:
        found: Any = load(name)
    except UsageError as error:
        raise ValueError(f"--model: {error}") from error
    if callable(found) and (isinstance(found, type) or not hasattr(found, "step")):
        try:
            found = found() if initial is None else found(frozen(initial))
        except BaseException as error:
            let_through(error)
            raise ValueError(f"model {name!r}: calling it raised {told(error)}") from error
    if not isinstance(found, Specification):
        raise ValueError(f"model {name!r} is no specification: it needs an attribute `initial` and a method `step`")
    return found
