"""Clocks of the code under test."""

from __future__ import annotations

import copy
import datetime
import pickle
import random
import signal
import time
import uuid
from datetime import date
from datetime import datetime as imported
from time import sleep
from time import time as imported_time

from refold.systems.gate import Blocked, Exited, Gate, Returned, Stop, durable


def test_time_stands_still_until_it_is_let_pass() -> None:
    def look() -> tuple[float, float]:
        first = time.time()
        durable()
        return first, time.time()

    with Gate() as gate:
        gate.start("alice", look)
        begun = gate.now
        gate.advance(2.5)
        assert gate.step("alice") == Returned((begun, begun + 2.5))


def test_clocks_of_two_actors_may_differ() -> None:
    def look() -> tuple[float, float, float]:
        return time.time(), imported.now(datetime.UTC).timestamp(), time.monotonic()

    with Gate() as gate:
        gate.set_clock("bob", -7.5)
        alice, bob = gate.run("alice", look), gate.run("bob", look)
        assert alice == (gate.now, gate.now, gate.now)
        assert bob == (gate.now - 7.5, gate.now - 7.5, gate.now)


def test_a_clock_is_that_of_a_machine_and_monotonic_time_never_jumps() -> None:
    """A process that dies comes back with the same clock; who has asked for the time of day is known."""

    def look() -> tuple[float, float]:
        return time.time(), time.monotonic()

    with Gate() as gate:
        assert gate.run("carol", time.monotonic) == gate.now
        assert gate.told_time == set()
        gate.start("bob", durable)
        gate.set_clock("bob", 30.0)
        gate.kill("bob")
        assert gate.run("bob", look) == (gate.now + 30.0, gate.now)
        gate.set_clock("bob", 0.0)
        assert gate.run("bob", look) == (gate.now, gate.now)
        assert gate.told_time == {"bob"}


def test_names_that_were_imported_are_replaced_too() -> None:
    def look() -> tuple[float, int, int, date]:
        sleep(3)
        return imported_time(), imported.now().year, datetime.datetime.utcnow().year, date.today()

    with Gate() as gate:
        assert isinstance(gate.start("alice", look), Blocked)
        gate.advance()
        assert gate.step("alice") == Returned((gate.now, 2020, 2020, date(2020, 9, 13)))


def test_dates_are_real_ones() -> None:
    with Gate() as gate:
        made = gate.run("alice", lambda: imported(2020, 1, 2, 3) + datetime.timedelta(days=1))
        assert gate.run("alice", lambda: isinstance(made, imported))
    assert type(made) is datetime.datetime
    assert isinstance(made, imported)


def test_dates_can_be_pickled_and_copied() -> None:
    """Also those that were made before the clock was replaced; afterwards they are read as they are."""
    before = datetime.datetime(2020, 1, 2, 3, fold=1, tzinfo=datetime.UTC), date(2020, 1, 2)

    def look() -> tuple[bytes, object]:
        return pickle.dumps((*before, imported.now(datetime.UTC))), copy.deepcopy(before)

    with Gate() as gate:
        stored, copied = gate.run("alice", look)
        assert gate.run("alice", lambda: pickle.loads(stored)[:2]) == before
    *read, now = pickle.loads(stored)
    assert tuple(read) == copied == before
    assert [type(one) for one in (*read, now)] == [datetime.datetime, date, datetime.datetime]
    assert read[0].fold == 1


def test_everybody_else_has_the_real_time() -> None:
    real = time.time()
    with Gate():
        assert abs(time.time() - real) < 3600
        assert abs(imported.now().timestamp() - real) < 3600
    assert time.time.__module__ == "time"


def test_a_plan_passes_half_a_lease() -> None:
    """A holder that pauses past its lease and then writes: two writers at once."""
    lease: dict[str, object] = {}
    wrote: list[str] = []

    def work(name: str) -> None:
        if lease and time.time() < lease["until"]:  # type: ignore[operator]
            return
        lease.update(holder=name, until=time.time() + 10)
        durable("half of the work")
        durable("the other half")
        wrote.append(name)

    with Gate() as gate:
        gate.start("alice", work, "alice")
        gate.advance(5)
        gate.start("bob", work, "bob")
        assert gate.status("bob") == Returned()
        gate.advance(5)
        gate.start("bob", work, "bob")
        gate.finish()
    assert sorted(wrote) == ["alice", "bob"]


def test_chance_is_the_same_in_every_run() -> None:
    def draw() -> tuple[float, str]:
        return random.random(), str(uuid.uuid4())

    before = random.getstate()
    drawn = []
    for _ in range(2):
        with Gate() as gate:
            drawn.append(gate.run("alice", draw))
    assert drawn[0] == drawn[1]
    assert random.getstate() == before


def test_a_handler_of_a_signal_is_what_a_stop_does() -> None:
    """Ordinary code of a worker: it says on SIGTERM that it is to end, and ends when its turn is over."""

    class Worker:
        ending = False
        turns = 0

        def stop(self, number: int, frame: object) -> None:
            self.ending = True

        def main(self) -> int:
            signal.signal(signal.SIGTERM, self.stop)
            while not self.ending:
                self.turns += 1
                durable("a turn")
            return self.turns

    with Gate() as gate:
        gate.start("alice", Worker().main)
        gate.step("alice")
        gate.step("alice")
        assert gate.step("alice", Stop()) == Exited()
