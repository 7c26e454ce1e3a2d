"""Modules in files: `FILE.py` is loaded once, whoever asks for it first and by whatever name.

A user's log and a user's application often live in two files, of which one imports the other. If each way to load a file made a module of
its own, there would be two classes of each event, and nothing would equal what it should.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from refold.model.errors import UsageError
from refold.model.words import suggestion
from refold.systems.user.errors import let_through, told

SHOWN = 6
"""Names of what a module has that a message lists."""

_LOADED: dict[str, ModuleType] = {}
"""The modules that were loaded from files, by real path."""


class _Finder:
    """Answers ``import NAME``, where Python would find a file that is loaded already, with the module that there is."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The specification of a module that exists already; None if Python is to go on looking."""
        if not any(name.rpartition(".")[2] == pathlib.Path(file).stem for file in _LOADED):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        module = _LOADED.get(os.path.realpath(spec.origin)) if spec is not None and spec.origin else None
        return None if module is None else importlib.machinery.ModuleSpec(name, _Again(module), origin=module.__file__)


class _Again(importlib.abc.Loader):
    """A loader that has nothing to do."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """There it is."""
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """It has been run, or is being run."""


def load_file(path: str) -> ModuleType:
    """The module in a file, which need not be on the path. Raises `UsageError`, and whatever the module raises."""
    file = pathlib.Path(path)
    if not file.is_file():
        raise UsageError(f"there is no file {path!r}")
    real = os.path.realpath(file)
    there = _LOADED.get(real) or imported(real)
    if there is not None:
        return there
    part = load_part(pathlib.Path(real))
    if part is not None:
        return part
    name = "refold_user_" + re.sub(r"\W", "_", str(file.resolve()))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = _LOADED[real] = module
    sys.path.insert(0, os.path.dirname(real))
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name], _LOADED[real]
        raise
    return module


def load_part(file: pathlib.Path) -> ModuleType | None:
    """The module in a file of a package, by its full name, as relative imports need it; the folder around the package counts as a place for
    modules. None if the file is in no package, or if another package of that name is loaded."""
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    if root == file.parent:
        return None
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    parts = file.relative_to(root).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return module if pathlib.Path(module.__file__ or "").resolve() == file else None


def imported(real: str) -> ModuleType | None:
    """The module that was made of this file by an ordinary import, if it was."""
    stem = pathlib.Path(real).name
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(stem) and os.path.realpath(file) == real:
            return module
    return None


def load(text: str) -> object:
    """The object called ``MODULE:OBJECT``; the working directory counts as a place for modules. Raises `UsageError`."""
    module_name, _, path = text.rpartition(":")
    if not module_name or not path:
        raise UsageError(f"{text!r} should be MODULE:OBJECT or FILE.py:OBJECT, for example tests/test_shop.py:Shop")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: object = load_file(module_name) if module_name.endswith(".py") else importlib.import_module(module_name)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        raise UsageError(f"{text!r}: there is no module {error.name!r} (looked in the working directory too)") from None
    except BaseException as error:
        let_through(error)
        raise UsageError(f"{text!r}: importing {module_name!r} raised {told(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{text!r}: {module_name!r} has no {part!r}{suggestion(part, dir(found)) or has(found)}")
        found = getattr(found, part)
    return found


def has(found: object) -> str:
    """“; it has A, B and others”: the classes and functions that a module defines, the first few."""
    name = getattr(found, "__name__", "")
    mine = [
        key
        for key, value in getattr(found, "__dict__", {}).items()
        if callable(value) and not key.startswith("_") and getattr(value, "__module__", "") == name
    ]
    return f"; it has {', '.join(mine[:SHOWN])}{' and others' if len(mine) > SHOWN else ''}" if mine else ""


def no_object(path: str, methods: tuple[str, ...]) -> UsageError:
    """The error for a file where an object in it was meant; `methods` are those that tell the classes to name. The file is not run."""
    try:
        tree = ast.parse(pathlib.Path(path).read_bytes())
    except (OSError, ValueError, SyntaxError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return UsageError(f"{path!r} cannot be read ({why}); write FILE.py:NAME")
    suitable = [
        f"{path}:{node.name}"
        for node in tree.body
        if isinstance(node, ast.ClassDef) and {getattr(part, "name", "") for part in node.body}.issuperset(methods)
    ]
    example = f"{' or '.join(suitable[:3])}" if suitable else f"{path}:NAME, with the name of its class"
    return UsageError(f"{path!r} is a file and does not say which object in it is meant; write {example}")
