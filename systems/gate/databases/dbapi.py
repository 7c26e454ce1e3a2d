"""Connections of any DB-API driver whose statements, commits and rollbacks are crossings, without a proxy.

The wrapper holds the driver's connection and passes everything on. `transaction()` and ``with connection:`` are a crossing at each end. A
connection that fails or loses an answer is broken afterwards, as one to a server is.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from refold.systems.gate.actor import Actor, Process, current
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.crossing import Wait
from refold.systems.gate.databases.statements import kind_of, words_of

T = TypeVar("T")


class _Wrapped:
    """What looks like the thing that it holds."""

    _real: Any

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._real, name, value)


class Connection(_Wrapped):
    """A driver's connection, seen by the gate. `probe` asks the server whether this connection waits in it; `abandon` is called when its
    process dies while it waits there."""

    def __init__(
        self,
        real: Any,
        probe: Callable[[], Wait | None] | None = None,
        abandon: Callable[[], object] | None = None,
    ) -> None:
        self._real = real
        self._abandon = abandon
        self._process: Process | None = None
        self._boundary = Boundary(self._broken, self._broken, probe)

    def _cross(self, kind: str, words: str, work: Callable[[], T]) -> T:
        actor = current()
        if actor is None:
            return work()
        self._belongs_to(actor)
        return actor.cross(kind, words, work, self._boundary)

    def _belongs_to(self, actor: Actor) -> None:
        if self._process is not actor.process and not actor.process.dead:
            self._process = actor.process
            self._process.opened(self, self._end)

    def _broken(self) -> BaseException:
        """The error of a connection that is gone; and it is gone."""
        error = getattr(self._real, "OperationalError", ConnectionError)
        self._end()
        made = error("server closed the connection unexpectedly")
        assert isinstance(made, BaseException)
        return made

    def _end(self) -> None:
        """Let the server end the transaction, and close; where a thread still waits for an answer, take away the socket under it."""
        with contextlib.suppress(Exception):  # it may be broken already
            if self._is_busy() and hasattr(self._real, "fileno"):
                with socket.socket(fileno=os.dup(self._real.fileno())) as sock:
                    sock.shutdown(socket.SHUT_RDWR)
                if self._abandon is not None:
                    self._abandon()
                return
            self._real.rollback()
        with contextlib.suppress(Exception):
            self._real.close()

    def _is_busy(self) -> bool:
        info = getattr(self._real, "info", None)
        return getattr(getattr(info, "transaction_status", None), "name", "") in ("ACTIVE", "UNKNOWN")

    def _is_idle(self) -> bool:
        """Whether it is known that there is no transaction."""
        info = getattr(self._real, "info", None)
        return getattr(getattr(info, "transaction_status", None), "name", "") == "IDLE"

    def cursor(self, *arguments: Any, **named: Any) -> Cursor:
        """As the real one."""
        return Cursor(self, self._real.cursor(*arguments, **named))

    def execute(self, query: Any, *arguments: Any, **named: Any) -> Cursor:
        """As the real one, where the driver has it."""
        text = _text(query, self._real)
        work = self._real.execute
        return Cursor(self, self._cross(kind_of(text), words_of(text), lambda: work(query, *arguments, **named)))

    def commit(self) -> None:
        """As the real one; no crossing if there is nothing to commit."""
        self._real.commit() if self._is_idle() else self._cross("commit", "COMMIT", self._real.commit)

    def rollback(self) -> None:
        """As the real one; no crossing if there is nothing to roll back."""
        self._real.rollback() if self._is_idle() else self._cross("rollback", "ROLLBACK", self._real.rollback)

    def close(self) -> None:
        """As the real one."""
        self._real.close()
        if self._process is not None:
            self._process.closed(self)

    @contextlib.contextmanager
    def transaction(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        """As the real one, where the driver has it: a crossing at each end."""
        block = self._real.transaction(*arguments, **named)
        yielded = self._cross("statement", "BEGIN", block.__enter__)
        try:
            yield yielded
        except BaseException as error:
            failure = error
            if not self._cross(
                "rollback", "ROLLBACK", lambda: block.__exit__(type(failure), failure, failure.__traceback__)
            ):
                raise
        else:
            self._cross("commit", "COMMIT", lambda: block.__exit__(None, None, None))

    def __enter__(self) -> Connection:
        self._real.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        what = ("commit", "COMMIT") if kind is None else ("rollback", "ROLLBACK")
        return self._cross(*what, lambda: self._real.__exit__(kind, error, trace))


class Cursor(_Wrapped):
    """A driver's cursor, seen by the gate."""

    def __init__(self, connection: Connection, real: Any) -> None:
        self._real = real
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection, as the gate sees it."""
        return self._connection

    def _run(self, name: str, query: Any, *arguments: Any, **named: Any) -> Any:
        text = _text(query, self._real)
        method = getattr(self._real, name)
        result = self._connection._cross(kind_of(text), words_of(text), lambda: method(query, *arguments, **named))
        return self if result is self._real else result

    def execute(self, query: Any, *arguments: Any, **named: Any) -> Any:
        """As the real one."""
        return self._run("execute", query, *arguments, **named)

    def executemany(self, query: Any, *arguments: Any, **named: Any) -> Any:
        """As the real one: one crossing, as it is one call."""
        return self._run("executemany", query, *arguments, **named)

    def callproc(self, name: str, *arguments: Any) -> Any:
        """As the real one."""
        method = self._real.callproc
        return self._connection._cross("statement", f"CALL {name}", lambda: method(name, *arguments))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __next__(self) -> Any:
        return next(self._real)

    def __enter__(self) -> Cursor:
        self._real.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._real.__exit__(*error)


def _text(query: Any, context: Any) -> str:
    """A query in words, also one that a driver has composed."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, str):
        return query
    return str(query.as_string(context)) if hasattr(query, "as_string") else str(query)
