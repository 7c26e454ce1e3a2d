"""Several instances of one role, orderly ends, and recoveries with deaths in them."""

from __future__ import annotations

import pathlib
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.parts.calls import BeginTurn, Enter, Halt, StopOrderly, Turn
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.module import load

EXAMPLES = pathlib.Path(__file__).parents[4] / "examples"
Purses: Any = load(f"{EXAMPLES}/purses_check.py:Purses")
Paid: Any = load(f"{EXAMPLES}/purses_check.py:Paid")
purses: Any = sys.modules[Purses.__module__].purses

SCHEMA = (
    purses.SCHEMA
    + """
create table counts (purse text primary key, events integer);
create table progress (position integer);
insert into progress values (0);
"""
)


class OneByOne:
    """Takes an event and its place in one transaction."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def next_event(self) -> tuple[int, str, int] | None:
        """The event behind the place that all instances share."""
        (position,) = self.connection.execute("select position from progress").fetchone()
        query = "select position, purse, amount from events where position > ? order by position limit 1"
        found: tuple[int, str, int] | None = self.connection.execute(query, (position,)).fetchone()
        return found

    def poll(self) -> bool:
        """One event."""
        connection = self.connection
        connection.execute("begin immediate")
        try:
            event = self.next_event()
            if event is not None:
                self.add(event[1])
                connection.execute("update progress set position = ?", (event[0],))
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
        return event is not None

    def add(self, purse: str) -> None:
        """In the database."""
        self.connection.execute(
            "insert into counts values (?, 1) on conflict (purse) do update set events = events + 1", (purse,)
        )


class ReadsThenWrites(OneByOne):
    """Reads the place and the row, and writes both in one transaction of their own: nobody has looked whether they are still the same."""

    def poll(self) -> bool:
        """One event."""
        event = self.next_event()
        if event is None:
            return False
        row = self.connection.execute("select events from counts where purse = ?", (event[1],)).fetchone()
        self.connection.execute("begin immediate")
        try:
            events = (row[0] if row else 0) + 1
            self.connection.execute("insert or replace into counts values (?, ?)", (event[1], events))
            self.connection.execute("update progress set position = position + 1")
            self.connection.execute("commit")
        finally:
            if self.connection.in_transaction:
                self.connection.execute("rollback")
        return True


class Rebuilds(OneByOne):
    """Builds its table anew as it starts, in one transaction."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        connection = self.connection
        connection.execute("begin immediate")
        try:
            self.empty()
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def empty(self) -> None:
        """No rows, and from the beginning."""
        self.connection.execute("delete from counts")
        self.connection.execute("update progress set position = 0")


class RebuildsInSteps(Rebuilds):
    """Begins anew with its place, and then empties its table; it does so only if it has to."""

    def __init__(self, path: str) -> None:
        OneByOne.__init__(self, path)
        (position,) = self.connection.execute("select position from progress").fetchone()
        if position:
            self.connection.execute("update progress set position = 0")
            self.connection.execute("delete from counts")


def workers(*kinds: Any) -> Callable[[], object]:
    """Instances that share a table and a place in the log."""
    return sqlite_system(
        SCHEMA,
        Service(purses.Purses, refusals=[purses.Empty]),
        events={Paid: "events"},
        consumers={
            f"counts-{n}": Worker(kind, rows="counts", checkpoint="progress", projection="totals")
            for n, kind in enumerate(kinds, 1)
        },
    )


