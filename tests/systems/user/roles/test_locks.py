"""Locks of a user's own: leases as people write them; each mistake is found with three seeds, each repair is held."""

from __future__ import annotations

import pathlib
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Action
from refold.model.errors import UsageError
from refold.model.examples.inventory import Inventory
from refold.model.parts.calls import Elapse, GoOn
from refold.model.parts.claims.lock import Acquire, Granted, Release
from refold.model.parts.claims.lock_calls import BeginLocked
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.gate import watch
from refold.systems.user import Lock, sqlite_system
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError
from refold.systems.user.module import load
from refold.systems.user.roles.locks import OwnLocks
from refold.systems.user.roles.parts import roles_of

CHECK = str(pathlib.Path(__file__).parents[4] / "examples" / "ledger_check.py")
check: Any = sys.modules[load(f"{CHECK}:system").__module__]  # type: ignore[attr-defined]
ledger: Any = check.ledger


class RenewsByName(ledger.Holder):  # type: ignore[misc,name-defined]
    """Prolongs whatever lease there is."""

    def renew(self) -> bool:
        """Without a look at whose it is."""
        with self.connection:
            self.connection.execute("update locks set until = ? where name = 'ledger'", (time.time() + ledger.LEASE,))
        return True


class ReleasesByName(ledger.Holder):  # type: ignore[misc,name-defined]
    """Gives back whatever lease there is."""

    def release(self) -> None:
        """Without a look at whose it is."""
        with self.connection:
            self.connection.execute("update locks set owner = null, until = 0 where name = 'ledger'")


class LooksThenTakes(ledger.Holder):  # type: ignore[misc,name-defined]
    """Looks whether the lock is free, and then takes it."""

    def acquire(self) -> int | None:
        """In two steps."""
        now = time.time()
        until, token = self.connection.execute("select until, token from locks").fetchone()
        if until > now:
            return None
        self.token = token + 1
        with self.connection:
            self.connection.execute(
                "update locks set owner = ?, token = ?, until = ?", (self.me, self.token, now + ledger.LEASE)
            )
        return int(self.token)


class CountsAnew(ledger.Holder):  # type: ignore[misc,name-defined]
    """Forgets the number of the last token as the lock is given back."""

    def release(self) -> None:
        """The row begins anew."""
        with self.connection:
            self.connection.execute(
                "update locks set owner = null, until = 0, token = 0 where token = ?", (self.token,)
            )


class WithoutEnd(ledger.Holder):  # type: ignore[misc,name-defined]
    """A row in a table, without a lease: whoever dies keeps the lock."""

    def acquire(self) -> int | None:
        """Nobody has it, or it is taken."""
        with self.connection:
            done = self.connection.execute(
                "update locks set owner = ?, token = token + 1 where owner is null", (self.me,)
            )
            if not done.rowcount:
                return None
            (self.token,) = self.connection.execute("select token from locks").fetchone()
        return int(self.token)

    renew = None


class TakesErrorsForNo(ledger.Holder):  # type: ignore[misc,name-defined]
    """Whatever goes wrong as it asks for the lock, it has not got it."""

    def acquire(self) -> int | None:
        """Nobody need retry what may be asked for again later."""
        try:
            return super().acquire()  # type: ignore[no-any-return]
        except sqlite3.OperationalError:
            return None


class Mutex:
    """A lock on a server that knows its holders, and takes it from those who die."""

    def __init__(self) -> None:
        self.holder: Any = None
        self.lines: list[str] = []

    def take(self, who: Any) -> bool:
        """If it is free."""
        if self.holder is not None and not self.holder.dead:
            return False
        self.holder = who
        return True

    def free(self, who: Any) -> None:
        """Its own."""
        if self.holder is who:
            self.holder = None

    def add(self, line: str) -> None:
        """One more line."""
        self.lines.append(line)


class Session:
    """A client of the mutex; its connection ends with its process."""

    dead = False

    def __init__(self, mutex: Mutex, me: str) -> None:
        self.mutex = watch(mutex, name="mutex")
        self.me = me

    def acquire(self) -> bool:
        """There are no tokens."""
        return bool(self.mutex.take(self))

    def release(self) -> None:
        """Its own."""
        self.mutex.free(self)

    def write(self) -> None:
        """A line."""
        self.mutex.add(self.me)

    def crash(self) -> None:
        """The server notices."""
        self.dead = True


class OnMutex:
    """A lock-only system: log, clients and consumers are the harness's."""

    def __init__(self) -> None:
        mutex = Mutex()
        self.lock = Lock(lambda client: Session(mutex, client), name="mutex", written=lambda: len(mutex.lines))


def table(holder: Any, lease: float | None = 10.0) -> Callable[[], object]:
    """On the table of the example."""
    return sqlite_system(ledger.SCHEMA, lock=Lock(holder, lease, written="ledger"))


