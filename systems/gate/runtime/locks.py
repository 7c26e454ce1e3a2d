"""Locks of `asyncio`: which one a task waits for, and who has it.

A lock notes in `_locked` that it was taken, in the step of the task that takes it. For as long as a gate is open, that note says
whose step it was, in whatever way the lock was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.patches import Patches

OWNER = "_refold_owner"
"""The attribute of a lock that says who has it."""


class Noting:
    """In the place of the attribute `_locked` of a lock."""

    def __get__(self, lock: Any, kind: type | None = None) -> Any:
        return self if lock is None else lock.__dict__["_locked"]

    def __set__(self, lock: Any, value: bool) -> None:
        lock.__dict__["_locked"] = value
        lock.__dict__[OWNER] = current() if value else None


def owner(lock: asyncio.Lock) -> Actor | None:
    """Who has taken it, if it was somebody at a gate."""
    found: Actor | None = getattr(lock, OWNER, None)
    return found


def chain(coroutine: Any) -> Iterator[Any]:
    """A coroutine, what it awaits, and so on."""
    while coroutine is not None and getattr(coroutine, "cr_code", None) is not None:
        yield coroutine
        coroutine = coroutine.cr_await


def awaited(coroutine: Any) -> asyncio.Lock | None:
    """The lock for which it waits."""
    for inner in chain(coroutine):
        if inner.cr_code is asyncio.Lock.acquire.__code__ and inner.cr_frame is not None:
            found: asyncio.Lock = inner.cr_frame.f_locals["self"]
            return found
    return None


def register(patches: Patches) -> None:
    """Have locks note who takes them."""
    patches.add("asyncio", lambda: {"asyncio.Lock._locked": Noting()})
