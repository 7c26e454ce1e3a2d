"""Repositories, snapshots and readers of a user's own: caches as people write them."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.gate import watch
from refold.systems.user import Reader, Service, Worker, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.module import load

CHECK = str(pathlib.Path(__file__).parents[4] / "examples" / "purses_check.py")
Purses: Any = load(f"{CHECK}:Purses")
Paid: Any = load(f"{CHECK}:Paid")
check: Any = sys.modules[Purses.__module__]
purses: Any = check.purses


class KeepsAfterConflict(purses.Purses):  # type: ignore[misc,name-defined]
    """What is in the cache is not looked at again."""

    def load(self, name: str) -> Any:
        """Out of the cache, if it is there."""
        if name in self.cache:
            return self.cache[name]
        return super().load(name)

    def append(self, purse: str, version: int, amount: int) -> None:
        """The cache is kept up to date, as long as nobody else writes."""
        super().append(purse, version, amount)
        self.cache[purse] = purses.Purse(version, self.cache[purse].balance + amount)


class OffByOne(purses.Purses):  # type: ignore[misc,name-defined]
    """Saves its snapshots under the version before."""

    def take_snapshot(self, name: str, purse: Any) -> None:
        """One too low."""
        super().take_snapshot(name, purses.Purse(purse.version - 1, purse.balance))


class SavesEarly(purses.Purses):  # type: ignore[misc,name-defined]
    """Saves its snapshot before the event."""

    def append(self, purse: str, version: int, amount: int) -> None:
        """The other way round."""
        if version % purses.EVERY == 0:
            self.take_snapshot(purse, purses.Purse(version, self.load(purse).balance + amount))
        super().append(purse, version, amount)


class Balances:
    """A worker that keeps the balances in a table, for the page."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def poll(self) -> bool:
        """The next event, in one transaction."""
        connection = self.connection
        connection.isolation_level = None
        connection.execute("begin immediate")
        try:
            (position,) = connection.execute("select coalesce(max(position), 0) from balances").fetchone()
            event = connection.execute(
                "select position, purse, amount from events where position > ? order by position", (position,)
            ).fetchone()
            if event is None:
                return False
            connection.execute(
                "insert into balances values (?, ?, ?) on conflict (purse)"
                " do update set balance = balance + excluded.balance, position = excluded.position",
                (event[1], event[2], event[0]),
            )
            connection.execute("commit")
        finally:
            if connection.in_transaction:
                connection.execute("rollback")
        return True


class Lagging:
    """A page that shows what the worker has come to."""

    def __init__(self, path: str) -> None:
        self.connection = sqlite3.connect(path)

    def balance(self, purse: str) -> Any:
        """Out of the table."""
        row = self.connection.execute("select balance from balances where purse = ?", (purse,)).fetchone()
        return row[0] if row else None


class Replicas(Lagging):
    """Two pages behind one address: one reads the table of the worker, the other the events."""

    turn = 0

    def balance(self, purse: str) -> Any:
        """By turns."""
        self.turn += 1
        if self.turn % 2:
            query = "select sum(amount) from events where purse = ?"
            return self.connection.execute(query, (purse,)).fetchone()[0]
        return super().balance(purse)


def lagging(page: Any, *promises: str) -> Callable[[], object]:
    """With a worker between the events and the page."""
    return sqlite_system(
        purses.SCHEMA + "create table balances (purse text primary key, balance integer, position integer);",
        Service(purses.Purses, refusals=[purses.Empty]),
        events={Paid: "events"},
        consumers={"balances": Worker(Balances, rows="select purse, balance from balances")},
        readers={"page": Reader(page, query="balance", promises=promises)},
    )


class Cache:
    """A cache on a server of its own."""

    lives = 60.0

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, int, float]] = {}

    def get(self, purse: str) -> int | None:
        """What is there and has not expired."""
        row = self.rows.get(purse)
        return None if row is None or row[2] < time.time() else row[1]

    def put(self, purse: str, version: int, balance: int) -> None:
        """Keep it."""
        self.rows[purse] = (version, balance, time.time() + self.lives)

    def drop(self, purse: str) -> None:
        """Forget it."""
        self.rows.pop(purse, None)


