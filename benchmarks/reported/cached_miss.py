"""factcast/factcast#2685: "Invalidate cached cache misses in SchemaRegistry's schemaNearCache".

A registry keeps the schemas that it has looked up in a near cache, and also that there is none. A change of the table signals the
cache, but the trigger is there for updates and deletes only: when a schema is inserted that was asked for before, the cache goes
on saying that there is none.
Fixed: an insert signals the cache too.
"""

import contextlib
import pathlib
import sqlite3
import tempfile
import types
from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Stored

SCHEMA = """
create table schemastore (id text primary key, text text);
create table history (position integer primary key autoincrement, id text, revision integer, text text);
"""


class Unknown(Exception):
    """There is no such schema."""


class NearCache:
    """What was looked up, even if nothing was found. What is signalled during a look-up is not kept."""

    def __init__(self):
        self.entries, self.signals = {}, {}

    def get(self, key, look_up):
        if key in self.entries:
            return self.entries[key]
        before = self.signals.get(key, 0)
        found = look_up(key)
        if self.signals.get(key, 0) == before:
            self.entries.setdefault(key, found)
        return found

    def invalidate(self, key):
        self.signals[key] = self.signals.get(key, 0) + 1
        self.entries.pop(key, None)


class SchemaRegistry:
    """One process: it changes schemas, and shows them."""

    triggers = ("UPDATE", "DELETE")

    def __init__(self, path):
        self.path, self.near = path, NearCache()

    def put(self, id, text):
        def change(db):
            known = db.execute("select 1 from schemastore where id = ?", (id,)).fetchone()
            db.execute("insert or replace into schemastore values (?, ?)", (id, text))
            return "UPDATE" if known else "INSERT"

        self.change(id, text, change)

    def delete(self, id):
        def change(db):
            if db.execute("delete from schemastore where id = ?", (id,)).rowcount != 1:
                raise Unknown(id)
            return "DELETE"

        self.change(id, None, change)

    def change(self, id, text, change):
        operation = None
        try:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
                db.execute("begin immediate")
                operation = change(db)
                db.execute(
                    "insert into history (id, revision, text) select ?1, count(*) + 1, ?2 from history where id = ?1",
                    (id, text),
                )
                db.execute("commit")
        finally:
            if operation in self.triggers:
                self.near.invalidate(id)

    def get(self, id):
        return self.near.get(id, self.look_up)

    def look_up(self, id):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            found = db.execute("select text from schemastore where id = ?", (id,)).fetchone()
        return found and found[0]

    def changes(self, after, limit):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return db.execute(
                "select * from history where position > ? order by position limit ?", (after, limit)
            ).fetchall()


class FixedSchemaRegistry(SchemaRegistry):
    """Signals inserts too."""

    triggers = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Put:
    id: str
    text: str


@dataclass(frozen=True)
class Delete:
    id: str


@dataclass(frozen=True)
class WasPut(Put): ...


@dataclass(frozen=True)
class WasDeleted(Delete): ...


# What refold needs to know of it.


class App(Application):
    events = (WasPut, WasDeleted)

    def commands(self):
        return [*(Put(id, text) for id in ("user", "order") for text in ("v1", "v2")), Delete("user"), Delete("order")]

    def initial(self, key):
        return "none"

    def decide(self, command, state):
        if type(command) is Put:
            return [WasPut(command.id, command.text)]
        if state == "none":
            raise Refusal(f"no {command.id}", "lost-update")
        return [WasDeleted(command.id)]

    def evolve(self, state, event):
        return event.text if type(event) is WasPut else "none"


class Bad:
    registry, refusals = SchemaRegistry, (Unknown,)

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = str(pathlib.Path(self.folder.name) / "facts.db")
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript(SCHEMA)
        self.schemas = self.registry(path)
        self.readers = {"registry": types.SimpleNamespace(query=self.query, promises=("sessions",))}
        self.close = self.folder.cleanup

    def query(self, id):
        return self.schemas.get(id) or "none"

    def execute(self, command):
        if type(command) is Put:
            self.schemas.put(command.id, command.text)
        else:
            self.schemas.delete(command.id)

    def read(self, after, limit):
        found = []
        for p, id, revision, text in self.schemas.changes(after, limit):
            event = WasDeleted(id) if text is None else WasPut(id, text)
            found.append(Stored(p, id, revision, str(p), type(event).__name__, event))
        return found


class Good(Bad):
    registry = FixedSchemaRegistry
