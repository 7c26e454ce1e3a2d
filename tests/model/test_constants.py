"""Every number, switch and word that the model and the properties declare changes only on purpose: the constants of modules, what classes
say of themselves, what a field or an argument is where nothing is given, and all abilities.

REFOLD_UPDATE_GOLDEN=1 writes the file anew; read the difference.
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import attrs
import msgspec

import refold.model
import refold.properties
from refold.model.declarations.capability import CORE, REMOVALS

from ..reports.goldens import compare

FILE = pathlib.Path(__file__).parents[1] / "data" / "constants.txt"
PLAIN = (bool, int, float, str, bytes, tuple, frozenset, type(None))


def modules() -> Iterator[ModuleType]:
    """Of both packages; without the diagnosis, whose weights are guesses, and the checkers of plain objects."""
    for package in (refold.model, refold.properties):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(
                tuple(f"refold.properties.{room}" for room in ("diagnosis", "linearizability"))
            ):
                yield importlib.import_module(found.name)


def declared(thing: Any, module: str) -> Iterator[tuple[str, Any]]:
    """What a module, a class or a function says of itself, and what its classes and functions do."""
    if inspect.isfunction(thing):
        for name, parameter in inspect.signature(thing).parameters.items():
            if parameter.default is not parameter.empty and isinstance(parameter.default, PLAIN):
                yield f"({name})", parameter.default
        return
    if inspect.isclass(thing) and issubclass(thing, msgspec.Struct):
        config = thing.__struct_config__
        yield "", (config.frozen, config.tag, config.omit_defaults, config.gc)
        for name, default in zip(thing.__struct_fields__[::-1], thing.__struct_defaults__[::-1], strict=False):
            if isinstance(default, PLAIN):
                yield f".{name}", default
    if attrs.has(thing):
        for field in attrs.fields(thing):
            if field.default is not attrs.NOTHING and isinstance(field.default, PLAIN):
                yield f".{field.name}", field.default
    for name, inner in vars(thing).items():
        if name.startswith("__") or name in ("_abc_impl", "TYPE_CHECKING"):
            continue
        if isinstance(inner, PLAIN):
            yield f".{name}", inner
        elif isinstance(inner, staticmethod | classmethod):
            yield from ((f".{name}{rest}", found) for rest, found in declared(inner.__func__, module))
        elif getattr(inner, "__module__", "") == module and (inspect.isclass(inner) or inspect.isfunction(inner)):
            yield from ((f".{name}{rest}", found) for rest, found in declared(inner, module))


def written(thing: Any) -> str:
    """The same in every process: sets in their order, no addresses."""
    if isinstance(thing, frozenset):
        return f"{{{', '.join(sorted(map(written, thing)))}}}"
    if type(thing) is tuple:
        return f"({', '.join(map(written, thing))})"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


def test_what_is_declared_changes_only_on_purpose() -> None:
    """Line by line."""
    lines = [
        f"{module.__name__.removeprefix('refold.')}{name} = {written(found)}"
        for module in modules()
        for name, found in declared(module, module.__name__)
        if not (isinstance(found, str) and " " in found)  # prose may be reworded
    ]
    abilities = [
        f"{one.name}: {one.part} {one.brought} {one.methods}" for table in (CORE, REMOVALS) for one in table.values()
    ]
    compare(FILE, "\n".join([*sorted(set(lines)), "", *abilities]))
