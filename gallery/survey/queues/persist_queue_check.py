"""`persist-queue`: a queue in SQLite (`SQLiteAckQueue`). An item is taken (unacknowledged), and acknowledged when it is done.

Promised by its documentation: what is in the queue survives a crash; items that were not acknowledged are ready again when the queue is
opened the next time (`auto_resume`), so a job is done at least once. So this worker opens the queue anew after an error of the database. It
is safe for threads of one process; nothing is said of several processes, so there is one worker.
"""

import sqlite3

from jobs import Accepted, done
from persistqueue import Empty, SQLiteAckQueue
from persistqueue.serializers import json

from refold.systems.user import Relay, Service, sqlite_system

NEEDS = ["persist-queue"]
RUNS = {"System": "jobs.py:Jobs"}


def queue(path, **how):
    folder, _, file = path.rpartition("/")
    return SQLiteAckQueue(folder, db_file_name=file, serializer=json, multithreading=True, **how)


def create(path):
    queue(path).close()


class Producer:
    def __init__(self, path):
        self.path, self.queue = path, None

    def put(self, job):
        self.queue = self.queue or queue(self.path, auto_resume=False)
        self.queue.put(job)


class Worker:
    def __init__(self, path, done):
        self.path, self.queue, self.done = path, queue(path), done

    def poll(self):
        try:
            item = self.queue.get(block=False, raw=True)
            self.done.send(item["data"])
            self.queue.ack(id=item["pqid"])
        except Empty:
            return False
        except ConnectionError:
            self.queue.nack(id=item["pqid"])
        except sqlite3.Error:
            self.queue.close()
            self.queue = queue(self.path)
        return True


System = sqlite_system(
    create,
    Service(Producer),
    events={Accepted: "select _id as position, json_extract(data, '$') as job from ack_queue_default"},
    sinks={"done": done()},
    relays={"worker": Relay(Worker, sends="done")},
)
