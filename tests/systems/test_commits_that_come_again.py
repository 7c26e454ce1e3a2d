"""A service that commits more than once in a call: each commit is a place of its own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from refold.model.parts.calls import Stood
from refold.systems.user.actors import Stage, numbered


def twice(path: Path) -> None:
    """Two transactions."""
    connection = sqlite3.connect(path)
    for number in (1, 2):
        with connection:
            connection.execute("insert into events values (?)", (number,))
    connection.close()


def committed_at(tmp_path: Path, place: str) -> int:
    """How many events there are when somebody stands there."""
    path = tmp_path / "events.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table events (n)")
    told: list[Stood] = []
    stage = Stage("test", told.append, lambda name: None)
    try:
        stage.begin("alice", lambda: twice(path), lambda status: None)
        stage.halt("alice", place)
        with sqlite3.connect(path) as connection:
            (count,) = connection.execute("select count(*) from events").fetchone()
    finally:
        stage.close()
    assert told[-1].words == "before COMMIT"
    return int(count)


def test_somebody_stops_at_the_commit_that_is_meant(tmp_path: Path) -> None:
    for place, count in (("COMMIT", 0), ("COMMIT (2)", 1)):
        folder = tmp_path / place
        folder.mkdir()
        assert committed_at(folder, place) == count


def test_a_place_with_a_number_is_taken_apart() -> None:
    assert numbered("COMMIT") == ("COMMIT", 1)
    assert numbered("COMMIT (3)") == ("COMMIT", 3)
    assert numbered("INSERT events") == ("INSERT events", 1)
