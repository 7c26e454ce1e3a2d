"""Values of a user's objects as plain ones, which compare by equality and read well."""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

DEPTH = 12
"""How deep values within values are shown."""

HEX = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")


def plain(value: Any, names: Mapping[str, str], depth: int = DEPTH) -> Any:
    """The same value in dicts, lists and scalars; ids that have a name in `names` are called by it."""
    if value is None or isinstance(value, bool | int | float):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, str):
        return renamed(str(value), names)
    if isinstance(value, UUID):
        return names.get(value.hex, str(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta | bytes):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.name
    if not depth:
        return "…"
    return nested(value, names, depth - 1)


def nested(value: Any, names: Mapping[str, str], depth: int) -> Any:
    """The same of a value with values in it."""
    if isinstance(value, Mapping):
        return {key_of(key, names): plain(one, names, depth) for key, one in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((plain(one, names, depth) for one in value), key=repr)
    if isinstance(value, tuple | list):
        return [plain(one, names, depth) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), names, depth) for field in dataclasses.fields(value)}
    if isinstance(value, type) or callable(value) or not hasattr(value, "__dict__"):
        return getattr(value, "__qualname__", None) or f"an object of class {type(value).__qualname__}"
    return {name: plain(one, names, depth) for name, one in vars(value).items()}


def key_of(key: Any, names: Mapping[str, str]) -> Any:
    """A key of a dict."""
    found = plain(key, names)
    return found if isinstance(found, str | int | float | bool | None) else repr(found)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A text in which ids that have a name are called by it."""
    if len(text) < 32 or not names:
        return text
    return HEX.sub(lambda match: names.get(match.group().replace("-", ""), match.group()), text)
