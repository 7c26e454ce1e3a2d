"""Clauses that can be broken in more ways than one, and what looks like a breach of them and is none."""

from __future__ import annotations

from typing import Any

import pytest

from .cases import consumers, log, messages, reading, updates
from .test_clauses import judged

ROOMS: tuple[Any, ...] = (log, updates, consumers, messages, reading)
WRONG = [case for room in ROOMS if hasattr(room, "also_wrong") for case in room.also_wrong()]
RIGHT = [case for room in ROOMS if hasattr(room, "also_right") for case in room.also_right()]


@pytest.mark.parametrize(("name", "clause", "history"), WRONG, ids=lambda value: value if type(value) is str else "")
def test_the_clause_convicts_this_history_too(name: str, clause: str, history: tuple[Any, ...]) -> None:
    """Once, and no other clause of its property does."""
    assert [one.clause for one in judged(history, None) if one.judge == name] == [clause]


@pytest.mark.parametrize("history", RIGHT)
def test_this_history_is_innocent(history: tuple[Any, ...]) -> None:
    assert judged(history, None) == []
