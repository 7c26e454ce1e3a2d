"""Fingerprints: two deployments with the same one go on alike, whatever is done to them, and are judged alike.

Everything that a deployment and its properties hold is written down in one canonical form: objects by class and attributes, the second time
as a reference; dicts and sets in the order of their contents. Left out is what can have no influence: wiring (functions, the application),
evidence, and the count of steps. Numbers of records are evidence too; who wants states to be recognised feeds all records under one number.
"""

from __future__ import annotations

import functools
import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Set
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import msgspec

from refold.model.application import Application
from refold.model.context import Clock
from refold.properties.window import Window

WIRING = (FunctionType, BuiltinFunctionType, MethodType, type, functools.partial, Application, Clock)
"""What is the same in every run, and the clock, which counts steps."""

LEFT_OUT = frozenset(
    {"emit", "note", "handlers", "dormant", "skipped", "turns", "recent", "application", "decider", "plain", "step"}
)
"""Attributes that hold wiring, counts, and what a finding shows as its proof."""

PLAIN = (int, str, bytes, float, bool, type(None))
CONTAINERS = (list, tuple, deque, set, frozenset, dict)


@functools.cache
def slots(cls: type) -> tuple[str, ...]:
    """The names of its slots."""
    names = [name for one in cls.__mro__ for name in one.__dict__.get("__slots__", ())]
    return tuple(name for name in names if name not in ("__dict__", "__weakref__") and name not in LEFT_OUT)


@functools.cache
def way_of(kind: type) -> str:
    """Which method of a `CanonicalForm` writes things of a kind."""
    if kind in PLAIN:
        return "value"
    if issubclass(kind, WIRING):
        return "wiring"
    if kind is Window:
        return "window"
    if issubclass(kind, msgspec.Struct):
        return "struct"
    if kind in (list, tuple, deque):
        return "row"
    if issubclass(kind, Set):
        return "bag"
    if kind is dict or (issubclass(kind, Mapping) and not issubclass(kind, dict)):
        return "table"
    return "object"


class CanonicalForm:
    """Writes one state down. Objects that are met again are written as references."""

    value = staticmethod(repr)

    def __init__(self) -> None:
        self.met: dict[int, Any] = {}
        self.ways: dict[type, Callable[[Any], str]] = {}

    def form(self, value: Any) -> str:
        """The canonical form of a value."""
        kind: type = type(value)
        way = self.ways.get(kind)
        if way is None:
            way = self.ways[kind] = getattr(self, way_of(kind))
        return way(value)

    @staticmethod
    def wiring(value: Any) -> str:
        """The same everywhere."""
        return "-"

    @staticmethod
    def window(value: Window) -> str:
        """What was given up."""
        return repr(value.dropped)

    def row(self, values: Any) -> str:
        """One after the other."""
        return f"[{','.join(map(self.form, values))}]" if values else "[]"

    def bag(self, values: Any) -> str:
        """In the order of what they look like."""
        return f"<{','.join(sorted(map(self.form, values)))}>" if values else "<>"

    def table(self, values: Any) -> str:
        """In the order of the keys."""
        if not values:
            return "{}"
        form = self.form
        items = sorted([(form(key), value) for key, value in values.items()], key=lambda item: item[0])
        return f"{{{','.join([f'{key}:{form(value)}' for key, value in items])}}}"

    def struct(self, value: Any) -> str:
        """By its fields."""
        form = self.form
        return f"{type(value).__name__}({','.join([form(getattr(value, name)) for name in value.__struct_fields__])})"

    def object(self, value: Any) -> str:
        """Something that lives, once. Empty containers go without saying."""
        met = self.met
        key = id(value)
        if key in met:
            return f"#{met[key][0]}"
        met[key] = (len(met), value)
        form = self.form
        kind: type = type(value)
        parts = [f"{name}={form(getattr(value, name, None))}" for name in slots(kind)]
        for name, part in getattr(value, "__dict__", NOTHING).items():
            if name not in LEFT_OUT and (part or type(part) not in CONTAINERS):
                parts.append(f"{name}={form(part)}")
        if isinstance(value, dict):
            parts.append(self.table(value))
        return f"{type(value).__name__}({','.join(parts)})"


NOTHING: Mapping[str, Any] = {}


def fingerprint(*roots: Any) -> bytes:
    """Of everything that can be reached from here."""
    writer = CanonicalForm()
    text = ";".join([writer.form(root) for root in roots])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
