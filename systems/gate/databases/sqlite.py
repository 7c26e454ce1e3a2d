"""SQLite connections whose statements, commits and rollbacks are crossings.

`sqlite3.connect` gives actors, and who holds a gate open, a connection of a subclass of the one that was asked for. An actor that finds the
database locked is blocked, by the gate's time and for as long as its ``timeout`` says; it tries again as soon as a transaction on that
database has ended. Where SQLite does not wait but refuses at once (a transaction that has read and now wants to write), neither does it.

Nothing is synced to the disk: here processes die, and never the machine. For the same reason, the rollback journal of a file in a folder
for temporary files is kept in memory, unless the user asks for another: what is rolled back is the same, and no file is made for it.

A dead process's connections are closed and their transactions rolled back, as recovery would. The check that a connection is used on the
thread that made it is off.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from refold.systems.gate.actor import Actor, Process, current, made_for_actors
from refold.systems.gate.boundary import QUIET, Boundary
from refold.systems.gate.crossing import Wait
from refold.systems.gate.databases import traffic
from refold.systems.gate.databases.statements import kind_of, words_of
from refold.systems.gate.decision import Hold
from refold.systems.gate.patches import Patches, Replacements

T = TypeVar("T")

_real_connect = sqlite3.connect
TEMPORARY = tuple(os.path.join(os.path.realpath(folder), "") for folder in (tempfile.gettempdir(), "/dev/shm"))
"""Where temporary files are, and those of runs."""
AGAIN = 0.1
"""Seconds after which an actor tries again that does not know for whom it waits: as long as SQLite itself sleeps at most."""


class Database:
    """One file, and who waits for it."""

    known: weakref.WeakValueDictionary[str, Database] = weakref.WeakValueDictionary()

    def __init__(self, name: str, path: str = "") -> None:
        self.name = name
        self.path = path
        self.connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.waiting: list[Actor] = []

    @classmethod
    def of(cls, path: Any, uri: bool) -> Database:
        """The database of a path; one of its own for each that is in memory."""
        text = os.fsdecode(path)
        if text == ":memory:" or not text or (uri and "mode=memory" in text):
            return cls(":memory:")
        plain = text.removeprefix("file:").partition("?")[0] if uri else text
        key = os.path.abspath(plain)
        found = cls.known.get(key)
        if found is None:
            found = cls.known[key] = cls(os.path.basename(key), key)
        return found

    def ended(self) -> None:
        """A transaction has ended: whoever waits may try again."""
        traffic.wrote()
        for actor in self.waiting:
            actor.gate.unblock(actor)

    def holders(self, asking: Connection) -> tuple[str, ...]:
        """The actors that have a transaction open."""
        names = {
            one.last.name
            for one in self.connections
            if one is not asking and one.last is not None and one.is_open and _inside(one)
        }
        return tuple(sorted(names))


def error(name: str, text: str) -> sqlite3.OperationalError:
    """An error as SQLite raises it."""
    made = sqlite3.OperationalError(text)
    made.sqlite_errorname = name
    made.sqlite_errorcode = getattr(sqlite3, name)
    return made


def _busy() -> sqlite3.OperationalError:
    return error("SQLITE_BUSY", "database is locked")


BOUNDARY = Boundary(_busy, lambda: error("SQLITE_IOERR", "disk I/O error"))
"""Of a statement that commits by itself. Both errors leave the connection as it is; SQLite may fail after the point of no return."""
INSIDE = Boundary(_busy, _busy, may_lose=False)
"""Of a statement inside a transaction, or one that only reads: when it raises it has done nothing."""
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER"})


class Connection(sqlite3.Connection):
    """`sqlite3.Connection`, seen by the gate."""

    database: Database
    last: Actor | None = None
    process: Process | None = None
    timeout = 5.0
    is_open = True
    has_read = False
    temporary = False
    is_set_up = False

    def _set_up(self) -> None:
        """Nothing is synced, and no file is made for a journal that nobody needs. Whoever has locked the database may keep this
        waiting: `connect` itself looks at no file. Who only asks does without."""
        cursor = sqlite3.Cursor(self)
        cursor.row_factory = None
        try:
            sqlite3.Cursor.execute(cursor, "PRAGMA synchronous = OFF")
            if self.temporary:
                (mode,) = sqlite3.Cursor.execute(cursor, "PRAGMA journal_mode").fetchone()
                if mode in ("delete", b"delete"):
                    sqlite3.Cursor.execute(cursor, "PRAGMA journal_mode = MEMORY")
            self.is_set_up = True
        except sqlite3.OperationalError as failure:
            if getattr(failure, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        finally:
            cursor.close()

    def cross(self, kind: str, words: str, work: Callable[[], T]) -> T:
        """Do some work on the database as it is decided."""
        actor = current()
        if actor is None:
            traffic.asks(self.database.path)
            self._get_ready(words)
            return work()
        self._belongs_to(actor)
        return actor.cross(kind, words, lambda: self._work(actor, words, work), self._boundary(kind, words))

    def _get_ready(self, words: str) -> None:
        """Before a statement that may write. The connection is set up once, unless a transaction is open: then it is too late."""
        if words.startswith("SELECT"):
            return
        if not self.is_set_up and not _inside(self):
            self._set_up()
        traffic.wrote()

    def _boundary(self, kind: str, words: str) -> Boundary:
        """What may go wrong with this. Rolling back does not fail."""
        if kind == "rollback":
            return QUIET
        if kind == "commit":
            return Boundary(self._commit_fails, BOUNDARY.lose)
        if self.isolation_level is not None or _inside(self):
            return INSIDE
        return BOUNDARY if words.partition(" ")[0] in WRITES else INSIDE

    def _commit_fails(self) -> sqlite3.OperationalError:
        """The error of a commit that is not done. With a rollback journal a reader can be in its way, and the transaction stays open.
        With a write-ahead log nobody can: there a commit fails for the disk alone, and SQLite has rolled back when it says so."""
        if not self._ahead():
            return _busy()
        super().rollback()
        self._observe(True)
        return error("SQLITE_IOERR", "disk I/O error")

    def _ahead(self) -> bool:
        """Whether the database has a write-ahead log."""
        cursor = sqlite3.Cursor(self)
        cursor.row_factory = None
        row: Any = sqlite3.Cursor.execute(cursor, "PRAGMA journal_mode").fetchone()
        cursor.close()
        return row[0] in ("wal", b"wal")

    def _belongs_to(self, actor: Actor) -> None:
        self.last = actor
        if self.process is not actor.process and not actor.process.dead:
            self.process = actor.process
            ours, process, key = weakref.ref(self), actor.process, id(self)
            process.opened(self, lambda: _end(ours))
            weakref.finalize(self, _forgotten, process, key, self.database).atexit = False

    def _work(self, actor: Actor, words: str, work: Callable[[], T]) -> T:
        """The work, with all the waiting that SQLite would do."""
        inside = _inside(self)
        until = actor.gate.now + self.timeout
        while True:
            self._get_ready(words)
            try:
                result = work()
                if type(actor.decision) is Hold and isinstance(result, Cursor):
                    result.keep()
                return result
            except sqlite3.OperationalError as failure:
                if not self._waits(failure, words) or actor.free or actor.gate.now >= until:
                    raise
            finally:
                self._observe(inside)
            self._wait(actor, until)

    def _waits(self, failure: sqlite3.OperationalError, words: str) -> bool:
        """Whether SQLite would have waited, had its time-out not been set to 0."""
        code = getattr(failure, "sqlite_errorcode", 0)
        if code & 0xFF != sqlite3.SQLITE_BUSY or code == sqlite3.SQLITE_BUSY_SNAPSHOT or not self.timeout:
            return False
        return words == "COMMIT" or not self.has_read

    def _wait(self, actor: Actor, until: float) -> None:
        crossing = actor.crossing
        assert crossing is not None
        holders = self.database.holders(self)
        moment = until if holders else min(until, actor.gate.now + AGAIN)
        self.database.waiting.append(actor)
        try:
            decision = actor.wait(crossing, Wait(f"the lock on {self.database.name}", holders, moment))
        finally:
            self.database.waiting.remove(actor)
        actor.obey(decision, crossing, BOUNDARY)

    def _observe(self, inside: bool) -> None:
        """What the work did to the transaction."""
        if self.is_open and _inside(self):
            self.has_read = True
        else:
            self.has_read = False
            if inside:
                self.database.ended()

    def cursor(self, factory: type[sqlite3.Cursor] = sqlite3.Cursor) -> Any:  # type: ignore[override]
        """As the real one."""
        return super().cursor(_seen(Cursor, factory))

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """As the real one."""
        return self._with_cursor("execute", sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        """As the real one."""
        return self._with_cursor("executemany", sql, parameters)

    def executescript(self, sql_script: str) -> sqlite3.Cursor:
        """As the real one, statement by statement."""
        return self._with_cursor("executescript", sql_script)

    def _with_cursor(self, method: str, *arguments: Any) -> sqlite3.Cursor:
        """Call a method of a new cursor. If it raises, nobody has the cursor, and no statement of it may keep a lock until the traceback
        is forgotten."""
        cursor = self.cursor()
        try:
            return cast(sqlite3.Cursor, getattr(cursor, method)(*arguments))
        except sqlite3.Error:
            cursor.close()
            raise

    def commit(self) -> None:
        """As the real one; no crossing if there is nothing to commit."""
        if self.in_transaction:
            self.cross("commit", "COMMIT", super().commit)

    def rollback(self) -> None:
        """As the real one; no crossing if there is nothing to roll back."""
        if self.in_transaction:
            self.cross("rollback", "ROLLBACK", super().rollback)

    def close(self) -> None:
        """As the real one: an open transaction is rolled back. No crossing: it makes nothing durable."""
        inside = self.is_open and self.in_transaction
        self.is_open = False
        super().close()
        if self.process is not None:
            self.process.closed(self)
        if inside:
            self.database.ended()

    @property
    def in_transaction(self) -> bool:
        """As the real one. Raises `Death` in code of a dead process."""
        actor = current()
        if actor is not None and actor.process.dead:
            raise actor.process.death()
        return super().in_transaction

    def __exit__(self, kind: Any, failure: Any, trace: Any) -> Any:
        if kind is not None:
            self.rollback()
            return False
        try:
            self.commit()
        except sqlite3.Error:
            self.rollback()
            raise
        return False


class Cursor(sqlite3.Cursor):
    """`sqlite3.Cursor`, seen by the gate."""

    kept: Iterator[Any] | None = None
    """The rows that are read already, and that the code has not asked for yet."""

    def keep(self) -> None:
        """Read all rows now: whoever is held after a query has its answer, and locks nothing by it."""
        self.kept = iter(super().fetchall())

    def fetchone(self) -> Any:
        """As the real one."""
        return super().fetchone() if self.kept is None else next(self.kept, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """As the real one."""
        size = self.arraysize if size is None else size
        return super().fetchmany(size) if self.kept is None else list(itertools.islice(self.kept, size))

    def fetchall(self) -> list[Any]:
        """As the real one."""
        return super().fetchall() if self.kept is None else list(self.kept)

    def __next__(self) -> Any:
        return super().__next__() if self.kept is None else next(self.kept)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """As the real one."""
        self.kept = None
        connection: Any = self.connection
        if _sets_timeout(connection, sql):
            return self
        work = super().execute
        return connection.cross(kind_of(sql), words_of(sql), lambda: work(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """As the real one: one crossing for all rows, as they are one call of the library."""
        self.kept = None
        connection: Any = self.connection
        rows = list(parameters)
        work = super().executemany
        return connection.cross(kind_of(sql), words_of(sql), lambda: work(sql, rows))

    def executescript(self, sql_script: str, /) -> Any:
        """As the real one: commits first, then one statement after the other."""
        self.kept = None
        connection: Any = self.connection
        connection.commit()
        work = super().executescript
        for statement in statements_of(sql_script):
            connection.cross(kind_of(statement), words_of(statement), lambda text=statement: work(text))
        return self


def statements_of(script: str) -> Iterator[str]:
    """The statements of a script."""
    begun = ""
    for part in script.split(";"):
        begun += part + ";"
        if sqlite3.complete_statement(begun):
            if begun.strip(" \n\t;"):
                yield begun
            begun = ""
    if begun.strip(" \n\t;"):
        yield begun.removesuffix(";")


def _sets_timeout(connection: Connection, sql: str) -> bool:
    """``PRAGMA busy_timeout = …`` sets the time-out that the gate keeps; the real one stays 0."""
    if "busy_timeout" not in sql.lower() or "=" not in sql:
        return False
    connection.timeout = float(sql.rpartition("=")[2].strip(" ;")) / 1000
    return True


def _end(ours: weakref.ref[Connection]) -> None:
    """What happens to a connection when its process dies. It is rolled back first: SQLite keeps a connection that is closed, with its
    transaction and locks, for as long as there is a cursor of it, and the frames of a dead thread may have one."""
    connection = ours()
    if connection is None or not connection.is_open:
        return
    connection.is_open = False
    if _inside(connection):
        with contextlib.suppress(sqlite3.Error):
            sqlite3.Connection.rollback(connection)
    sqlite3.Connection.close(connection)
    connection.database.ended()


def _forgotten(process: Process, key: int, database: Database) -> None:
    """Nobody has the connection any more: Python has closed it."""
    process.forget(key)
    database.ended()


_inside: Callable[[sqlite3.Connection], bool] = sqlite3.Connection.in_transaction.__get__
"""Whether a connection has a transaction open, whoever asks."""


_CLASSES: dict[tuple[type, type], type] = {}


def _seen(ours: type, asked: type) -> type:
    """The class that was asked for, with what the gate sees."""
    if issubclass(asked, ours):
        return asked
    if issubclass(ours, asked):
        return ours
    found = _CLASSES.get((ours, asked))
    if found is None:
        found = _CLASSES[ours, asked] = type(asked.__name__, (ours, asked), {})
    return found


def _temporary(path: Any) -> bool:
    """Whether a file is in a folder for temporary files, so that nobody needs it when this process is gone."""
    try:
        place = os.path.abspath(os.fsdecode(path))
        folder = os.path.dirname(os.path.realpath(place)) if os.path.islink(place) else _real(os.path.dirname(place))
    except (TypeError, ValueError):
        return False
    return os.path.join(folder, "").startswith(TEMPORARY)


@functools.lru_cache(maxsize=64)
def _real(folder: str) -> str:
    """Where a folder is: code that opens a connection for each call asks for the same one again and again."""
    return os.path.realpath(folder)


def connect(database: Any, timeout: float = 5.0, *arguments: Any, **named: Any) -> sqlite3.Connection:
    """`sqlite3.connect`."""
    if not made_for_actors():
        return _real_connect(database, timeout, *arguments, **named)  # type: ignore[no-any-return]
    actor = current()
    if actor is not None and actor.process.dead:
        raise actor.process.death()
    for name, value in zip(
        ("detect_types", "isolation_level", "check_same_thread", "factory"), arguments, strict=False
    ):
        named[name] = value
    factory = _seen(Connection, named.pop("factory", sqlite3.Connection))
    named["check_same_thread"] = False
    made: Any = _real_connect(database, timeout=0, factory=factory, **named)
    made.temporary = _temporary(database)
    made.timeout = float(timeout)
    made.database = Database.of(database, bool(named.get("uri")))
    made.database.connections.add(made)
    if actor is not None:
        made._belongs_to(actor)
    return cast(sqlite3.Connection, made)


def register(patches: Patches) -> None:
    """Replace `sqlite3.connect`."""

    def replacements() -> Replacements:
        return {"sqlite3.connect": connect, "sqlite3.dbapi2.connect": connect}

    patches.add("sqlite3", replacements)
