"""Locks that were made before a gate was opened, and locks of asyncio, however they were taken: who has them is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from refold.systems.gate import Blocked, Gate, Returned
from refold.systems.gate.runtime.threads import Lock, RLock

FIRST = threading.Lock()
SECOND = threading.RLock()
BY_NAME = {"w1": threading.Lock()}
HELD = threading.Lock()
KEPT = threading.Lock()


class Counter:
    """Has a lock of the class, and one of its own."""

    shared = threading.Lock()

    def __init__(self) -> None:
        self.own = threading.Lock()


COUNTER = Counter()


def kept(lock: Any = KEPT) -> Any:
    """Has kept a lock where nobody looks."""
    return lock


def places() -> list[Any]:
    """All that can be replaced."""
    return [FIRST, SECOND, BY_NAME["w1"], Counter.shared, COUNTER.own]


def test_locks_of_a_module_are_the_gates_while_one_is_open() -> None:
    """New ones in each run; afterwards all is as it was."""
    real = [id(one) for one in places()]  # who keeps a lock himself sees the real one
    with Gate():
        first = places()
    with Gate():
        second = places()
    assert [type(one) for one in first] == [Lock, RLock, Lock, Lock, Lock]
    assert not any(one is other for one, other in zip(first, second, strict=True))
    assert [id(one) for one in places()] == real


def test_a_lock_that_is_held_or_kept_elsewhere_stays() -> None:
    """Two locks in the place of one would keep nobody out."""
    with HELD, Gate():
        assert type(HELD) is not Lock
        assert KEPT is kept()
    with Gate():
        assert type(HELD) is Lock


def test_who_waits_for_a_lock_of_a_module_is_blocked_and_for_whom_is_known() -> None:
    """Nothing is guessed."""

    def work() -> None:
        with FIRST, Counter.shared:
            pass

    with Gate() as gate:
        gate.start("alice", lambda: (FIRST.acquire(), threading.Event().wait(5), FIRST.release()))
        status = gate.start("bob", work)
        assert isinstance(status, Blocked)
        assert (status.wait.holders, status.wait.seen) == (("alice",), "gate")
        gate.finish()
        assert gate.status("bob") == Returned(None)


def crossing(take: Callable[[asyncio.Lock, asyncio.Lock], Any]) -> str:
    """Two tasks that take two locks in two orders."""
    with Gate() as gate:
        one, other = asyncio.Lock(), asyncio.Lock()
        gate.task("alice", take, one, other)
        gate.task("bob", take, other, one)
        gate.finish()
        found = gate.deadlock()
        assert found is not None
        assert not found.everybody
        return str(found)


def test_a_deadlock_tells_who_has_a_lock_that_was_taken_by_acquire() -> None:
    """As it does for `async with`."""

    async def by_acquire(one: asyncio.Lock, other: asyncio.Lock) -> None:
        await one.acquire()
        await asyncio.sleep(1)
        await other.acquire()

    async def by_with(one: asyncio.Lock, other: asyncio.Lock) -> None:
        async with one:
            await asyncio.sleep(1)
            async with other:
                pass

    for take in (by_acquire, by_with):
        told = crossing(take)
        assert "which bob has" in told
        assert "which alice has" in told


def test_a_lock_that_was_given_back_has_no_holder() -> None:
    """And whoever waited is the next one."""

    async def take(lock: asyncio.Lock, seconds: float) -> None:
        await lock.acquire()
        await asyncio.sleep(seconds)
        lock.release()

    with Gate() as gate:
        lock = asyncio.Lock()
        gate.task("alice", take, lock, 1)
        gate.task("bob", take, lock, 2)
        gate.task("carol", take, lock, 3)
        gate.finish()
        assert gate.deadlock() is None
        assert all(gate.status(name) == Returned(None) for name in ("alice", "bob", "carol"))
    assert not lock.locked()
