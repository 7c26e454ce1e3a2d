"""Connections of psycopg2 whose statements, commits and rollbacks are crossings.

`psycopg2.connect` gives actors a connection of a subclass of the one that was asked for, and its cursors are of a subclass of theirs. BEGIN
is no crossing: psycopg2 sends it with the first statement. Who waits in the server is known from the server. A connection that is lost
is lost for psycopg2 as well, which finds out by itself.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import weakref
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeVar

from refold.systems.gate.actor import Actor, Death, current, made_for_actors
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.databases.postgres import InServer, check_askable
from refold.systems.gate.databases.statements import kind_of, words_of
from refold.systems.gate.patches import Patches, Replacements

T = TypeVar("T")

HARMLESS = contextlib.suppress(Exception, Death)
GONE = "server closed the connection unexpectedly"


def shut(connection: Any) -> None:
    """Let nothing more come over a connection, whoever is at its other end: then nobody waits for it."""
    with contextlib.suppress(Exception):
        line = _socket.socket(fileno=os.dup(connection.fileno()))
        try:
            line.shutdown(_socket.SHUT_RDWR)
        finally:
            line.close()


class Line(InServer):
    """What the gate knows of one connection of psycopg2. `theirs` is that connection, unless nobody has it any more."""

    def __init__(self, theirs: Any) -> None:
        self.theirs = weakref.ref(theirs)
        self.backend = int(theirs.info.backend_pid)
        asked = {name: getattr(theirs.info, name) for name in ("host", "port", "user", "dbname", "password")}
        self.asked = {name: value for name, value in asked.items() if value}
        self.lost = False
        """It has been ended. Its owner may forget it much later, when no gate is open any more that could ask the server."""

    def cross(self, kind: str, words: str, work: Callable[[], T]) -> T:
        """Do the work, behind a crossing if this is an actor's. Raises `Death`, and what psycopg2 raises."""
        import psycopg2

        actor = current()
        if actor is None:
            return work()
        if actor.process.dead:
            raise actor.process.death()
        self.belongs_to(actor)
        with self.refusal(psycopg2.errors.QueryCanceled, psycopg2.errors.DeadlockDetected):
            return actor.cross(kind, words, work, self.boundary)

    def belongs_to(self, actor: Actor) -> None:
        """It dies with the process of who uses it."""
        if self.process is not actor.process:
            self.process = actor.process
            actor.process.opened(self, self.end)
            actor.gate.backends[self.backend] = actor.name

    @property
    def boundary(self) -> Boundary:
        """What goes wrong here."""
        return Boundary(self.break_off, self.break_off, self.probe, refuse=self.refuse)

    def break_off(self) -> BaseException:
        """The connection is lost, and with it its transaction."""
        import psycopg2

        self.end()
        theirs = self.theirs()
        if theirs is not None:
            shut(theirs)
            with contextlib.suppress(psycopg2.Error), psycopg2.extensions.connection.cursor(theirs) as cursor:
                psycopg2.extensions.cursor.execute(cursor, "select 1")  # it finds out
        lost: BaseException = psycopg2.OperationalError(GONE)
        return lost

    def end(self) -> None:
        """Its process is dead, or the connection lost: the server knows at once, also of a statement that waits in it."""
        if self.process is not None and not self.lost:
            self.lost = True
            self.process.closed(self)
            self.waits().end(self.backend)

    def in_server(self) -> tuple[int, dict[str, object]]:
        """As the connection told when it was made."""
        return self.backend, self.asked


def is_idle(connection: Any) -> bool:
    """Whether there is nothing to commit."""
    return bool(connection.closed) or connection.info.transaction_status == 0


@cache
def stopping(cls: type[Any]) -> type[Any]:
    """The class of connections that was asked for, with crossings."""

    class Stopping(cls):  # type: ignore[misc]
        def line(self) -> Line:
            found: Line | None = getattr(self, "_refold_line", None)
            if found is None:
                found = self._refold_line = Line(self)
            return found

        def cursor(self, name: Any = None, cursor_factory: Any = None, *arguments: Any, **named: Any) -> Any:
            import psycopg2.extensions

            asked = cursor_factory or self.cursor_factory or psycopg2.extensions.cursor
            factory = stopping_cursor(asked) if isinstance(asked, type) else asked
            return super().cursor(name, factory, *arguments, **named)

        def commit(self) -> None:
            if is_idle(self):
                super().commit()
            else:
                self.line().cross("commit", "COMMIT", super().commit)

        def rollback(self) -> None:
            if is_idle(self):
                super().rollback()
            else:
                self.line().cross("rollback", "ROLLBACK", super().rollback)

        def close(self) -> None:
            line: Line | None = getattr(self, "_refold_line", None)
            super().close()
            if line is not None:
                line.end()

        def __del__(self, without: Any = HARMLESS) -> None:
            # Nobody has it any more: its transaction is over. At the end of Python modules are gone by now.
            with without:
                self.close()

    Stopping.__name__, Stopping.__qualname__, Stopping.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    return Stopping


