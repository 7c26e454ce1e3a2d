"""logicblocks.event.store: after one lost answer to the save of a consumer's state, no later save of that consumer succeeds.

`EventConsumerStateStore` remembers where its last save went, and makes that a write condition. After a save that was committed, but whose
answer was lost with the connection, that is too low for ever: each later save raises, until the process starts again.
"""

import asyncio
from importlib.metadata import version

import structlog
from logicblocks.event.processing import consumers
from logicblocks.event.store import EventStore, InMemoryEventStorageAdapter
from logicblocks.event.types import NewEvent


class Adapter(InMemoryEventStorageAdapter):
    lost = [False, False, True, False]  # for each save, from the last to the first

    async def save(self, **arguments):
        stored = await super().save(**arguments)
        if self.lost.pop():
            raise ConnectionError("the connection was lost after the commit")
        return stored


async def main():
    stream = EventStore(InMemoryEventStorageAdapter()).stream(category="items", stream="nut")
    states, happened = EventStore(Adapter()).category(category="consumers"), []
    state = consumers.EventConsumerStateStore(states, consumers.StoredEventEventConsumerStateConverter())
    for _ in range(4):
        (event,) = await stream.publish(events=[NewEvent(name="added", payload={"count": 1})])
        state.record_processed(event)
        happened += await asyncio.gather(state.save(), return_exceptions=True)
    print(f"logicblocks.event.store {version('logicblocks.event.store')}\nexpected: the third and fourth save succeed")
    print("happened:", *(f"\n  save {number}: {error or 'stored'}" for number, error in enumerate(happened, 1)))


structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
asyncio.run(main())
