"""`eventsource-py`: aggregates as deciders, a repository with snapshots, and the SQLite event store.

Promised by its documentation: an append is atomic and checks the expected version, so that of two conflicting writers one gets an
`OptimisticLockError`; a repository loads an aggregate as its events make it, through the newest snapshot as well.
"""

from uuid import NAMESPACE_URL, uuid5

import eventsource as es
from eventsource.adapters.sql.schemas import get_schema
from eventsource.adapters.sqlite.snapshots import SQLiteSnapshotStore
from pydantic import BaseModel
from stock import Changed

from refold.systems.user import Service, sqlite_system

NEEDS = ["eventsource-py[sqlite]"]
RUNS = {"System": "stock.py:Stock"}


def key(item):
    return uuid5(NAMESPACE_URL, item)


@es.register_event
class Counted(es.DomainEvent):
    event_type: str = "Counted"
    aggregate_type: str = "Item"
    item: str
    count: int


class Add(es.DomainCommand):
    item: str
    count: int


class State(BaseModel):
    free: int = 0


class Item(es.DeciderAggregate[State]):
    aggregate_type = "Item"
    initial_state = staticmethod(State)

    @staticmethod
    def decide(command, state):
        if state.free + command.count < 0:
            raise es.CommandRejectedError("there is less than that", command)
        return [Counted(aggregate_id=key(command.item), item=command.item, count=command.count)]

    @staticmethod
    def evolve(state, event):
        return State(free=state.free + event.count)


class Shelf:
    def __init__(self, path):
        store, snapshots = es.SQLiteEventStore(path), SQLiteSnapshotStore(path)
        self.items = es.AggregateRepository(
            store, Item, snapshot_store=snapshots, snapshot_threshold=2, enable_tracing=False
        )

    async def change(self, item, count):
        found = await self.items.load_or_create(key(item))
        found.execute(Add(item=item, count=count))
        await self.items.save(found)

    async def load(self, item):
        return (await self.items.load_or_create(key(item))).state.free


EVENTS = """select global_position as position, version, event_id as id,
    json_extract(payload, '$.item') as item, json_extract(payload, '$.count') as count from events"""
service = Service(Shelf, refusals=[es.CommandRejectedError, es.OptimisticLockError], load="load")


SCHEMA = "pragma journal_mode = wal;" + get_schema("all", backend="sqlite") + get_schema("snapshots", backend="sqlite")
System = sqlite_system(SCHEMA, service, events={Changed: EVENTS})
