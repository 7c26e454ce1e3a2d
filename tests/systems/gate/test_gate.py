"""The core: actors stop at crossings, and decisions do what their contracts say."""

from __future__ import annotations

import _thread
import queue
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from refold.systems.gate import (
    DIE,
    HOLD,
    Blocked,
    Busy,
    Crossing,
    Died,
    Exited,
    Fail,
    Gate,
    Idle,
    Lose,
    Pause,
    Raised,
    Returned,
    Stop,
    Stopped,
    Unknown,
    durable,
    watch,
)
from refold.systems.gate.actor import Death, Host, current
from refold.systems.gate.baton import _asked
from refold.systems.gate.boundary import Boundary
from refold.systems.gate.crossing import Wait


class Store:
    """A store behind a library of which nobody knows anything."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def put(self, row: str) -> int:
        """Store a row."""
        self.rows.append(row)
        return len(self.rows)

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.rows)


def words(gate: Gate, name: str) -> str:
    """Where an actor stands."""
    status = gate.status(name)
    assert isinstance(status, Stopped), status
    return status.crossing.words


def two(store: Store) -> str:
    store.put("a")
    store.put("b")
    return "done"


def test_an_actor_stops_before_each_crossing() -> None:
    store = Store()
    with Gate() as gate:
        assert gate.start("alice", two, watch(store)) == Stopped(Crossing("alice", 1, "put", "call"))
        assert store.rows == []
        assert gate.step("alice") == Stopped(Crossing("alice", 2, "put", "call"))
        assert store.rows == ["a"]
        assert gate.step("alice") == Returned("done")


def test_others_may_go_first() -> None:
    store = Store()
    with Gate() as gate:
        gate.start("alice", two, watch(store))
        gate.start("bob", watch(store).put, "of bob")
        gate.step("bob")
        gate.finish()
    assert store.rows == ["of bob", "a", "b"]


def test_what_fails_has_not_been_done_and_what_is_lost_has() -> None:
    store = Store()
    with Gate() as gate:
        thing = watch(store, fails=lambda: TimeoutError("no answer"))
        gate.start("alice", two, thing)
        status = gate.step("alice", Fail())
        assert isinstance(status, Raised)
        assert isinstance(status.error, TimeoutError)
        assert store.rows == []
        gate.start("alice", two, thing)
        status = gate.step("alice", Lose())
        assert isinstance(status, Raised)
        assert isinstance(status.error, TimeoutError)
        assert store.rows == ["a"]


def test_nothing_fails_that_no_library_could_fail_at() -> None:
    """A sleep, a lock and an explicit stop raise nothing by themselves; correct code is not accused of not expecting it."""

    def work(lock: threading.Lock) -> str:
        durable("one")
        time.sleep(0)
        with lock:
            return "done"

    with Gate() as gate:
        lock = threading.Lock()
        gate.start("alice", work, lock)
        for _ in range(2):
            assert isinstance(gate.step("alice", Fail()), Returned | Stopped)
        assert gate.status("alice") == Returned("done")
        gate.start("alice", work, lock)
        status = gate.step("alice", Lose(OSError("no space left")))
        assert isinstance(status, Raised)
        assert isinstance(status.error, OSError)


def test_the_plan_may_name_the_error() -> None:
    with Gate() as gate:
        gate.start("alice", two, watch(Store()))
        status = gate.step("alice", Fail(PermissionError("no")))
        assert isinstance(status, Raised)
        assert isinstance(status.error, PermissionError)


def stubborn(store: Store) -> None:
    try:
        store.put("first")
    except BaseException:
        try:
            store.put("in the handler")
        except Exception:
            store.put("as an Exception")
    finally:
        store.put("finally")


def test_the_writes_of_a_dead_actor_never_arrive() -> None:
    store = Store()
    with Gate() as gate:
        gate.start("alice", stubborn, watch(store))
        assert isinstance(gate.step("alice", DIE), Died)
        assert store.rows == []
        gate.start("alice", two, watch(store))
        gate.finish()
    assert store.rows == ["a", "b"]


def test_a_dead_actor_that_catches_everything_for_ever_reaches_nothing() -> None:
    store = Store()

    def swallows(thing: Store) -> None:
        while True:
            try:
                thing.put("again")
            except BaseException:
                continue

    with Gate() as gate:
        gate.start("alice", swallows, watch(store))
        gate.step("alice")
        assert isinstance(gate.step("alice", DIE), Died)
        assert gate.start("bob", two, watch(store)) == Stopped(Crossing("bob", 1, "put", "call"))
        gate.finish()
        gate.close(0.1)
        assert gate.leaked == ["gate:alice"]
    assert store.rows == ["again", "a", "b"]


def test_death_is_no_exception() -> None:
    assert not issubclass(Death, Exception)


def test_a_swallowed_error_is_not_the_end() -> None:
    """The user's code handles what the library raises: it goes on, and so does its actor."""
    store = Store()

    def swallows(thing: Store) -> str:
        try:
            thing.put("a")
        except ConnectionError:
            """Never mind."""
        thing.put("b")
        return "done"

    with Gate() as gate:
        gate.start("alice", swallows, watch(store))
        assert isinstance(gate.step("alice", Fail()), Stopped)
        assert gate.step("alice") == Returned("done")
    assert store.rows == ["b"]


