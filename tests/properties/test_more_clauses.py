"""Clauses that can be broken in more ways than one, and what looks like a breach of them and is none."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.application import Application
from refold.model.parts.claims.entity import Journaled, TookOver
from refold.model.parts.messages.change_stream import Copied, SourceChanged

from .cases import consumers, log, messages, own, reading, updates
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


@pytest.mark.parametrize(("name", "clause", "history", "application"), own.more_wrong())
def test_the_clause_convicts_this_history_of_a_users_code_too(
    name: str, clause: str, history: tuple[Any, ...], application: Application
) -> None:
    """Once, and no other clause of its property does."""
    assert [one.clause for one in judged(history, application) if one.judge == name] == [clause]


@pytest.mark.parametrize(("history", "application"), own.more_right())
def test_this_history_of_a_users_code_is_innocent(history: tuple[Any, ...], application: Application) -> None:
    assert judged(history, application) == []


def test_an_old_epoch_that_was_accepted_does_not_make_room_for_others() -> None:
    """The second violation is found behind the first one."""
    history = (Journaled("node-1", 3, 1), Journaled("node-2", 1, 2), TookOver("node-3", 2, 2))
    assert [one.clause for one in judged(history, None)] == ["epochs", "new epoch"]


def test_a_copy_that_has_gone_back_is_not_accused_of_what_it_takes_rightly_on_its_way_to_where_it_was() -> None:
    """The source held that value, as of that LSN; the row is behind where it was, and is until it comes there again."""
    changes = tuple(SourceChanged(lsn, "a", lsn) for lsn in (1, 2, 3, 4))
    copied = tuple(Copied(lsn, "a", lsn, 1) for lsn in (3, 1, 2, 3, 4))
    assert [one.clause for one in judged((*changes, *copied), None)] == ["forwards"] * 2
