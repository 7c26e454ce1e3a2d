"""Watched objects: every call of one of their methods is a crossing.

For whatever is behind a library of which refold knows nothing: a client of a message broker, a mail sender, a store of the user's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.boundary import PLAIN, QUIET, Boundary, raise_unless_none
from refold.systems.gate.databases.dbapi import Connection
from refold.systems.gate.decision import Lose, error_of

T = TypeVar("T")


class Watched:
    """A thin wrapper: attributes are those of the object; calls of its public methods are crossings for actors, and for nobody else."""

    def __init__(self, thing: Any, name: str, methods: Collection[str] | None, boundary: Boundary) -> None:
        object.__setattr__(self, "_watched", (thing, name, methods, boundary))

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._watched[0])

    def __getattr__(self, attribute: str) -> Any:
        thing, name, methods, boundary = object.__getattribute__(self, "_watched")
        value = getattr(thing, attribute)
        if not callable(value) or attribute.startswith("_") or not (methods is None or attribute in methods):
            return value
        return _method(value, f"{name}.{attribute}" if name else attribute, boundary)

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(self._watched[0], attribute, value)

    def __repr__(self) -> str:
        return repr(self._watched[0])


def _method(function: Callable[..., Any], words: str, boundary: Boundary) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def awaited(*arguments: Any, **named: Any) -> Any:
            actor = current()
            if actor is None:
                return await function(*arguments, **named)
            return await _cross(actor, words, lambda: function(*arguments, **named), boundary)

        return awaited

    def called(*arguments: Any, **named: Any) -> Any:
        actor = current()
        if actor is None:
            return function(*arguments, **named)
        return actor.cross("call", words, lambda: function(*arguments, **named), boundary)

    return called


async def _cross(actor: Actor, words: str, work: Callable[[], Any], boundary: Boundary) -> Any:
    """A crossing before the call, and one more stop wherever it waits. A lost answer is lost when it is there."""
    decision = actor.decide("call", words, boundary)
    result = await work()
    if isinstance(decision, Lose):
        raise_unless_none(error_of(decision.error, boundary.lose))
    return result


def watch(
    thing: T,
    *,
    name: str = "",
    methods: Collection[str] | None = None,
    fails: Callable[[], BaseException] | None = None,
    loses: Callable[[], BaseException] | None = None,
) -> T:
    """The object with every call of a public method a crossing; a connection of a DB-API driver with every statement, commit and rollback
    one, as those that are made while a gate is open.

    `name` stands before the method in the words of its crossings; `methods` are those that count, by default all; `fails` and `loses` make
    the errors that its library raises where the plan decides `Fail` and `Lose`; by default `ConnectionError`, and what `fails` makes.
    """
    if methods is None and all(hasattr(thing, method) for method in ("cursor", "commit", "rollback")):
        return cast(T, Connection(thing))
    fail = fails or PLAIN.fail
    return cast(T, Watched(thing, name, methods, Boundary(fail, loses or fail)))


def durable(words: str = "durable") -> None:
    """A stop by an explicit call, right before something becomes durable that the gate cannot see. Outside of actors it does nothing.

    Raises `Death`, and what the plan decides.
    """
    actor = current()
    if actor is not None:
        actor.cross("durable", words, _nothing, QUIET)


def _nothing() -> None:
    """The work of a `durable()` is what follows it."""
