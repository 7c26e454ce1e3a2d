"""pragmaticalabs/pragmatica#1298: "Projection rebuild: a fold in flight across rebuild() is applied twice".

A rebuild begins a new generation, empties the model and sets the cursor back. A fold that began before the rebuild and writes after it
adds its event to the empty model. Its cursor is refused, because it belongs to the old generation, and the replay applies the event a
second time. (Here, the rebuild is one transaction, and so are the two writes of a fold.)
Fixed (pragmaticalabs/pragmatica#1304): a fold whose generation is over is rejected as a whole.
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Service, Worker, sqlite_system

SCHEMA = """
create table events (position integer primary key autoincrement, topic text, votes integer);
create table model (topic text primary key, votes integer);
create table cursors (position integer, generation integer);
insert into cursors values (0, 1);
"""


class Poll:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def vote(self, topic, votes):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("insert into events (topic, votes) values (?, ?)", (topic, votes))


class Projection:
    """Folds one event after the other into the model."""

    def __init__(self, path):
        self.path = path

    def run_once(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            position, generation = db.execute("select position, generation from cursors").fetchone()
            event = db.execute(
                "select position, topic, votes from events where position > ? order by position limit 1", (position,)
            ).fetchone()
            if event is None:
                return False
            self.fold(db, generation, *event)
        return True

    def fold(self, db, generation, position, topic, votes):
        with db:
            self.advance(db, generation, position)
            self.add(db, topic, votes)

    def advance(self, db, generation, position):
        """Whether the cursor was still that of the generation."""
        done = db.execute("update cursors set position = ? where generation = ?", (position, generation))
        return done.rowcount == 1

    def add(self, db, topic, votes):
        db.execute(
            "insert into model values (?, ?) on conflict (topic) do update set votes = votes + excluded.votes",
            (topic, votes),
        )

    def rebuild(self):
        """From the first event on."""
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("update cursors set position = 0, generation = generation + 1")
            db.execute("delete from model")


class FixedProjection(Projection):
    """Writes nothing when the generation is over."""

    def fold(self, db, generation, position, topic, votes):
        with db:
            if self.advance(db, generation, position):
                self.add(db, topic, votes)


@dataclass(frozen=True)
class Vote:
    topic: str
    votes: int


@dataclass(frozen=True)
class Voted(Vote): ...


# What refold needs to know of it.


class App(Application):
    events = (Voted,)

    def commands(self):
        return [Vote(topic, votes) for topic in ("tea", "coffee") for votes in (1, 2)]

    def decide(self, command, state):
        return [Voted(command.topic, command.votes)]

    def evolve(self, state, event):
        return (state or 0) + event.votes


def system(projection):
    model = Worker(
        projection,
        poll="run_once",
        rows="model",
        checkpoint="select position from cursors",
        rebuild="rebuild",
    )
    return sqlite_system(SCHEMA, Service(Poll), events={Voted: "events"}, consumers={"model": model})


Bad, Good = system(Projection), system(FixedProjection)
