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
    and there `load`, which has one such place, awaits `sleep`.

    What stands between two functions of the user's own (`asyncio.wait_for` since Python 3.12, which awaits what it is given; the wrapper
    of a library that tries again) is left out, so that the stops inside are told apart."""
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
        inner = (
            getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None) or getattr(inner, "ag_await", None)
        )
    own = [number for number, (code, _) in enumerate(chain) if number == 0 or is_users(code.co_filename)]
    if not own:
        return last or "its code"
    chain = [chain[number] for number in own] + chain[own[-1] + 1 :][:1]
    if len(chain) == len(own):
        return _told(chain, last)
    key = tuple(chain)
    words = _WORDS.get(key)
    if words is None:
        words = _WORDS[key] = _told(chain[:-1], chain[-1][0].co_name)
    return words


def _told(users: list[tuple[CodeType, int]], awaited: str) -> str:
    """In words: the places in the user's code, from the outermost inwards, and what is awaited there; "" if nothing is."""
    if not awaited:
        *users, (code, _) = users
        awaited = code.co_name
    return " ".join(
        (awaited, ", ".join(f"in {code.co_name}{_site(code, offset)}" for code, offset in reversed(users)))
    ).strip()


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
