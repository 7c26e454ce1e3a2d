"""The system `postgres`: an event log in a table of PostgreSQL, as many applications have one.

The store promises: what was committed survives SIGKILL and, with fsync, a power cut; a unique index lets one of two writers win. It
promises nothing about the order in which numbers of a sequence become visible: a transaction takes its number when it inserts and shows it
when it commits, so a reader that goes on after the highest number it has seen misses what commits later (catalogue:
seq-gap-commit-order).

Settings that matter: ``reader=naive`` reads that way; ``gap-safe`` (the default) stops before a missing number for as long as any
writer is under way that may hold it. ``synchronous_commit=off`` acknowledges before the log is written: SIGKILL loses
acknowledged events. ``crash=kill`` kills the server with all its processes, ``crash=cut`` only ends the connections; a server
named by ``url=`` is never killed, and gets a schema of its own, which is dropped at the end.

Slow appends are ordinary appends of this log that the gate stops before their COMMIT.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
import psycopg
from psycopg.pq import TransactionStatus

from refold.model.application import Application
from refold.model.declarations.append import Appended, AppendRequest, Conflict
from refold.model.declarations.capability import SLOW_APPEND
from refold.model.event import Stored
from refold.systems.gate.databases.kept import Bounded
from refold.systems.gate.databases.postgres import Waits, asked_for
from refold.systems.servers.catalogue import OFFERS, Options
from refold.systems.servers.gated import Gated, GatedLog
from refold.systems.servers.log import KILLING, said
from refold.systems.servers.postgres_server import PostgresServer
from refold.systems.servers.server import NotStarted, Server
from refold.systems.servers.system import CAN, ServerSystem

TABLE = """
create table events (
    position bigserial primary key, stream text not null, version int not null, id text not null unique,
    type text not null, data text not null, unique (stream, version)
)"""
COLUMNS = "position, stream, version, id, type, data"
TAKE = "select nextval('events_position_seq') from generate_series(1, %s)"
"""A batch takes its positions in one statement, before it waits for anybody: else another event may come to stand in its middle."""
INSERT = f"insert into events ({COLUMNS}) values (%s, %s, %s, %s, %s, %s)"
EMPTY = "truncate events restart identity"
PAGE = f"select {COLUMNS} from events where position > %s order by position limit %s"
WRITING = "pg_advisory_xact_lock_shared(hashtext(current_schema()))"
"""What writers hold from before they take a position until they have committed."""
NOBODY_WRITES = "select pg_try_advisory_xact_lock(hashtext(current_schema()))"
"""Whether no writer is under way; until the end of the transaction then none begins."""
TRIES = 20
"""How often an append looks again after somebody else was faster, before it says so."""
PATIENCE = "10ms"
"""How long a statement waits for a lock outside of the gate: whoever holds one is a transaction that stands at the gate meanwhile."""


class Session:
    """A connection that appends: what an application would write."""

    def __init__(
        self, connection: psycopg.Connection[Any], application: Application, durable: Callable[[], None]
    ) -> None:
        self.connection = connection
        self.encode = application.encode
        self.durable = durable
        self.taken: tuple[int, ...] = ()

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One transaction; who loses a race looks again whether the condition still holds."""
        outcome: Appended | Conflict = Conflict(-1)
        for _ in range(TRIES):
            self.connection.execute("BEGIN")
            try:
                outcome = self.insert(request)
                self.durable()
                self.connection.execute("COMMIT")
            except psycopg.errors.UniqueViolation:
                self.connection.execute("ROLLBACK")
                continue
            except BaseException:
                with contextlib.suppress(psycopg.Error):  # the connection may be gone, and the transaction with it
                    self.connection.execute("ROLLBACK")
                raise
            self.durable()
            return outcome
        return outcome

    def insert(self, request: AppendRequest) -> Appended | Conflict:
        """What happens before the COMMIT."""
        execute = self.connection.execute
        self.taken = ()
        ids = [event.id for event in request.events]
        known = execute("select position from events where id = any(%s) order by position", (ids,)).fetchall()
        if known:
            return Appended(tuple([position for (position,) in known]))
        version = execute(
            f"select coalesce(max(version), 0), {WRITING} from (select version from events where stream = %s) as stream",
            (request.stream,),
        ).fetchone()[0]  # type: ignore[index]
        if not request.expected.holds(version):
            return Conflict(version)
        positions = [position for (position,) in execute(TAKE, (len(request.events),)).fetchall()]
        for event, position in zip(request.events, positions, strict=True):
            version += 1
            data = msgspec.json.encode(self.encode(event.data)).decode()
            execute(INSERT, (position, request.stream, version, event.id, event.type, data))
            self.taken = (*self.taken, position)
        return Appended(self.taken)