def test_the_traceback_of_an_error_shows_the_users_lines_alone() -> None:
    with Gate() as gate:
        gate.start("alice", two, watch(Store()))
        status = gate.step("alice", Fail())
    assert isinstance(status, Raised)
    lines = traceback.extract_tb(status.error.__traceback__)
    assert [line.name for line in lines] == ["two"]


def test_an_orderly_stop_runs_the_handler_where_the_actor_stands() -> None:
    """As after a signal: the handler's crossings are stops, and when it returns, the work goes on."""
    store = Store()
    with Gate() as gate:
        thing = watch(store)
        gate.on_stop("alice", lambda: thing.put("saved"))
        gate.start("alice", two, thing)
        assert isinstance(gate.step("alice", Stop()), Stopped)
        assert store.rows == []
        gate.finish()
        assert gate.status("alice") == Exited()
    assert store.rows == ["saved", "a", "b"]


def test_an_orderly_stop_without_a_handler_exits_and_tidies_up() -> None:
    store = Store()

    def tidy(thing: Store) -> None:
        try:
            thing.put("a")
        finally:
            thing.put("tidied")

    with Gate() as gate:
        gate.start("alice", tidy, watch(store))
        gate.step("alice", Stop())
        assert words(gate, "alice") == "put"
        assert gate.step("alice") == Exited()
    assert store.rows == ["tidied"]


def test_a_signal_reaches_a_sleeping_actor_and_the_sleep_goes_on() -> None:
    heard = []
    with Gate() as gate:
        gate.on_stop("alice", lambda: heard.append(gate.now))
        gate.start("alice", time.sleep, 10)
        gate.advance(3)
        assert isinstance(gate.step("alice", Stop()), Blocked)
        assert len(heard) == 1
        gate.advance(7)
        assert gate.step("alice") == Exited()


@pytest.mark.parametrize("then", [None, HOLD])
def test_who_is_held_has_done_it_and_has_not_heard_of_it(then: Any) -> None:
    """Held once more it goes on: there is one answer."""
    store = Store()
    with Gate() as gate:
        gate.start("alice", two, watch(store))
        status = gate.step("alice", HOLD)
        assert isinstance(status, Stopped)
        assert str(status.crossing) == "alice stops after put"
        assert store.rows == ["a"]
        status = gate.step("alice", *(() if then is None else (then,)))
        assert isinstance(status, Stopped)
        assert (str(status.crossing), store.rows) == ("alice stops before put", ["a"])
        gate.finish()
    assert store.rows == ["a", "b"]


@pytest.mark.parametrize("decision", [Fail(), Lose(), DIE])
def test_what_is_held_may_still_be_lost_but_is_done(decision: Any) -> None:
    store = Store()
    with Gate() as gate:
        gate.start("alice", two, watch(store))
        gate.step("alice", HOLD)
        status = gate.step("alice", decision)
        assert isinstance(status, Died if decision is DIE else Raised)
    assert store.rows == ["a"]


def test_a_pause_lets_time_pass_and_loses_nothing() -> None:
    store = Store()
    with Gate() as gate:
        gate.start("alice", two, watch(store))
        status = gate.step("alice", Pause(30))
        assert isinstance(status, Blocked)
        assert status.wait.until == gate.now + 30
        assert gate.step("alice") == status
        gate.advance(29)
        assert isinstance(gate.status("alice"), Blocked)
        gate.advance(1)
        assert words(gate, "alice") == "put"
        assert store.rows == []
        gate.finish()
    assert store.rows == ["a", "b"]


def test_durable_is_a_stop_for_actors_and_nothing_for_others() -> None:
    durable()
    with Gate() as gate:
        assert gate.start("alice", durable, "saves its position") == Stopped(
            Crossing("alice", 1, "saves its position", "durable")
        )


def test_a_process_dies_with_all_its_actors() -> None:
    with Gate() as gate:
        gate.actor("writer", process="shop")
        gate.actor("reader", process="shop")
        gate.start("writer", durable, "w")
        gate.start("reader", durable, "r")
        gate.step("writer", DIE)
        assert isinstance(gate.status("writer"), Died)
        assert isinstance(gate.status("reader"), Died)


