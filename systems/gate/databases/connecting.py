"""What makes connections of psycopg: for actors they lead to the gate, through a proxy where the server has one.

psycopg is imported when somebody else has imported it, and only then.
"""

from __future__ import annotations

import contextlib
from typing import Any

from refold.systems.gate.actor import Actor, current, made_for_actors
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.databases.postgres import LIBPQ, asked_for, waits_at
from refold.systems.gate.network.sockets import proxy_of
from refold.systems.gate.patches import Patches, Replacements
from refold.systems.gate.runtime.serving import cross, driving


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

    from refold.systems.gate.databases.kept import Bounded
    from refold.systems.gate.databases.psycopg3 import stopping

    real = vars(psycopg.Connection)["connect"].__func__
    real_async = vars(psycopg.AsyncConnection)["connect"].__func__

    def refused() -> BaseException:
        return psycopg.OperationalError("connection failed: Connection refused")

    def unreachable(actor: Actor, conninfo: str, named: dict[str, Any]) -> Boundary:
        def probe() -> None:
            """Who connects waits for nobody; but the server may not answer at all."""
            asked = {name: value for name, value in named.items() if name in LIBPQ}
            with contextlib.suppress(psycopg.Error):
                waits_at(actor.gate, psycopg.conninfo.conninfo_to_dict(conninfo, **asked))(0)

        return Boundary(refused, refused, probe)

    def connect(cls: Any, /, conninfo: str = "", **named: Any) -> Any:
        """`psycopg.Connection.connect`."""
        actor = current()
        if issubclass(cls, Bounded):
            return real(cls, conninfo, **named)
        if actor is None:
            return real(stopping(cls) if made_for_actors() else cls, conninfo, **named)
        led = _led(actor, conninfo, named)
        if led is not None:
            return real(cls, conninfo, **led)
        boundary = unreachable(actor, conninfo, named)
        return actor.cross("connect", "connect", lambda: real(stopping(cls), conninfo, **named), boundary)

    async def connect_async(cls: Any, /, conninfo: str = "", **named: Any) -> Any:
        """`psycopg.AsyncConnection.connect`."""
        actor = current()
        led = None if actor is None else _led(actor, conninfo, named)
        loop = driving(actor)
        if actor is None or led is not None or loop is None:
            return await real_async(cls, conninfo, **(named if led is None else led))
        boundary = unreachable(actor, conninfo, named)
        told = ("connect", "connect")
        return await cross(loop, actor, told, lambda: real_async(stopping(cls), conninfo, **named), boundary)

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
