"""QuantumNous/new-api#4302: "Fix redemption code double-claim race".

To redeem a code, its status is read, then the quota is added and the code is marked as used. The row is not really locked in
between, and the lock that is held is that of the user: two users who redeem one code at the same time both find it enabled, and
both are given the quota.
Fixed: the code is claimed first, by an update from enabled to used; who has updated no row is refused.
(The lock of the user is left out here, because it changes nothing.)
"""

import contextlib
import sqlite3
from dataclasses import dataclass

from refold import Application, Refusal
from refold.systems.user import Service, sqlite_system

SCHEMA = """
create table codes (code text primary key, status text, used_by text);
create table quotas (user text primary key, quota integer);
create table log (position integer primary key autoincrement, kind text, code text, user text);
"""
QUOTA = 100


class Rejected(Exception):
    """The code is not in the right state."""


class Redemptions:
    """What clients call."""

    def __init__(self, path):
        self.path = path

    def connect(self):
        return contextlib.closing(sqlite3.connect(self.path, isolation_level=None))

    def enable(self, code):
        """An administrator creates a code, or lets it be used once more."""
        with self.connect() as db:
            db.execute("begin immediate")
            done = db.execute(
                "insert into codes values (?, 'enabled', null) on conflict (code) do update"
                " set status = 'enabled', used_by = null where status = 'used'",
                (code,),
            )
            if done.rowcount != 1:
                raise Rejected(code)
            db.execute("insert into log (kind, code) values ('Enabled', ?)", (code,))
            db.execute("commit")

    def redeem(self, code, user):
        with self.connect() as db:
            found = db.execute("select status from codes where code = ?", (code,)).fetchone()
            if found is None or found[0] != "enabled":
                raise Rejected(code)
            db.execute("begin immediate")
            db.execute("update codes set status = 'used', used_by = ? where code = ?", (user, code))
            self.credit(db, code, user)
            db.execute("commit")

    def credit(self, db, code, user):
        db.execute(
            "insert into quotas values (?, ?) on conflict (user) do update set quota = quota + excluded.quota",
            (user, QUOTA),
        )
        db.execute("insert into log (kind, code, user) values ('Redeemed', ?, ?)", (code, user))


class FixedRedemptions(Redemptions):
    """Claims the code first."""

    def redeem(self, code, user):
        with self.connect() as db:
            db.execute("begin immediate")
            done = db.execute(
                "update codes set status = 'used', used_by = ? where code = ? and status = 'enabled'", (user, code)
            )
            if done.rowcount != 1:
                raise Rejected(code)
            self.credit(db, code, user)
            db.execute("commit")


@dataclass(frozen=True)
class Enable:
    code: str


@dataclass(frozen=True)
class Redeem:
    code: str
    user: str


@dataclass(frozen=True)
class Enabled(Enable): ...


@dataclass(frozen=True)
class Redeemed(Redeem): ...


# What refold needs to know of it.


class App(Application):
    events = (Enabled, Redeemed)

    def commands(self):
        codes = ("spring", "autumn")
        return [*(Enable(code) for code in codes), *(Redeem(code, user) for code in codes for user in ("ann", "bob"))]

    def decide(self, command, state):
        if type(command) is Enable:
            if state == "enabled":
                raise Refusal(f"{command.code} is enabled", "duplicate-create")
            return [Enabled(command.code)]
        if state != "enabled":
            raise Refusal(f"{command.code} is {state}", "oversold")
        return [Redeemed(command.code, command.user)]

    def evolve(self, state, event):
        return "enabled" if type(event) is Enabled else "used"


def system(make):
    events = {
        Enabled: "select position, code from log where kind = 'Enabled'",
        Redeemed: "select position, code, user from log where kind = 'Redeemed'",
    }
    return sqlite_system(SCHEMA, Service(make, refusals=[Rejected]), events=events)


Bad, Good = system(Redemptions), system(FixedRedemptions)
