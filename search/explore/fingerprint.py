"""Fingerprints: two deployments with the same one go on alike, whatever is done to them, and are judged alike.

Everything that a deployment and its properties hold is written down in one canonical form, part by part. A part is an object with
attributes; what it holds of plain values, containers and frozen records is written with it, other parts by their names. A part is named by
the way on which it is first met. Dicts and sets are written in the order of their contents. Left out is what can have no influence: wiring
(functions, the application), evidence, and the count of steps. Numbers of records are evidence too; who wants states to be recognised feeds
all records under one number.

The fingerprint is the sum of the hashes of all parts, so that after an action only those parts are written again that it changed.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import re
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import attrs
import msgspec

from refold.model.application import Application
from refold.model.consumer import Consumer
from refold.model.context import Clock
from refold.model.log import Log
from refold.model.process import Process
from refold.properties.oracle import Oracle
from refold.properties.window import Window
from refold.systems.deployment import Deployment

WIRING = (FunctionType, BuiltinFunctionType, MethodType, type, functools.partial, weakref.ref, Application, Clock)
"""What is the same in every run, and the clock, which counts steps."""

LEFT_OUT = frozenset(
    {
        "emit",
        "note",
        "handlers",
        "dormant",
        "skipped",
        "turns",
        "recent",
        "application",
        "decider",
        "plain",
        "step",
        "checked",
    }
)
"""Attributes that hold wiring, counts, what was looked up before, and what a finding shows as its proof."""

SCRATCH: Mapping[type, frozenset[str]] = {Oracle: frozenset({"progress", "turn"})}
"""Attributes that are set anew by every record of which they tell, before anybody looks at them."""

PLAIN = frozenset({int, str, bytes, float, bool, type(None)})
CONTAINERS = frozenset({list, tuple, deque, set, frozenset, dict})
WHOLE = (
    complex,
    range,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    decimal.Decimal,
    fractions.Fraction,
    uuid.UUID,
    enum.Enum,
    re.Pattern,
)
"""Values that never change, and that say all that they are."""

NOTHING: Mapping[Any, Any] = {}

KEPT = 50_000
"""Frozen values whose form is kept, at most."""

SIZE = 16
"""Bytes of a fingerprint."""

ALL = (1 << 8 * SIZE) - 1


class StatePart:
    """One object of a state, as it was written down: its name, its hash, what can change in it, and the parts that it names. `unsaid` is
    what the fingerprint leaves out; `hidden` are the parts that are met there. `named`: it tells which client asked for something."""

    __slots__ = ("cells", "digest", "hidden", "holdings", "name", "named", "others", "thing", "unsaid")

    def __init__(
        self,
        thing: Any,
        name: str,
        digest: int,
        cells: list[Any],
        others: list[Any],
        unsaid: list[Any],
        named: bool = False,
    ) -> None:
        self.thing = thing
        self.named = named
        self.name = name
        self.digest = digest
        self.cells = cells
        self.others = others
        self.unsaid = unsaid
        self.hidden: list[Any] = []
        self.holdings: Any = None


@functools.cache
def slots(cls: type) -> tuple[str, ...]:
    """The names of its slots."""
    names = [name for one in cls.__mro__ for name in slots_of(one)]
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def slots_of(cls: type) -> tuple[str, ...]:
    """Those that a class adds, as they are called from outside."""
    names = cls.__dict__.get("__slots__", ())
    names = (names,) if isinstance(names, str) else tuple(names)
    hidden = cls.__name__.lstrip("_")
    return tuple(f"_{hidden}{name}" if name.startswith("__") and not name.endswith("__") else name for name in names)


@functools.cache
def left_out(kind: type) -> frozenset[str]:
    """The attributes of its objects that say nothing about any state."""
    return LEFT_OUT.union(*[names for cls, names in SCRATCH.items() if issubclass(kind, cls)])


def of_no_interest(deployment: Any) -> dict[type, frozenset[str]]:
    """Attributes that say nothing about the states of this deployment: kind of part -> names.

    Whether a consumer is asleep: where log, announcements and subscription are refold's own, who sleeps is woken by whatever there is to
    read. So of two consumers that differ in this alone, the one that is awake finds nothing, and falls asleep.
    """
    if type(getattr(deployment, "log", None)) is not Log or not own(type(deployment), Deployment, ANNOUNCING):
        return {}
    kinds = {type(consumer) for consumer in deployment.consumers.values()}
    return {
        kind: frozenset({"asleep"}) for kind in kinds if issubclass(kind, Consumer) and own(kind, Consumer, READING)
    }


def foreseeable(deployment: Any) -> bool:
    """Whether crashes at a step are refold's own in all processes, and faults stop at rest as they do in the reference system."""
    processes = [deployment.log, *deployment.consumers.values()]
    return own(type(deployment), Deployment, ("crash_at", "come_to_rest", "settle", "died")) and all(
        isinstance(process, Process) and own(type(process), Process, ("light", "durable")) for process in processes
    )


