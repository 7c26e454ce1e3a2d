"""`langgraph-checkpoint-sqlite`: the state of a graph, stored after each step, so that a thread can be resumed.

Promised by its documentation: a checkpoint is stored at every step; a thread that was interrupted goes on from its last checkpoint; what a
node has written is kept when another node of the same step fails, and that node is not run again. Nodes after the last checkpoint run
again: at-least-once.
"""

import os
import sqlite3
import tempfile

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph_flow import FlowSystem, Taken

NEEDS = ["langgraph-checkpoint-sqlite", "langgraph"]
RUNS = {"System": "langgraph_flow.py:Orders"}


class Place:
    """One SQLite file, with the orders beside the checkpoints."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "flow.db")
        self.close = self.folder.cleanup
        self.saver()
        self.do("create table orders (position integer primary key, number text unique)")

    def do(self, sql, *values):
        with sqlite3.connect(self.path) as connection:
            return connection.execute(sql, values).fetchall()

    def saver(self):
        made = SqliteSaver(sqlite3.connect(self.path, check_same_thread=False))
        made.setup()
        return made

    def insert(self, number):
        try:
            self.do("insert into orders (number) values (?)", number)
        except sqlite3.IntegrityError as error:
            raise Taken from error

    def orders(self, after, limit):
        return self.do("select position, number from orders where position > ? order by position limit ?", after, limit)


def System():
    return FlowSystem(Place())
