"""laravel/horizon#1738: "Lock::get() uses non-atomic SETNX + EXPIRE (potential permanent deadlock)".

The lock is a key in Redis. It is set if it does not exist, and a second command gives it its time to live. If the process dies in
between, or the second command fails, the key stays for ever, and nobody gets the lock any more.
Fixed: one command (SET … EX … NX).
(Horizon writes 1 to the key and deletes it without looking; here, a client deletes only a key that is its own.)
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = "create table keys (name text primary key, value text, expires real);"
SECONDS = 20.0


class Redis:
    """Keys that expire by the clock of the server; each command is atomic."""

    def __init__(self, path):
        self.path = path

    @contextlib.contextmanager
    def command(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            db.execute("delete from keys where expires <= ?", (time.monotonic(),))
            yield db
            db.execute("commit")

    def set_nx(self, name, value, ex=None):
        with self.command() as db:
            expires = None if ex is None else time.monotonic() + ex
            done = db.execute("insert or ignore into keys values (?, ?, ?)", (name, value, expires))
        return done.rowcount == 1

    def expire(self, name, seconds):
        with self.command() as db:
            db.execute("update keys set expires = ? where name = ?", (time.monotonic() + seconds, name))

    def delete_if(self, name, value):
        with self.command() as db:
            db.execute("delete from keys where name = ? and value = ?", (name, value))


class HorizonLock:
    """One key for each lock."""

    def __init__(self, path, client):
        self.redis, self.client = Redis(path), client

    def acquire(self):
        if not self.redis.set_nx("lock", self.client):
            return False
        self.redis.expire("lock", SECONDS)
        return True

    def release(self):
        self.redis.delete_if("lock", self.client)


class FixedHorizonLock(HorizonLock):
    """Sets key and time to live at once."""

    def acquire(self):
        return self.redis.set_nx("lock", self.client, ex=SECONDS)


# What refold needs to know of it.


def system(lock):
    return sqlite_system(SCHEMA, lock=Lock(lock, SECONDS, name="supervisor"))


Bad, Good = system(HorizonLock), system(FixedHorizonLock)
