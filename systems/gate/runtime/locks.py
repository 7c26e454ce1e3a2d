"""Locks of `asyncio`, as far as a task that waits shows them: which one it waits for, and who has it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from types import MethodType
from typing import Any


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


def has(coroutine: Any, lock: asyncio.Lock) -> bool:
    """Whether it is inside of an ``async with`` over this lock: the way out of it is kept by its frame."""
    return any(
        isinstance(kept, MethodType) and kept.__self__ is lock and kept.__name__ == "__aexit__"
        for inner in chain(coroutine)
        if inner.cr_code is not asyncio.Lock.__aenter__.__code__
        for kept in gc.get_referents(inner)
    )
