"""Patches: names of libraries that mean something else for the code of actors, for as long as a gate is open.

Everybody else calls through to the original, also while a gate is open: each replacement asks first whose code it is that calls. A name
that a module of the user's or of a library has imported (``from time import sleep``) is replaced there as well.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, ModuleType
from typing import Any, ClassVar, Protocol, Self

from refold.systems.gate.late_imports import LateImports
from refold.systems.gate.users import patched_modules

Replacements = dict[str, Any]
"""What takes the place of ``module.name`` or ``module.Class.name``."""


SOURCES = (
    "runtime.clock",
    "runtime.threads",
    "runtime.kept_clocks",
    "runtime.module_locks",
    "runtime.locks",
    "runtime.chance",
    "runtime.hosting",
    "databases.sqlite",
    "databases.connecting",
    "databases.pool",
    "databases.psycopg2_connections",
    "databases.asyncpg_connections",
    "network.sockets",
    "network.redis_clients",
    "network.nats_clients",
)
"""Modules of this room that replace something."""

INHERITED = object()
"""In place of an original that the class itself did not have."""


class Finder(Protocol):
    """Looks for what the modules of the user's have made before a gate was opened."""

    def look(self, module: ModuleType) -> None:
        """Look through a module."""

    def stand_ins(self) -> Iterable[tuple[Any, str, Any]]:
        """What is to be replaced for one run: where it is, under which name, and by what."""


class Patches:
    """All replacements; the first to enter puts them in place, the last to leave takes them out."""

    _all: ClassVar[Patches | None] = None

    def __init__(self) -> None:
        self.sources: list[tuple[str, Callable[[], Replacements]]] = []
        self.entered = 0
        self._made: dict[int, Replacements] = {}
        self._undo: list[tuple[Any, str, Any]] = []
        self._originals: dict[int, tuple[Any, Any]] = {}
        """Each original, and what takes its place, by the original's `id`."""
        self._scanned: dict[int, ModuleType] = {}
        self._known: dict[int, ModuleType] = {}
        """Those that were looked through for what else is to be replaced."""
        self._imported: list[tuple[ModuleType, str, Any]] = []
        """Names under which modules have imported an original."""
        self.finders: list[Finder] = []
        self.late = LateImports(self._put_those_of)

    @classmethod
    def all(cls) -> Patches:
        """Those of this process."""
        if cls._all is None:
            cls._all = cls()
            for name in SOURCES:
                importlib.import_module(f"refold.systems.gate.{name}").register(cls._all)
        return cls._all

    def find(self, finder: Finder) -> None:
        """Have somebody look through modules for what else is to be replaced."""
        self.finders.append(finder)

    def add(self, library: str, replacements: Callable[[], Replacements]) -> None:
        """Replace names once `library` has been imported by somebody, also while a gate is open; nothing is imported for it."""
        self.sources.append((library, replacements))

    def __enter__(self) -> Self:
        self.entered += 1
        if self.entered == 1:
            self._put()
        return self

    def __exit__(self, *error: object) -> None:
        self.entered -= 1
        if self.entered == 0:
            self.late.end()
            for owner, name, original in reversed(self._undo):
                if original is INHERITED:
                    delattr(owner, name)
                elif isinstance(owner, dict):
                    owner[name] = original
                else:
                    setattr(owner, name, original)
            self._undo.clear()

    def _put(self) -> None:
        libraries = {library for library, _ in self.sources}
        for library in dict.fromkeys(library for library, _ in self.sources):
            if library in sys.modules:
                self._put_those_of(library)
        self.late.begin({library for library in libraries if library not in sys.modules})
        self._look_for_imports()
        for module, name, original in self._imported:
            if vars(module).get(name) is original:
                self._replace(module, name, self._originals[id(original)][1])
        for finder in self.finders:
            for owner, name, replacement in finder.stand_ins():
                self._replace(owner, name, replacement)

    def _put_those_of(self, library: str) -> None:
        for number, (name, replacements) in enumerate(self.sources):
            if name != library:
                continue
            if number not in self._made:
                self._make(number, replacements())
            for place, replacement in self._made[number].items():
                self._replace(*_owner(place), replacement)

    def _make(self, number: int, replacements: Replacements) -> None:
        self._made[number] = replacements
        for place, replacement in replacements.items():
            owner, name = _owner(place)
            if isinstance(owner, ModuleType):
                original = vars(owner)[name]
                self._originals[id(original)] = (original, replacement)
                self._scanned.clear()  # one that has been looked through may have this one

    def _look_for_imports(self) -> None:
        """Look through the modules that have come since the last time."""
        for module in patched_modules(self._scanned):
            if id(module) not in self._known:
                self._known[id(module)] = module
                for finder in self.finders:
                    finder.look(module)
            self._scanned[id(module)] = module
            for name, value in list(vars(module).items()):
                found = self._originals.get(id(value))
                if found is not None and found[0] is value and (module, name, value) not in self._imported:
                    self._imported.append((module, name, value))

    def _replace(self, owner: Any, name: str, replacement: Any) -> None:
        self._undo.append((owner, name, original_of(owner, name)))
        if isinstance(owner, dict):
            owner[name] = replacement
        else:
            setattr(owner, name, replacement)


def original_of(owner: Any, name: str) -> Any:
    """What a dict, a module, a class, a function or a cell has under a name."""
    if isinstance(owner, dict):
        return owner.get(name, INHERITED)
    return getattr(owner, name) if isinstance(owner, FunctionType | CellType) else vars(owner).get(name, INHERITED)


def _owner(place: str) -> tuple[Any, str]:
    """The module or class that has the name, and the name. A class may stand in another one."""
    path, _, name = place.rpartition(".")
    try:
        return importlib.import_module(path), name
    except ModuleNotFoundError:
        owner, cls = _owner(path)
        return getattr(owner, cls), name
