"""CERT-Polska/Artemis#2670: "Fix stale resource lock release ownership".

A worker keeps its lock on a target alive by setting the key again, with a new time to live, and releases it by deleting the key.
It does not look whose key it is: a worker that was too slow has lost its lock to another one, takes it back with its next
heartbeat, and deletes it in the end, while the other one is still scanning the target.
Fixed: a heartbeat extends the key only if it has the worker's own value, and a release deletes it only then; each in one step.
(The time to live is measured by the one clock of the server.)
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = "create table redis (key text primary key, value text, expires real);"
EXPIRY = 60.0


class ResourceLock:
    """A lock on what is scanned."""

    def __init__(self, path, worker_id):
        self.path, self.value = path, worker_id

    def run(self, sql, *values):
        """Whether the statement has changed anything. Keys that have expired are not there."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            db.execute("delete from redis where expires <= ?", (time.monotonic(),))
            changed = db.execute(sql, values).rowcount == 1
            db.execute("commit")
        return changed

    def acquire(self):
        return self.run("insert or ignore into redis values ('target', ?, ?)", self.value, time.monotonic() + EXPIRY)

    def sustain(self):
        return self.run("insert or replace into redis values ('target', ?, ?)", self.value, time.monotonic() + EXPIRY)

    def release(self):
        self.run("delete from redis where key = 'target'")

    def renew(self):
        """A heartbeat."""
        return self.sustain()


class FixedResourceLock(ResourceLock):
    """Touches its own key only."""

    def sustain(self):
        return self.run(
            "update redis set expires = ? where key = 'target' and value = ?", time.monotonic() + EXPIRY, self.value
        )

    def release(self):
        self.run("delete from redis where key = 'target' and value = ?", self.value)


# What refold needs to know of it.


def system(lock):
    return sqlite_system(SCHEMA, lock=Lock(lock, EXPIRY, name="target"))


Bad, Good = system(ResourceLock), system(FixedResourceLock)