class ForEver(Cache):
    """Nothing expires."""

    lives = 1e12


class Newest(Cache):
    """Keeps only what is newer; what it lacks for want of a death expires."""

    def put(self, purse: str, version: int, balance: int) -> None:
        """Unless there is something newer."""
        row = self.rows.get(purse)
        if row is None or row[0] < version or row[2] < time.time():
            super().put(purse, version, balance)


class Aside:
    """A cache that is filled by whoever reads, and emptied by whoever writes."""

    make: type[Cache] = ForEver
    promises: tuple[str, ...] = ()
    refusals = (purses.Empty,)

    def __init__(self) -> None:
        base = sqlite_system(purses.SCHEMA, Service(purses.Purses), events={Paid: "events"})()
        self.base: Any = base
        self.log = base.log
        self.close = base.close
        self.cache = self.make()
        self.readers = {"page": lambda: AsidePage(base.looks.place.given[0], self.cache, self.promises)}

    def service(self, client: str) -> Any:
        """Store, then forget."""
        service, cache = self.base.service(client), watch(self.cache, name="cache")

        def pay(command: Any) -> None:
            """One payment."""
            service.pay(command.purse, command.amount)
            cache.drop(command.purse)

        return pay


class AsideNewest(Aside):
    """Its repair: what is older never replaces what is newer, and everything expires."""

    make = Newest

    def service(self, client: str) -> Any:
        """Store, then tell the cache."""
        service, cache = self.base.service(client), watch(self.cache, name="cache")

        def pay(command: Any) -> None:
            """One payment."""
            service.pay(command.purse, command.amount)
            found = service.load(command.purse)
            cache.put(command.purse, found.version, found.balance)

        return pay


class AsidePage:
    """Reads through the cache."""

    def __init__(self, path: str, cache: Cache, promises: tuple[str, ...]) -> None:
        self.connection = sqlite3.connect(path)
        self.cache = watch(cache, name="cache")
        self.promises = promises

    def query(self, purse: str) -> int | None:
        """Out of the cache, else out of the events."""
        found = self.cache.get(purse)
        if found is not None:
            return found
        version, balance = self.connection.execute(
            "select max(version), sum(amount) from events where purse = ?", (purse,)
        ).fetchone()
        if version is not None:
            self.cache.put(purse, version, balance)
        return None if balance is None else int(balance)


