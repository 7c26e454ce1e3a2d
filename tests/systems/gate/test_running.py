"""A consumer that runs by itself, polls with naps, and has locks that calls wait for."""

from __future__ import annotations

import pathlib
import sqlite3
import time
from contextlib import closing

from refold.systems.user.actors import Stage
from refold.systems.user.menu.places import PLACES, chosen


def doing(path: str) -> None:
    """Polls now and then; every third time there is something to do."""
    for _ in range(3):
        time.sleep(5)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("begin immediate")
    connection.execute("insert into done values (1)")
    connection.execute("commit")
    connection.close()


def adding(path: str) -> str:
    """A call that tries for ever."""
    while True:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("insert into done values (2)")
            return "added"
        except sqlite3.OperationalError:
            time.sleep(1)
        finally:
            connection.close()


def test_it_comes_to_a_place_behind_its_naps_and_lets_calls_have_its_lock(tmp_path: pathlib.Path) -> None:
    """Time passes on the way to the place. A call that waits for its lock is not left waiting for ever."""
    path = str(tmp_path / "done.db")
    sqlite3.connect(path).execute("create table done (n)").connection.close()
    stage = Stage("test", lambda record: None, lambda who: None)
    with closing(stage):
        stage.set_loose("worker", lambda: doing(path))
        stage.halt("worker", "COMMIT")
        assert stage.before("worker") == "COMMIT"
        ended: list[object] = []
        stage.begin("alice", lambda: adding(path), ended.append)
        stage.finish(["alice"])
        assert [getattr(status, "value", None) for status in ended] == ["added"]
    assert sqlite3.connect(path).execute("select n from done").fetchall() == [(1,), (2,)]


def test_a_few_places_are_all_taken_in_their_order() -> None:
    places = ["SELECT jobs", "COMMIT", "done.send"]
    assert chosen(places) == places


def test_of_many_places_those_that_write_or_send_are_taken() -> None:
    """A worker that reads much when it starts would else never be stopped where it works."""
    reads = [f"SELECT table{n}" for n in range(PLACES)]
    found = chosen([*reads, "INSERT jobs", "done.send", "COMMIT"])
    assert found == [*reads[: PLACES - 3], "INSERT jobs", "done.send", "COMMIT"]
