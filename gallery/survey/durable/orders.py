"""What durable execution does in the survey: an order is taken once, and then four steps are done for it.

At rest every order must show the result that an undisturbed one shows, and each step must have been done (its name was sent out) at least
once, and again only if its process was disturbed. `KEPT` has the steps that were acknowledged as stored: those are never done again.
"""

import sqlite3
import tempfile
from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Stored
from refold.systems.user import Sink

STEPS = ("pick", "weigh", "wrap", "send")
KEPT = set()
SINKS = {}


@dataclass(frozen=True)
class Order:
    number: str


class Ordered(Order): ...


class Orders(Application):
    """Each order once."""

    name = "orders"
    events = (Ordered,)

    def commands(self):
        return [Order(number) for number in ("o1", "o2", "o3", "o4")]

    def decide(self, command, state):
        if state is not None:
            raise Refusal("there is such an order", "duplicate-create")
        return [Ordered(command.number)]

    def evolve(self, state, event):
        return list(STEPS)


def begin_run():
    """The sinks of a new run."""
    KEPT.clear()
    SINKS.update({step: Sink(lambda event: event.data.number, promises=("once",), name=step) for step in STEPS})
    return dict(SINKS)


def do(step, number):
    """Do a step; one that was stored as done says so, and no event asks for that message."""
    SINKS[step].send(f"{number} again" if (number, step) in KEPT else number)
    return step


def logged(rows):
    """Orders as events."""
    return [Stored(position, number, 1, str(position), "Ordered", Ordered(number)) for position, number in rows]


class File:
    """A database of SQLite in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path, self.close = f"{self.folder.name}/orders.db", self.folder.cleanup

    def do(self, sql, *values):
        with sqlite3.connect(self.path) as connection:
            return connection.execute(sql, values).fetchall()
