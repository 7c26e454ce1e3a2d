"""Words for numbers, lists, names and values in the sentences of actions, records, findings and errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def counted(number: int, noun: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(values: Iterable[Any]) -> str:
    """``1, 2``; ``nothing``."""
    return ", ".join(map(str, values)) or "nothing"


def places(positions: tuple[int, ...]) -> str:
    """``position 3``, ``positions 3, 4``; long runs are cut."""
    if not positions:
        return "no position"
    shown = ", ".join(str(position) for position in positions[:8])
    more = f", … ({len(positions):,} in all)" if len(positions) > 8 else ""
    return f"position{'s' if len(positions) > 1 else ''} {shown}{more}"


def some(names: Iterable[str], most: int = 16) -> str:
    """Names for an error message; of very many only the first."""
    known = list(names)
    return ", ".join(known[:most]) + (f", … ({len(known)} in all)" if len(known) > most else "")


def suggestion(name: str, names: Any) -> str:
    """“ (did you mean …?)”, if something is close."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def short(value: Any, limit: int = 60) -> str:
    """A value for an error message, cut to `limit` characters."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__} too deep to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"
