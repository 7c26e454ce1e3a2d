"""`langgraph-checkpoint-sqlite`: the state of a graph, stored after each step, so that a thread can be resumed.

Promised by its documentation: a checkpoint is stored at every step; a thread that was interrupted goes on from its last checkpoint; what a
node has written is kept when another node of the same step fails, and that node is not run again. Nodes after the last checkpoint run
again: at-least-once.
"""

import sqlite3

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph_flow import FlowSystem, Taken, drops_writes, half_a_step
from orders import File

NEEDS = ["langgraph-checkpoint-sqlite", "langgraph"]
RUNS = {"System": "orders.py:Orders", "DropsWrites": "orders.py:Orders", "HalfAStep": "orders.py:Orders"}
CONTROLS = {
    "DropsWrites": "a saver that drops the writes of a node",
    "HalfAStep": "a saver whose checkpoint has only the first of the two nodes of a step",
}


class Place(File):
    """The orders, beside the checkpoints."""

    def __init__(self):
        super().__init__()
        self.saver().setup()
        self.do("create table orders (position integer primary key, number text unique)")

    def saver(self):
        return SqliteSaver(sqlite3.connect(self.path, check_same_thread=False))

    def insert(self, number):
        try:
            self.do("insert into orders (number) values (?)", number)
        except sqlite3.IntegrityError as error:
            raise Taken from error

    def orders(self, after, limit):
        return self.do("select position, number from orders where position > ? order by position limit ?", after, limit)


def System():
    return FlowSystem(Place())


def DropsWrites():
    return FlowSystem(Place(), drops_writes)


def HalfAStep():
    return FlowSystem(Place(), half_a_step)
