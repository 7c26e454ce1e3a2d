"""A database of PostgreSQL for each run of a user's own code, on one server for all runs.

The first run makes the tables; later ones empty them and put the first rows back, which takes a millisecond. Whoever still
holds a lock then is disconnected.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import attrs
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from refold.model.errors import SystemUnavailable
from refold.systems.gate.databases.kept import Own, forget
from refold.systems.servers.catalogue import OFFERS
from refold.systems.servers.postgres_server import PostgresServer
from refold.systems.servers.server import NotStarted

Schema = str | Callable[[str], object]

TABLES = """
select n.nspname, c.relname, array(
    select a.attname from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = any(%s) order by c.oid"""
SEQUENCES = (
    "select schemaname, sequencename, coalesce(last_value, start_value), last_value is not null from pg_sequences"
)
SHAPE = """
select coalesce(sum(hashint8(c.oid::bigint + c.relnatts)), 0) from pg_class c
where c.relnamespace in (select oid from pg_namespace where nspname = any(%s))"""
"""Changes when a table, an index, a sequence or a column comes or goes."""
OTHERS = """
select pg_terminate_backend(pid, 1000) from pg_stat_activity
where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
    and backend_type = 'client backend'"""
CROWD = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
MANY = 20
"""So many connections that some of them may be held by objects of former runs that nobody has any more."""
LOOKING = "set lock_timeout = '100ms'"
WORK = "set lock_timeout = '1s'; set client_min_messages = warning"


class TableLocked(Exception):
    """What was asked cannot be seen now."""


@attrs.define
class Prepared:
    """A database with the tables of a schema, for one run at a time."""

    dsn: str
    places: list[str]
    """The schemas of PostgreSQL in which the user's tables are."""
    kept: str
    """The one in which copies of the first rows are."""
    ours: bool
    shape: int = 0
    reset: str = ""


class Host:
    """A server with prepared databases, by what made them."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.owner = os.getpid()
        self.server: PostgresServer | None = None
        if url is None:
            OFFERS["postgres"].check()
            self.server = PostgresServer()
        self.free: dict[object, list[Prepared]] = {}
        self.made: list[Prepared] = []
        if url is not None:
            atexit.register(self.leave)

    def up(self) -> None:
        """Start it, if it is ours and does not run. Raises `SystemUnavailable`."""
        if self.server is None:
            return
        try:
            self.server.up()
        except NotStarted:
            if self.server.keeper is None:
                raise
            self.free.clear()
            self.made.clear()
            self.server.renew()

    def took(self, schema: Schema) -> Prepared:
        """A database with nothing in it but what `schema` makes."""
        self.up()
        free = self.free.setdefault(key_of(schema), [])
        while free:
            prepared = free.pop()
            if emptied(prepared):
                return prepared
            self.drop(prepared)
        return self.make(schema)

    def make(self, schema: Schema) -> Prepared:
        """One more."""
        number = secrets.token_hex(4)
        prepared = self.database(f"refold_{number}") if self.server is not None else self.room(f"refold_{number}")
        self.made.append(prepared)
        if isinstance(schema, str):
            with Own.at(prepared.dsn) as connection:
                connection.execute(schema.encode())
        else:
            schema(prepared.dsn)
        remember(prepared)
        return prepared

    def database(self, name: str) -> Prepared:
        """On a server of ours: a database by itself."""
        assert self.server is not None
        with Own.at(self.server.conninfo) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        dsn = f"postgresql://postgres@127.0.0.1:{self.server.port}/{name}"
        return Prepared(dsn, ["public"], "refold_kept", ours=True)

    def room(self, name: str) -> Prepared:
        """On somebody else's: a schema, in which everything is made that has no schema in its name."""
        assert self.url is not None
        with Own.at(self.url) as connection:
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
        return Prepared(with_path(self.url, name), [name], f"{name}_kept", ours=False)

    def drop(self, prepared: Prepared) -> None:
        """It has been changed in a way that emptying does not undo."""
        if prepared not in self.made:
            return
        self.made.remove(prepared)
        with contextlib.suppress(psycopg.Error):
            if self.server is not None:
                name = prepared.dsn.rpartition("/")[2]
                forget(lambda connection: connection.db.decode() == name)
                with Own.at(self.server.conninfo) as connection:
                    connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            else:
                with Own.at(str(self.url)) as connection:
                    connection.execute("set lock_timeout = '5s'; set client_min_messages = warning")
                    for name in (*prepared.places, prepared.kept):
                        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(name)))

    def leave(self) -> None:
        """Nothing of ours stays on somebody else's server."""
        if self.owner == os.getpid():
            for prepared in [*self.made]:
                with contextlib.suppress(SystemUnavailable):
                    self.drop(prepared)

    def ended(self) -> str:
        """Why it is not there any more; "" if it is."""
        if self.server is None or self.server.pid():
            return ""
        return f"it has ended, and said: {self.server.output()}"


HOSTS: dict[str | None, Host] = {}
"""Those of this process."""


def host_at(url: str | None) -> Host:
    """The server of this process."""
    host = HOSTS.get(url)
    if host is None or host.owner != os.getpid():
        if host is not None:
            INHERITED.append(host)
        host = HOSTS[url] = Host(url)
    return host


INHERITED: list[Host] = []
"""Servers of the process that this one was forked from; they are that one's."""