@cache
def stopping_cursor(cls: type[Any]) -> type[Any]:
    """The class of cursors that was asked for, with crossings."""
    if getattr(cls, "_refold", False):
        return cls

    class Stopping(cls):  # type: ignore[misc]
        _refold = True
        _refold_inside = False

        def _refold_cross(self, query: Any, work: Callable[[], T], verb: str = "") -> T:
            """One crossing, however many of these methods call each other."""
            connection = self.connection
            if self._refold_inside or connection.closed:
                return work()
            text = as_text(query, connection)
            self._refold_inside = True
            try:
                found: T = connection.line().cross(kind_of(text), verb or words_of(text), work)
                return found
            finally:
                self._refold_inside = False

        def execute(self, query: Any, *arguments: Any, **named: Any) -> Any:
            inner = super().execute
            return self._refold_cross(query, lambda: inner(query, *arguments, **named))

        def executemany(self, query: Any, *arguments: Any, **named: Any) -> Any:
            inner = super().executemany
            return self._refold_cross(query, lambda: inner(query, *arguments, **named))

        def callproc(self, procname: Any, *arguments: Any, **named: Any) -> Any:
            inner = super().callproc
            return self._refold_cross("", lambda: inner(procname, *arguments, **named), f"call {procname}")

        def copy_expert(self, sql: Any, *arguments: Any, **named: Any) -> Any:
            inner = super().copy_expert
            return self._refold_cross(sql, lambda: inner(sql, *arguments, **named))

        def copy_from(self, file: Any, table: Any, *arguments: Any, **named: Any) -> Any:
            inner = super().copy_from
            return self._refold_cross("", lambda: inner(file, table, *arguments, **named), f"COPY {table}")

        def fetchone(self) -> Any:
            return self._refold_fetch(super().fetchone)

        def fetchmany(self, *arguments: Any, **named: Any) -> Any:
            inner = super().fetchmany
            return self._refold_fetch(lambda: inner(*arguments, **named))

        def fetchall(self) -> Any:
            return self._refold_fetch(super().fetchall)

        def _refold_fetch(self, work: Callable[[], T]) -> T:
            """Rows of a cursor that is in the server."""
            return work() if self.name is None else self._refold_cross("", work, "FETCH")

    Stopping.__name__, Stopping.__qualname__, Stopping.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    return Stopping


def as_text(query: Any, connection: Any) -> str:
    """A query as it may be given to psycopg2."""
    if hasattr(query, "as_string"):
        query = query.as_string(connection)
    return query.decode("utf-8", "replace") if isinstance(query, bytes) else str(query)


def _replacements() -> Replacements:
    import psycopg2
    import psycopg2.extensions

    real = psycopg2.connect

    def refused() -> BaseException:
        error: BaseException = psycopg2.OperationalError("connection failed: Connection refused")
        return error

    def connect(dsn: Any = None, connection_factory: Any = None, cursor_factory: Any = None, **named: Any) -> Any:
        """`psycopg2.connect`."""
        actor = current()
        asked = connection_factory or psycopg2.extensions.connection
        if not isinstance(asked, type):
            return real(dsn, connection_factory, cursor_factory, **named)
        if actor is None:
            factory = stopping(asked) if made_for_actors() and find_spec("psycopg") else connection_factory
            return real(dsn, factory, cursor_factory, **named)
        if actor.process.dead:
            raise actor.process.death()
        check_askable(actor, "psycopg2")
        if find_spec("psycopg") is None:
            return real(dsn, connection_factory, cursor_factory, **named)
        boundary = Boundary(refused, refused, probe=lambda: None)
        return actor.cross("connect", "connect", lambda: real(dsn, stopping(asked), cursor_factory, **named), boundary)

    return {"psycopg2.connect": connect}


def register(patches: Patches) -> None:
    """Replace what makes connections of psycopg2."""
    patches.add("psycopg2", _replacements)
