"""`procrastinate`: jobs in PostgreSQL, taken by workers with `FOR UPDATE SKIP LOCKED`, over asynchronous connections of psycopg.

Documented: a job is done by one worker at a time; a task with `retry` is tried again when it raises; the job of a worker that was killed
stays in `doing`, until the application puts it back as the page on stalled jobs shows. So a job is done at least once.
"""

import procrastinate
from jobs import Accepted, done

from refold.systems.user import Relay, Service, postgres_system

NEEDS = ["procrastinate"]
EXTRAS = ["postgres"]
RUNS = {"System": "jobs.py:Jobs", "NobodyPutsBack": "jobs.py:Jobs"}
DOCUMENTED = {
    "NobodyPutsBack": "the job of a killed worker stays in `doing`. This run leaves out the recipe for stalled jobs, to show what it is for"
}


def opened(dsn, send=None):
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, min_size=0, max_size=4))

    @app.task(name="do", retry=True)
    async def do(job):
        send(job)

    return app


def create(dsn):
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=dsn))
    with app.open():
        app.schema_manager.apply_schema()


class Producer:
    def __init__(self, dsn):
        self.app = opened(dsn)

    async def put(self, job):
        await self.app.open_async()
        await self.app.configure_task("do").defer_async(job=job)


class Consumer:
    def __init__(self, dsn, done):
        self.app = opened(dsn, done.send)

    async def poll(self):
        """A worker that ends when nothing is due (`--one-shot`). No other one runs, so what is in `doing` has stalled."""
        await self.app.open_async()
        manager = self.app.job_manager
        for job in await self.stalled(manager):
            await manager.retry_job(job)
        due = await manager.list_jobs_async(status="todo")
        if due:
            await self.app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False)
        return bool(due)

    async def stalled(self, manager):
        return await manager.get_stalled_jobs(seconds_since_heartbeat=0)


class Forgetful(Consumer):
    async def stalled(self, manager):
        return []


def system(consumer):
    events = {Accepted: "select id as position, args ->> 'job' as job from procrastinate_jobs"}
    relays = {"worker": Relay(consumer, sends="done")}
    return postgres_system(create, Service(Producer), events=events, sinks={"done": done()}, relays=relays)


System = system(Consumer)
NobodyPutsBack = system(Forgetful)
