"""Services and workers whose constructors create their tables, and put in what has to be there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from refold.model.action import Submit
from refold.model.parts.calls import Elapse, Enter, GoOn, Halt, Turn
from refold.model.record import Crashed, Settled
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError

from . import wallets
from .test_field import EVENTS, PROGRESS, Deposit, Money


def create(connection: sqlite3.Connection) -> None:
    """Tables, and a first row."""
    for statement in filter(str.strip, wallets.SCHEMA.split(";")):
        connection.execute(statement.replace("create table", "create table if not exists"))
    connection.execute("insert or ignore into progress values ('balances', 0)")


class Creating(wallets.Wallets):
    """A service that creates what it needs."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with self.connection:
            create(self.connection)


class CreatingAndReleasing(wallets.ReleasesFirst):
    """The same, and it loses events."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with self.connection:
            create(self.connection)


class Uncommitted(wallets.Wallets):
    """Leaves its transaction open."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        create(self.connection)


class CreatingWorker(wallets.Balances):
    """A worker that does the same; it may have to wait for a service that writes."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with self.connection:
            create(self.connection)


def system(service: type, worker: type = wallets.Balances, schema: str = "") -> Callable[[], object]:
    """On an empty database, or with a schema."""
    return sqlite_system(
        schema,
        Service(service, refusals=[wallets.Overdrawn, sqlite3.IntegrityError]),
        events=EVENTS,
        consumers={"balances": Worker(worker, poll="run_once", rows="balances", checkpoint=PROGRESS)},
    )


def verified(make: Callable[[], object], examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("constructors", make), Money(), 1, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize(
    "make",
    [system(Creating), system(wallets.Wallets, CreatingWorker, wallets.SCHEMA), system(Creating, CreatingWorker)],
)
def test_constructors_that_write_are_held(make: Callable[[], object]) -> None:
    """Also those of processes that start again while somebody else is in the middle of a transaction."""
    result = verified(make, 3)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["appended"] > 20


def test_a_mistake_behind_such_a_constructor_is_found() -> None:
    """As without it."""
    (found,) = verified(system(CreatingAndReleasing), 30).counterexamples
    assert found.finding.anomaly == "confirmed-without-effect"


def test_a_constructor_that_locks_the_database_for_all_others_is_told() -> None:
    """In a sentence that says whose it is."""
    with pytest.raises(AdapterError, match=r"service\('bob'\) raised OperationalError: database is locked"):
        verified(system(Uncommitted), 1)


def test_a_worker_whose_new_process_meets_a_lock_is_started_again_later() -> None:
    """It has failed so often that somebody starts it again, and the transaction that was in its way is still open."""
    make = system(wallets.Wallets, CreatingWorker, wallets.SCHEMA)
    begun = (Submit("alice", Deposit("ada", 5)), Enter("bob", Deposit("ada", 5)), Halt("bob", "COMMIT"))
    run = execute(
        adapt("constructors", make), Money(), (*begun, *(Turn("balances"), Elapse(3600.0), GoOn("balances")) * 4)
    )
    assert [type(record) for record in run.history].count(Crashed) == 2
    assert [str(finding) for finding in run.findings] == []
    assert run.history[-1] == Settled(skipped=0)
