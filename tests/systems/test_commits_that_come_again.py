"""A service that commits more than once in a call: each commit is a place of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from refold.model.application import Application
from refold.model.parts.calls import Stood
from refold.systems.user.actors import Stage, numbered
from refold.systems.user.adopt import adapt
from refold.systems.user.menu.places import PLACES, chosen
from refold.systems.user.roles.databases import sqlite_system


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


@dataclasses.dataclass(frozen=True)
class Note:
    """Note something twice."""

    text: str


class Noted(Note):
    """It was noted."""


class Notes(Application):
    """Each note at any time."""

    name = "notes"
    events = (Noted,)

    def commands(self) -> list[Note]:
        """Two."""
        return [Note("a"), Note("b")]

    def decide(self, command: Note, state: object) -> list[Noted]:
        """Always."""
        return [Noted(command.text)]

    def evolve(self, state: int | None, event: Noted) -> int:
        """How often."""
        return (state or 0) + 1


SCHEMA = "create table events (position integer primary key, text text); create table marks (text text)"


def noting(isolation: str | None) -> Callable[[str], object]:
    """A service that writes two marks and an event, in three transactions or in one."""

    class Service:
        """Writes."""

        def __init__(self, path: str) -> None:
            self.path = path

        def note(self, text: str) -> None:
            """Three statements."""
            connection = sqlite3.connect(self.path, isolation_level=isolation)
            with contextlib.closing(connection), connection:
                for _ in range(2):
                    connection.execute("insert into marks values (?)", (text,))
                connection.execute("insert into events (text) values (?)", (text,))

    return Service


@pytest.mark.parametrize("isolation", [None, "DEFERRED"])
def test_statements_that_come_again_are_told_apart(isolation: str | None) -> None:
    """As commits are."""
    system = adapt("notes", sqlite_system(SCHEMA, noting(isolation), events={Noted: "events"}))
    stops = {str(action) for action in system.menu(Notes()).actions()}
    assert {"alice stops before INSERT marks", "alice stops before INSERT marks (2)"} <= stops
    assert ("alice stops before COMMIT" in stops) == (isolation is not None)


def test_where_nothing_commits_statements_that_write_come_first() -> None:
    """Each of them is a commit: also those that come again."""
    reads = [f"SELECT {n}" for n in range(PLACES)]
    writes = ["INSERT marks", "INSERT marks (2)", "INSERT marks (3)"]
    assert chosen([*reads, *writes]) == [*reads[: PLACES - 3], *writes]
    assert chosen([*reads, *writes, "COMMIT"]) == [*reads[: PLACES - 2], "INSERT marks", "COMMIT"]