class PostgresLog(GatedLog):
    """Events in a table; conditional appends in transactions. A slow one has taken its positions."""

    stops_before = "COMMIT"
    trouble = (psycopg.Error, OSError)
    waiting = (psycopg.errors.LockNotAvailable,)

    def __init__(
        self,
        server: PostgresServer | None,
        application: Application,
        conninfo: str,
        schema: str,
        settings: dict[str, str],
        spare: list[psycopg.Connection[Any]],
    ) -> None:
        super().__init__(server, application, kills=settings["crash"] in KILLING)
        self.spare = spare
        self.schema = schema
        self.address = conninfo
        options = (
            f"-c search_path={schema} -c synchronous_commit={settings['synchronous_commit']} -c statement_timeout=20s"
        )
        self.gap_safe = settings["reader"] == "gap-safe"
        self.conninfo = psycopg.conninfo.make_conninfo(conninfo, options=options)
        self.connection: psycopg.Connection[Any]
        host, port = asked_for(conninfo, {})
        self.gated = Gated(self.session, host, port, "postgres", lambda: Waits(conninfo), psycopg.Error)
        self.create()
        self.connect()

    def create(self) -> None:
        """The table is made once, and emptied for every run; over the connection that the run before has left, if it still works."""
        try:
            if self.spare:
                self.spare[-1].execute(EMPTY)
                return
        except psycopg.Error:
            self.spare.pop().close()
        try:
            reset(self.address, self.schema)
        except psycopg.Error as error:
            raise NotStarted(said(error)) from error

    @property
    def port(self) -> int:
        """Where the server listens, for connections over TCP."""
        return asked_for(self.address, {})[1]

    def session(self) -> Session:
        """A connection of its own for a writer at the gate, where it may wait for others."""
        return self.over(psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=1))

    def over(self, connection: psycopg.Connection[Any]) -> Session:
        """What appends over a connection."""
        return Session(connection, self.application, self.durable)

    def connect(self) -> None:
        """Connect, and see that the table is there."""
        if self.spare:
            self.writer = self.over(self.spare.pop())
        else:
            self.writer = self.over(Bounded.at(self.conninfo, prepare_threshold=1))
            self.writer.connection.execute(f"set lock_timeout = '{PATIENCE}'")
        self.connection = self.writer.connection
        self.final = 0
        self.up_to_a_gap(0, 1 << 40)

    def disconnect(self) -> None:
        """Whoever is at the gate dies as well."""
        self.gated.close()
        if hasattr(self, "connection"):
            self.connection.close()

    def close(self) -> None:
        """A connection that is in order is left to the next run: to connect takes longer than a short run."""
        self.gated.close()
        if self.connection.closed or self.connection.info.transaction_status is not TransactionStatus.IDLE:
            self.connection.close()
        else:
            self.spare.append(self.connection)

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """One that would wait for an open transaction gives up, and has no answer."""
        return self.sure(self.writer.append, request)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """As the option `reader` says."""
        return self.looked(self.up_to_a_gap if self.gap_safe else self.page, after, limit)

    def page(self, after: int, limit: int) -> Sequence[Stored]:
        """What is there."""
        return self.rows(PAGE, (after, limit))

    def up_to_a_gap(self, after: int, limit: int) -> Sequence[Stored]:
        """What is there, up to a missing number that somebody may still fill: where nobody writes, nobody will. What one reader
        has found to be final (all positions up to `final`), no other waits for."""
        page = self.page(after, limit)
        if page and page[-1].position != after + len(page) and page[-1].position > self.final:
            page = self.checked(page, after, limit)
        if page and after <= self.final:
            self.final = max(self.final, page[-1].position)
        return page

    def checked(self, page: Sequence[Stored], after: int, limit: int) -> Sequence[Stored]:
        """A page with gaps, read again if nobody writes, else cut off."""
        with self.connection.transaction():
            row = self.connection.execute(NOBODY_WRITES).fetchone()
            if row is not None and row[0]:
                return self.page(after, limit)
        start = max(after, self.final)
        dense = [event.position for event in page if event.position > start]
        end = start
        for position in dense:
            if position != end + 1:
                break
            end = position
        return [event for event in page if event.position <= end]

    def read_stream(self, stream: str, after: int) -> Sequence[Stored]:
        """What is committed of one stream."""
        query = f"select {COLUMNS} from events where stream = %s and version > %s order by version"
        return self.looked(self.rows, query, (stream, after))

    def rows(self, query: str, arguments: Sequence[Any]) -> Sequence[Stored]:
        """Events that a query finds."""
        decode = self.application.decode
        found = self.connection.execute(query, arguments).fetchall()
        return [
            Stored(position, stream, version, event, kind, decode(kind, msgspec.json.decode(data)))
            for position, stream, version, event, kind, data in found
        ]


def reset(conninfo: str, schema: str) -> None:
    """An empty table, and numbers from 1; emptying one costs less than making one."""
    options = f"-c search_path={schema} -c lock_timeout=5s -c client_min_messages=warning"
    with Bounded.at(conninfo, options=options) as connection:
        try:
            connection.execute(EMPTY)
        except psycopg.errors.UndefinedTable:
            with connection.transaction():
                connection.execute("set local synchronous_commit = on")
                connection.execute(f"create schema if not exists {schema}")
                connection.execute(TABLE)


class Postgres(ServerSystem):
    """Opens deployments on PostgreSQL."""

    kind: ClassVar[str] = "postgres"
    can = CAN | {SLOW_APPEND}
    OPTIONS: ClassVar[Options] = OFFERS["postgres"].options
    only_ours = ("fsync",)

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self.schema = f"refold_{secrets.token_hex(4)}"
        self.spare: list[psycopg.Connection[Any]] = []
        self.spare_owner = os.getpid()

    def make_server(self) -> Server:
        """From the wheel."""
        return PostgresServer(self.settings["fsync"])

    def make_log(self, server: Server | None, application: Application) -> PostgresLog:
        """On the server, which is up."""
        conninfo = server.conninfo if isinstance(server, PostgresServer) else str(self.url)
        ours = server if isinstance(server, PostgresServer) else None
        if self.spare_owner != os.getpid():  # a fork must not speak over its parent's connection
            self.spare_owner, self.spare = os.getpid(), []
        return PostgresLog(ours, application, conninfo, self.schema, self.settings, self.spare)

    def dismiss(self) -> None:
        """Also the schema on a server that is not ours."""
        while self.spare and self.spare_owner == os.getpid():
            self.spare.pop().close()
        if self.url is not None and self.owner == os.getpid():
            with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute("set lock_timeout = '5s'")
                connection.execute(f"drop schema if exists {self.schema} cascade")
        super().dismiss()
