"""Connections of psycopg whose statements, commits and rollbacks are crossings.

`psycopg.connect` gives actors, and who holds a gate open, a connection of a subclass of the one that was asked for. What psycopg says to a
server goes through `Connection.wait`, as a generator; its name and its arguments say what it is. BEGIN is no crossing: nobody sees it.

Who waits in the server is known from the server. A dead process's transactions are rolled back at once, also one of which a statement
still waits for a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

import psycopg
from psycopg import errors, pq, waiting

from refold.systems.gate.actor import Actor, Death, current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.databases.kept import DEAD, Kept, Lasting, answered, is_silent, shut
from refold.systems.gate.databases.postgres import InServer
from refold.systems.gate.databases.statements import kind_of, words_of
from refold.systems.gate.runtime.serving import cross, driving

IDLE, ACTIVE = pq.TransactionStatus.IDLE, pq.TransactionStatus.ACTIVE
GONE = "server closed the connection unexpectedly"
Told = tuple[str, str] | None
"""Kind and words of a crossing; None where there is none."""

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # it tells of each rollback on a connection that is lost


class Watched(InServer, Kept):
    """A connection of an actor, as the gate sees it."""

    queued: Told = None
    """The end of a transaction that waits for the end of a pipeline."""
    info: psycopg.ConnectionInfo

    def belongs_to(self, actor: Actor) -> None:
        """It dies with the process of who uses it."""
        if self.process is not actor.process:
            self.process = actor.process
            ours = weakref.ref(self)
            actor.process.opened(self, lambda: end(ours()))
            actor.gate.backends[self.pgconn.backend_pid] = actor.name

    @property
    def boundary(self) -> Boundary:
        """What goes wrong here; made when it is asked for, so that nothing leads back to a connection that nobody has any more."""
        return Boundary(self.break_off, self.break_off, self.probe, refuse=self.refuse)

    # -- its end

    def break_off(self) -> BaseException:
        """The connection is lost, and with it its transaction."""
        self.let_go()
        return psycopg.OperationalError(GONE)

    def end(self) -> None:
        """Its process is dead."""
        with contextlib.suppress(Exception):  # it may be broken already
            if self.pgconn is DEAD:
                return
            if self.pgconn.transaction_status == ACTIVE:
                backend = self.pgconn.backend_pid
                shut(self.pgconn.socket)
                if not is_silent(self.pgconn):
                    self.waits().end(backend)
                return
            self.let_go()

    def __del__(self, *arguments: Any) -> None:
        # nobody has it any more: psycopg would close it, and the server roll back
        with contextlib.suppress(Exception, Death):
            if self.pgconn is not DEAD:
                self.let_go()

    def let_go(self) -> None:
        """It is kept for the next."""
        if self.process is not None:
            self.process.closed(self)
        super().let_go()

    # -- the server

    def in_server(self) -> tuple[int, dict[str, object]]:
        """As the connection tells."""
        info = self.info
        asked: dict[str, object] = {"host": info.host, "port": info.port, "user": info.user, "dbname": info.dbname}
        if info.password:
            asked["password"] = info.password
        return self.pgconn.backend_pid, asked


class Stopping(Watched, Lasting):
    """A connection of an actor."""

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """As the original, behind a crossing if this is one."""
        actor = current()
        if actor is None:
            return super().wait(gen, *arguments, **named)
        if actor.process.dead:
            raise actor.process.death()
        self.belongs_to(actor)
        if self.pgconn is DEAD:
            return self.lost(gen, *arguments, **named)
        told = told_by(self, gen)
        if told is None:
            with answered(self.boundary):
                return super().wait(gen, *arguments, **named)
        asked = super().wait
        with self.refusal(errors.QueryCanceled, errors.DeadlockDetected):
            return actor.cross(*told, lambda: asked(gen, *arguments, **named), self.boundary)

    def lost(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """The connection is gone; psycopg keeps its books of transactions."""
        if gen.__name__ in BOOKS:
            return super().wait(gen, *arguments, **named)
        raise psycopg.OperationalError("the connection is lost")


class AsyncStopping(Watched, psycopg.AsyncConnection[Any]):
    """The same, of `psycopg.AsyncConnection`: on a loop that the gate drives its crossings are those of the other; elsewhere its awaits."""

    async def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """As the original, behind a crossing if this is one."""
        actor = current()
        loop = driving(actor)
        if actor is None or loop is None:
            return await super().wait(gen, *arguments, **named)
        if actor.process.dead:
            raise actor.process.death()
        self.belongs_to(actor)
        if self.pgconn is DEAD:
            if gen.__name__ in BOOKS:
                return await super().wait(gen, *arguments, **named)
            raise psycopg.OperationalError("the connection is lost")
        if gen.__name__ == "notifies":
            return await super().wait(gen, *arguments, **named)
        with self.refusal(errors.QueryCanceled, errors.DeadlockDetected):
            return await cross(loop, actor, told_by(self, gen), lambda: self.answer(gen), self.boundary)

    async def answer(self, gen: Any) -> Any:
        """What comes of a generator. Who is cancelled has the server cancel what it does, as psycopg does."""
        try:
            return await until_done(gen, self.pgconn.socket)
        except asyncio.CancelledError:
            if self.pgconn is not DEAD and self.pgconn.transaction_status == ACTIVE:
                self.waits().cancel(self.pgconn.backend_pid)
                with contextlib.suppress(errors.QueryCanceled):
                    await until_done(gen, self.pgconn.socket, ready=waiting.Ready.NONE)
            raise

    async def close(self) -> None:
        """It is kept for the next."""
        if self.closed or getattr(self, "_pool", None):
            await super().close()
            return
        self._closed = True
        self.let_go()


async def until_done(gen: Any, descriptor: int, ready: waiting.Ready | None = None) -> Any:
    """Let a generator of psycopg come to its end, with this loop waiting for its socket."""
    loop = asyncio.get_running_loop()
    try:
        wanted = next(gen) if ready is None else gen.send(ready)
        while True:
            heard: asyncio.Future[waiting.Ready] = loop.create_future()
            if wanted & waiting.WAIT_R:
                loop.add_reader(descriptor, _hear, loop, descriptor, heard, waiting.READY_R)
            if wanted & waiting.WAIT_W:
                loop.add_writer(descriptor, _hear, loop, descriptor, heard, waiting.READY_W)
            try:
                ready = await heard
            finally:
                _leave(loop, descriptor)
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


def _hear(
    loop: asyncio.AbstractEventLoop, descriptor: int, heard: asyncio.Future[waiting.Ready], ready: waiting.Ready
) -> None:
    _leave(loop, descriptor)
    if not heard.done():
        heard.set_result(ready)


def _leave(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    loop.remove_reader(descriptor)
    loop.remove_writer(descriptor)


def end(connection: Watched | None) -> None:
    """The process of a connection is dead."""
    if connection is not None:
        connection.end()


@cache
def stopping(cls: type[Any]) -> type[Any]:
    """The class that was asked for, with crossings."""
    base = AsyncStopping if issubclass(cls, psycopg.AsyncConnection) else Stopping
    return cls if issubclass(cls, base) else type(cls.__name__, (base, cls), {"__module__": cls.__module__})


# -- what a generator of psycopg is about to do


def told_by(connection: Any, gen: Any) -> Told:
    """The crossing that a generator is."""
    frame = getattr(gen, "gi_frame", None)
    reader = READERS.get(gen.__name__)
    return None if frame is None or reader is None else reader(connection, frame)


def of_query(connection: Any, frame: FrameType) -> Told:
    """A statement."""
    found = frame.f_locals
    query = found.get("query", found.get("statement", ""))
    if isinstance(query, bytes):
        query = query.decode("utf-8", "replace")
    elif hasattr(query, "as_string"):
        query = query.as_string(connection)
    text = query if isinstance(query, str) else str(query)
    return kind_of(text), words_of(text)


def of_end(kind: str, words: str) -> Callable[[Any, FrameType], Told]:
    """A commit or rollback, if there is anything to end."""
    return lambda connection, frame: None if connection.pgconn.transaction_status == IDLE else (kind, words)


def of_block(connection: Any, frame: FrameType) -> Told:
    """The end of ``with connection.transaction()``. In a pipeline it is only written down, and done at the end of the pipeline."""
    found = frame.f_locals
    block: Any = found.get("self")
    if isinstance(block, psycopg.Pipeline):
        queued, connection.queued = connection.queued, None
        return queued if isinstance(queued, tuple) else None
    if connection.pgconn.transaction_status == IDLE or not hasattr(block, "_outer_transaction"):
        return None
    good = found.get("exc_val") is None and not block.force_rollback
    if not block._outer_transaction:
        return "statement", "RELEASE" if good else "ROLLBACK TO"
    told = ("commit", "COMMIT") if good else ("rollback", "ROLLBACK")
    if connection.pgconn.pipeline_status == pq.PipelineStatus.OFF:
        return told
    connection.queued = told
    return None


def of_savepoint(connection: Any, frame: FrameType) -> Told:
    """The beginning of ``with connection.transaction()`` inside of another."""
    return None if connection.pgconn.transaction_status == IDLE else ("statement", "SAVEPOINT")


def of_fetch(connection: Any, frame: FrameType) -> Told:
    """Rows of a cursor that is in the server."""
    return "statement", "FETCH"


READERS: dict[str, Callable[[Any, FrameType], Told]] = {
    "_execute_gen": of_query,
    "_executemany_gen_pipeline": of_query,
    "_executemany_gen_no_pipeline": of_query,
    "_stream_send_gen": of_query,
    "_start_copy_gen": of_query,
    "_declare_gen": of_query,
    "_fetch_gen": of_fetch,
    "_commit_gen": of_end("commit", "COMMIT"),
    "_rollback_gen": of_end("rollback", "ROLLBACK"),
    "_exit_gen": of_block,
    "_enter_gen": of_savepoint,
}
"""By the names of psycopg's generators. What is not here is no crossing, and passes."""
BOOKS = frozenset({"_enter_gen", "_exit_gen", "_commit_gen", "_rollback_gen"})
