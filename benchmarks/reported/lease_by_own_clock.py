"""johanhaleby/occurrent#662: "A competing consumer judges another node's lease against its own clock".

The document of a lock says when the lease ends, by the clock of the node that holds it. Another node compares that with its own clock.
If its clock is ahead, it finds a living lease expired and takes it over: both nodes consume the same subscription until the first one
tries to refresh.
Fixed: the database compares and writes with its own clock ($$NOW).
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = """
create table locks (subscription text primary key, consumer text, expires_at real);
insert into locks values ('orders', '', 0);
"""
LEASE = 20.0


class LockService:
    """Takes, refreshes and gives back the lease on the subscription."""

    def __init__(self, path, consumer):
        self.path, self.consumer = path, consumer

    def now(self):
        return time.time()

    def acquire(self):
        now = self.now()
        return self.update(
            "update locks set consumer = ?, expires_at = ? where subscription = 'orders' and expires_at <= ?",
            (self.consumer, now + LEASE, now),
        )

    def renew(self):
        return self.update(
            "update locks set expires_at = ? where subscription = 'orders' and consumer = ?",
            (self.now() + LEASE, self.consumer),
        )

    def release(self):
        self.update(
            "update locks set consumer = '', expires_at = 0 where subscription = 'orders' and consumer = ?",
            (self.consumer,),
        )

    def update(self, sql, values):
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            return db.execute(sql, values).rowcount == 1


class FixedLockService(LockService):
    """Goes by the clock of the database, which is the same for all (here, the monotonic clock of the machine)."""

    def now(self):
        return time.monotonic()


# What refold needs to know of it.


def system(service):
    return sqlite_system(SCHEMA, lock=Lock(service, LEASE, name="subscription"))


Bad, Good = system(LockService), system(FixedLockService)
