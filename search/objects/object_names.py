"""Names of objects: what a replay has to be told to find the same application, or the same system, in another process.

A name is FILE.py:NAME of something at the top of a module. It is given only if it leads to the very object, or to one that is made of the
same values; an object without such a name cannot be found by a command, and is not confused with another one of its class.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from refold.model.application import Application
from refold.systems.registry import resolve
from refold.systems.user.errors import let_through

DEPTH = 24
"""How deep values within values are compared; whatever is deeper counts as different."""


def application_name(application: Application) -> str | None:
    """The name under which `--application` finds this application, or None."""
    from refold.search.objects.application_check import EXAMPLES

    shipped = EXAMPLES.get(application.name)
    if shipped is type(application) and made_of_the_same(shipped(), application):
        return application.name
    return name_of(application)


def system_name(system: Any) -> str | None:
    """The name under which `--system` finds this system, or what makes it (a class, a function), or None."""
    if isinstance(system, str):
        return system
    own = getattr(system, "name", None)
    if isinstance(own, str) and not isinstance(system, type) and made_like(lambda: resolve(own), system):
        return own
    return name_of(system)


def name_of(found: Any) -> str | None:
    """FILE.py:NAME of a class or function; or of an instance, else of a class that makes one like it, else of an instance like it."""
    if hasattr(found, "__qualname__"):
        return by_qualified_name(found) or in_a_module(lambda value: value is found)
    name = in_a_module(lambda value: value is found)
    if name is None and made_like(type(found), found):
        name = name_of(type(found))
    return name or in_a_module(lambda value: made_of_the_same(value, found))


def by_qualified_name(found: Any) -> str | None:
    """The name that a class or function bears, if it is to be found there."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    value: Any = module
    for part in found.__qualname__.split("."):
        value = getattr(value, part, None)
    file = file_of(module)
    return f"{shown(file)}:{found.__qualname__}" if file is not None and value is not None and value == found else None


def in_a_module(wanted: Callable[[Any], bool]) -> str | None:
    """The first name at the top of a module whose value is wanted; that of a test as soon as that of the code under test."""
    for module in list(sys.modules.values()):
        file = file_of(module)
        if file is None:
            continue
        for name, value in list(vars(module).items()):
            if wanted(value):
                return f"{shown(file)}:{name}"
    return None


def file_of(module: Any) -> str | None:
    """The Python file of a module, if it has one."""
    file = getattr(module, "__dict__", {}).get("__file__")
    return file if isinstance(file, str) and file.endswith(".py") and os.path.isfile(file) else None


def shown(file: str) -> str:
    """Relative to the working directory if below it, so that a plan can be given away."""
    path = pathlib.Path(file).resolve()
    working = pathlib.Path.cwd()
    return str(path.relative_to(working) if path.is_relative_to(working) else path)


def made_like(make: Callable[[], Any], found: Any) -> bool:
    """Whether calling this, without arguments, gives an object like this one."""
    try:
        return made_of_the_same(make(), found)
    except BaseException as error:
        let_through(error)
        return False


def made_of_the_same(one: Any, other: Any) -> bool:
    """Whether two objects have the same class and like values. The name does not count, nor what is only remembered."""
    try:
        return type(one) is type(other) and alike(essence(one), essence(other))
    except BaseException as error:
        let_through(error)
        return False


def essence(found: Any) -> Any:
    """What an object is made of, as pickle would have it."""
    inessential = {"name"}
    for base in type(found).__mro__:
        inessential.update(name for name, value in vars(base).items() if isinstance(value, functools.cached_property))
    make, arguments, *rest = found.__reduce_ex__(2)
    held = rest[0] if rest else None
    halves = held if isinstance(held, tuple) and len(held) == 2 else (held, None)
    bare = [
        {name: value for name, value in half.items() if name not in inessential} if isinstance(half, dict) else half
        for half in halves
    ]
    return (make, arguments, [half or None for half in bare], rest[1:])


def alike(one: Any, other: Any, depth: int = DEPTH) -> bool:
    """Whether two values do the same, as far as can be told from what they are made of; in doubt they do not."""
    if one is other:
        return True
    if type(one) is not type(other) or not depth:
        return False
    alike_within = functools.partial(alike, depth=depth - 1)
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(alike_within, one.values(), other.values()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike_within, one, other))
    if isinstance(one, FunctionType | MethodType | type):
        return alike_within(parts(one), parts(other))
    equality: Any = type(one).__eq__
    if equality is not object.__eq__:
        return bool(one == other)
    try:
        return alike_within(one.__reduce_ex__(2), other.__reduce_ex__(2))
    except BaseException as error:
        let_through(error)
        return False


def parts(code: Any) -> tuple[Any, ...]:
    """What a function or a class is made of."""
    if isinstance(code, MethodType):
        return (code.__func__, code.__self__)
    if isinstance(code, FunctionType):
        held = tuple([cell.cell_contents for cell in code.__closure__ or ()])
        return (code.__code__, code.__defaults__, code.__kwdefaults__, held)
    own = {name: value for name, value in vars(code).items() if name not in ("__dict__", "__weakref__")}
    return (code.__qualname__, code.__bases__, own)
