"""The register of broken systems: which part of the reference system is replaced by what, and the public bug that it reproduces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from refold.systems.reference import Reference

T = TypeVar("T", bound=type)


@attrs.frozen
class BrokenSystem:
    """One deliberately wrong variant of the reference system.

    `name` is the catalogue's; `guarantee` lists the codes of what it breaks, as in the catalogue (``LOG/CKPT``); `parts` are the
    parts that are replaced; `application` is the example application that shows it best; `reference` cites the public bug.
    """

    name: str
    guarantee: str
    tier: int
    application: str
    parts: dict[str, type]
    reference: str
    fix: str

    @property
    def guarantees(self) -> tuple[str, ...]:
        """The codes of `guarantee`, one by one."""
        return tuple(self.guarantee.split("/"))

    @property
    def docs(self) -> str:
        """What goes wrong and why it hurts: the docstring of the replaced part."""
        return next(iter(self.parts.values())).__doc__ or ""

    def system(self) -> Reference:
        """The system to run."""
        return Reference(self.name, self.parts)


BROKEN: dict[str, BrokenSystem] = {}


def broken(
    name: str, *parts: str, guarantee: str, reference: str, fix: str, tier: int = 1, application: str = "inventory"
) -> Callable[[T], T]:
    """Class decorator: this class, in place of these parts of the reference system, is the broken system called `name`."""

    def register(cls: T) -> T:
        if name in BROKEN:
            raise ValueError(f"two broken systems are called {name}")
        replaced: dict[str, type] = dict.fromkeys(parts, cls)
        BROKEN[name] = BrokenSystem(name, guarantee, tier, application, replaced, reference, fix)
        return cls

    return register
