"""logicblocks.event.store: a consumer that is killed between a projection and its own state applies the event to the projection once more.

`ProjectionEventProcessor` stores what an event makes of the stored projection; the position of the consumer is stored later, after up to a
hundred events. The projection does not say which events it has. Nothing in the documentation says that a projector has to bear repeats.
"""

import asyncio
from importlib.metadata import version

import structlog
from logicblocks.event import projection
from logicblocks.event.processing import consumers
from logicblocks.event.store import EventStore, InMemoryEventStorageAdapter
from logicblocks.event.types import NewEvent


class StockProjector(projection.Projector):
    initial_state_factory = initial_metadata_factory = lambda self: {"free": 0}
    id_factory = staticmethod(lambda state, source: source.stream)
    added = staticmethod(lambda state, event: {"free": state["free"] + event.payload["count"]})


async def main():
    store, views = EventStore(InMemoryEventStorageAdapter()), projection.InMemoryProjectionStorageAdapter()
    items, states = store.category(category="items"), store.category(category="consumers")
    await items.stream(stream="nut").publish(events=[NewEvent(name="added", payload={"count": 2})])
    await consumers.ProjectionEventProcessor(StockProjector(), projection.ProjectionStore(views)).process_event(
        await items.latest()
    )  # the first process does this, and is killed before it stores its position; here comes the next one:
    state = consumers.EventConsumerStateStore(states, consumers.StoredEventEventConsumerStateConverter())
    processor = consumers.ProjectionEventProcessor(StockProjector(), projection.ProjectionStore(views))
    await consumers.EventSourceConsumer(source=items, processor=processor, state_store=state).consume_all()
    found = await projection.ProjectionStore(views).locate(source=items.stream(stream="nut").identifier, name="stock")
    print(f"logicblocks.event.store {version('logicblocks.event.store')}\nexpected: 2 free, as the events say")
    print("happened:", found.state["free"], "free")


structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
asyncio.run(main())
