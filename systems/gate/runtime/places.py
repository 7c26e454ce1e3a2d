"""Places of coroutines: what is awaited and where, in words that stay the same when lines are added above it."""

from __future__ import annotations

import dis
from functools import lru_cache
from types import CodeType
from typing import Any

from refold.systems.gate.users import is_users

_WORDS: dict[tuple[tuple[CodeType, int], ...], str] = {}


def place(coroutine: Any) -> str:
    """What a coroutine awaits: ``sleep in load, in handle (2 of 3)``. That is the second of the places at which `handle` awaits something,
    and there `load`, which has one such place, awaits `sleep`."""
    chain: list[tuple[CodeType, int]] = []
    last = ""
    inner = coroutine
    while inner is not None:
        code = getattr(inner, "cr_code", None) or getattr(inner, "gi_code", None) or getattr(inner, "ag_code", None)
        if code is None:
            last = type(inner).__name__.removesuffix("Iter")
            break
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None) or getattr(inner, "ag_frame", None)
        chain.append((code, -1 if frame is None else frame.f_lasti))
        if chain[1:] and not is_users(code.co_filename):
            break
        inner = (
            getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None) or getattr(inner, "ag_await", None)
        )
    key = tuple(chain)
    words = _WORDS.get(key)
    if words is None or last:
        words = _told(chain, last)
        if not last:
            _WORDS[key] = words
    return words


def _told(chain: list[tuple[CodeType, int]], last: str) -> str:
    users = chain if last else chain[:-1]
    if not users:
        return chain[0][0].co_name if chain else "its code"
    what = last or chain[-1][0].co_name
    return f"{what} {', '.join(f'in {code.co_name}{_site(code, offset)}' for code, offset in reversed(users))}"


def _site(code: CodeType, offset: int) -> str:
    """Which of the places at which this code awaits; "" if there is only one."""
    sites = _sites(code)
    if len(sites) < 2 or offset < 0:
        return ""
    here = list(code.co_positions())[offset // 2]
    return f" ({sites.index(here) + 1} of {len(sites)})" if here in sites else ""


@lru_cache(maxsize=1024)
def _sites(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    """Where it awaits, in the order of its lines."""
    positions = list(code.co_positions())
    found = {positions[one.offset // 2] for one in dis.get_instructions(code) if one.opname == "SEND"}
    return sorted(found, key=lambda position: tuple(part or 0 for part in (position[0], position[2], *position)))
