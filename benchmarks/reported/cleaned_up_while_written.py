"""actionhero/node-resque#317: "Use watch to ensure that cleanupTimetamps doesn't delete a delayed queue as a new job is being
writtten"
(also resque/resque-scheduler#46).

Jobs that are to run at some time are kept in a list for that time, and the times in a schedule. When the scheduler has enqueued a
job, it looks how many are left in the list, and if there is none, it deletes the list and the time. A job that is written to the
list in between is deleted with it.
Fixed (actionhero/node-resque#318): the list is watched, so that it is deleted only if it has not changed since its length was
read; here, in one transaction.
"""

import contextlib
import sqlite3
import time
from dataclasses import dataclass

from refold import Application
from refold.systems.user import Relay, Service, Sink, sqlite_system

SCHEMA = """
create table enqueued (position integer primary key autoincrement, queue text, job text);
create table delayed (position integer primary key autoincrement, timestamp integer, item text);
create table delayed_queue_schedule (timestamp integer primary key);
"""


class Queue:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def enqueue(self, queue, job):
        """As soon as possible."""
        timestamp = int(time.time())
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            done = db.execute("insert into enqueued (queue, job) values (?, ?)", (queue, job))
            item = f"{queue}: {job} ({done.lastrowid})"
            db.execute("insert into delayed (timestamp, item) values (?, ?)", (timestamp, item))
            db.execute("insert or ignore into delayed_queue_schedule values (?)", (timestamp,))


class Scheduler:
    """Hands out what is due. An item leaves its list when the queue has it."""

    def __init__(self, path, queues):
        self.path, self.queues = path, queues

    def poll(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            due = db.execute(
                "select timestamp from delayed_queue_schedule where timestamp <= ? order by timestamp limit 1",
                (time.time(),),
            ).fetchone()
            if due is None:
                return False
            found = db.execute(
                "select position, item from delayed where timestamp = ? order by position limit 1", due
            ).fetchone()
            if found is not None:
                self.queues.send(found[1])
                db.execute("delete from delayed where position = ?", (found[0],))
            self.clean_up_timestamp(db, due)
        return True

    def clean_up_timestamp(self, db, timestamp):
        if db.execute("select count(*) from delayed where timestamp = ?", timestamp).fetchone() == (0,):
            db.execute("begin")
            db.execute("delete from delayed where timestamp = ?", timestamp)
            db.execute("delete from delayed_queue_schedule where timestamp = ?", timestamp)
            db.execute("commit")


class FixedScheduler(Scheduler):
    """Lets nobody write in between."""

    def clean_up_timestamp(self, db, timestamp):
        db.execute("begin immediate")
        if db.execute("select count(*) from delayed where timestamp = ?", timestamp).fetchone() == (0,):
            db.execute("delete from delayed where timestamp = ?", timestamp)
            db.execute("delete from delayed_queue_schedule where timestamp = ?", timestamp)
        db.execute("commit")


@dataclass(frozen=True)
class Enqueue:
    queue: str
    job: str


@dataclass(frozen=True)
class Enqueued(Enqueue): ...


# What refold needs to know of it.


class App(Application):
    events = (Enqueued,)

    def commands(self):
        return [Enqueue(queue, job) for queue in ("mail", "print") for job in ("bill", "letter")]

    def decide(self, command, state):
        return [Enqueued(command.queue, command.job)]

    def evolve(self, state, event):
        return (state or 0) + 1


def system(scheduler):
    return sqlite_system(
        SCHEMA,
        Service(Queue),
        events={Enqueued: "enqueued"},
        sinks={"queues": Sink(lambda event: f"{event.data.queue}: {event.data.job} ({event.position})")},
        relays={"scheduler": Relay(scheduler, poll="poll", sends="queues")},
    )


Bad, Good = system(Scheduler), system(FixedScheduler)
