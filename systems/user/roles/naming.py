"""Calls by name: a command `ClaimName(name, owner)` is the method `claim_name(name, owner)` of a service without an `execute`."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from refold.model.words import short
from refold.systems.user.errors import AdapterError

FIELDS = ("__struct_fields__", "__match_args__", "__dataclass_fields__")
"""Where msgspec, attrs and dataclasses say which fields a class has."""


def method_name(command: object) -> str:
    """``claim_name`` for a `ClaimName`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(command).__name__).lower()


def fields_of(value: object) -> dict[str, Any]:
    """The fields of a command or an event, in their order."""
    cls: Any = type(value)
    names = next((fields for place in FIELDS if (fields := getattr(cls, place, None))), ())
    return {name: getattr(value, name) for name in names}


def call_of(title: str, service: object, command: Any) -> functools.partial[object]:
    """How this service is given a command: by `execute`, by the service itself if it is a function, or by the method that is called like
    the command, with its fields. Raises `AdapterError` if there is none."""
    execute = getattr(service, "execute", None)
    if callable(execute):
        return functools.partial(execute, command)
    if inspect.isroutine(service):
        return functools.partial(service, command)
    method = getattr(service, method_name(command), None)
    if not callable(method):
        raise AdapterError(
            f"{title}: the service is {short(service)}, which has neither execute(command) nor {method_name(command)}(), the method for"
            f" {short(command)}"
        )
    fields = fields_of(command)
    if takes(method, fields):
        return functools.partial(method, **fields)
    return functools.partial(method, *fields.values())


def takes(method: Callable[..., object], fields: dict[str, Any]) -> bool:
    """Whether the parameters of a method are called like the fields."""
    try:
        inspect.signature(method).bind(**fields)
    except (TypeError, ValueError):  # others, or nobody knows
        return False
    return True
