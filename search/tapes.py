"""Tapes: which plans a search tries. The tape of run n depends on the seed and on n alone, so runs can be made anywhere, in any order."""

from __future__ import annotations

import hashlib

from refold.model.tape import Menu

LENGTHS = (48, 96, 192, 384)
"""Words per plan, in turn: short plans break simple things and shrink fast, long ones go deep."""


def tape(seed: int, number: int, menu: Menu) -> bytes:
    """The tape of run `number` (from 0) of a search with this seed. Of two runs of one length, the second has all families of the core:
    docs/decisions/0003-tape.md."""
    lengths = menu.lengths or LENGTHS
    length = menu.length(lengths[number // 2 % len(lengths)])
    drawn = hashlib.shake_128(f"refold/{seed}/{number}".encode()).digest(length)
    return b"\0" + drawn[1:] if number % 2 else drawn
