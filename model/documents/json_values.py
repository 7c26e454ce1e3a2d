"""Values as JSON, the same bytes in every process.

msgspec writes nearly everything. What it does not put in order or accept as a key is done here: sets of values that cannot be sorted
(their JSON can), and dicts whose keys are tuples, enums or of several types (their keys are the JSON of them).
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

import msgspec


def encode(value: Any) -> bytes:
    """The value as JSON. Raises TypeError, ValueError or RecursionError if it has none."""
    try:
        return msgspec.json.encode(value, order="deterministic")
    except (TypeError, ValueError):
        return msgspec.json.encode(simple(value), order="deterministic")


def simple(value: Any) -> Any:
    """The value made of dicts with strings as keys, lists and scalars."""
    if isinstance(value, enum.Enum):
        return simple(value.value)
    if isinstance(value, Mapping):
        found = {key if type(key) is str else encode(key).decode(): simple(item) for key, item in value.items()}
        if len(found) < len(value):
            raise TypeError("two keys of a dict are alike when they are written as JSON")
        return found
    if isinstance(value, set | frozenset):
        return sorted(map(simple, value), key=encode)
    if isinstance(value, list | tuple):
        return [simple(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return simple(of_struct(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: simple(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {field.name: simple(getattr(value, field.name)) for field in type(value).__attrs_attrs__}
    return msgspec.to_builtins(value, order="deterministic")


def spelled(value: Any) -> Any:
    """The value with lone surrogates spelled out, as ``\\ud800``: they come in names and in texts of errors, and no file can hold them."""
    return spelled_out(simple(value))


def spelled_out(value: Any) -> Any:
    """The same for what is made of dicts, lists and scalars."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {spelled_out(key): spelled_out(item) for key, item in value.items()}
    return [spelled_out(item) for item in value] if isinstance(value, list) else value


def of_struct(value: msgspec.Struct) -> Any:
    """The fields of a Struct under the names that they have in JSON, and its tag; a list if it is written as one."""
    config = value.__struct_config__
    fields = {
        name: getattr(value, attribute)
        for attribute, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    }
    if config.array_like:
        return [*([] if config.tag is None else [config.tag]), *fields.values()]
    return fields if config.tag_field is None else {config.tag_field: config.tag, **fields}
