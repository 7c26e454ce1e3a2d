"""Connections of asyncpg whose statements, commits and rollbacks are crossings, on a loop that the gate drives.

`asyncpg.connect` gives actors, also by way of a pool, a connection of a subclass of the one that was asked for. What asyncpg says to a
server goes through its protocol object, which stands behind one of ours here. BEGIN is no crossing: nobody sees it. Who waits in the
server is known from the server.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.databases.postgres import InServer, check_askable
from refold.systems.gate.databases.statements import kind_of, words_of
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.serving import cross, driving

GONE = "connection was closed in the middle of operation"
Told = tuple[str, str] | None
"""Kind and words of a crossing; None where there is none."""


def of_text(query: str) -> Told:
    """The crossing that a statement is."""
    words = words_of(query)
    return None if words.startswith(("BEGIN", "START")) else (kind_of(query), words)


def of_state(state: Any, *others: Any, **named: Any) -> Told:
    """The crossing that a prepared statement is."""
    return of_text(state.query)


def of_nothing(*arguments: Any, **named: Any) -> Told:
    """No other client sees this."""
    return None


def of_query(query: str, *others: Any, **named: Any) -> Told:
    """That of a statement without parameters. What a pool does with a connection that is given back is none."""
    return None if "UNLISTEN *" in query else of_text(query)


def of_copy(copy_stmt: str, *others: Any, **named: Any) -> Told:
    """That of a copy."""
    return of_text(copy_stmt)


def of_fetch(*arguments: Any, **named: Any) -> Told:
    """Rows of a cursor that is in the server."""
    return "statement", "FETCH"


READERS: dict[str, Callable[..., Told]] = {
    "query": of_query,
    "bind_execute": of_state,
    "bind_execute_many": of_state,
    "bind": of_state,
    "execute": of_fetch,
    "copy_in": of_copy,
    "copy_out": of_copy,
    "prepare": of_nothing,
    "close_portal": of_nothing,
    "close_statement": of_nothing,
}
"""By the names of the protocol's coroutines. What is not here passes."""


class Protocol(InServer):
    """In place of a connection's protocol object."""

    def __init__(self, real: Any, transport: Any) -> None:
        self.real = real
        self.transport = transport
        self.backend = int(real.get_server_pid())

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        reader = READERS.get(name)
        return found if reader is None else functools.partial(self.asked, reader, found)

    async def asked(self, reader: Callable[..., Told], method: Any, *arguments: Any, **named: Any) -> Any:
        """One of the protocol's coroutines, behind a crossing if it is one."""
        import asyncpg

        actor = current()
        loop = driving(actor)
        if actor is None or loop is None or not self.real.is_connected():
            return await method(*arguments, **named)
        if actor.process.dead:
            raise actor.process.death()
        self.belongs_to(actor)
        with self.refusal(asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError):
            return await cross(
                loop, actor, reader(*arguments, **named), lambda: method(*arguments, **named), self.boundary
            )

    def belongs_to(self, actor: Actor) -> None:
        """It dies with the process of who uses it."""
        if self.process is not actor.process:
            self.process = actor.process
            ours = weakref.ref(self)
            actor.process.opened(self, lambda: end(ours()))
            actor.gate.backends[self.backend] = actor.name

    @property
    def boundary(self) -> Boundary:
        """What goes wrong here."""
        return Boundary(self.break_off, self.break_off, self.probe, refuse=self.refuse)

    def break_off(self) -> BaseException:
        """The connection is lost, and with it its transaction."""
        import asyncpg

        self.end()
        lost: BaseException = asyncpg.ConnectionDoesNotExistError(GONE)
        return lost

    def end(self) -> None:
        """Its process is dead, or the connection lost: the server knows at once, also of a statement that waits in it."""
        if self.process is not None:
            self.process.closed(self)
            self.waits().end(self.backend)
        self.real.abort()

    where: dict[str, object]
    """What another connection to this server is made with."""

    def in_server(self) -> tuple[int, dict[str, object]]:
        """As it was asked for."""
        return self.backend, self.where


def end(protocol: Protocol | None) -> None:
    """The process of a connection is dead."""
    if protocol is not None:
        protocol.end()


def where_of(address: Any, params: Any) -> dict[str, object]:
    """What another connection to the same server is made with."""
    host, port = address if isinstance(address, tuple) else (address.rpartition("/")[0], address.rpartition(".")[2])
    asked = {
        "host": host,
        "port": port,
        "user": params.user,
        "dbname": params.database,
        "password": params.password if isinstance(params.password, str) else None,
    }
    return {name: value for name, value in asked.items() if value}


@cache
def stopping(cls: type[Any]) -> type[Any]:
    """The class that was asked for, with crossings."""

    class Stopping(cls):  # type: ignore[misc]
        __slots__ = ()

        def __init__(self, protocol: Any, transport: Any, loop: Any, addr: Any, config: Any, params: Any) -> None:
            super().__init__(protocol, transport, loop, addr, config, params)
            ours = Protocol(protocol, transport)
            ours.where = where_of(addr, params)
            self._protocol = ours  # type: ignore[misc]

        async def close(self, *arguments: Any, **named: Any) -> None:
            ours, inner = self._protocol, super().close
            actor = current()
            loop = driving(actor)
            if actor is None or loop is None or not isinstance(ours, Protocol):
                await inner(*arguments, **named)
                return
            ours.belongs_to(actor)
            await cross(loop, actor, None, lambda: inner(*arguments, **named), ours.boundary)
            ours.end()

    Stopping.__name__, Stopping.__qualname__, Stopping.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    return Stopping


def _replacements() -> Replacements:
    import asyncpg

    real: Any = asyncpg.connect

    def refused() -> BaseException:
        return ConnectionRefusedError("Connect call failed: connection refused")

    async def connect(*arguments: Any, **named: Any) -> Any:
        """`asyncpg.connect`."""
        actor = current()
        loop = driving(actor)
        if actor is None:
            return await real(*arguments, **named)
        if actor.process.dead:
            raise actor.process.death()
        check_askable(actor, "asyncpg")
        if loop is None or find_spec("psycopg") is None:
            return await real(*arguments, **named)
        asked = {**named, "connection_class": stopping(named.get("connection_class", asyncpg.Connection))}
        boundary = Boundary(refused, refused)
        return await cross(loop, actor, ("connect", "connect"), lambda: real(*arguments, **asked), boundary)

    return {"asyncpg.connect": connect, "asyncpg.connection.connect": connect}


def register(patches: Patches) -> None:
    """Replace what makes connections of asyncpg."""
    patches.add("asyncpg", _replacements)
