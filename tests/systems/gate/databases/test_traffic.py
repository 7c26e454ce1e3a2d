"""Whether what was looked at in a SQLite database must still be as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from refold.systems.gate.databases import traffic
from refold.systems.gate.databases.traffic import Unchanged
from refold.systems.gate.gate import Gate

REAL = sqlite3.connect


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A database with a table, at an open gate."""
    path = tmp_path / "some.db"
    with REAL(path) as connection:
        connection.execute("create table t (n integer)")
    connection.close()
    with Gate():
        yield path


def count(path: Path | str) -> int:
    """As a reader would ask."""
    connection = sqlite3.connect(path)
    found: int = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    connection.close()
    return found


def look(path: Path | str, unchanged: Unchanged) -> None:
    """Ask once, and remember of what."""
    with traffic.asked() as files:
        count(path)
    unchanged.looked(files)


def write(path: Path) -> None:
    """One row, by a connection that the gate sees."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("insert into t values (1)")
    connection.close()


def test_what_was_only_asked_is_as_it_was(path: Path) -> None:
    """Until somebody writes."""
    unchanged = Unchanged()
    assert not unchanged
    look(path, unchanged)
    count(path)
    assert unchanged
    write(path)
    assert not unchanged
    look(path, unchanged)
    assert unchanged
    unchanged.forget()
    assert not unchanged


def test_others_write_to_the_file(path: Path) -> None:
    """Another process, which the gate does not see."""
    unchanged = Unchanged()
    look(path, unchanged)
    os.utime(path, ns=(0, 0))
    assert not unchanged


def test_nobody_knows_of_what_is_in_memory(path: Path) -> None:
    """Neither of a database in memory, nor of an answer that comes to no database, be it one of two."""
    unchanged = Unchanged()
    look(":memory:", unchanged)
    assert not unchanged
    with traffic.asked() as files:
        count(path)
    unchanged.looked(files, set())
    assert not unchanged
    unchanged.looked(files, files)
    assert unchanged


def test_looks_within_looks_are_told_apart(path: Path) -> None:
    """What the inner one asks is its own."""
    with traffic.asked() as outer:
        with traffic.asked() as inner:
            count(path)
        assert inner == {str(path)}
    assert outer == set()