class PostgresDatabase:
    """A database of PostgreSQL for one run: `dsn` says where it is, as psycopg and SQLAlchemy read it; `close` it when the run is over.

    `schema` is SQL that makes tables and first rows, or a function of a module that does so and is given the `dsn`. It is used once for a
    database, of which there are few: a run after the first finds the same tables with the same rows, and sequences where they began.

    The server is one that refold starts, which needs ``pip install 'refold[postgres]'``. With `url` it is one that is there already: each
    database is then a schema of its own in that one, first in the search path, and dropped when Python ends.

    Raises `SystemUnavailable` if there is no server, or none that answers within ten seconds.
    """

    short_runs = True
    """A run is to have few steps, because each takes its time."""
    shows_late = True
    """Positions that it gives out may show in another order."""

    def __init__(self, schema: Schema = "", *, url: str | None = None) -> None:
        self.host = host_at(url)
        self.schema = schema
        try:
            self.prepared = self.host.took(schema)
        except psycopg.OperationalError as error:
            raise SystemUnavailable(f"PostgreSQL does not let refold in: {in_one_line(error)}") from error
        self.dsn = self.prepared.dsn
        self.connection: Own | None = None

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a query finds that is committed; never a stop, and over a connection that stays. For `read()`, `rows()` and `checkpoint()`
        of what is verified. Raises `TableLocked` where an open transaction has a table to itself, and `SystemUnavailable` if the server has
        gone."""
        return self.table(query, parameters)[1]

    def table(self, query: str, parameters: Sequence[object] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The same, with the names of its columns."""
        for last in (False, True):
            try:
                if self.connection is None:
                    self.connection = Own.at(self.dsn)
                    self.connection.execute(LOOKING)
                cursor = self.connection.execute(query.encode(), parameters or None)
                columns = [column.name for column in cursor.description or ()]
                return columns, cursor.fetchall() if columns else []
            except psycopg.errors.LockNotAvailable as error:
                raise TableLocked("it is locked by a transaction that is still open") from error
            except psycopg.DatabaseError as error:
                if not isinstance(error, psycopg.OperationalError):
                    if error.sqlstate is None:
                        raise SystemUnavailable(
                            f"PostgreSQL gives answers that are none: {in_one_line(error)}"
                        ) from error
                    raise
                alive = self.connection is not None and not self.connection.closed
                if alive:
                    raise
                self.connection = None
                why = self.host.ended()
                if last or why:
                    raise SystemUnavailable(
                        f"PostgreSQL went away in the middle of a run: {why or in_one_line(error)}"
                    ) from error
        raise AssertionError

    def close(self) -> None:
        """The run is over."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.host.free.setdefault(key_of(self.schema), []).append(self.prepared)


def in_one_line(error: BaseException) -> str:
    """What it says."""
    return " ".join(str(error).split())


def key_of(schema: Schema) -> object:
    """What tells schemas apart: their text, or the code that makes them."""
    return schema if isinstance(schema, str) else getattr(schema, "__code__", schema)


def with_path(url: str, schema: str) -> str:
    """The same server, with another schema first."""
    option = f"-csearch_path={schema}"
    if "://" in url:
        return f"{url}{'&' if '?' in url else '?'}options={quote(option)}"
    asked = conninfo_to_dict(url).get("options")
    return make_conninfo(url, options=f"{asked} {option}" if asked else option)


def remember(prepared: Prepared) -> None:
    """Note what it takes to come back to this."""
    with Own.at(prepared.dsn) as connection:
        connection.execute(WORK)
        tables = connection.execute(TABLES, (prepared.places,)).fetchall()
        steps: list[sql.Composable] = [sql.SQL(WORK)]
        if prepared.ours:
            steps.append(sql.SQL("set session_replication_role = replica"))
        names = [sql.Identifier(place, table) for place, table, _ in tables]
        if names:
            steps.append(sql.SQL("truncate {}").format(sql.SQL(", ").join(names)))
        for number, (name, (_, _, columns)) in enumerate(zip(names, tables, strict=True)):
            if connection.execute(sql.SQL("select 1 from {} limit 1").format(name)).fetchone():
                copy = sql.Identifier(prepared.kept, f"t{number}")
                connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(prepared.kept)))
                connection.execute(sql.SQL("create table {} as table {}").format(copy, name))
                there = sql.SQL(", ").join(map(sql.Identifier, columns))
                steps.append(
                    sql.SQL("insert into {0} ({1}) overriding system value select {1} from {2}").format(
                        name, there, copy
                    )
                )
        for place, sequence, value, used in connection.execute(SEQUENCES).fetchall():
            if place in prepared.places:
                named = sql.Identifier(place, sequence).as_string(connection)
                steps.append(sql.SQL("select setval({}, {}, {})").format(named, value, used))
        prepared.reset = sql.SQL("; ").join(steps).as_string(connection)
        prepared.shape = shape(connection, prepared)


def shape(connection: Own, prepared: Prepared) -> int:
    """A number for the tables that there are."""
    row = connection.execute(SHAPE, (prepared.places,)).fetchone()
    assert row is not None
    return int(row[0])


def emptied(prepared: Prepared) -> bool:
    """Empty it; False if it is not what it was, or cannot be emptied. One without tables of its schema is always made anew."""
    if not prepared.reset or "truncate" not in prepared.reset:
        return False
    with contextlib.suppress(psycopg.Error), Own.at(prepared.dsn) as connection:
        if shape(connection, prepared) != prepared.shape:
            return False
        row = connection.execute(CROWD).fetchone()
        if row is not None and row[0] > MANY:
            gc.collect()  # code that closes nothing leaves that to Python, which comes late to what is in circles
        try:
            connection.execute(prepared.reset.encode(), prepare=False)
        except psycopg.errors.LockNotAvailable:
            connection.execute(OTHERS)
            connection.execute(prepared.reset.encode(), prepare=False)
        return True
    return False
