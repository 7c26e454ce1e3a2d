"""Event loops: tasks stop where they await, time is simulated, and the choice of who goes on is the plan's."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import time

import pytest

from refold.systems.gate import (
    DIE,
    Blocked,
    Died,
    Exited,
    Fail,
    Gate,
    Pause,
    Raised,
    Returned,
    Stop,
    Stopped,
    durable,
    watch,
)
from refold.systems.gate.runtime.loop import Loop, Stuck, simulate
from refold.systems.gate.schedule import Step, twice, wander

from . import shop


class Cache:
    """Shared by two consumers; loading takes an await."""

    def __init__(self) -> None:
        self.value: int | None = None
        self.loads = 0
        self.lock = asyncio.Lock()

    async def load(self) -> int:
        """What is behind it; loaded once, if all is well."""
        self.loads += 1
        await asyncio.sleep(0.05)
        return 42

    async def get(self) -> int:
        """Looks, awaits, and stores."""
        if self.value is None:
            self.value = await self.load()
        return self.value


class LockedCache(Cache):
    """The same with the lock held from the look to the store."""

    async def get(self) -> int:
        """One at a time."""
        async with self.lock:
            return await super().get()


def loads(cache: Cache, seed: int) -> int:
    """How often two consumers load, in one schedule."""
    with Gate() as gate:
        gate.spawn("a", cache.get)
        gate.spawn("b", cache.get)
        wander(gate, random.Random(seed))
        assert gate.status("a") == gate.status("b") == Returned(42)
    return cache.loads


def test_two_coroutines_that_share_a_cache_across_an_await_are_found() -> None:
    assert any(loads(Cache(), seed) > 1 for seed in range(10))
    assert all(loads(LockedCache(), seed) == 1 for seed in range(50))


def test_tasks_stop_where_they_await_and_say_what() -> None:
    with Gate() as gate:
        cache = LockedCache()
        status = gate.spawn("a", cache.get)
        assert isinstance(status, Blocked)
        assert str(status.wait) == "waits for sleep in load"
        assert status.wait.until == gate.now + 0.05
        status = gate.spawn("b", cache.get)
        assert isinstance(status, Blocked)
        assert str(status.wait) == "waits for __aenter__ in get"
        gate.advance()
        status = gate.status("a")
        assert isinstance(status, Stopped)
        assert str(status.crossing) == "a stops after await sleep in load"
        assert gate.step("a") == Returned(42)
        assert isinstance(gate.status("b"), Stopped)


def test_code_that_runs_its_own_loop_is_seen_unchanged() -> None:
    order = []

    async def worker(name: str) -> None:
        await asyncio.sleep(1)
        order.append(name)

    async def main() -> float:
        async with asyncio.timeout(10):
            tasks = [asyncio.create_task(worker(name), name=name) for name in ("x", "y")]
            await asyncio.gather(*tasks)
        return time.time()

    with Gate() as gate:
        begun = gate.now
        gate.start("alice", lambda: asyncio.run(main()))
        gate.step("alice")
        assert gate.stopped() == ["alice/x", "alice/y"]
        gate.step("alice/y")
        gate.step("alice/x")
        gate.advance()
        gate.step("alice/y")
        gate.finish()
        assert gate.status("alice") == Returned(begun + 1)
    assert order == ["y", "x"]


def test_a_timeout_is_of_the_gates_time() -> None:
    async def waits() -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 30)

    with Gate() as gate:
        gate.spawn("a", waits)
        gate.finish()
        status = gate.status("a")
        assert isinstance(status, Raised)
        assert isinstance(status.error, TimeoutError)
        assert gate.now == 1_600_000_030.0


def test_an_await_may_fail() -> None:
    async def reads() -> str:
        try:
            await asyncio.sleep(0)
        except ConnectionError:
            return "handled"
        return "read"

    with Gate() as gate:
        gate.spawn("a", reads)
        assert gate.step("a", Fail()) == Returned("read"), "nothing that is awaited here raises by itself"
        gate.spawn("a", reads)
        assert gate.step("a", Fail(ConnectionError())) == Returned("handled")


def test_the_tasks_of_a_loop_die_together_and_reach_nothing_more() -> None:
    store: list[str] = []
    watched = watch(store, methods=["append"])

    async def last_words() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            watched.append("last words")
            durable()

    with Gate() as gate:
        gate.spawn("a", last_words)
        gate.spawn("b", last_words)
        gate.spawn("other", last_words, loop="another")
        gate.step("a", DIE)
        assert isinstance(gate.status("a"), Died)
        assert isinstance(gate.status("b"), Died)
        assert isinstance(gate.status("other"), Stopped)
    assert store == []


def test_a_task_that_is_told_to_stop_is_cancelled_and_tidies_up() -> None:
    store: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0)
            store.append("tidied")

    with Gate() as gate:
        gate.spawn("a", tidy)
        gate.step("a", Stop())
        gate.finish()
        assert gate.status("a") == Exited()
        assert gate.now == 1_600_000_000.0
    assert store == ["tidied"]


def test_a_paused_task_does_not_keep_the_others() -> None:
    async def naps() -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    with Gate() as gate:
        gate.spawn("a", naps)
        gate.spawn("b", naps)
        assert isinstance(gate.step("a", Pause(5)), Blocked)
        for _ in range(3):
            gate.step("b")
        assert gate.status("b") == Returned()
        assert gate.stopped() == []
        gate.advance(5)
        gate.finish()
        assert gate.status("a") == Returned()


def test_statements_that_do_not_await_keep_the_loop(path: str) -> None:
    """As in production: a call of `sqlite3` in a coroutine lets no other task of its loop go on."""

    async def writes() -> None:
        await asyncio.sleep(0)
        with sqlite3.connect(path) as connection:
            connection.execute("insert into sent values (1, 'a')")
        connection.close()

    with Gate() as gate:
        gate.spawn("a", writes)
        gate.spawn("b", writes)
        status = gate.step("a")
        assert isinstance(status, Stopped)
        assert status.crossing.words == "INSERT sent"
        status = gate.status("b")
        assert isinstance(status, Blocked)
        assert str(status.wait) == "waits for the event loop, which a has"
        assert gate.step("b") == status
        gate.finish()
        assert gate.status("b") == Returned()
    assert shop.rows(path, "select count(*) from sent") == [(2,)]


def test_work_that_is_handed_to_a_thread_comes_back(path: str) -> None:
    def count() -> int:
        connection = sqlite3.connect(path)
        try:
            return int(connection.execute("select count(*) from sent").fetchone()[0])
        finally:
            connection.close()

    async def asks() -> int:
        return await asyncio.to_thread(count)

    with Gate() as gate:
        gate.start("alice", lambda: asyncio.run(asks()))
        gate.finish()
        assert gate.status("alice") == Returned(0)


def test_a_deadlock_of_tasks_is_told() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    with Gate() as gate:
        gate.spawn("a", never)
        gate.spawn("b", never)
        assert str(gate.deadlock()) == "deadlock: a waits for wait in never; b waits for wait in never"


def test_the_same_schedule_of_tasks_makes_the_same_stops() -> None:
    def begin(gate: Gate) -> None:
        cache = LockedCache()
        for name in ("a", "b", "c"):
            gate.spawn(name, cache.get)

    draw = random.Random(3)
    assert twice(begin, [Step(draw.choice("abc")) for _ in range(30)]) is None


# --- the loop by itself ---


def test_simulated_time_jumps_and_the_schedule_decides() -> None:
    order = []

    async def worker(name: str) -> None:
        await asyncio.sleep(3600)
        order.append(name)

    async def main() -> float:
        await asyncio.gather(*(worker(name) for name in "abc"))
        return asyncio.get_running_loop().time()

    assert simulate(main) == 3600
    assert simulate(main, lambda tasks: max(range(len(tasks)), key=lambda n: tasks[n].get_name())) == 3600
    assert order == ["a", "b", "c", "c", "b", "a"]


def test_who_is_stuck_is_told_and_endless_work_ends() -> None:
    async def stuck() -> None:
        one, other = asyncio.Lock(), asyncio.Lock()

        async def both(first: asyncio.Lock, second: asyncio.Lock) -> None:
            async with first:
                await asyncio.sleep(0)
                async with second:
                    """Nobody comes here."""

        async with asyncio.TaskGroup() as group:
            group.create_task(both(one, other), name="alice")
            group.create_task(both(other, one), name="bob")

    with pytest.raises(Stuck, match="alice waits in __aenter__ in both; bob waits in __aenter__ in both"):
        simulate(stuck)

    async def endless() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="not done after 100 steps"):
        simulate(endless, steps_max=100)


def test_functions_in_executors_run_in_order() -> None:
    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 1), loop.steps

    assert simulate(main) == (1, 3)


def test_the_same_choices_make_the_same_steps() -> None:
    async def main() -> list[tuple[str, float]]:
        seen = []
        box: asyncio.Queue[str] = asyncio.Queue(2)

        async def puts(name: str) -> None:
            for number in range(5):
                await asyncio.sleep(0.1 * number)
                await box.put(f"{name}{number}")

        async def takes() -> None:
            while True:
                seen.append((await box.get(), asyncio.get_running_loop().time()))

        taker = asyncio.create_task(takes())
        await asyncio.gather(puts("a"), puts("b"))
        await asyncio.sleep(1)
        taker.cancel()
        return seen

    def run(seed: int) -> list[tuple[str, float]]:
        draw = random.Random(seed)
        return simulate(main, lambda tasks: draw.randrange(len(tasks)))

    assert run(1) == run(1)
    assert len({tuple(run(seed)) for seed in range(10)}) > 1


def test_a_loop_that_handles_signals_is_told_to_stop() -> None:
    async def serves() -> str:
        ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
        await ending.wait()
        return "tidy"

    with Gate() as gate:
        gate.start("alice", lambda: asyncio.run(serves()))
        gate.step("alice", Stop())
        gate.finish()
        assert gate.status("alice") == Exited()


def test_an_exit_in_a_task_ends_its_loop() -> None:
    async def exits() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    async def waits() -> None:
        await asyncio.sleep(1)

    with Gate() as gate:
        gate.spawn("a", exits)
        gate.spawn("b", waits)
        gate.step("a")
        for name in "ab":
            status = gate.status(name)
            assert isinstance(status, Raised)
            assert isinstance(status.error, SystemExit)
        assert isinstance(gate.spawn("a", waits), Blocked)


@pytest.mark.parametrize("threaded", [False, True])
def test_time_does_not_stand_at_a_timer_of_a_loop_on_which_nobody_waits(threaded: bool) -> None:
    """A client of a server leaves such timers behind. They go off, and time passes beyond them."""
    rung: list[str] = []

    async def leaves() -> None:
        asyncio.get_running_loop().call_later(5, rung.append, "alice")

    async def naps() -> str:
        await asyncio.sleep(10)
        return "awake"

    with Gate() as gate:
        gate.task("alice", leaves, loop="first", threaded=threaded)
        gate.finish()
        gate.task("bob", naps, loop="second", threaded=threaded)
        gate.finish()
        assert gate.status("bob") == Returned("awake")
        assert rung == ["alice"]