class InMemory(Aside):
    """The cache is a dict of the one process that pays and shows; nothing sees who looks into it."""

    promises = ("sessions",)

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, int] = {}
        self.changes: Counter[str] = Counter()
        self.readers = {"page": lambda: self}
        self.path = self.base.looks.place.given[0]

    def service(self, client: str) -> Any:
        """Store, then forget."""
        service = self.base.service(client)

        def pay(command: Any) -> None:
            """One payment."""
            try:
                service.pay(command.purse, command.amount)
            finally:
                self.changes[command.purse] += 1
                self.known.pop(command.purse, None)

        return pay

    def query(self, purse: str) -> int | None:
        """Out of the dict, else out of the events."""
        if purse in self.known:
            return self.known[purse]
        before = self.changes[purse]
        balance = self.balance(purse)
        if balance is not None and self.may_keep(purse, before):
            self.known[purse] = balance
        return balance

    def balance(self, purse: str) -> int | None:
        """The sum of the payments."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            (found,) = connection.execute("select sum(amount) from events where purse = ?", (purse,)).fetchone()
        return None if found is None else int(found)

    def may_keep(self, purse: str, before: int) -> bool:
        """Whatever has happened since it was read."""
        return True


class InMemoryIfUnchanged(InMemory):
    """Its repair."""

    def may_keep(self, purse: str, before: int) -> bool:
        """Only if nothing has changed since then."""
        return self.changes[purse] == before


BAD: dict[str, tuple[Callable[[], object], str, set[str]]] = {
    "kept-after-a-conflict": (
        check.system(service=KeepsAfterConflict),
        "REPL",
        {"view-differs-from-replay"},
    ),
    "changed-in-the-cache": (check.Eager, "REPL", {"view-differs-from-replay"}),
    "snapshot-off-by-one": (check.system(service=OffByOne), "SNAP", {"snapshot-differs"}),
    "snapshot-before-the-event": (check.system(service=SavesEarly), "SNAP", {"snapshot-ahead-of-log"}),
    "page-that-keeps": (check.Hasty, "READ", {"cache-stale-at-rest"}),
    "own-writes-not-read": (lagging(Lagging, "sessions"), "READ", {"own-write-not-read"}),
    "back-in-time": (lagging(Replicas, "monotonic"), "READ", {"read-goes-back"}),
    "filled-late": (Aside, "READ", {"cache-stale-at-rest"}),
    "filled-late-in-memory": (InMemory, "READ", {"own-write-not-read"}),
}
"""Mistake -> system, guarantee, anomalies of which one must be found."""

GOOD: dict[str, Callable[[], object]] = {
    "loads-what-has-happened-since": check.Good,
    "page-that-lags": lagging(Lagging),
    "page-that-lags-and-goes-forward": lagging(Lagging, "monotonic"),
    "replicas-without-a-promise": lagging(Replicas),
    "filled-with-the-newest": AsideNewest,
    "filled-if-unchanged": InMemoryIfUnchanged,
}


def verified(make: Callable[[], object], seed: int, examples: int, distinct: int = 8) -> Result:
    """A short campaign."""
    return Campaign(adapt("purses", make), Purses(), seed, Budget(None, examples, distinct=distinct)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_found(name: str, seed: int) -> None:
    """Under a name that fits."""
    make, guarantee, anomalies = BAD[name]
    found = [finding for one in verified(make, seed, 50, 1).counterexamples for finding in one.findings]
    assert anomalies & {one.anomaly for one in found if one.guarantee == guarantee}, found


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had been read."""
    result = verified(GOOD[name], 1, 30)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["queries_answered"] > 100
    assert ("sessions", "READ") in result.checked


def test_a_repository_and_its_snapshots_are_looked_at() -> None:
    """And neither is named as not checked."""
    result = verified(check.Good, 1, 20)
    assert {"REPL", "SNAP", "READ"} <= {guarantee for _, guarantee in result.checked}
    assert ("snapshots", "SNAP") in result.checked
    assert not any("snapshots:" in text or "queries" in text for text in result.not_checked)


class Odd(Aside):
    """Whose parts are none."""

    change: dict[str, Any] = {}

    def __init__(self) -> None:
        super().__init__()
        vars(self).update(self.change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"readers": {}}, "its readers are {}, expected a dict of at least one name"),
        ({"readers": {"page": object()}}, r"reader 'page' is <object .*, which has no query\(key\)"),
        ({"repository": 7}, r"its repository is 7, expected an object with load\(key\)"),
    ],
)
def test_parts_that_are_none_are_told_so(change: dict[str, Any], said: str) -> None:
    """In a sentence."""
    with pytest.raises(UsageError, match=said):
        adapt("purses", type("Changed", (Odd,), {"change": change}))


def test_versions_tell_the_newest_state() -> None:
    """None is the initial one; what never was is none."""
    from refold.systems.user.roles.versions import Versions

    versions = Versions(Purses())
    versions.fold([Stored(n, "ann", n, f"e{n}", "Paid", Paid("ann", amount)) for n, amount in enumerate((5, -5, 5), 1)])
    assert [versions.version("ann", state) for state in (0, 5, None, 7)] == [2, 3, 2, None]
    assert versions.version("bob", None) == 0
