"""Late imports: libraries that somebody imports for the first time while a gate is open, such as a driver inside of a function."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Told(Loader):
    """Loads a module as another loader does, and says so before anybody uses it."""

    def __init__(self, real: Loader, loaded: Callable[[], None]) -> None:
        self.real = real
        self.loaded = loaded

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the other."""
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the other, whose the module then is."""
        module.__loader__ = self.real
        if module.__spec__ is not None:
            module.__spec__.loader = self.real
        self.real.exec_module(module)
        self.loaded()


class LateImports(MetaPathFinder):
    """Calls `imported` with the name of each of these libraries that is imported between `begin` and `end`."""

    def __init__(self, imported: Callable[[str], None]) -> None:
        self.imported = imported
        self.awaited: set[str] = set()

    def begin(self, libraries: set[str]) -> None:
        """From now on."""
        self.awaited = libraries
        if libraries:
            sys.meta_path.insert(0, self)

    def end(self) -> None:
        """No more."""
        self.awaited = set()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As everybody else finds it."""
        if fullname not in self.awaited:
            return None
        self.awaited.discard(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec

        def loaded() -> None:
            self.imported(fullname)

        spec.loader = Told(spec.loader, loaded)
        return spec