def test_running_freely_makes_no_stop() -> None:
    store = Store()
    with Gate() as gate:
        assert gate.run("alice", two, watch(store)) == "done"
        assert gate.decisions == 0
        with pytest.raises(ZeroDivisionError):
            gate.run("alice", lambda: 1 / 0)


def test_until_goes_to_the_crossing_that_is_named() -> None:
    def three() -> None:
        for word in ("load", "insert", "commit"):
            durable(word)

    with Gate() as gate:
        gate.start("alice", three)
        gate.until("alice", "commit")
        assert words(gate, "alice") == "commit"


def test_misuse_is_told() -> None:
    with Gate() as gate:
        gate.start("alice", durable)
        with pytest.raises(Busy, match=r"alice: expected to have nothing to do, found Stopped"):
            gate.start("alice", durable)
        with pytest.raises(Unknown, match=r"there is no actor 'bob'; there are 'alice'"):
            gate.step("bob")
        gate.actor("carol")
        assert gate.status("carol") == Idle()
        assert gate.step("carol") == Idle()


def test_a_watched_object_is_what_it_was() -> None:
    store = watch(Store(), name="store", methods=["put"])
    assert isinstance(store, Store)
    assert store.put("a") == store.size == 1
    with Gate() as gate:
        gate.start("alice", store.put, "b")
        assert words(gate, "alice") == "store.put"


# --- waiting for each other ---


def in_order(first: threading.Lock, second: threading.Lock) -> None:
    with first:
        durable("has one")
        with second:
            durable("has both")


def test_a_deadlock_is_told_with_who_waits_for_whom() -> None:
    with Gate() as gate:
        one, other = threading.Lock(), threading.Lock()
        gate.start("alice", in_order, one, other)
        gate.start("bob", in_order, other, one)
        gate.step("alice")
        assert gate.deadlock() is None
        gate.step("bob")
        deadlock = gate.deadlock()
        assert deadlock is not None
        assert {name: wait.holders for name, wait in deadlock.waits} == {"alice": ("bob",), "bob": ("alice",)}
        assert str(deadlock).startswith("deadlock: alice waits for a lock (test_gate.py:")
        gate.finish()
        assert gate.deadlock() == deadlock


def test_a_blocked_actor_comes_back_by_itself() -> None:
    with Gate() as gate:
        lock, other = threading.Lock(), threading.Lock()
        gate.start("alice", in_order, lock, other)
        assert isinstance(gate.start("bob", in_order, lock, other), Blocked)
        gate.step("alice")
        assert isinstance(gate.status("bob"), Blocked)
        gate.step("alice")
        assert isinstance(gate.status("bob"), Stopped)
        gate.finish()
        assert gate.status("bob") == Returned()


MADE_BEFORE = [threading.Lock()]
"""Where nobody looks for it."""


def test_a_lock_that_was_made_before_is_recognised_by_stillness() -> None:
    with Gate() as gate:
        gate.start("alice", in_order, MADE_BEFORE[0], threading.Lock())
        status = gate.start("bob", in_order, MADE_BEFORE[0], threading.Lock())
        assert isinstance(status, Blocked)
        assert status.wait.seen == "still"
        assert "in_order" in status.wait.what
        gate.finish()
        assert gate.status("bob") == Returned()


def test_a_blocked_actor_can_die() -> None:
    reached = []
    with Gate() as gate:
        lock = threading.Lock()

        def both() -> None:
            with lock:
                durable()
                reached.append(threading.current_thread().name)

        gate.start("alice", both)
        gate.start("bob", both)
        gate.step("bob", DIE)
        assert isinstance(gate.status("bob"), Died)
        gate.finish()
    assert reached == ["gate:alice"]
    assert gate.leaked == []


def test_an_actor_that_waits_for_a_queue_is_blocked_until_something_is_there() -> None:
    with Gate() as gate:
        box: queue.Queue[str] = queue.Queue()

        def takes() -> str:
            return box.get(timeout=5)

        assert isinstance(gate.start("alice", takes), Blocked)
        gate.start("bob", box.put, "a letter")
        gate.finish()
        assert gate.status("alice") == Returned("a letter")
        assert isinstance(gate.start("alice", takes), Blocked)
        gate.advance()
        status = gate.step("alice")
        assert isinstance(status, Raised)
        assert isinstance(status.error, queue.Empty)


