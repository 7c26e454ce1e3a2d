"""What refold needs to know of `names.py`: its rules, where its events and rows are, and what to call."""

import dataclasses
import pathlib
import sqlite3
import tempfile

import names

from refold import Application, Refusal
from refold.model import Stored


@dataclasses.dataclass(frozen=True)
class Claim:
    name: str
    owner: str


@dataclasses.dataclass(frozen=True)
class Claimed(Claim): ...


class Names(Application):
    name = "names"
    events = (Claimed,)

    def commands(self):
        return [Claim(name, owner) for name in ("lear", "kent") for owner in ("ann", "bo")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal(f"{command.name} is taken", "duplicate-create")
        return [Claimed(command.name, command.owner)]

    def evolve(self, state, event):
        return (event.owner, 1 if state is None else state[1] + 1)


class System:
    refusals = (names.NameTaken,)

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(pathlib.Path(self.folder.name) / "names.db")
        names.create(self.path)
        self.consumers = {"owners": lambda: Owners(self.path)}
        self.close = self.folder.cleanup

    def service(self, client):
        registry = names.Registry(self.path)
        registry.execute = lambda command: registry.claim(command.name, command.owner)
        return registry

    def read(self, after, limit):
        query = "select position, name, owner, row_number() over (partition by name order by position) from events"
        rows = look(self.path, f"select * from ({query}) where position > {after} order by position limit {limit}")
        return [Stored(p, name, v, str(p), "Claimed", Claimed(name, owner)) for p, name, owner, v in rows]


class Owners(names.Worker):
    projection = "views"

    def __init__(self, path):
        super().__init__(path)
        self.path, self.poll = path, self.work

    def rows(self):
        return {name: (owner, n) for name, owner, n in look(self.path, "select * from owners")}

    def checkpoint(self):
        return look(self.path, "select position from progress")[0][0]


def look(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
