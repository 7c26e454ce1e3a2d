"""`faststream-outbox`: messages in a PostgreSQL table, stored in the transaction of the change; a subscriber claims rows and relays them.

Promised by its documentation: a row is stored if and only if the caller's transaction commits; a claim is a lease, which ends after a time,
so that the row of a dead subscriber is claimed again; whoever lost its lease changes nothing more; a row whose handler raises is tried
again as the retry strategy says. So a message is relayed at least once.
"""

import asyncio

from faststream_outbox import ConstantRetry, OutboxBroker, make_outbox_table
from jobs import Accepted, done
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from refold.systems.user import Relay, Service, postgres_system

NEEDS = ["faststream-outbox"]
EXTRAS = ["postgres"]
RUNS = {"System": "jobs.py:Jobs", "TwoTransactions": "jobs.py:Jobs"}
CONTROLS = {"TwoTransactions": "the application commits its change before it publishes"}
METADATA = MetaData()
OUTBOX = make_outbox_table(METADATA, table_name="outbox")
ORDERS = Table("orders", METADATA, Column("id", Integer, primary_key=True), Column("job", String))
TIME_PASSES = text("update outbox set (acquired_at, next_attempt_at) = (acquired_at - interval '1 hour', now())")


def create(dsn):
    METADATA.create_all(create_engine(dsn.replace("://", "+psycopg://")))


class Shop:
    def __init__(self, dsn):
        self.engine = create_async_engine(dsn.replace("://", "+psycopg://"))
        self.broker = OutboxBroker(self.engine, outbox_table=OUTBOX, logger=None)

    async def put(self, job):
        async with AsyncSession(self.engine) as session:
            await session.execute(ORDERS.insert().values(job=job))
            await self.between(session)
            await self.broker.publish(job, queue="jobs", session=session)
            await session.commit()

    async def between(self, session):
        """Nothing: the order and its message are one transaction."""


class HastyShop(Shop):
    async def between(self, session):
        await session.commit()


class Relaying(Shop):
    def __init__(self, dsn, done):
        super().__init__(dsn)

        @self.broker.subscriber("jobs", retry_strategy=ConstantRetry(delay_seconds=1))
        async def relay(job: str):
            done.send(job)

    async def poll(self):
        """A process that runs for a second and is then stopped in an orderly way. No other one runs: leases are those of the dead."""
        async with self.engine.begin() as connection:
            await connection.execute(TIME_PASSES)
            due = await connection.scalar(select(func.count()).select_from(OUTBOX))
        if due:
            await self.broker.start()
            await asyncio.sleep(1)
            await self.broker.stop()
        return due > 0


def system(shop):
    events = {Accepted: "select id as position, job from orders"}
    parts = {"sinks": {"done": done()}, "relays": {"relay": Relay(Relaying, sends="done")}}
    return postgres_system(create, Service(shop), events=events, **parts)


System, TwoTransactions = system(Shop), system(HastyShop)
