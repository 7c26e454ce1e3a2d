"""Mistakes of public reports in services, jobs and sagas: the first guess is what was done."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from refold.model.action import Action, Submit
from refold.model.application import Application, Refusal
from refold.model.documents.plan import check_names
from refold.model.parts.calls import BeginTurn, Elapse, Enter, FailStep, GoOn, Halt, LoseAnswer, Turn
from refold.properties.diagnosis.scores import diagnose
from refold.search.run import execute
from refold.systems.registry import consumer_names
from refold.systems.user import Relay, Service, Sink, Worker, sqlite_system
from refold.systems.user.adopt import adapt

SCHEMA = """
create table recent (position integer primary key autoincrement, name text, owner text);
create table archive (position integer primary key, name text, owner text);
create table names (name text primary key);
create table requests (content text primary key);
create table jobs (name text, owner text, taken real default 0, state text default '');
create table outbox (name text primary key, sent integer default 0);
"""
ALL = "(select * from recent union all select * from archive)"
EVENTS = f"select position, 'Opened' as type, json_object('name', name, 'owner', owner) as data from {ALL}"
ROWS = f"select name, count(*) from {ALL} group by name"


@dataclass(frozen=True)
class Open:
    """Give a name to somebody."""

    name: str
    owner: str


class Opened(Open):
    """It is his."""


class Names(Application):
    """A name is given away once for each owner, twice at most."""

    name = "names"
    events = (Opened,)

    def commands(self) -> Sequence[Any]:
        """One name, two owners."""
        return [Open("ada", owner) for owner in ("x", "y")]

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Not to those who have it."""
        if command.owner in state:
            raise Refusal("taken", "duplicate-create")
        return [Opened(command.name, command.owner)]

    def initial(self, key: str) -> Any:
        """Nobody."""
        return ()

    def evolve(self, state: Any, event: Any) -> Any:
        """One more."""
        return (*state, event.owner)


class Taken(Exception):
    """He has it."""


class Registry:
    """What is common to all."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)

    def owners(self, name: str) -> list[str]:
        """Those who have it."""
        return [owner for (owner,) in self.db.execute(f"select owner from {ALL} where name = ?", (name,)).fetchall()]

    def write(self, *opened: tuple[str, str]) -> None:
        """Events and jobs."""
        self.db.execute("begin immediate")
        try:
            for one in opened:
                self.db.execute("insert into recent (name, owner) values (?, ?)", one)
                self.db.execute("insert into jobs (name, owner) values (?, ?)", one)
            self.db.execute("commit")
        finally:
            if self.db.in_transaction:
                self.db.execute("rollback")

    def open(self, name: str, owner: str) -> None:
        """If he does not have it."""
        if owner in self.owners(name):
            raise Taken(name)
        self.write((name, owner))


class KeepsFirstTry(Registry):
    """commanded/commanded#9 in kind: what the first try has recorded is stored with the second."""

    def open(self, name: str, owner: str) -> None:
        """Twice, if need be."""
        recorded: list[tuple[str, str]] = []
        for _ in range(2):
            recorded.append((name, owner))
            try:
                return self.write(*recorded)
            except sqlite3.OperationalError:
                continue
        return None


class ReleasesAnyway(Registry):
    """spinnaker/kork#161 in kind: whoever does not get the claim gives it back all the same."""

    def open(self, name: str, owner: str) -> None:
        """The claim is a row."""
        try:
            self.db.execute("insert into names values (?)", (name + owner,))
            self.write((name, owner))
        except sqlite3.IntegrityError:
            self.db.execute("delete from names where name = ?", (name + owner,))
            raise Taken(name) from None


class ReleasesNothing(Registry):
    """Whoever is cut short leaves his claim."""

    def open(self, name: str, owner: str) -> None:
        """The claim is a row."""
        try:
            self.db.execute("insert into names values (?)", (name + owner,))
        except sqlite3.IntegrityError:
            raise Taken(name) from None
        self.write((name, owner))


class TwoQueries(Registry):
    """sonichi/sutando#3983 in kind: first the archive, then what is recent."""

    def owners(self, name: str) -> list[str]:
        """What is moved in between is in neither."""
        tables = ("archive", "recent")
        found = [self.db.execute(f"select owner from {one} where name = ?", (name,)).fetchall() for one in tables]
        return [owner for rows in found for (owner,) in rows]


class TakenForARetry(Registry):
    """A request with the content of an earlier one is taken for its retry."""

    def open(self, name: str, owner: str) -> None:
        """The key is the content."""
        if self.db.execute("insert or ignore into requests values (?)", (name,)).rowcount:
            self.write((name, owner))


class Archiver:
    """Moves what is there."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path)

    def step(self) -> bool:
        """In one transaction."""
        with self.db:
            self.db.execute("insert into archive select * from recent")
            return self.db.execute("delete from recent").rowcount > 0


class Mailer:
    """celery/kombu#337 in kind: a job that is not done within a minute is somebody else's."""

    def __init__(self, path: str, mail: Any) -> None:
        self.db, self.mail = sqlite3.connect(path, isolation_level=None), mail

    def step(self) -> bool:
        """Take, look, send, and strike off."""
        now = time.time()
        first = "select min(rowid) from jobs where taken = 0 or taken < ?"
        sql = f"update jobs set taken = ? where rowid = ({first}) returning rowid, name, owner"
        jobs = self.db.execute(sql, (now, now - 60)).fetchall()
        if not jobs:
            return False
        number, name, owner = jobs[0]
        if (number,) not in self.db.execute("select rowid from jobs").fetchall():
            return True
        self.mail.send(f"{name} {owner}")
        self.db.execute("delete from jobs where rowid = ?", (number,))
        return True


