"""`litequeue`: a queue in SQLite. A message is taken (locked), then marked as done; who has died leaves a locked one behind.

Promised by its documentation: a message is claimed by one consumer at a time; whoever runs the queue puts claims that are too old back
(`retry_expired`), and a claim that was put back can no longer be finished by its old owner. So a job is done at least once.
"""

from jobs import Accepted, done
from litequeue import LiteQueue

from refold.systems.user import Relay, Service, sqlite_system

NEEDS = ["litequeue"]
RUNS = {"System": "jobs.py:Jobs"}
HOUR = 3600


def create(path):
    LiteQueue(path).close()


class Producer:
    def __init__(self, path):
        self.path, self.queue = path, None

    def put(self, job):
        self.queue = self.queue or LiteQueue(self.path)
        self.queue.put(job)


class Worker:
    def __init__(self, path, done):
        self.queue, self.done = LiteQueue(path), done

    def poll(self):
        """Do the next job, or put back one that nobody has finished."""
        message = self.queue.pop()
        if message is not None:
            self.done.send(message.data)
            self.queue.done(message.message_id, claim_id=message.claim_id)
            return True
        return self.queue.retry_expired(HOUR // 2) > 0


System = sqlite_system(
    create,
    Service(Producer),
    events={Accepted: "select rowid as position, data as job from Queue"},
    sinks={"done": done()},
    relays={name: Relay(Worker, sends="done") for name in ("worker", "helper")},
)
