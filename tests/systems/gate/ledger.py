"""An ordinary log in PostgreSQL with a `bigserial` position, and readers that follow it; psycopg, written without a thought of refold."""

from __future__ import annotations

from typing import Any

import psycopg

SCHEMA = """
drop table if exists ev, accounts;
create table ev (id bigserial primary key, xid xid8 default pg_current_xact_id(), stream text, version int, body text,
    unique (stream, version));
create table accounts (name text primary key, amount int);
insert into accounts values ('a', 100), ('b', 100);
"""


class Log:
    """Appends events, each stream with versions of its own."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo)

    def append(self, stream: str, body: str) -> bool:
        """Append one event; False if somebody else was first."""
        try:
            with self.connection.transaction():
                row = self.connection.execute(
                    "select coalesce(max(version), 0) from ev where stream = %s", (stream,)
                ).fetchone()
                assert row is not None
                self.connection.execute(
                    "insert into ev (stream, version, body) values (%s, %s, %s)", (stream, row[0] + 1, body)
                )
        except psycopg.errors.UniqueViolation:
            return False
        return True


class Reader:
    """Follows the log by its last position."""

    query = "select id, body from ev where id > %s order by id"

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.last = 0
        self.seen: list[str] = []

    def poll(self) -> None:
        """All that is new."""
        for position, body in self.connection.execute(self.query, (self.last,)).fetchall():
            self.last = position
            self.seen.append(body)


class GapSafeReader(Reader):
    """Reads only what no transaction that is still open can come before."""

    query = """select id, body from ev where id > %s and xid < pg_snapshot_xmin(pg_current_snapshot()) order by id"""


class Bank:
    """Moves money, and locks accounts in the order in which they are named."""

    def __init__(self, conninfo: str) -> None:
        self.connection = psycopg.connect(conninfo)

    def move(self, source: str, target: str) -> None:
        """One unit."""
        with self.connection.transaction():
            self.connection.execute("update accounts set amount = amount - 1 where name = %s", (source,))
            self.connection.execute("update accounts set amount = amount + 1 where name = %s", (target,))


async def count(conninfo: str, **named: Any) -> int:
    """How many events there are."""
    async with await psycopg.AsyncConnection.connect(conninfo, **named) as connection:
        cursor = await connection.execute("select count(*) from ev")
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])
