"""Whether a value of today means what was recorded of it: the two are compared field by field.

A record of old knows only the fields that there were. What an object has beyond them is new and cannot be compared; what it lacks, or
holds in another form, has changed. The keys of a dict are data, so there none may be new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import msgspec


@attrs.frozen
class Difference:
    """At `path`, such as ``.lines[2].price``, stood `then`, and now there is `now`."""

    path: str
    then: Any
    now: Any


MISSING = "(nothing)"
"""Stands for what only one of both has."""


class Comparison:
    """Compares, and keeps in `added` the fields that are new: ``Cart.currency``. `plain` is how values look in a file."""

    def __init__(self, plain: Callable[[Any], Any]) -> None:
        self.plain = plain
        self.added: dict[str, None] = {}

    def first(self, then: Any, now: Any) -> Difference | None:
        """The first difference, or None."""
        return next(self.differences("", then, now), None)

    def differences(self, path: str, then: Any, now: Any) -> Iterator[Difference]:
        """All of them, in the order of the record."""
        fields = fields_of(now)
        if fields is not None and isinstance(then, Mapping):
            yield from self.fields(path, then, fields, type(now).__name__)
        elif isinstance(now, Mapping) and isinstance(then, Mapping):
            yield from self.entries(path, then, now)
        elif isinstance(now, list | tuple) and isinstance(then, list | tuple) and len(now) == len(then):
            for place, (one, other) in enumerate(zip(then, now, strict=True)):
                yield from self.differences(f"{path}[{place}]", one, other)
        else:
            seen = self.plain(now)
            if seen != then or isinstance(seen, bool) != isinstance(then, bool):
                yield Difference(path, then, seen)

    def fields(self, path: str, then: Mapping[str, Any], now: dict[str, Any], kind: str) -> Iterator[Difference]:
        """Of an object: those that were recorded."""
        for name, value in then.items():
            if name in now:
                yield from self.differences(f"{path}.{name}", value, now[name])
            else:
                yield Difference(f"{path}.{name}", value, MISSING)
        self.added.update(dict.fromkeys(f"{kind}.{name}" for name in now if name not in then))

    def entries(self, path: str, then: Mapping[str, Any], now: Mapping[Any, Any]) -> Iterator[Difference]:
        """Of a dict: all."""
        if not all(type(key) is str for key in now):
            now = self.plain(now)
        for key in dict.fromkeys([*then, *now]):
            place = f"{path}[{key!r}]"
            if key not in now or key not in then:
                yield Difference(place, then.get(key, MISSING), self.plain(now[key]) if key in now else MISSING)
            else:
                yield from self.differences(place, then[key], now[key])


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of an object under the names that they have in JSON; None for everything else."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        if config.array_like:
            return None
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        found = {name: getattr(value, attribute) for attribute, name in names}
        return found if config.tag_field is None else {config.tag_field: config.tag, **found}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if attrs.has(type(value)):
        return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
    return None
