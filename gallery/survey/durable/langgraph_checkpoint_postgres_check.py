"""`langgraph-checkpoint-postgres`: the state of a graph, stored after each step in PostgreSQL, so that a thread can be resumed.

Promised by its documentation: what its sister for SQLite promises. Connections are in autocommit mode, as `from_conn_string` makes them.
"""

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph_flow import FlowSystem, Taken, drops_writes, half_a_step
from psycopg.rows import dict_row

from refold.systems.servers import PostgresDatabase

NEEDS = ["langgraph-checkpoint-postgres", "langgraph"]
EXTRAS = ["postgres"]
RUNS = {"System": "orders.py:Orders", "DropsWrites": "orders.py:Orders", "HalfAStep": "orders.py:Orders"}
CONTROLS = {
    "DropsWrites": "a saver that drops the writes of a node",
    "HalfAStep": "a saver whose checkpoint has only the first of the two nodes of a step",
}


def connect(dsn):
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=0, row_factory=dict_row)


def schema(dsn):
    with connect(dsn) as connection:
        PostgresSaver(connection).setup()
        connection.execute("create table orders (position bigserial primary key, number text unique)")


class Place:
    """A database, with the orders beside the checkpoints."""

    def __init__(self):
        self.database = PostgresDatabase(schema)
        self.close = self.database.close

    def saver(self):
        return PostgresSaver(connect(self.database.dsn))

    def insert(self, number):
        try:
            with psycopg.connect(self.database.dsn) as connection:
                connection.execute("insert into orders (number) values (%s)", (number,))
        except psycopg.errors.UniqueViolation as error:
            raise Taken from error

    def orders(self, after, limit):
        query = "select position, number from orders where position > %s order by position limit %s"
        return self.database.rows(query, (after, limit))


class System(FlowSystem):
    wrong = staticmethod(lambda saver: saver)

    def __init__(self):
        super().__init__(Place(), self.wrong)
        self.database = self.place.database


class DropsWrites(System):
    wrong = staticmethod(drops_writes)


class HalfAStep(System):
    wrong = staticmethod(half_a_step)
