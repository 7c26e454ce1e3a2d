"""Locks that were made before a gate was opened: those of a module's first lines, of a class, of an object that a module has made.

They are real ones. Who waits for such a lock on a loop that the gate drives would stop the gate itself, and whoever has it would not be
known. So for as long as a gate is open, a lock of the gate stands in each of their places; a new one in each run, that nobody has. One
that is held when the gate is opened, or that is also kept in a place that was not found, stays as it is: two locks in the place
of one would keep nobody out.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable, Iterator, MutableMapping
from types import ModuleType
from typing import Any, TypeAlias

import attrs

from refold.systems.gate.patches import Patches
from refold.systems.gate.runtime.threads import Lock, RLock
from refold.systems.gate.users import is_users

Place: TypeAlias = "tuple[Any, str]"
"""What has the lock, and under which name or key."""

KINDS: dict[type, Callable[[], Any]] = {_thread.LockType: Lock, _thread.RLock: RLock}
"""A lock of Python's -> what makes one of the gate's."""

OWN_REFERENCES = 3
"""Those of the code that counts them: a field, a local name, an argument."""


@attrs.define
class Found:
    """A real lock, and where it is kept."""

    real: Any
    places: list[Place]

    def free(self) -> bool:
        """Whether nobody has it, and it is kept nowhere else."""
        real = self.real
        if sys.getrefcount(real) > OWN_REFERENCES + len(self.places):
            return False
        owned = getattr(real, "_is_owned", None)
        if (owned is not None and owned()) or not real.acquire(False):
            return False
        real.release()
        return True


class ModuleLocks:
    """Those of the user's modules."""

    def __init__(self) -> None:
        self.found: dict[int, Found] = {}

    def look(self, module: ModuleType) -> None:
        """Look through a module that has come since the last time."""
        if not is_users(getattr(module, "__file__", None) or "<"):
            return
        for owner, name, value in kept_in(module):
            self.found.setdefault(id(value), Found(value, [])).places.append((owner, name))

    def stand_ins(self) -> Iterator[tuple[Any, str, Any]]:
        """Where to put what, for one run."""
        for one in self.found.values():
            if one.free():
                stand_in = KINDS[type(one.real)]()
                for owner, name in one.places:
                    if held_in(owner).get(name) is one.real:
                        yield owner, name, stand_in


def held_in(owner: Any) -> Any:
    """The names or keys of what may have locks."""
    return owner if isinstance(owner, MutableMapping) else vars(owner)


def kept_in(module: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    """The locks in a module, in its classes, in its dicts, and in objects of the user's that it has made."""
    for owner in [module, *(one for one in vars(module).values() if has_locks(one, module))]:
        for name, value in list(held_in(owner).items()):
            if type(value) in KINDS:
                yield owner, name, value


def has_locks(value: Any, module: ModuleType) -> bool:
    """Whether to look into something that a module has."""
    if isinstance(value, ModuleType):
        return False
    if isinstance(value, type):
        return value.__module__ == module.__name__
    return type(value) is dict or (type(value).__module__ == module.__name__ and hasattr(value, "__dict__"))


def register(patches: Patches) -> None:
    """Have them found."""
    patches.find(ModuleLocks())