ANNOUNCING = ("deliver", "tail", "restart_process")
READING = ("fetch", "idle", "resume", "turn", "wake")
"""Methods that decide who is woken, and who falls asleep."""


def own(kind: type, base: type, methods: Sequence[str]) -> bool:
    """Whether all of these are refold's own: as `base` has them, or a core part derived from it."""
    return all(getattr(kind, name).__module__ in (base.__module__, Consumer.__module__) for name in methods)


ONLY_WITH = {"fuse_length": "fuse"}
"""Attribute -> the one without which nobody asks for it."""


@functools.cache
def usual_values(kind: type) -> Mapping[str, Any]:
    """What its objects hold as long as nobody has said otherwise."""
    return {name: held for cls in reversed(kind.__mro__) for name, held in vars(cls).items() if type(held) in PLAIN}


@functools.cache
def fields_of(kind: type) -> tuple[str, ...] | None:
    """The fields of a frozen struct, dataclass or attrs class; None for anything else."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__ if kind.__struct_config__.frozen else None
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind)) if frozen_dataclass(kind) else None
    if attrs.has(kind) and getattr(kind.__setattr__, "__name__", "") == "_frozen_setattrs":
        return tuple(field.name for field in attrs.fields(kind))
    return None


def frozen_dataclass(kind: type) -> bool:
    """Whether a dataclass was declared frozen."""
    return bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]


@functools.cache
def way_of(kind: type) -> str:
    """Which method of a `CanonicalForm` writes things of a kind."""
    ways = {tuple: "row", list: "cell_row", deque: "cell_row", frozenset: "bag", set: "cell_bag", dict: "cell_table"}
    if kind in PLAIN:
        return "value"
    if kind in ways:
        return ways[kind]
    if issubclass(kind, Clock):
        return "clock"
    if issubclass(kind, WIRING):
        return "wiring"
    if issubclass(kind, (*WHOLE, int, str, bytes, float)):
        return "whole"
    if kind is Window:
        return "window"
    named: type = kind
    if fields_of(named) is not None:
        return "record"
    if issubclass(kind, tuple):
        return "named_row"
    return "cell_struct" if issubclass(kind, msgspec.Struct) else "another"


@functools.cache
def can_be_undone(kind: type) -> bool:
    """Whether all that an object of this kind holds is in its attributes, or in the dict that it is: then it can be set back."""
    return all(
        one in (dict, object) or one.__flags__ & (HEAP_TYPE | IMMUTABLE_TYPE) == HEAP_TYPE for one in kind.__mro__
    )


HEAP_TYPE, IMMUTABLE_TYPE = 1 << 9, 1 << 8
"""The flag of classes that are written in Python, and that of those written in C which have the first one too, as in Python 3.13."""


class CanonicalForm:
    """Writes parts down, and names those that are met first. `unseen` are attributes that it leaves out, beside those of every state;
    `pattern` is what names look like that clients give: a part that shows one is `named`."""

    def __init__(self, unseen: Mapping[type, frozenset[str]] = NOTHING, pattern: re.Pattern[str] | None = None) -> None:
        self.unseen = unseen
        self.pattern = pattern
        self.names: dict[int, str] = {}
        self.name = ""
        self.met: list[Any] = []
        self.cells: list[Any] = []
        self.others: list[Any] = []
        self.unsaid: list[Any] = []
        self.kept: dict[int, tuple[Any, str]] = {}
        self.ways: dict[type, Callable[[Any], str]] = {}
        self.whole_seen = True
        """Whether everything that was met can be set back."""

    def left_out(self, kind: type) -> frozenset[str]:
        """The attributes of its objects that say nothing about a state."""
        out = left_out(kind)
        return out | self.unseen[kind] if kind in self.unseen else out

    def form(self, value: Any) -> str:
        """The canonical form of a value."""
        kind: type = type(value)
        try:
            return self.ways[kind](value)
        except KeyError:
            if kind in self.ways:
                raise
        name = way_of(kind)
        plain = name == "value" and (kind is not str or type(self).value is CanonicalForm.value)
        way: Callable[[Any], str] = repr if plain else getattr(self, name)
        self.ways[kind] = way
        return way(value)

    def value(self, value: Any) -> str:
        """A plain value."""
        return repr(value)

    @staticmethod
    def whole(value: Any) -> str:
        """A value that never changes, and says all that it is."""
        return f"{type(value).__name__}:{value!r}"

    @staticmethod
    def wiring(value: Any) -> str:
        """The same everywhere."""
        return "-"

    def clock(self, value: Clock) -> str:
        """What counts steps."""
        self.unsaid.append(value)
        return "-"

    def window(self, value: Window) -> str:
        """What was given up."""
        self.cells.append(value)
        return repr(value.dropped)

    def row(self, values: Any) -> str:
        """One after the other."""
        return f"({','.join(map(self.form, values))})" if values else "()"

    def named_row(self, values: Any) -> str:
        """A tuple of a kind of its own."""
        return f"{type(values).__name__}{self.row(values)}"

    def cell_row(self, values: Any) -> str:
        """One after the other, where that can change."""
        self.cells.append(values)
        return f"[{','.join(map(self.form, values))}]" if values else "[]"

    def bag(self, values: Any) -> str:
        """In the order of what they look like."""
        if type(values) is frozenset:
            return self.once(values, self.members)
        return self.members(values)

    def members(self, values: Any) -> str:
        """The members of a set."""
        return f"<{','.join(sorted(map(self.form, values)))}>" if values else "<>"

    def cell_bag(self, values: Any) -> str:
        """The same, where that can change."""
        self.cells.append(values)
        return self.bag(values)

    def cell_table(self, values: dict[Any, Any]) -> str:
        """In the order of the keys."""
        self.cells.append(values)
        if not values:
            return "{}"
        form = self.form
        items = [(form(key), value) for key, value in values.items()]
        if len(items) > 1:
            items.sort(key=first)
        return f"{{{','.join([f'{key}:{form(value)}' for key, value in items])}}}"

    def record(self, value: Any) -> str:
        """By its fields."""
        kept = self.kept.get(id(value))
        return self.once(value, self.fields) if kept is None else kept[1]

    def fields(self, value: Any) -> str:
        """The fields of something frozen."""
        form = self.form
        kind: type = type(value)
        return f"{kind.__name__}({','.join([form(getattr(value, name)) for name in fields_of(kind) or ()])})"

    def once(self, value: Any, write: Callable[[Any], str]) -> str:
        """Written once, if nothing in it can change."""
        kept = self.kept.get(id(value))
        if kept is not None:
            return kept[1]
        before = len(self.cells) + len(self.others) + len(self.unsaid)
        text = write(value)
        if len(self.cells) + len(self.others) + len(self.unsaid) == before:
            if len(self.kept) >= KEPT:
                self.kept.clear()
            self.kept[id(value)] = (value, text)
        return text

    def cell_struct(self, value: msgspec.Struct) -> str:
        """By its fields, which can change."""
        self.cells.append(value)
        form = self.form
        return f"{type(value).__name__}({','.join([form(getattr(value, name)) for name in value.__struct_fields__])})"

    def another(self, value: Any) -> str:
        """Another part: by its name."""
        self.others.append(value)
        name = self.names.get(id(value))
        if name is None:
            name = self.names[id(value)] = f"{self.name}.{len(self.met)}"
            self.met.append(value)
        return f"#{name}"

    def part(self, thing: Any, name: str) -> StatePart:
        """A part, written down as far as the fingerprint goes. Empty containers, and what the class says already, go without saying."""
        self.name = name
        self.met, self.cells, self.others, self.unsaid = [], [], [], []
        form = self.form
        kind: type = type(thing)
        out, usual = self.left_out(kind), usual_values(kind)
        said = []
        for attribute in slots(kind):
            held = getattr(thing, attribute, None)
            if attribute in out:
                self.unsaid.append(held)
            else:
                said.append(f"{attribute}={form(held)}")
        for attribute, held in getattr(thing, "__dict__", NOTHING).items():
            if type(held) in PLAIN:
                if attribute in out or (attribute in usual and usual[attribute] is held):
                    continue
                if attribute not in ONLY_WITH or getattr(thing, ONLY_WITH[attribute]):
                    said.append(f"{attribute}={self.value(held)}")
            elif attribute in out:
                self.unsaid.append(held)
            else:
                text = form(held)
                if held or type(held) not in CONTAINERS:
                    said.append(f"{attribute}={text}")
        if isinstance(thing, dict):
            said.append(self.cell_table(thing))
        if not can_be_undone(kind):
            said.append(self.opaque(thing))
        text = f"{name}:{kind.__name__}({','.join(said)})"
        named = self.pattern is not None and self.pattern.search(text) is not None
        hidden = name[:1] == HIDDEN
        return StatePart(thing, name, 0 if hidden else digest(text), self.cells, self.others, self.unsaid, named)

    def hide(self, part: StatePart) -> None:
        """Look through what the fingerprint leaves out of a part, for what can change there."""
        if part.unsaid:
            self.name = HIDDEN
            self.met, self.cells, self.others, self.unsaid = [], part.cells, part.hidden, []
            for held in part.unsaid:
                if type(held) is Clock:
                    self.another(held)
                else:
                    self.form(held)

    def opaque(self, thing: Any) -> str:
        """What an object that is not made of attributes tells of itself."""
        self.whole_seen = False
        if isinstance(thing, Set):
            return self.bag(thing)
        if isinstance(thing, list | deque):
            return self.row(thing)
        try:
            return self.form(thing.__reduce_ex__(2)[1:])
        except TypeError:
            return ""

    def parts(self, root: Any) -> dict[int, StatePart]:
        """All parts that can be reached from here, by their identity, and those that only the left-out leads to."""
        self.names = {id(root): "0"}
        found: dict[int, StatePart] = {}
        waiting = deque([root])
        while waiting:
            self.add(waiting, found)
        seen = list(found.values())
        for part in seen:
            self.hide(part)
            waiting.extend(self.met if part.unsaid else ())
            while waiting:
                seen.append(self.add(waiting, found))
        return found

    def add(self, waiting: deque[Any], found: dict[int, StatePart]) -> StatePart:
        """Write down the next one."""
        thing = waiting.popleft()
        part = found[id(thing)] = self.part(thing, self.names[id(thing)])
        waiting.extend(self.met)
        return part


def first(item: tuple[str, Any]) -> str:
    """What an item is sorted by."""
    return item[0]


def digest(text: str) -> int:
    """A hash."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest(), "little")


HIDDEN = "~"
"""What the names of parts begin with that the fingerprint does not see."""


class Roots:
    """What a state is reached from."""

    __slots__ = ("roots",)

    def __init__(self, roots: tuple[Any, ...]) -> None:
        self.roots = roots


def total(parts: Mapping[int, StatePart]) -> int:
    """The fingerprint of all of them, as a number."""
    return sum([part.digest for part in parts.values()]) & ALL


def fingerprint(*roots: Any) -> bytes:
    """Of everything that can be reached from here."""
    return total(CanonicalForm().parts(Roots(roots))).to_bytes(SIZE, "little")
