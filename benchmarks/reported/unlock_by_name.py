"""lukas-krecan/ShedLock#74: "node1 unlock may overwrite node2's lock's info in MongoLockProvider?".

A task takes longer than its lock lasts. Another node takes the lock. When the first node's task ends, it unlocks by the name of the
lock, and so ends the lock of the other node: a third one can take it at once.
Fixed: a node unlocks only the lock that it has taken itself.
(The nodes run on one machine and share its monotonic clock: that clocks differ is another report.)
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = """
create table shedlock (name text primary key, lock_until real, locked_at real, locked_by text);
insert into shedlock values ('task', 0, 0, '');
"""
AT_MOST = 10.0


class LockProvider:
    """One row for each lock, with the time at which it ends."""

    def __init__(self, path, hostname):
        self.path, self.hostname = path, hostname

    def acquire(self):
        now = time.monotonic()
        return self.update(
            "update shedlock set lock_until = ?, locked_at = ?, locked_by = ? where name = 'task' and lock_until <= ?",
            (now + AT_MOST, now, self.hostname, now),
        )

    def release(self):
        self.update("update shedlock set lock_until = ? where name = 'task'", (time.monotonic(),))

    def update(self, sql, values):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            return db.execute(sql, values).rowcount == 1


class FixedLockProvider(LockProvider):
    """Ends its own lock only."""

    def release(self):
        self.update(
            "update shedlock set lock_until = ? where name = 'task' and locked_by = ?",
            (time.monotonic(), self.hostname),
        )


# What refold needs to know of it.


def system(provider):
    return sqlite_system(SCHEMA, lock=Lock(provider, AT_MOST, name="task"))


Bad, Good = system(LockProvider), system(FixedLockProvider)