class Saga:
    """JasperFx/wolverine#3414: what two owners have done is kept in one row, which is written as it was loaded."""

    owner = "x"

    def __init__(self, path: str, mail: Any) -> None:
        self.db, self.mail = sqlite3.connect(path, isolation_level=None), mail

    def step(self) -> bool:
        """Note what this owner has done; who finds both sends."""
        query = "select rowid from jobs where owner = ? and taken = 0"
        job = self.db.execute(query, (self.owner,)).fetchone()
        if job is None:
            return False
        row = self.db.execute("select content from requests").fetchone()
        owners = sorted({*(json.loads(row[0]) if row else ()), self.owner})
        self.db.execute("begin immediate")
        try:
            self.db.execute("delete from requests")
            self.db.execute("insert into requests values (?)", (json.dumps(owners),))
            self.db.execute("update jobs set taken = 1 where rowid = ?", job)
            self.db.execute("commit")
        finally:
            if self.db.in_transaction:
                self.db.execute("rollback")
        if len(owners) == 2:
            self.mail.send("both")
        return True


class OtherSaga(Saga):
    """Of the other owner."""

    owner = "y"


def system(service: Any = Registry, relay: Any = None, other: Any = None, told: Any = None, **others: Any) -> Any:
    """The service, and two relays of a kind."""
    if relay is not None:
        others["sinks"] = {"mail": Sink(told, promises=["once"])}
        others["relays"] = {
            "one": Relay(relay, poll="step", sends="mail"),
            "two": Relay(other or relay, poll="step", sends="mail"),
        }
    return sqlite_system(SCHEMA, Service(service, refusals=[Taken]), events=EVENTS, **others)


def archived() -> Any:
    """With an archiver beside it."""
    return system(TwoQueries, consumers={"archiver": Worker(Archiver, poll="step", rows=ROWS)})


def mailing(relay: Any, other: Any, told: Callable[[Any], str | None]) -> Any:
    """With two that send."""
    return system(relay=relay, other=other, told=told)


X, Y = Open("ada", "x"), Open("ada", "y")
CASES: dict[str, tuple[Any, tuple[Action, ...], str]] = {
    "first-try-kept-in-memory": (
        system(KeepsFirstTry),
        (Enter("alice", X), Halt("alice", "INSERT recent"), FailStep("alice")),
        "duplicate-append",
    ),
    "duplicate-append-lost-ack": (
        system(type("Retries", (KeepsFirstTry,), {"write": lambda self, *opened: Registry.write(self, opened[-1])})),
        (Enter("alice", X), Halt("alice", "COMMIT"), LoseAnswer("alice")),
        "duplicate-append",
    ),
    "anothers-claim-released": (
        system(ReleasesAnyway),
        (Submit("alice", X), Submit("bob", X), Submit("alice", X)),
        "duplicate-create",
    ),
    "reservation-leak": (
        system(ReleasesNothing),
        (Enter("alice", X), Halt("alice", "INSERT recent"), FailStep("alice"), Submit("bob", X)),
        "refused-without-reason",
    ),
    "read-in-two-halves": (
        archived(),
        (Submit("bob", X), Enter("alice", X), Halt("alice", "SELECT recent"), Turn("archiver"), GoOn("alice")),
        "duplicate-create",
    ),
    "dedupe-false-positive": (
        system(TakenForARetry),
        (Submit("alice", X), Submit("bob", X), Submit("bob", Y)),
        "confirmed-without-effect",
    ),
    "claim-runs-out-at-work": (
        mailing(Mailer, None, lambda event: f"{event.data.name} {event.data.owner}"),
        (Submit("alice", X), BeginTurn("one"), Halt("one", "mail.send"), Elapse(3600), Turn("two"), GoOn("one")),
        "side-effect-twice",
    ),
    "saga-overwritten": (
        mailing(Saga, OtherSaga, lambda event: "both" if event.version == 2 else None),
        (
            *(Submit("alice", one) for one in (X, Y)),
            *(BeginTurn("one"), Halt("one", "BEGIN IMMEDIATE"), Turn("two"), GoOn("one")),
        ),
        "side-effect-missing",
    ),
}
"""Row -> the system, a plan, and the anomaly that it shows."""


class Twice(Names):
    """A name may be given to the same owner more than once."""

    def decide(self, command: Any, state: Any) -> Sequence[Any]:
        """Always."""
        return [Opened(command.name, command.owner)]


@pytest.mark.parametrize("row", CASES)
def test_the_first_guess_is_what_was_done(row: str) -> None:
    """And the plan may be stored and run again: it names nobody whom the system does not have."""
    make, plan, anomaly = CASES[row]
    port = adapt("names", make)
    check_names(plan, port.clients, consumer_names(port))
    application = Twice() if anomaly in ("duplicate-append", "confirmed-without-effect") else Names()
    run = execute(port, application, plan, whole=True)
    assert [finding.anomaly for finding in run.findings][:1] == [anomaly]
    assert diagnose(run.findings, run.history)[0].row.name == row
