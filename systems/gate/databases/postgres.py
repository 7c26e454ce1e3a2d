"""PostgreSQL through psycopg: who waits for whom in the server, and connections that lead to the gate.

psycopg is imported when it is needed, and only then.
"""

from __future__ import annotations

import contextlib
from typing import Any

from refold.systems.gate.actor import Actor, Boundary, current
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

    def probe() -> Wait | None:
        from psycopg.conninfo import make_conninfo

        waits = gate.share(("postgres", *sorted(info.items())), lambda: Waits(make_conninfo("", **info)))
        holders = waits(backend)
        if not holders:
            return None
        names = dict.fromkeys(gate.backends.get(one, f"connection {one}") for one in holders)
        return Wait("a lock in the server", tuple(names), seen="server")

    return Connection(connection, probe)


def register(patches: Patches) -> None:
    """Replace `psycopg.connect`."""

    def replacements() -> Replacements:
        import psycopg

        real = psycopg.connect

        def refused() -> BaseException:
            return psycopg.OperationalError("connection failed: Connection refused")

        unreachable = Boundary(refused, refused)

        def connect(conninfo: str = "", **named: Any) -> Any:
            """`psycopg.connect`."""
            actor = current()
            if actor is None:
                return real(conninfo, **named)
            if actor.process.dead:
                raise actor.process.death()
            proxy = proxy_of(actor, *asked_for(conninfo, named))
            if proxy is None:
                return wrapped(actor, actor.cross("connect", "connect", lambda: real(conninfo, **named), unreachable))
            there = {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": proxy.port(actor.process.name)}
            return real(conninfo, **{**named, **there})

        return {"psycopg.connect": connect}

    patches.add("psycopg", replacements)
