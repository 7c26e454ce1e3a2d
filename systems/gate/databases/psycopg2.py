"""Connections of psycopg2 whose statements, commits and rollbacks are crossings.

`psycopg2.connect` gives actors, and who holds a gate open, a wrapped connection. psycopg2 waits in C, where Python cannot look, so the
server is asked who waits in it: over a connection of psycopg 3, which comes with the extra `postgres`. Without that a connection that
stands still counts as blocked.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

from refold.systems.gate.actor import Actor, current, made_for_actors
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.crossing import Wait
from refold.systems.gate.databases.dbapi import Connection, Cursor
from refold.systems.gate.databases.postgres import Waits, asked_for
from refold.systems.gate.network.sockets import proxy_of
from refold.systems.gate.patches import Patches, Replacements

T = TypeVar("T")

IDLE, ACTIVE, UNKNOWN = 0, 1, 4
"""States of a transaction, as psycopg2 numbers them."""
SHARED = ("host", "port", "user", "dbname", "password")
"""What a connection that asks has in common with the one that it asks about."""


def can_ask() -> bool:
    """Whether there is a psycopg 3, by which a server is asked."""
    return find_spec("psycopg") is not None


class Stopping(Connection):
    """A connection of an actor."""

    def __init__(self, real: Any) -> None:
        super().__init__(real, self.wait if can_ask() else None, self.abandon if can_ask() else None)
        self._refused = False
        self._boundary = Boundary(
            self._broken, self._broken, self._boundary.probe, refuse=self.refuse if can_ask() else None
        )

    def _cross(self, kind: str, words: str, work: Callable[[], T]) -> T:
        import psycopg2.errors

        try:
            return super()._cross(kind, words, work)
        except psycopg2.errors.QueryCanceled as error:
            if self._refused:
                self._refused = False
                raise psycopg2.errors.DeadlockDetected("deadlock detected") from error
            raise

    def _belongs_to(self, actor: Actor) -> None:
        super()._belongs_to(actor)
        actor.gate.backends[self._real.info.backend_pid] = actor.name

    def _broken(self) -> BaseException:
        self._end()
        made = self._real.OperationalError("server closed the connection unexpectedly")
        assert isinstance(made, BaseException)
        return made

    def _is_busy(self) -> bool:
        return self._real.info.transaction_status in (ACTIVE, UNKNOWN)

    def _is_idle(self) -> bool:
        return bool(self._real.info.transaction_status == IDLE)

    # -- the server

    def waits(self) -> Waits:
        """Who waits for whom in this server."""
        assert self._process is not None
        asked = {name: value for name, value in self._real.get_dsn_parameters().items() if name in SHARED}
        if self._real.info.password:
            asked["password"] = self._real.info.password
        conninfo = " ".join(f"{name}={quoted(value)}" for name, value in sorted(asked.items()))
        found: Waits = self._process.actors[0].gate.share(("postgres", conninfo), lambda: Waits(conninfo))
        return found

    def wait(self) -> Wait | None:
        """For whom it waits."""
        assert self._process is not None
        holders = self.waits()(self._real.info.backend_pid)
        if not holders:
            return None
        backends = self._process.actors[0].gate.backends
        names = dict.fromkeys(backends.get(one, f"connection {one}") for one in holders)
        return Wait("a lock in the server", tuple(names), seen="server")

    def abandon(self) -> None:
        """Its process is dead, and it still waits in the server."""
        self.waits().end(self._real.info.backend_pid)

    def refuse(self) -> None:
        """Let the server refuse what it waits for, as in a deadlock."""
        self._refused = True
        self.waits().cancel(self._real.info.backend_pid)


def quoted(value: str) -> str:
    """A value of a connection string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def real_of(found: Any) -> Any:
    """What is behind a wrapper: functions written in C take nothing else."""
    return object.__getattribute__(found, "_real") if type(found) in (Stopping, Cursor) else found


def _replacements() -> Replacements:
    import psycopg2
    import psycopg2.extensions

    real_connect = psycopg2.connect
    real_register = psycopg2.extensions.register_type
    real_quote = psycopg2.extensions.quote_ident

    def refused() -> BaseException:
        made = psycopg2.OperationalError("connection to server failed: Connection refused")
        assert isinstance(made, BaseException)
        return made

    def connect(dsn: str | None = None, *arguments: Any, **named: Any) -> Any:
        """`psycopg2.connect`."""
        actor = current()
        if actor is None:
            made = real_connect(dsn, *arguments, **named)
            return Stopping(made) if made_for_actors() else made
        if actor.process.dead:
            raise actor.process.death()
        proxy = proxy_of(actor, *asked_for(dsn or "", named)) if actor.gate.proxies and can_ask() else None
        if proxy is not None:
            led = {**named, "host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": proxy.port(actor.process.name)}
            return real_connect(dsn, *arguments, **led)
        boundary = Boundary(refused, refused, lambda: None)
        return Stopping(actor.cross("connect", "connect", lambda: real_connect(dsn, *arguments, **named), boundary))

    def register_type(kind: Any, scope: Any = None) -> None:
        """`psycopg2.extensions.register_type`."""
        real_register(kind, real_of(scope))

    def quote_ident(text: str, scope: Any) -> Any:
        """`psycopg2.extensions.quote_ident`."""
        return real_quote(text, real_of(scope))

    return {
        "psycopg2.connect": connect,
        "psycopg2.extensions.register_type": register_type,
        "psycopg2.extensions.quote_ident": quote_ident,
    }


def register(patches: Patches) -> None:
    """Replace what makes connections of psycopg2."""
    patches.add("psycopg2", _replacements)
