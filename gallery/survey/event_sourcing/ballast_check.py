"""`ballast.py`: an outbox, subscribers and jobs in one SQLite file.

Promised by its documentation: an event exists if and only if the work that published it was committed; what a subscriber writes is
committed together with the completion of its job, so each event takes effect exactly once; a job that fails is tried again, and jobs of a
process that has died are taken up when the next one starts. There is one worker, as the package asks for.
"""

import contextlib

from ballast import Database, EventBus, JobWorker, install
from ballast.jobs import sweep_running_jobs
from stock import Changed

from refold.systems.user import Service, Worker, sqlite_system

NEEDS = ["ballast-py"]
RUNS = {"System": "stock.py:Stock"}
NOTE = "insert into applied values (?, 1) on conflict (seq) do update set times = times + 1"


class Oversold(Exception): ...


def bus():
    made = EventBus()
    made.declare("changed")
    made.subscribe("notes", "changed", lambda connection, event: connection.execute(NOTE, (event.seq,)))
    return made


def create(path):
    install(Database(path))
    with Database(path).connection() as connection:
        connection.execute("create table applied (seq integer primary key, times integer)")


class Shop:
    def __init__(self, path):
        self.db, self.bus = Database(path), bus()

    def change(self, item, count):
        query = "select coalesce(sum(payload_json ->> 'count'), 0) from ballast_events where entity_id = ?"
        with self.db.transaction() as connection:
            if connection.execute(query, (item,)).fetchone()[0] + count < 0:
                raise Oversold(item)
            self.bus.publish(connection, "changed", {"item": item, "count": count}, entity_id=item)


class Notes:
    """The loop of `JobWorker`, one pass at a time: jobs of a dead process are swept first, errors of a pass are suppressed."""

    def __init__(self, path):
        self.db = Database(path)
        self.worker, self.swept = JobWorker(self.db, bus=bus()), False

    def poll(self):
        if not self.swept:
            sweep_running_jobs(self.db)
            self.swept = True
        with contextlib.suppress(Exception):
            return self.worker.run_once() > 0
        return True


EVENTS = (
    "select seq as position, id, payload_json ->> 'item' as item, payload_json ->> 'count' as count from ballast_events"
)
System = sqlite_system(
    create,
    Service(Shop, refusals=[Oversold]),
    events={Changed: EVENTS},
    consumers={"notes": Worker(Notes, rows="applied", projection="applied")},
)
