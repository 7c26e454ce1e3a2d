"""PostgreSQL through psycopg: who waits for whom in the server, and connections that lead to the gate.

psycopg is imported when it is needed, and only then.
"""

from __future__ import annotations

import contextlib
from typing import Any

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.crossing import Wait
from refold.systems.gate.databases.dbapi import Connection
from refold.systems.gate.network.sockets import proxy_of
from refold.systems.gate.patches import Patches, Replacements

BLOCKING = "select pg_blocking_pids(%s)"


class Waits:
    """A `Monitor` of a PostgreSQL server: one connection of its own, straight to the server. `conninfo` is as for `psycopg.connect`."""

    def __init__(self, conninfo: str) -> None:
        import psycopg

        self._connection = psycopg.Connection.connect(conninfo, autocommit=True, prepare_threshold=0)

    def __call__(self, backend: int) -> tuple[int, ...]:
        """Those for whom the connection `backend` waits."""
        row = self._connection.execute(BLOCKING, (backend,)).fetchone()
        return () if row is None else tuple(row[0])

    def end(self, backend: int) -> None:
        """End a connection, and wait until it has ended."""
        self._connection.execute("select pg_terminate_backend(%s, 1000)", (backend,))

    def close(self) -> None:
        """End its connection."""
        with contextlib.suppress(Exception):  # the server may be gone by now
            self._connection.close()


LIBPQ = frozenset({"host", "hostaddr", "port", "dbname", "user"})


def asked_for(conninfo: str, named: dict[str, Any]) -> tuple[str, int]:
    """The server that a connection is meant for."""
    from psycopg.conninfo import conninfo_to_dict

    asked = conninfo_to_dict(conninfo, **{key: value for key, value in named.items() if key in LIBPQ})
    return str(asked.get("hostaddr") or asked.get("host") or "localhost"), int(asked.get("port") or 5432)


def wrapped(actor: Actor, connection: Any) -> Connection:
    """A connection that goes straight to a server, with its statements as crossings; who waits for whom is asked of the server."""
    gate = actor.gate
    backend = connection.info.backend_pid
    info = {**connection.info.get_parameters(), "password": connection.info.password}
    gate.backends[backend] = actor.name

    def waits() -> Waits:
        from psycopg.conninfo import make_conninfo

        return gate.share(("postgres", *sorted(info.items())), lambda: Waits(make_conninfo("", **info)))

    def probe() -> Wait | None:
        holders = waits()(backend)
        if not holders:
            return None
        names = dict.fromkeys(gate.backends.get(one, f"connection {one}") for one in holders)
        return Wait("a lock in the server", tuple(names), seen="server")

    return Connection(connection, probe, lambda: gate.abandoned.append((waits(), backend)))


def _led(actor: Actor, conninfo: str, named: dict[str, Any]) -> dict[str, Any] | None:
    """The parameters of a connection to a server that has a proxy; None if it has none. Raises `Death`."""
    if actor.process.dead:
        raise actor.process.death()
    proxy = proxy_of(actor, *asked_for(conninfo, named))
    if proxy is None:
        return None
    return {**named, "host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": proxy.port(actor.process.name)}


def _replacements() -> Replacements:
    import psycopg

    real = vars(psycopg.Connection)["connect"].__func__
    real_async = vars(psycopg.AsyncConnection)["connect"].__func__

    def refused() -> BaseException:
        return psycopg.OperationalError("connection failed: Connection refused")

    unreachable = Boundary(refused, refused, probe=lambda: None)  # who connects waits for nobody

    def connect(cls: Any, /, conninfo: str = "", **named: Any) -> Any:
        """`psycopg.Connection.connect`."""
        actor = current()
        if actor is None:
            return real(cls, conninfo, **named)
        led = _led(actor, conninfo, named)
        if led is not None:
            return real(cls, conninfo, **led)
        return wrapped(actor, actor.cross("connect", "connect", lambda: real(cls, conninfo, **named), unreachable))

    async def connect_async(cls: Any, /, conninfo: str = "", **named: Any) -> Any:
        """`psycopg.AsyncConnection.connect`; without a proxy its crossings are its awaits."""
        actor = current()
        led = None if actor is None else _led(actor, conninfo, named)
        return await real_async(cls, conninfo, **(named if led is None else led))

    def connect_plainly(conninfo: str = "", **named: Any) -> Any:
        """`psycopg.connect`."""
        return connect(psycopg.Connection, conninfo, **named)

    return {
        "psycopg.connect": connect_plainly,
        "psycopg.Connection.connect": classmethod(connect),
        "psycopg.AsyncConnection.connect": classmethod(connect_async),
    }


def register(patches: Patches) -> None:
    """Replace what makes connections of psycopg."""
    patches.add("psycopg", _replacements)
