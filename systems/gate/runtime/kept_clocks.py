"""Clocks that the code under test keeps: a default argument, a field of a class, the factory of a dataclass, an object made at import.

``import time; time.time()`` and ``from time import time`` look a name up when they are called, and find the replacement. Whoever took the
function itself before a gate was opened has the real one. For as long as a gate is open, a replacement stands in each place that is found
here. What is kept where nothing can be replaced, in a tuple or in a compiled model, is `missed`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

from refold.systems.gate.patches import Patches, original_of
from refold.systems.gate.runtime import clock
from refold.systems.gate.users import is_pythons, is_users

FUNCTIONS: Mapping[Any, Any] = clock.FUNCTIONS
METHODS: Mapping[type, type] = {one.real: one for one in (clock.datetime, clock.date)}
"""The classes of which a method like `now` is a clock, and what stands in their place."""
TELLING = ("now", "today", "utcnow")
DEPTH = 3
"""How deep an object that a module has made is looked into."""
OBJECTS_MAX = 20_000
"""Classes, functions and objects that are looked into, at most: in one module of the user's, and in all libraries together."""
FIELDS_MAX = 1_000
"""Entries of a dict that is looked into: a larger one holds data."""

Place = tuple[Any, str, Any, Any]
"""What keeps a clock, under which name, the clock, and what stands in its place."""


def stand_in(value: Any) -> Any:
    """What stands in the place of a clock; None for what is none."""
    if isinstance(value, BuiltinFunctionType):
        owner = value.__self__
        if isinstance(owner, type) and owner in METHODS and value.__name__ in TELLING:
            return getattr(METHODS[owner], value.__name__)
        return FUNCTIONS.get(value) if isinstance(owner, ModuleType) else None
    if isinstance(value, staticmethod):
        found = stand_in(value.__func__)
        return None if found is None else staticmethod(found)
    if type(value) is functools.partial:
        found = stand_in(value.func)
        return None if found is None else functools.partial(found, *value.args, **value.keywords)
    return None


class KeptClocks:
    """Those of the user's modules and of the libraries that he uses; of objects, only those that his own modules have made."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.missed: dict[str, None] = {}
        """Where there is a clock that nothing can stand in for."""
        self.looked: dict[int, Any] = {}
        self.left = self.left_for_libraries = OBJECTS_MAX
        """How many more may be looked into: in this module, in libraries."""

    def look(self, module: ModuleType) -> None:
        """Look through a module that has come since the last time."""
        theirs = is_users(getattr(module, "__file__", None) or "<")
        self.left = OBJECTS_MAX if theirs else self.left_for_libraries
        self.look_through(module, theirs)
        if not theirs:
            self.left_for_libraries = self.left

    def look_through(self, module: ModuleType, theirs: bool) -> None:
        """Its functions and classes; if it is the user's, its clocks and objects too."""
        if theirs:
            self.keep(vars(module), module.__name__)
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType | type) and value.__module__ == module.__name__:
                self.look_into(value)
            elif theirs and not isinstance(value, FunctionType | type):
                self.look_into_object(value, f"{module.__name__}.{name}", DEPTH)

    def is_new(self, value: Any) -> bool:
        """Whether nobody has looked into this yet."""
        if id(value) in self.looked or not self.left:
            return False
        self.left -= 1
        self.looked[id(value)] = value
        return True

    def look_into(self, value: Any) -> None:
        """A function or a class."""
        if not self.is_new(value):
            return
        if isinstance(value, FunctionType):
            self.look_into_function(value)
        else:
            self.look_into_class(value)

    def look_into_function(self, function: FunctionType) -> None:
        """Its defaults, and what it has closed over, as the `__init__` of a dataclass has the factories of its fields; attrs has
        them among globals of its own."""
        defaults = function.__defaults__ or ()
        found = [stand_in(one) for one in defaults]
        if any(one is not None for one in found):
            replaced = tuple(one if new is None else new for one, new in zip(defaults, found, strict=True))
            self.places.append((function, "__defaults__", defaults, replaced))
        self.keep(function.__kwdefaults__ or {}, function.__qualname__)
        if function.__globals__ is not getattr(sys.modules.get(function.__module__), "__dict__", None):
            self.keep(function.__globals__, function.__qualname__)
        for cell in function.__closure__ or ():
            self.look_into_cell(cell)

    def look_into_cell(self, cell: CellType) -> None:
        """What a function has closed over: a clock, or a function that it wraps."""
        try:
            value = cell.cell_contents
        except ValueError:
            return  # there is no value yet
        found = stand_in(value)
        if found is not None:
            self.places.append((cell, "cell_contents", value, found))
        elif isinstance(value, FunctionType):
            self.look_into(value)

    def look_into_class(self, cls: type) -> None:
        """Its fields and its methods."""
        for name, value in list(vars(cls).items()):
            found = stand_in(value)
            if found is not None and type(cls) is type:
                self.places.append((cls, name, value, found))
            inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            if isinstance(inner, FunctionType) or (isinstance(inner, type) and inner.__module__ == cls.__module__):
                self.look_into(inner)
        fields = vars(cls).get("__pydantic_fields__")
        for name, field in fields.items() if isinstance(fields, dict) else ():
            if stand_in(getattr(field, "default_factory", None)) is not None:
                self.missed[f"{cls.__module__}.{cls.__qualname__}.{name}"] = None

    def look_into_object(self, value: Any, where: str, depth: int) -> None:
        """An object that a module of the user's has made, or a dict; not one of Python's own."""
        fields = value if type(value) is dict else getattr(value, "__dict__", None)
        if not depth or type(fields) is not dict or isinstance(value, FunctionType | type | ModuleType):
            return
        if (fields is not value and is_pythons(type(value))) or len(fields) > FIELDS_MAX or not self.is_new(value):
            return
        self.keep(fields, where)
        for name, one in list(fields.items()):
            self.look_into_object(one, f"{where}.{name}", depth - 1)

    def keep(self, fields: dict[str, Any], where: str) -> None:
        """The clocks in a dict."""
        for name, value in list(fields.items()):
            found = stand_in(value)
            if found is not None:
                self.places.append((fields, name, value, found))
            elif type(value) in (list, tuple) and any(stand_in(one) is not None for one in value):
                self.missed[f"{where}.{name}"] = None

    def stand_ins(self) -> Iterator[tuple[Any, str, Any]]:
        """Where to put what, for one run."""
        for owner, name, real, found in self.places:
            if original_of(owner, name) is real:
                yield owner, name, found


def missed() -> tuple[str, ...]:
    """The places in the user's modules that keep a clock which nothing can stand in for."""
    return tuple(one for finder in Patches.all().finders if isinstance(finder, KeptClocks) for one in finder.missed)


def register(patches: Patches) -> None:
    """Have them found."""
    patches.find(KeptClocks())
