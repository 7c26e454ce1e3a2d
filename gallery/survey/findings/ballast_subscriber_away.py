"""ballast.py: an event does not reach a subscriber that was not registered in the process that did its job.

The cursor of a subscriber moves when its jobs are queued. If the next process does not register that subscriber, it marks the job as done
without doing anything. A comment there says that the cursor will not have moved in that case; it has.
"""

import os
import tempfile
from importlib.metadata import version

from ballast import Database, EventBus, JobWorker, dispatch_pending, install

db = Database(os.path.join(tempfile.mkdtemp(), "app.db"))
install(db)
seen = []


def process(registered):
    bus = EventBus()
    bus.declare("order.placed")
    if registered:
        bus.subscribe("mail", "order.placed", lambda connection, event: seen.append(event.entity_id))
    return bus


first = process(registered=True)
with db.transaction() as connection:
    first.publish(connection, "order.placed", {}, entity_id="order-1")
dispatch_pending(db, first)  # the first step of each pass of its worker; the process dies after it
JobWorker(
    db, bus=process(registered=False)
).drain()  # a process without this subscriber, for example a rollback to an older release
JobWorker(db, bus=process(registered=True)).drain()  # the subscriber is back

print(f"ballast.py {version('ballast.py')}")
print("expected: the subscriber sees ['order-1']")
print("happened: the subscriber sees", seen)
