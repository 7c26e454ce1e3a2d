"""PostgreSQL through psycopg: who waits for whom in the server, and connections that lead to the gate.

psycopg is imported when it is needed, and only then.
"""

from __future__ import annotations

import contextlib
from typing import Any

from refold.systems.gate.actor import Actor, current
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.proxy import Proxy

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


def redirected(actor: Actor, conninfo: str, named: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a connection, with the actor's own port in place of that of a server that has a proxy."""
    from psycopg.conninfo import conninfo_to_dict

    asked = conninfo_to_dict(conninfo, **{key: value for key, value in named.items() if key in LIBPQ})
    proxy = _proxy_of(
        actor, str(asked.get("hostaddr") or asked.get("host") or "localhost"), int(asked.get("port") or 5432)
    )
    if proxy is None:
        return {}
    return {"host": "127.0.0.1", "hostaddr": "127.0.0.1", "port": proxy.port(actor.process.name)}


LIBPQ = frozenset({"host", "hostaddr", "port", "dbname", "user"})
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def _proxy_of(actor: Actor, host: str, port: int) -> Proxy | None:
    for proxy in actor.gate.proxies:
        there, number = proxy.upstream
        if number == port and (host == there or (host in LOCAL and there in LOCAL)):
            return proxy
    return None


def register(patches: Patches) -> None:
    """Replace `psycopg.connect`."""

    def replacements() -> Replacements:
        import psycopg

        real = psycopg.connect

        def connect(conninfo: str = "", **named: Any) -> Any:
            """`psycopg.connect`."""
            actor = current()
            if actor is None:
                return real(conninfo, **named)
            if actor.process.dead:
                raise actor.process.death()
            return real(conninfo, **{**named, **redirected(actor, conninfo, named)})

        return {"psycopg.connect": connect}

    patches.add("psycopg", replacements)