BAD: dict[str, tuple[Callable[[], object], set[str]]] = {
    "trusts-its-lease": (check.Trusting, {"stale-token-effect"}),
    "renews-by-name": (table(RenewsByName), {"lease-renewed-by-another"}),
    "releases-by-name": (table(ReleasesByName), {"two-lock-holders"}),
    "looks-then-takes": (table(LooksThenTakes), {"two-lock-holders", "fencing-token-reused"}),
    "counts-tokens-anew": (table(CountsAnew), {"fencing-token-reused"}),
    "kept-by-the-dead": (table(WithoutEnd, None), {"lock-never-freed"}),
}
"""Mistake -> system, anomalies of which the first one found is one."""

GOOD: dict[str, Callable[[], object]] = {
    "a-lease-with-tokens": check.Good,
    "a-lease-whose-errors-are-taken-for-no": table(TakesErrorsForNo),
    "a-mutex-that-ends-with-its-holder": OnMutex,
}


def verified(make: Callable[[], object], seed: int, examples: int) -> Result:
    """A short campaign; it ends at the first finding."""
    return Campaign(adapt("ledger", make), Inventory(), seed, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_found(name: str, seed: int) -> None:
    """Under a name that fits."""
    make, anomalies = BAD[name]
    found = [one.finding for one in verified(make, seed, 80).counterexamples]
    assert found, name
    assert {(one.anomaly, one.guarantee) for one in found} <= {(anomaly, "LOCK") for anomaly in anomalies}, found


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And the lock had changed hands."""
    result = verified(GOOD[name], 1, 60)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert result.counts["leases"] > 50
    assert ("locks", "LOCK") in result.checked
    assert not any("locks with leases" in text for text in result.not_checked)


class Odd:
    """Whose lock is none."""

    lock: Any = 7


class Empty:
    """Whose holders have nothing."""

    lock = Lock(lambda client: object())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Odd, r"its lock is 7, expected Lock\(make, lease\) of refold.systems.user"),
        (Empty, r"which has no acquire\(\) and no release\(\)"),
    ],
)
def test_a_lock_that_is_none_is_told_so(make: type, said: str) -> None:
    """In a sentence."""
    with pytest.raises(UsageError, match=said):
        adapt("lock", make)


def test_a_lock_of_threading_is_no_role() -> None:
    """With it the code keeps its own threads apart."""

    class Locking:
        def __init__(self) -> None:
            self.lock = threading.Lock()

    assert OwnLocks not in dict(roles_of(Locking()))
    assert OwnLocks in dict(roles_of(Odd()))


class Talking(Session):
    """Answers with a sentence."""

    def acquire(self) -> Any:
        """No token."""
        return "granted"


def test_an_answer_that_is_none_is_told_so() -> None:
    """In a sentence."""

    class System:
        lock = Lock(lambda client: Talking(Mutex(), client))

    with pytest.raises(
        AdapterError, match=r"acquire\(\) of the lock returned 'granted', expected a token, True, or None"
    ):
        verified(System, 1, 3)


class Patient(ledger.Holder):  # type: ignore[misc,name-defined]
    """Waits until the lease of the other one must have ended."""

    def acquire(self) -> int | None:
        """Looks every four seconds."""
        for _ in range(4):
            token = super().acquire()
            if token is not None:
                return int(token)
            time.sleep(4)
        return None


class Impatient(Patient):
    """Believes that it has the lock when it has waited for so long."""

    def acquire(self) -> int:
        """Although the other one may have another lease by now."""
        return super().acquire() or 1_000


def of_grants(holder: Any, *actions: Action) -> tuple[list[tuple[str, int | None, int]], list[str]]:
    """Who was given the lock, until when and when, and what is said of that."""
    run = execute(adapt("ledger", table(holder)), Inventory(), actions)
    granted = [(one.client, one.until, one.at) for one in run.history if isinstance(one, Granted)]
    return granted, [finding.anomaly for finding in run.findings]


def test_a_lock_that_is_granted_late_is_not_said_to_have_ended() -> None:
    """Nobody knows when a lease began that was given in a call that lasted longer than it; its end is stated where it is known."""
    assert of_grants(Patient, Acquire("alice"), Acquire("bob")) == (
        [("alice", 10_000, 0), ("bob", None, 12_000)],
        [],
    )


def test_a_lock_that_is_granted_late_while_another_lease_is_in_force_is_found() -> None:
    """It cannot have ended before the other one began, whenever it was given."""
    wait = (BeginLocked("bob", "acquire"), *(GoOn("bob"), Elapse(4.0)) * 2)
    granted, found = of_grants(Impatient, Acquire("alice"), *wait, Release("alice"), Acquire("alice"))
    assert granted == [("alice", 10_000, 0), ("alice", 18_000, 8_000), ("bob", None, 16_000)]
    assert found == ["two-lock-holders"]
