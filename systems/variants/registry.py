"""The register of correct variants: the fixes that the community uses, each in place of the reference system's own way. None may be
accused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from refold.systems.reference import Reference

T = TypeVar("T", bound=type)


@attrs.frozen
class Variant:
    """A correct variant of parts of the reference system; `fixes` are the catalogue rows that it is the cure of."""

    name: str
    fixes: tuple[str, ...]
    parts: dict[str, type]

    @property
    def docs(self) -> str:
        """What it does and why it is right: the docstring of the replaced part."""
        return next(iter(self.parts.values())).__doc__ or ""

    def system(self) -> Reference:
        """The system to run."""
        return Reference(f"reference?with={self.name}", self.parts)


VARIANTS: dict[str, Variant] = {}


def variant(name: str, *parts: str, fixes: tuple[str, ...]) -> Callable[[T], T]:
    """Class decorator: this class, in place of these parts of the reference system, is the correct variant called `name`."""

    def register(cls: T) -> T:
        if name in VARIANTS:
            raise ValueError(f"two variants are called {name}")
        replaced: dict[str, type] = dict.fromkeys(parts, cls)
        VARIANTS[name] = Variant(name, fixes, replaced)
        return cls

    return register