def test_a_simple_queue_is_seen_as_well_and_all_who_wait_are_known_at_once() -> None:
    with Gate() as gate:
        box: queue.SimpleQueue[int] = queue.SimpleQueue()
        status = gate.start("alice", box.get)
        assert isinstance(status, Blocked)
        assert status.wait.seen == "gate"
        gate.start("bob", box.put, 7)
        gate.finish()
        assert gate.status("alice") == Returned(7)


def test_what_takes_too_long_is_called_blocked() -> None:
    """Nothing hangs for ever, not even code that computes for ever; and its thread ends with the run."""

    def computes() -> None:
        while True:
            pass

    with Gate(deadline=0.05) as gate:
        status = gate.start("alice", computes)
        assert isinstance(status, Blocked)
        assert status.wait.what == "something that took more than 0.05 s"
    assert gate.leaked == []


def test_threads_of_abandoned_runs_end() -> None:
    before = threading.active_count()
    for _ in range(5):
        with Gate() as gate:
            for name in ("alice", "bob", "carol"):
                gate.start(name, durable)
    assert threading.active_count() <= before
    assert gate.leaked == []


# --- threads of the user's own ---


def test_a_thread_that_the_code_starts_is_an_actor_of_its_process() -> None:
    seen = []

    def starts() -> str:
        thread = threading.Thread(target=lambda: seen.append(durable("in the thread")))
        thread.start()
        durable("started")
        thread.join()
        return "joined"

    with Gate() as gate:
        gate.start("alice", starts)
        assert words(gate, "alice/1") == "its first line"
        gate.step("alice")
        status = gate.status("alice")
        assert isinstance(status, Blocked)
        assert status.wait.holders == ("alice/1",)
        gate.step("alice/1")
        assert words(gate, "alice/1") == "in the thread"
        gate.finish()
        assert gate.status("alice") == Returned("joined")
        gate.start("alice", starts)
        gate.step("alice", DIE)
        assert isinstance(gate.status("alice/2"), Died)
    assert seen == [None]


def test_a_pool_that_is_left_behind_is_no_deadlock() -> None:
    pools = []

    def leaves() -> int:
        pools.append(ThreadPoolExecutor(1))
        return pools[0].submit(lambda: 1).result()

    with Gate() as gate:
        gate.start("alice", leaves)
        gate.finish()
        assert gate.status("alice") == Returned(1)
        assert isinstance(gate.status("alice/1"), Blocked)
        assert gate.deadlock() is None


def test_a_pool_of_threads_is_seen() -> None:
    def pooled() -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(lambda n=n: (durable(f"work {n}"), n)[1]) for n in range(3)]
            return [future.result() for future in futures]

    with Gate() as gate:
        gate.start("alice", pooled)
        gate.finish()
        assert gate.status("alice") == Returned([0, 1, 2])


def test_an_error_from_very_deep_is_an_error_like_any_other() -> None:
    """However many frames it came through."""

    def deeper() -> None:
        deeper()

    with Gate() as gate:
        status = gate.start("a", deeper)
    assert isinstance(status, Raised)
    assert isinstance(status.error, RecursionError)


def test_a_process_that_dies_just_when_its_work_is_done_leaves_no_thread() -> None:
    """The answer comes while the process dies; tried often, with threads that take turns at every moment."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            answer = _thread.allocate_lock()
            answer.acquire()
            boundary = Boundary(lambda: None, lambda: None, probe=lambda: Wait("an answer", seen="server"))

            def work(answer: Any = answer, boundary: Boundary = boundary) -> None:
                actor = current()
                assert actor is not None
                actor.process.opened(answer, answer.release)
                actor.cross("call", "call", answer.acquire, boundary)

            with Gate() as gate:
                gate.start("alice", work)
                assert isinstance(gate.step("alice"), Blocked)
                assert isinstance(gate.step("alice", DIE), Died)
            assert gate.leaked == []
    finally:
        sys.setswitchinterval(before)


def test_a_death_that_comes_while_a_thread_ends_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would print it."""
    printed: list[Any] = []
    deaths = [Death(), Death()]
    leave = Host._leave

    def left(host: Host, ident: int) -> None:
        if deaths:
            raise deaths.pop()
        leave(host, ident)

    monkeypatch.setattr(Host, "_leave", left)
    monkeypatch.setattr(threading, "excepthook", printed.append)
    with Gate() as gate:
        assert isinstance(gate.start("alice", lambda: None), Returned)
    assert (deaths, printed, gate.leaked) == ([], [], [])


def test_who_has_come_back_waits_for_nothing() -> None:
    """The answer may come between the question whether a server can be asked and the one what it says."""
    with Gate() as gate:
        gate.start("alice", lambda: None)
        assert _asked(gate.actors["alice"]) is None
