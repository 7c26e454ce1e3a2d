"""Connections to PostgreSQL that outlive their user: to connect takes a hundred times as long as a statement.

What is given back is rolled back and cleared with DISCARD ALL, as a pooler does between two clients; who takes it cannot tell it from a new
one. A connection of which the server has anything left to do is not kept. Nobody waits for a server longer than `SILENCE`.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Self, TypeVar

import psycopg
from psycopg import pq

from refold.model.errors import SystemUnavailable
from refold.systems.gate.actor import current
from refold.systems.gate.boundary import Boundary

T = TypeVar("T")

SILENCE = 10.0
"""Seconds within which a server must answer who waits for nobody in it."""
MOST = 16
"""Connections that are kept at most; those of addresses that nobody has asked for lately make room."""
DEAD = pq.PGconn.connect(b"host=/nonexistent connect_timeout=1")
"""What a connection has that has lost its own."""


class Silent(SystemUnavailable):
    """A server holds its connections open and does not answer."""


_kept: dict[str, list[pq.abc.PGconn]] = {}
_owner = os.getpid()
_silent: set[tuple[str, str]] = set()


def bounded(gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """What psycopg waits for, with an end. Raises `Silent`."""
    until = time.monotonic() + SILENCE
    try:
        asked = next(gen)
        while True:
            ready = yield asked
            if not ready and time.monotonic() > until:
                raise Silent(f"PostgreSQL has not answered for {SILENCE:g} seconds; it hangs, or its machine does")
            asked = gen.send(ready)
    except StopIteration as end:
        answer: T = end.value
        return answer


ANSWERED = Boundary(lambda: None, lambda: None, probe=lambda: None)


@contextlib.contextmanager
def answered(boundary: Boundary = ANSWERED) -> Iterator[None]:
    """An actor waits for a server that answers by itself: nobody is to guess that he waits for anybody, however long it takes."""
    actor = current()
    if actor is None:
        yield
        return
    outer, actor.boundary = actor.boundary, actor.boundary or boundary
    try:
        yield
    finally:
        actor.boundary = outer


class Bounded(psycopg.Connection[Any]):
    """A connection of refold's own. Raises `Silent` where others would wait for ever."""

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """As the original, with an end."""
        try:
            with answered():
                return super().wait(bounded(gen), *arguments, **named)
        except Silent:
            fell_silent(self.pgconn)
            raise

    @classmethod
    def at(cls, conninfo: str, **named: Any) -> Self:
        """A connection that commits each statement. Raises `Silent`, and what psycopg raises."""
        until = time.monotonic() + SILENCE
        try:
            return cls.connect(conninfo, autocommit=True, connect_timeout=max(2, int(SILENCE)), **named)
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise Silent(
                    f"PostgreSQL has let nobody in for {SILENCE:g} seconds; it hangs, or its machine does"
                ) from error
            raise


class Kept:
    """What a connection of psycopg needs to be kept when it is closed. `kept_as` says for which parameters."""

    kept_as = ""
    pgconn: pq.abc.PGconn

    @classmethod
    def _connect_gen(cls, conninfo: str = "", **named: Any) -> Any:
        kept = take(conninfo)
        asked: Any = super()
        made: Any = cls
        connection = (yield from asked._connect_gen(conninfo, **named)) if kept is None else made(kept)
        _silent.discard(address(connection.pgconn))
        connection.kept_as = conninfo_of(conninfo)
        return connection

    def let_go(self) -> None:
        """From here on this is a connection that is lost, and somebody else may have what it had."""
        self.pgconn, ours = DEAD, self.pgconn
        give(ours, self.kept_as)


class Lasting(Kept, psycopg.Connection[Any]):
    """A connection that is kept when it is closed."""

    def close(self) -> None:
        """It is kept for the next."""
        if self.closed or getattr(self, "_pool", None):
            super().close()
            return
        self._closed = True
        self.let_go()


class Own(Bounded, Lasting):
    """Both."""


def address(connection: pq.abc.PGconn) -> tuple[str, str]:
    """Where a connection leads to."""
    return (connection.host.decode(), connection.port.decode())


def fell_silent(connection: pq.abc.PGconn) -> None:
    """From now on nobody asks that server for anything that is not worth a wait."""
    _silent.add(address(connection))


def is_silent(connection: pq.abc.PGconn) -> bool:
    """Whether its server has fallen silent."""
    return address(connection) in _silent


def take(conninfo: str) -> pq.abc.PGconn | None:
    """A connection that is kept for these parameters; None if there is none."""
    global _owner
    if _owner != os.getpid():  # a fork must not speak over its parent's connections
        _owner = os.getpid()
        INHERITED.extend(one for kept in _kept.values() for one in kept)
        _kept.clear()
    kept = _kept.get(conninfo_of(conninfo), [])
    while kept:
        connection = kept.pop()
        if not select.select([connection.socket], [], [], 0)[0]:  # there is nothing to hear but its end
            return connection
        connection.finish()
    return None


INHERITED: list[pq.abc.PGconn] = []
"""Connections of the process that this one was forked from; they are that one's, and stay open here."""


def conninfo_of(conninfo: str) -> str:
    """The parameters that make a difference, in one order."""
    asked = psycopg.conninfo.conninfo_to_dict(conninfo)
    asked.pop("connect_timeout", None)
    return repr(sorted((name, str(value)) for name, value in asked.items()))


def give(connection: pq.abc.PGconn, conninfo: str) -> None:
    """Keep a connection, or end it if it cannot be cleared."""
    kept = _kept[conninfo] = _kept.pop(conninfo, [])  # the last one is the newest
    if is_silent(connection) or len(kept) >= MOST or _owner != os.getpid() or not cleared(connection):
        cut(connection)
        return
    kept.append(connection)
    while sum(map(len, _kept.values())) > MOST:
        cut(next(filter(None, _kept.values())).pop(0))


def cleared(connection: pq.abc.PGconn) -> bool:
    """Roll back, and forget what the session has set; whether that could be done."""
    if connection.status != pq.ConnStatus.OK or connection.pipeline_status != pq.PipelineStatus.OFF:
        return False
    try:
        if connection.transaction_status != pq.TransactionStatus.IDLE:
            run(connection, b"ROLLBACK")
        return run(connection, b"DISCARD ALL")
    except (psycopg.Error, OSError, Silent):
        return False


def run(connection: pq.abc.PGconn, command: bytes) -> bool:
    """A command without psycopg; whether it was done."""
    connection.send_query(command)
    connection.flush()
    until = time.monotonic() + SILENCE
    done = False
    while True:
        while connection.is_busy():
            with answered():
                heard = select.select([connection.socket], [], [], max(0.0, until - time.monotonic()))[0]
            if not heard:
                fell_silent(connection)
                raise Silent("PostgreSQL does not answer")
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            return done
        done = result.status == pq.ExecStatus.COMMAND_OK


def cut(connection: pq.abc.PGconn) -> None:
    """End a connection without a word to the server."""
    with contextlib.suppress(Exception):  # it may be gone already
        shut(connection.socket)
    connection.finish()


def shut(descriptor: int) -> None:
    """Take a socket away under whoever waits at it."""
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        sock.shutdown(socket.SHUT_RDWR)


def forget(tells: Callable[[pq.abc.PGconn], bool]) -> None:
    """End all kept connections of which something is true."""
    for kept in _kept.values():
        for connection in [one for one in kept if tells(one)]:
            kept.remove(connection)
            cut(connection)
