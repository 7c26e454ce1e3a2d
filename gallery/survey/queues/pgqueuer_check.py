"""`pgqueuer`: jobs in PostgreSQL, over a pool of asyncpg. Workers take them with `FOR UPDATE SKIP LOCKED`, and delete what is done.

Documented: a job that raises is deleted by default, and tried again with `DatabaseRetryEntrypointExecutor`; the job of a dead worker is
taken again when its heartbeat is too old. So with that executor a job is done at least once.
"""

import asyncio
import functools
from datetime import timedelta

import asyncpg
from jobs import Accepted, done
from pgqueuer import PgQueuer, Queries
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.types import QueueExecutionMode

from refold.systems.user import Relay, Service, postgres_system

NEEDS = ["pgqueuer", "asyncpg"]
EXTRAS = ["postgres"]
RUNS = {"System": "jobs.py:Jobs", "ByDefault": "jobs.py:Jobs"}
DOCUMENTED = {"ByDefault": "a job that raises is deleted. This run retries nothing, to show what that means"}
TIME_PASSES = "update pgqueuer set heartbeat = heartbeat - interval '1 minute' where status = 'picked'"
LOG = """create table log (position bigserial primary key, job text);
create function note() returns trigger language plpgsql as
    $$begin insert into log (job) values (convert_from(new.payload, 'UTF8')); return new; end$$;
create trigger accepted after insert on pgqueuer for each row execute function note()"""


def create(dsn):
    async def install():
        async with asyncpg.create_pool(dsn, min_size=1) as pool:
            await Queries.from_asyncpg_pool(pool).install()
            await pool.execute(LOG)

    asyncio.run(install())


class Process:
    pool = None

    def __init__(self, dsn, done=None):
        self.dsn, self.done = dsn, done

    async def queuer(self):
        self.pool = self.pool or await asyncpg.create_pool(self.dsn, min_size=0)
        return PgQueuer.from_asyncpg_pool(self.pool)

    async def put(self, job):
        await (await self.queuer()).queries.enqueue("do", job.encode())


class Worker(Process):
    executor = functools.partial(DatabaseRetryEntrypointExecutor, max_attempts=1000, initial_delay=timedelta(0))

    async def poll(self):
        """A worker that ends when the queue is empty (`--mode drain`); between two of them time passes."""
        queuer = await self.queuer()

        @queuer.entrypoint("do", executor_factory=self.executor)
        async def do(job):
            self.done.send(job.payload.decode())

        await self.pool.execute(TIME_PASSES)
        if due := await queuer.queries.queue_size():
            await queuer.qm.run(mode=QueueExecutionMode.drain, log_aggregation_interval=timedelta(0))
        return bool(due)


class NoRetries(Worker):
    executor = None


def system(worker):
    parts = {"sinks": {"done": done()}, "relays": {"worker": Relay(worker, sends="done")}}
    return postgres_system(create, Service(Process), events={Accepted: "log"}, **parts)


System, ByDefault = system(Worker), system(NoRetries)
