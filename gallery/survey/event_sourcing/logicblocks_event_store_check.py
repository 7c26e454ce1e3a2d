"""`logicblocks.event.store`: streams of events in PostgreSQL, written under a condition; a consumer keeps stored projections up to date.

Its readme promises: events are immutable; a write condition is evaluated before events are published, which gives optimistic concurrency
control; writes are serialised (for the whole log by default), so that a scan sees a consistent order. Nothing is said of how
often a consumer processes an event: `Once` asks for exactly once.
"""

import structlog
from logicblocks.event import projection
from logicblocks.event import store as es
from logicblocks.event.processing import consumers
from logicblocks.event.types import NewEvent
from psycopg_pool import AsyncConnectionPool
from stock import Changed

from refold.systems.user import Service, Worker, postgres_system

NEEDS = ["logicblocks-event-store"]
EXTRAS = ["postgres"]
RUNS = {"System": "stock.py:Stock", "NoCondition": "stock.py:Stock", "Once": "stock.py:Stock"}
CONTROLS = {"NoCondition": "the application publishes without a write condition"}
SCHEMA = """create table events (id text primary key, name text, stream text, category text, position int, payload jsonb,
    sequence_number bigserial, observed_at timestamptz, occurred_at timestamptz);
create table projections (id text, name text, source jsonb, state jsonb, metadata jsonb, primary key (name, id))"""
EVENTS = """select sequence_number as position, position + 1 as version, id, stream as item, (payload ->> 'count')::int as count
    from events where category = 'items'"""
REFUSALS = [ValueError, es.UnmetWriteConditionError]
ROWS = "select id, (state ->> 'free')::int from projections"
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))


class Shop:
    condition = staticmethod(es.conditions.position_is)

    def __init__(self, dsn):
        self.pool = AsyncConnectionPool(dsn, open=False, min_size=0, max_size=4)
        self.store = es.EventStore(es.PostgresEventStorageAdapter(connection_source=self.pool))

    async def change(self, item, count):
        await self.pool.open()
        stream = self.store.stream(category="items", stream=item)
        events = [event async for event in stream]
        if sum(event.payload["count"] for event in events) + count < 0:
            raise ValueError("there is less than that")
        new = NewEvent(name="changed", payload={"item": item, "count": count})
        await stream.publish(events=[new], condition=self.condition(events[-1].position if events else None))


class HastyShop(Shop):
    condition = staticmethod(lambda position: es.conditions.NoCondition())


class StockProjector(projection.Projector):
    initial_state_factory = initial_metadata_factory = lambda self: {"free": 0}
    id_factory = staticmethod(lambda state, source: source.stream)

    def changed(self, state, event):
        return {"free": state["free"] + event.payload["count"]}


class Consumer(Shop):
    def __init__(self, dsn):
        super().__init__(dsn)
        views = projection.ProjectionStore(projection.PostgresProjectionStorageAdapter(connection_source=self.pool))
        items, states = self.store.category(category="items"), self.store.category(category="consumers")
        self.state = consumers.EventConsumerStateStore(states, consumers.StoredEventEventConsumerStateConverter())
        processor = consumers.ProjectionEventProcessor(StockProjector(), views)
        self.consumer = consumers.EventSourceConsumer(source=items, processor=processor, state_store=self.state)

    async def poll(self):
        await self.pool.open()
        done = await self.state.load()
        return await self.consumer.consume_all() or await self.state.load() != done


LOG = {Changed: EVENTS}
System = postgres_system(SCHEMA, Service(Shop, REFUSALS), events=LOG)
NoCondition = postgres_system(SCHEMA, Service(HastyShop, REFUSALS), events=LOG)
Once = postgres_system(SCHEMA, Service(Shop, REFUSALS), events=LOG, consumers={"stock": Worker(Consumer, rows=ROWS)})
