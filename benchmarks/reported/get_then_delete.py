"""BerriAI/litellm#21225: "Race condition: PodLockManager.release_lock can delete another pod's reacquired lock".

To release the lock of a job, a pod reads the value of the key and, if it is its own id, deletes the key. If the key expires in between and
another pod takes the lock, it is that one's key that is deleted, and a third pod can take the lock as well.
Fixed as the report says: compare and delete in one step.
(The time to live is measured by the one clock of the server.)
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = "create table keys (key text primary key, value text, expires real);"
TTL, KEY = 60.0, "cronjob_lock:db_spend_update_job"


class RedisCache:
    """Keys with a time to live. Each method is one step."""

    def __init__(self, path):
        self.path = path

    def run(self, sql, *values):
        """The number of rows that the statement has changed, or the row that it has found."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            db.execute("delete from keys where expires <= ?", (time.monotonic(),))
            cursor = db.execute(sql, values)
            result = cursor.rowcount if cursor.description is None else cursor.fetchone()
            db.execute("commit")
        return result

    def set_nx(self, key, value, ttl):
        return self.run("insert or ignore into keys values (?, ?, ?)", key, value, time.monotonic() + ttl) == 1

    def get(self, key):
        found = self.run("select value from keys where key = ?", key)
        return found and found[0]

    def delete(self, key):
        return self.run("delete from keys where key = ?", key) == 1

    def compare_and_delete(self, key, value):
        return self.run("delete from keys where key = ? and value = ?", key, value) == 1


class PodLockManager:
    """What a pod calls."""

    def __init__(self, path, pod_id):
        self.redis, self.pod_id = RedisCache(path), pod_id

    def acquire(self):
        return self.redis.set_nx(KEY, self.pod_id, TTL)

    def release(self):
        if self.redis.get(KEY) == self.pod_id:
            self.redis.delete(KEY)


class FixedPodLockManager(PodLockManager):
    """Compares and deletes in one step."""

    def release(self):
        self.redis.compare_and_delete(KEY, self.pod_id)


# What refold needs to know of it.


def system(manager):
    return sqlite_system(SCHEMA, lock=Lock(manager, TTL, name="job"))


Bad, Good = system(PodLockManager), system(FixedPodLockManager)
