"""Azure-Samples/cosmos-db-design-patterns#91 (for #32): "Fix distributed lock losing the lock when work exceeds the TTL".

Of the defects that this change repairs, this is the one of the fence token: it is counted in the document of the lock, and that
document inherits the container's time to live of 60 s. When a lock is not taken for a minute, its document vanishes, and the tokens
begin at 1 again.
Fixed: the document of the lock never expires; only the lease does.
"""

import contextlib
import sqlite3
import time

from refold.systems.user import Lock, sqlite_system

SCHEMA = """
create table documents (id text primary key, token integer, owner text, expires real);
create table ledger (line integer primary key autoincrement, who text, token integer);
"""
LEASE, DEFAULT_TTL = 30.0, 60.0


class Container:
    """Documents with a time to live, by the one clock of the server."""

    def __init__(self, path):
        self.path = path

    @contextlib.contextmanager
    def transaction(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute("begin immediate")
            db.execute("delete from documents where expires <= ?", (time.monotonic(),))
            yield db
            db.execute("commit")

    def put(self, db, id, token, owner, ttl):
        expires = None if ttl is None else time.monotonic() + ttl
        db.execute("insert or replace into documents values (?, ?, ?, ?)", (id, token, owner, expires))


class DistributedLock:
    """A lease that expires, and a token that is counted."""

    lock_ttl = DEFAULT_TTL

    def __init__(self, path, owner):
        self.container, self.owner, self.token = Container(path), owner, None

    def acquire(self):
        with self.container.transaction() as db:
            if db.execute("select 1 from documents where id = 'lease'").fetchone():
                return None
            lock = db.execute("select token from documents where id = 'lock'").fetchone()
            token = lock[0] + 1 if lock else 1
            self.container.put(db, "lock", token, None, self.lock_ttl)
            self.container.put(db, "lease", token, self.owner, LEASE)
        self.token = token
        return token

    def renew(self):
        with self.container.transaction() as db:
            mine = db.execute(
                "select 1 from documents where id = 'lease' and owner = ? and token = ?", (self.owner, self.token)
            ).fetchone()
            if mine:
                self.container.put(db, "lease", self.token, self.owner, LEASE)
        return mine is not None

    def release(self):
        with self.container.transaction() as db:
            db.execute("delete from documents where id = 'lease' and owner = ?", (self.owner,))

    def write(self):
        """One more line in the ledger, unless a newer token has been there."""
        if self.token is None:
            return False
        with contextlib.closing(sqlite3.connect(self.container.path)) as db, db:
            done = db.execute(
                "insert into ledger (who, token) select ?, ? where not exists (select 1 from ledger where token > ?)",
                (self.owner, self.token, self.token),
            )
        return done.rowcount == 1


class FixedDistributedLock(DistributedLock):
    """The count never expires."""

    lock_ttl = None


# What refold needs to know of it.


def system(lock):
    return sqlite_system(SCHEMA, lock=Lock(lock, LEASE, written="ledger"))


Bad, Good = system(DistributedLock), system(FixedDistributedLock)
