"""Several locks by name: what is done with one must not touch another."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.documents.plan import action_from_json, action_to_json
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.model.parts.claims.lock import Acquire
from refold.model.parts.claims.lock_calls import BeginLocked
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user import Lock, sqlite_system
from refold.systems.user.adopt import adapt

LEASE = 10.0
NAMES = ["east", "west"]
SCHEMA = """
create table locks (name text primary key, owner text, token integer, until real);
insert into locks values ('east', null, 0, 0), ('west', null, 0, 0);
create table lines (line integer primary key autoincrement, name text, token integer);
"""


class Holder:
    """A client of locks in a table."""

    def __init__(self, path: str, me: str) -> None:
        self.connection = sqlite3.connect(path)
        self.me = me
        self.tokens: dict[str, int] = {}

    def acquire(self, name: str) -> int | None:
        """The token under which the lock is ours."""
        now = time.time()
        with self.connection:
            done = self.connection.execute(
                "update locks set owner = ?, token = token + 1, until = ? where name = ? and until <= ?",
                (self.me, now + LEASE, self.row(name), now),
            )
            if not done.rowcount:
                return None
            query = "select token from locks where name = ?"
            (self.tokens[name],) = self.connection.execute(query, (self.row(name),)).fetchone()
        return int(self.tokens[name])

    def row(self, name: str) -> str:
        """Where the lock is kept."""
        return name

    def release(self, name: str) -> None:
        """Our own, by its token."""
        with self.connection:
            self.connection.execute(
                "update locks set owner = null, until = 0 where name = ? and token = ?", (name, self.tokens[name])
            )

    def write(self, name: str) -> bool:
        """One more line, if no newer token was there."""
        token = self.tokens[name]
        with self.connection:
            done = self.connection.execute(
                "insert into lines (name, token) select ?, ? where not exists (select 1 from lines where name = ? and token > ?)",
                (name, token, name, token),
            )
        return done.rowcount == 1


class ReleasesAllOfMine(Holder):
    """Gives back every lock that it has, whichever was meant."""

    def release(self, name: str) -> None:
        """By the owner."""
        with self.connection:
            self.connection.execute("update locks set owner = null, until = 0 where owner = ?", (self.me,))


class OneRow(Holder):
    """All names are one row: whoever has one lock keeps everybody from the others."""

    def row(self, name: str) -> str:
        """Always the same."""
        return "east"


def system(holder: type[Holder]) -> Callable[[], object]:
    """Locks of these names, and nothing else."""
    return sqlite_system(SCHEMA, lock=Lock(holder, LEASE, written="lines", names=NAMES))


def verified(make: Callable[[], object], seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("locks", make), Inventory(), seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("holder", "anomaly"), [(ReleasesAllOfMine, "two-lock-holders"), (OneRow, "lock-never-freed")])
def test_what_touches_another_lock_is_found(holder: type[Holder], anomaly: str, seed: int) -> None:
    """The finding names the lock, and the plan says which ones were used."""
    (found,) = verified(system(holder), seed, 60).counterexamples
    assert (found.finding.anomaly, found.finding.guarantee) == (anomaly, "LOCK")
    assert found.finding.where in NAMES
    assert {action.lock for action in found.plan if isinstance(action, Acquire | BeginLocked)} == set(NAMES)
    plan = " ".join(map(str, found.plan))
    assert any(f"{asks} the lock on {found.finding.where}" in plan for asks in ("asks for", "begins to acquire"))


def test_locks_that_keep_apart_are_held() -> None:
    """Both were used."""
    result = verified(system(Holder), 1, 40)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["leases"] > 50


@pytest.mark.parametrize("names", ["east", ["east", ""], [7]])
def test_names_that_are_none_are_told_so(names: Any) -> None:
    """In a sentence."""
    with pytest.raises(UsageError, match=r"its lock has the names .*, expected a list of texts"):
        adapt("locks", sqlite_system(SCHEMA, lock=Lock(Holder, LEASE, names=names)))


def test_a_plan_leaves_the_name_out_where_there_is_only_one() -> None:
    """So plans of systems with one lock are what they were."""
    assert action_to_json(Acquire("alice")) == {"do": "acquire", "client": "alice"}
    for action in (Acquire("alice"), Acquire("alice", "west"), BeginLocked("alice", "write", "west")):
        assert action_from_json(action_to_json(action), {}) == action


@pytest.mark.parametrize("what", ["acquire", "renew", "release", "write"])
def test_only_writes_are_not_done_to_the_lock_itself(what: str) -> None:
    """In the words of a plan, with and without a name."""
    guarded = "to what the {} guards" if what == "write" else "the {}"
    assert str(BeginLocked("alice", what)) == f"alice begins to {what} {guarded.format('lock')}"
    assert str(BeginLocked("alice", what, "west")) == f"alice begins to {what} {guarded.format('lock on west')}"
