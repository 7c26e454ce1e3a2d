"""Words for numbers and lists in the sentences of actions, records and findings."""

from __future__ import annotations

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