class Batching:
    """Collects messages in memory, and sends them as it is told to stop, or when there are two."""

    def __init__(self, path: str, mail: Any) -> None:
        self.connection = sqlite3.connect(path)
        self.mail = mail
        self.batch: list[int] = []

    def run_once(self) -> bool:
        """One more."""
        (known,) = self.connection.execute("select position from progress").fetchone()
        behind = max([known, *self.batch])
        row = self.connection.execute("select min(position) from events where position > ?", (behind,)).fetchone()
        if row[0] is None:
            return self.flush() if self.batch else False
        self.batch.append(row[0])
        return True

    def flush(self) -> bool:
        """Send all, then note so."""
        for position in self.batch:
            self.mail.send(position)
        with self.connection:
            self.connection.execute("update progress set position = ?", (max(self.batch),))
        self.batch.clear()
        return True

    def shutdown(self) -> None:
        """SIGTERM."""
        if self.batch:
            self.flush()


class NotesAtShutdown(Batching):
    """Notes where it is as it stops, and forgets what it has not sent."""

    def shutdown(self) -> None:
        """SIGTERM."""
        if self.batch:
            with self.connection:
                self.connection.execute("update progress set position = ?", (max(self.batch),))


def stopping(relay: Any) -> Callable[[], object]:
    """A relay that is told to stop."""
    return sqlite_system(
        SCHEMA,
        Service(purses.Purses, refusals=[purses.Empty]),
        events={Paid: "events"},
        sinks={"mail": Sink()},
        relays={"relay": Relay(relay, poll="run_once", stop="shutdown", sends="mail")},
    )


BAD: dict[str, tuple[Callable[[], object], set[tuple[str, str]]]] = {
    "two-that-read-then-write": (
        workers(ReadsThenWrites, ReadsThenWrites),
        {
            ("event-never-applied", "CKPT"),
            ("effect-applied-twice", "CKPT"),
            ("rows-go-back", "REPL"),
            ("replayed-state-differs", "REPL"),
        },
    ),
    "recovery-in-steps": (workers(RebuildsInSteps), {("effect-applied-twice", "CKPT")}),
    "notes-as-it-stops": (stopping(NotesAtShutdown), {("side-effect-missing", "DUAL")}),
}
"""Mistake -> system, what the first finding may be."""

GOOD: dict[str, Callable[[], object]] = {
    "one-that-reads-then-writes": workers(ReadsThenWrites),
    "two-that-add": workers(OneByOne, OneByOne),
    "recovery-in-one-step": workers(Rebuilds),
    "sends-as-it-stops": stopping(Batching),
}


def verified(make: Callable[[], object], seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("purses", make), Purses(), seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_found(name: str, seed: int) -> None:
    """Under a name that fits."""
    make, fitting = BAD[name]
    found = [one.finding for one in verified(make, seed, 60).counterexamples]
    assert found, name
    assert {(one.anomaly, one.guarantee) for one in found} <= fitting, found


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And processes had ended."""
    result = verified(GOOD[name], 2 if name == "sends-as-it-stops" else 1, 30)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert min(result.counts["turns"], result.counts["deaths_in_work"]) > 10, result.counts
    assert result.counts["orderly_stops"] > 5 or name != "sends-as-it-stops"


@pytest.mark.xfail(strict=True, reason="a relay whose work fails after it was told to stop is not started again")
def test_a_relay_that_is_told_to_stop_while_it_waits_is_started_again() -> None:
    """It waits for a lock, is told to stop, and its work ends with an error: a supervisor would start it once more."""
    pay = next(one for one in Purses().commands() if type(one).__name__ == "Pay" and one.purse == "ann")
    plan = (
        *(Submit("alice", pay), Enter("bob", pay), Halt("bob", "COMMIT"), Turn("relay")),
        *(BeginTurn("relay"), Halt("relay", "mail.send"), StopOrderly("relay")),
    )
    run = execute(adapt("purses", GOOD["sends-as-it-stops"]), Purses(), plan, whole=True)
    assert [finding.anomaly for finding in run.findings] == []


def test_a_recovery_is_a_place_to_die() -> None:
    """Plans say so."""
    words = {str(action) for action in adapt("purses", workers(RebuildsInSteps)).menu(Purses()).actions()}
    assert {"counts-1 begins to start again", "counts-1 stops before DELETE counts"} <= words
