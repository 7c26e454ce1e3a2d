"""pgqueuer 1.6: a job asks for a retry, and the statement that would store the retry fails once: the job is deleted.

Run it with: pip install pgqueuer; python pgqueuer_retry_not_stored.py
"""

import asyncio
from datetime import timedelta

from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.types import QueueExecutionMode


async def main():
    queuer, tried = PgQueuer.in_memory(), []
    store = queuer.queries.retry_job

    async def fails_once(*arguments):
        queuer.queries.retry_job = store
        raise ConnectionError("the connection to the database is lost")

    queuer.queries.retry_job = fails_once

    @queuer.entrypoint("do")
    async def do(job):
        tried.append(job.id)
        if len(tried) < 3:
            raise RetryRequested(delay=timedelta(0))

    await queuer.queries.enqueue("do", b"")
    await queuer.qm.run(mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=1))
    print("expected: tried 3 times, or still in the queue")
    log, left = await queuer.queries.queue_log(), await queuer.queries.queue_size()
    print(f"happened: tried {len(tried)} time(s); in the queue: {len(left)}; its log: {[one.status for one in log]}")


asyncio.run(main())
