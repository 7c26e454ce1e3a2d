"""An ordinary lock with a lease, in a table, and a ledger that it guards."""

import sqlite3
import time

SCHEMA = """
create table locks (name text primary key, owner text, token integer, until real);
insert into locks values ('ledger', null, 0, 0);
create table ledger (line integer primary key autoincrement, who text, token integer);
"""
LEASE = 10.0


class Holder:
    def __init__(self, path, me):
        self.connection = sqlite3.connect(path)
        self.me = me
        self.token = None

    def acquire(self):
        """The token under which the lock is ours, or None."""
        now = time.time()
        with self.connection:
            done = self.connection.execute(
                "update locks set owner = ?, token = token + 1, until = ? where until <= ?", (self.me, now + LEASE, now)
            )
            if not done.rowcount:
                return None
            (self.token,) = self.connection.execute("select token from locks").fetchone()
        return self.token

    def renew(self):
        with self.connection:
            done = self.connection.execute(
                "update locks set until = ? where owner = ? and token = ?", (time.time() + LEASE, self.me, self.token)
            )
        return done.rowcount == 1

    def release(self):
        with self.connection:
            self.connection.execute("update locks set owner = null, until = 0 where token = ?", (self.token,))

    def write(self):
        """One more line; False if somebody else has had the lock since."""
        with self.connection:
            done = self.connection.execute(
                "insert into ledger (who, token) select ?, ? where not exists (select 1 from ledger where token > ?)",
                (self.me, self.token, self.token),
            )
        return done.rowcount == 1


class TrustingHolder(Holder):
    """Looks whether it still has the lock, and then writes."""

    def write(self):
        row = self.connection.execute("select owner from locks where until > ?", (time.time(),)).fetchone()
        if row is None or row[0] != self.me:
            return False
        with self.connection:
            self.connection.execute("insert into ledger (who, token) values (?, ?)", (self.me, self.token))
        return True
