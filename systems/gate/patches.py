"""Patches: names of libraries that mean something else for the code of actors, for as long as a gate is open.

Everybody else calls through to the original, also while a gate is open: each replacement asks first whose code it is that calls. A name
that a user's module has imported (``from time import sleep``) is replaced there as well.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar, Self

from refold.systems.gate.users import users_modules

Replacements = dict[str, Any]
"""What takes the place of ``module.name`` or ``module.Class.name``."""


SOURCES = (
    "runtime.clock",
    "runtime.threads",
    "runtime.hosting",
    "databases.sqlite",
    "databases.postgres",
    "network.sockets",
)
"""Modules of this room that replace something."""

INHERITED = object()
"""In place of an original that the class itself did not have."""


class Patches:
    """All replacements; the first to enter puts them in place, the last to leave takes them out."""

    _all: ClassVar[Patches | None] = None

    def __init__(self) -> None:
        self.sources: list[tuple[str, Callable[[], Replacements]]] = []
        self.entered = 0
        self._made: dict[str, Replacements] = {}
        self._undo: list[tuple[Any, str, Any]] = []

    @classmethod
    def all(cls) -> Patches:
        """Those of this process."""
        if cls._all is None:
            cls._all = cls()
            for name in SOURCES:
                importlib.import_module(f"refold.systems.gate.{name}").register(cls._all)
        return cls._all

    def add(self, library: str, replacements: Callable[[], Replacements]) -> None:
        """Replace names once `library` has been imported by somebody; nothing is imported for it."""
        self.sources.append((library, replacements))

    def __enter__(self) -> Self:
        self.entered += 1
        if self.entered == 1:
            self._put()
        return self

    def __exit__(self, *error: object) -> None:
        self.entered -= 1
        if self.entered == 0:
            for owner, name, original in reversed(self._undo):
                if original is INHERITED:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)
            self._undo.clear()

    def _put(self) -> None:
        by_original: dict[int, Any] = {}
        for library, replacements in self.sources:
            if library not in sys.modules:
                continue
            if library not in self._made:
                self._made[library] = replacements()
            for place, replacement in self._made[library].items():
                owner, name = _owner(place)
                if isinstance(owner, ModuleType):
                    by_original[id(vars(owner)[name])] = replacement
                self._replace(owner, name, replacement)
        for module in users_modules():
            for name, value in list(vars(module).items()):
                if id(value) in by_original:
                    self._replace(module, name, by_original[id(value)])

    def _replace(self, owner: Any, name: str, replacement: Any) -> None:
        self._undo.append((owner, name, vars(owner).get(name, INHERITED)))
        setattr(owner, name, replacement)


def _owner(place: str) -> tuple[Any, str]:
    """The module or class that has the name, and the name."""
    path, _, name = place.rpartition(".")
    try:
        return importlib.import_module(path), name
    except ModuleNotFoundError:
        module, _, cls = path.rpartition(".")
        return getattr(importlib.import_module(module), cls), name
