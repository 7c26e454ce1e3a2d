"""`python-cqrs`: the outbox of a service. Events are stored in the transaction of the change; a producer sends them and marks them.

Promised by its documentation: an event is stored if and only if its change is committed. A producer reads what was not sent, sends it and
marks it; an event that the broker rejects is tried again, up to five times. The application commits the marks: at-least-once.
"""

import cqrs
from cqrs.outbox.sqlalchemy import Base
from jobs import Accepted, done
from sqlalchemy import Column, Integer, String, Table, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from refold.systems.user import Relay, Service, postgres_system

NEEDS = ["python-cqrs[sqlalchemy]"]
EXTRAS = ["postgres"]
RUNS = {"System": "jobs.py:Jobs", "TwoTransactions": "jobs.py:Jobs"}
CONTROLS = {"TwoTransactions": "the application commits its change before it stores the event"}


ORDERS = Table("orders", Base.metadata, Column("id", Integer, primary_key=True), Column("job", String))
Ordered = cqrs.NotificationEvent[dict]
cqrs.OutboxedEventMap.register("ordered", Ordered)


def create(dsn):
    Base.metadata.create_all(create_engine(dsn.replace("://", "+psycopg://")))


class Shop:
    def __init__(self, dsn):
        self.engine = create_async_engine(dsn.replace("://", "+psycopg://"))

    async def put(self, job):
        async with AsyncSession(self.engine) as session:
            outbox = cqrs.SqlAlchemyOutboxedEventRepository(session)
            await self.order(session, job)
            outbox.add(Ordered(event_name="ordered", payload={"job": job}))
            await outbox.commit()

    async def order(self, session, job):
        await session.execute(ORDERS.insert().values(job=job))


class HastyShop(Shop):
    async def order(self, session, job):
        await super().order(session, job)
        await session.commit()


class Publisher(Shop):
    def __init__(self, dsn, done):
        super().__init__(dsn)
        self.done = done

    async def send_message(self, message):  # as a message broker does
        self.done.send(message.payload["payload"]["job"])

    async def poll(self):
        """One round of the loop that the documentation shows."""
        async with AsyncSession(self.engine) as session:
            producer = cqrs.EventProducer(self, cqrs.SqlAlchemyOutboxedEventRepository(session))
            batch = await anext(producer.event_batch_generator())
            for event in batch:
                await producer.send_message(event)
            await producer.repository.commit()
            return bool(batch)


def system(shop):
    events = {Accepted: "select id as position, job from orders"}
    parts = {"sinks": {"done": done()}, "relays": {"publisher": Relay(Publisher, sends="done")}}
    return postgres_system(create, Service(shop), events=events, **parts)


System, TwoTransactions = system(Shop), system(HastyShop)
