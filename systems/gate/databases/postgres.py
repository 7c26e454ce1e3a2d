"""PostgreSQL: who waits for whom in the server.

psycopg is imported when it is needed, and only then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from refold.model.errors import SystemUnavailable
from refold.systems.gate.actor import Actor, Process
from refold.systems.gate.crossing import Wait

REAL_SLEEP = time.sleep


class Waits:
    """A `Monitor` of a PostgreSQL server: one connection of its own, straight to the server. `conninfo` is as for `psycopg.connect`."""

    def __init__(self, conninfo: str) -> None:
        import psycopg

        from refold.systems.gate.databases.kept import Own

        try:
            self._connection = Own.at(conninfo, prepare_threshold=0)
        except psycopg.OperationalError as error:
            raise SystemUnavailable(
                f"PostgreSQL went away in the middle of a run: {' '.join(str(error).split())}"
            ) from error

    def __call__(self, backend: int) -> tuple[int, ...]:
        """Those for whom the connection `backend` waits. In a server that is gone nobody waits. Raises `SystemUnavailable` if it is
        there and does not answer."""
        row = self._ask("select pg_blocking_pids(%s)", backend)
        return () if row is None else tuple(row[0])

    def end(self, backend: int) -> None:
        """End a connection, and wait until it has ended; a second at most. The server itself would look ten times a second only."""
        with contextlib.suppress(SystemUnavailable):
            self._ask("select pg_terminate_backend(%s)", backend)
            for _ in range(1000):
                if self._ask("select 1 from pg_stat_activity where pid = %s", backend) is None:
                    break
                REAL_SLEEP(0.001)

    def cancel(self, backend: int) -> None:
        """End what a connection does just now."""
        self._ask("select pg_cancel_backend(%s)", backend)

    def _ask(self, query: str, backend: int) -> Any:
        import psycopg

        from refold.systems.gate.databases.kept import Silent, is_silent

        if is_silent(self._connection.pgconn):
            raise Silent("PostgreSQL does not answer any more")
        with contextlib.suppress(psycopg.Error):
            return self._connection.execute(query, (backend,)).fetchone()
        return None

    def close(self) -> None:
        """End its connection."""
        with contextlib.suppress(Exception):  # the server may be gone by now
            self._connection.close()


def waits_at(gate: Any, asked: Mapping[str, object]) -> Waits:
    """One for each gate and server; `asked` is what a connection to it is made with."""
    from psycopg.conninfo import make_conninfo

    conninfo = make_conninfo("", **{name: str(value) for name, value in asked.items()})
    found: Waits = gate.share(("postgres", conninfo), lambda: Waits(conninfo))
    return found


def check_askable(actor: Actor, driver: str) -> None:
    """Whether somebody can be asked who waits for whom in the server, so that the statements of this driver can be stops; through a proxy
    its messages are. Raises `SystemUnavailable`."""
    if find_spec("psycopg") is None and not actor.gate.proxies:
        raise SystemUnavailable(
            f"{actor.name} connects to PostgreSQL with {driver}: refold stops at its statements only if psycopg is installed too, with"
            " which it asks the server who waits for whom; install it with “pip install 'refold[postgres]'”"
        )


class InServer:
    """A connection of an actor, as its server knows it: for whom it waits there, and how that is refused."""

    process: Process | None = None
    refused = False
    """The server was asked to refuse what it waits for, as in a deadlock."""

    def in_server(self) -> tuple[int, Mapping[str, object]]:
        """The number of its backend, and what another connection to the same server is made with."""
        raise NotImplementedError

    def waits(self) -> Waits:
        """Who waits for whom in this server."""
        assert self.process is not None
        return waits_at(self.process.actors[0].gate, self.in_server()[1])

    def probe(self) -> Wait | None:
        """For whom it waits; None if for nobody."""
        assert self.process is not None
        holders = self.waits()(self.in_server()[0])
        if not holders:
            return None
        backends = self.process.actors[0].gate.backends
        names = dict.fromkeys(backends.get(one, f"connection {one}") for one in holders)
        return Wait("a lock in the server", tuple(names), seen="server")

    def refuse(self) -> None:
        """Let the server refuse what it waits for. PostgreSQL does that by itself, after a second in which nobody knows who is first."""
        self.refused = True
        self.waits().cancel(self.in_server()[0])

    @contextlib.contextmanager
    def refusal(self, cancelled: type[Exception], deadlock: type[Exception]) -> Iterator[None]:
        """Inside, what was refused raises the driver's error for a deadlock; the server itself says only that it was cancelled."""
        try:
            yield
        except cancelled as error:
            if not self.refused:
                raise
            self.refused = False
            raise deadlock("deadlock detected") from error


LIBPQ = frozenset({"host", "hostaddr", "port", "dbname", "user", "password"})


def asked_for(conninfo: str, named: dict[str, Any]) -> tuple[str, int]:
    """The server that a connection is meant for."""
    from psycopg.conninfo import conninfo_to_dict

    asked = conninfo_to_dict(conninfo, **{key: value for key, value in named.items() if key in LIBPQ})
    return str(asked.get("hostaddr") or asked.get("host") or "localhost"), int(asked.get("port") or 5432)
