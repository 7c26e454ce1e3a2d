"""An ordinary little service: names that may be claimed once, and a worker that keeps a table of their owners."""

import sqlite3

SCHEMA = """
create table events (position integer primary key autoincrement, name text, owner text);
create table owners (name text primary key, owner text, claims integer);
create table progress (position integer);
insert into progress values (0);
"""


class NameTaken(Exception):
    """Somebody has that name."""


def create(path):
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.close()


class Registry:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def claim(self, name, owner):
        if self.connection.execute("select owner from events where name = ?", (name,)).fetchone():
            raise NameTaken(f"{name} is taken")
        for attempt in range(3):
            try:
                with self.connection:
                    self.connection.execute("insert into events (name, owner) values (?, ?)", (name, owner))
                return
            except sqlite3.OperationalError:
                if attempt == 2:
                    raise


class Worker:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def work(self):
        """Deal with the next event; False if there is none."""
        (position,) = self.connection.execute("select position from progress").fetchone()
        event = self.connection.execute(
            "select position, name, owner from events where position > ? order by position limit 1", (position,)
        ).fetchone()
        if event is None:
            return False
        with self.connection:
            self.connection.execute("update progress set position = ?", (event[0],))
        with self.connection:
            self.connection.execute(
                "insert into owners values (?, ?, 1) on conflict (name)"
                " do update set owner = excluded.owner, claims = claims + 1",
                (event[1], event[2]),
            )
        return True
