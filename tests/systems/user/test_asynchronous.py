"""Asynchronous services and consumers: what is found in them, what is held, and what is told of those that never end."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from refold.model.action import Action, Submit
from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.parts.calls import Deadlocked, Die, Enter, FailStep, GoOn, Halt, LoseAnswer, Replied
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.gate.actor import OPEN
from refold.systems.gate.runtime.places import place
from refold.systems.user.adopt import adapt
from refold.systems.user.errors import AdapterError
from refold.systems.user.system import OwnSystem

from . import asynchronous as roles
from .asynchronous import Book, Hotel, hotel
from .bags import Bag

EVOLVE = Bag().evolve


class DirectDesk(roles.Desk):
    """Uses `sqlite3` in a coroutine, without a thread: the loop waits for it, and it may stop there all the same."""

    def __init__(self, book: roles.Register) -> None:
        super().__init__(book)
        self.path = book.path

    async def take(self, room: str, guest: str) -> None:
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                self.enter(connection, room)
                await asyncio.sleep(0)
                self.book.lines.append(roles.Booked(room, guest))
        finally:
            connection.close()

    def enter(self, connection: sqlite3.Connection, room: str) -> None:
        """Only whoever gets the row may go on."""
        try:
            connection.execute("insert into rooms values (?)", (room,))
        except sqlite3.IntegrityError:
            raise roles.Taken(room) from None


class HastyDirectDesk(DirectDesk):
    """Looks, and then goes on."""

    def enter(self, connection: sqlite3.Connection, room: str) -> None:
        """It was free a moment ago."""
        if any(line.room == room for line in self.book.lines):
            raise roles.Taken(room)
        connection.execute("insert or ignore into rooms values (?)", (room,))
        connection.commit()


class ThreadDesk(DirectDesk):
    """Does the same in a thread."""

    async def take(self, room: str, guest: str) -> None:
        await asyncio.to_thread(self.write, room)
        self.book.lines.append(roles.Booked(room, guest))

    def write(self, room: str) -> None:
        """One transaction."""
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                self.enter(connection, room)
        finally:
            connection.close()


class HastyThreadDesk(ThreadDesk):
    """Looks, and then goes on."""

    enter = HastyDirectDesk.enter


def with_file(desk: type[roles.Desk]) -> Callable[[], Any]:
    """A hotel that has a file beside its book."""
    base: Any = hotel(desk)

    class System(base):  # type: ignore[misc]
        """New for each run."""

        def __init__(self) -> None:
            folder = tempfile.TemporaryDirectory()
            self.close = folder.cleanup
            roles.Register.path = f"{folder.name}/rooms.db"
            connection = sqlite3.connect(roles.Register.path)
            connection.execute("create table rooms (room text primary key)")
            connection.close()
            super().__init__()

    return System


def verified(make: Callable[[], Any], application: Application, seed: int, examples: int = 40) -> Result:
    """A short campaign."""
    return Campaign(adapt("hotel", make), application, seed, Budget(seconds=None, examples=examples)).run()


BAD: dict[str, tuple[Callable[[], Any], Application, set[str]]] = {
    "look-then-write": (hotel(roles.Desk), Hotel(), {"duplicate-create"}),
    "position-first": (
        hotel(roles.CarefulDesk, roles.Worker),
        Hotel(),
        {"checkpoint-ahead-of-effects", "event-never-applied"},
    ),
    "running-position-first": (
        hotel(roles.CarefulDesk, roles.Worker, roles.Running),
        Hotel(),
        {"checkpoint-ahead-of-effects", "event-never-applied"},
    ),
    "shared-cache": (
        roles.views(roles.Views, EVOLVE),
        Bag(),
        {"event-never-applied", "rows-go-back", "checkpoint-ahead-of-effects"},
    ),
    "direct": (with_file(HastyDirectDesk), Hotel(), {"duplicate-create"}),
    "in-a-thread": (with_file(HastyThreadDesk), Hotel(), {"duplicate-create"}),
}
"""Mistake -> system, application, names that fit."""

GOOD: dict[str, tuple[Callable[[], Any], Application]] = {
    "written-if-free": (hotel(roles.CarefulDesk), Hotel()),
    "locked": (hotel(roles.LockedDesk, shared=True), Hotel()),
    "position-last": (hotel(roles.CarefulDesk, roles.CarefulWorker), Hotel()),
    "running-position-last": (hotel(roles.CarefulDesk, roles.CarefulWorker, roles.Running), Hotel()),
    "shared-cache-locked": (roles.views(roles.LockedViews, EVOLVE), Bag()),
}
"""Repair -> system, application."""


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_across_an_await_is_found(name: str, seed: int) -> None:
    """Under a fitting name, which comes first."""
    make, application, names = BAD[name]
    found = [example.finding.anomaly for example in verified(make, application, seed).counterexamples]
    assert found, name
    assert found[0] in names, found


@pytest.mark.parametrize("name", GOOD)
def test_its_repair_is_held(name: str) -> None:
    """And something had happened."""
    result = verified(*GOOD[name], seed=1)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["stops"] > 20


# -- plans


def actions(system: Any, application: Application) -> dict[str, Action]:
    """What plans may say."""
    return {str(action): action for action in system.menu(application).actions()}


def test_places_are_awaits_by_name_and_number() -> None:
    """Not by line, so that a plan still means the same when lines are added above."""
    words = set(actions(adapt("hotel", hotel(roles.Desk, roles.Worker)), Hotel()))
    assert {
        "alice stops before await sleep in guest_of, in take (1 of 2)",
        "alice stops before await sleep in write, in take (2 of 2)",
        "guests stops before await sleep in work (2 of 2)",
    } <= words


async def put_away() -> None:
    """Awaits once."""
    await asyncio.sleep(0)


async def leave() -> None:
    """Awaits a library that awaits what it was given, and then something of its own."""
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(put_away)
    await asyncio.sleep(0)


def test_places_are_those_of_ones_own_code_inside_a_library() -> None:
    """As in `asyncio.wait_for` since Python 3.12, or in what tries again: else all the stops inside would have one name."""
    coroutine = leave()
    found = [place(coroutine)]
    with contextlib.suppress(StopIteration):
        while True:
            coroutine.send(None)
            found.append(re.sub(r" \(.*\)", "", place(coroutine)))
    assert found == ["leave", "sleep in put_away, in leave", "sleep in leave"]


@pytest.mark.parametrize("make", [hotel(roles.Desk, roles.Worker, roles.Running), with_file(HastyThreadDesk)])
def test_the_same_plan_makes_the_same_stops(make: Callable[[], Any]) -> None:
    """Record for record."""
    system = adapt("hotel", make)
    plan = system.menu(Hotel()).decode(bytes(4) + bytes(range(1, 250, 3)))
    first, again = (execute(system, Hotel(), plan, whole=True) for _ in range(2))
    assert first.history == again.history


BOOK = Book("attic", "ann")
AWAIT = "await sleep in write_if_free"


def told(make: Callable[[], Any], *plan: Action) -> list[tuple[str, str]]:
    """How the calls of a plan ended."""
    system = adapt("hotel", make)
    history = execute(system, Hotel(), plan, whole=True).history
    return [(record.how, record.detail) for record in history if isinstance(record, Replied)]


class PatientDesk(roles.CarefulDesk):
    """Gives the book a second."""

    async def take(self, room: str, guest: str) -> None:
        async with asyncio.timeout(1):
            await super().take(room, guest)


class WaitingDesk(roles.CarefulDesk):
    """The same, as one wrote it before."""

    async def take(self, room: str, guest: str) -> None:
        await asyncio.wait_for(super().take(room, guest), 1)


def test_a_call_may_be_cancelled_where_it_awaits() -> None:
    """As by a server whose client has gone away."""
    ((how, detail),) = told(
        hotel(roles.CarefulDesk), Enter("alice", BOOK), Halt("alice", AWAIT), FailStep("alice"), GoOn("alice")
    )
    assert how == "raised"
    assert detail.startswith("CancelledError")


@pytest.mark.parametrize("desk", [PatientDesk, WaitingDesk])
def test_an_answer_may_come_too_late(desk: type[roles.Desk]) -> None:
    """Where there is a time-out around the await."""
    ((how, detail),) = told(hotel(desk), Enter("alice", BOOK), Halt("alice", AWAIT), LoseAnswer("alice"), GoOn("alice"))
    assert how == "raised"
    assert detail.startswith("TimeoutError")


def test_elsewhere_no_answer_is_lost() -> None:
    """Nothing says that one would ever be missed."""
    stop = (Enter("alice", BOOK), Halt("alice", AWAIT), LoseAnswer("alice"), GoOn("alice"))
    assert told(hotel(roles.CarefulDesk), *stop) == [("done", "")]


def test_a_process_may_die_where_it_awaits() -> None:
    """And nobody hears an answer."""
    stop = (Enter("alice", BOOK), Halt("alice", AWAIT), Die("alice"), Enter("alice", BOOK), GoOn("alice"))
    assert told(hotel(roles.CarefulDesk), *stop) == [("unknown", "its process died"), ("refused", "attic")]


class Everything(roles.CarefulDesk):
    """Does with tasks what can be done."""

    async def numbers(self) -> AsyncIterator[int]:
        """An asynchronous generator."""
        for number in range(3):
            await asyncio.sleep(0.5)
            yield number

    async def take(self, room: str, guest: str) -> None:
        began = time.time()
        queue: asyncio.Queue[int] = asyncio.Queue()
        done = asyncio.Event()

        async def feed() -> None:
            async for number in self.numbers():
                await queue.put(number)
            done.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(feed(), name="feed")
            group.create_task(done.wait())
        assert sorted([await queue.get() for _ in range(3)]) == [0, 1, 2]
        await asyncio.gather(asyncio.sleep(1), asyncio.create_task(super().take(room, guest)))
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, sum, (1, 2)) == 3
        assert time.time() - began >= 2.5


def test_tasks_queues_and_timers_work_in_simulated_time() -> None:
    """Nobody waits for it."""
    assert told(hotel(Everything), Enter("alice", BOOK), GoOn("alice")) == [("done", "")]


# -- what never ends


class Never(roles.CarefulDesk):
    """Awaits what nobody sets."""

    async def take(self, room: str, guest: str) -> None:
        await asyncio.get_running_loop().create_future()


class Stubborn(roles.CarefulDesk):
    """Catches everything, for ever."""

    async def take(self, room: str, guest: str) -> None:
        while True:
            try:
                await asyncio.sleep(0.1)
            except BaseException:
                """It does not want to end."""


class Embracing(roles.CarefulDesk):
    """Locks in two orders."""

    def __init__(self, book: roles.Register) -> None:
        super().__init__(book)
        self.locks = {"attic": asyncio.Lock(), "cellar": asyncio.Lock()}

    async def take(self, room: str, guest: str) -> None:
        async with self.locks[room]:
            await asyncio.sleep(0)
            for lock in self.locks.values():
                if lock is not self.locks[room]:
                    async with lock:
                        await super().take(room, guest)


class Computing(roles.CarefulDesk):
    """Never awaits anything."""

    async def take(self, room: str, guest: str) -> None:
        while True:
            pass


@pytest.mark.parametrize(
    ("desk", "words"),
    [
        (Never, "work that has no end: alice waits for Future in take"),
        (Stubborn, "alice has taken 10,000 steps without an end of its work; it loops for ever"),
    ],
)
def test_a_call_that_never_ends_is_told_in_a_sentence(desk: type[roles.Desk], words: str) -> None:
    """With what it waits for."""
    with pytest.raises(AdapterError, match=words):
        adapt("hotel", hotel(desk)).menu(Hotel())


class InOrder(Embracing):
    """Locks in one order."""

    async def take(self, room: str, guest: str) -> None:
        async with self.locks["attic"]:
            await asyncio.sleep(0)
            async with self.locks["cellar"]:
                await roles.CarefulDesk.take(self, room, guest)


MEETING = (Enter("alice", BOOK), Enter("bob", Book("cellar", "bo")), GoOn("alice"), GoOn("bob"))
"""Both stand inside of their first lock."""


def test_a_deadlock_is_told_with_who_waits_for_what() -> None:
    """Both are in it, and each has what the other one waits for; the last one is ended, and life goes on."""
    run = execute(adapt("hotel", hotel(Embracing, shared=True)), Hotel(), MEETING, whole=True)
    (circle,) = [record for record in run.history if isinstance(record, Deadlocked)]
    assert circle.who == "bob"
    assert circle.waits == {
        "alice": "waits for __aenter__ in take (3 of 4), in execute, which bob has",
        "bob": "waits for __aenter__ in take (3 of 4), in execute, which alice has",
    }
    assert ("deadlock", "LIVE") in {(one.anomaly, one.guarantee) for one in run.findings}
    assert {record.client: record.how for record in run.history if isinstance(record, Replied)} == {
        "alice": "done",
        "bob": "unknown",
    }


def test_locks_in_one_order_are_no_deadlock() -> None:
    """One waits for the other."""
    run = execute(adapt("hotel", hotel(InOrder, shared=True)), Hotel(), MEETING)
    assert not run.findings
    assert {record.how for record in run.history if isinstance(record, Replied)} == {"done"}


def test_code_that_computes_for_ever_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else would get a turn, in production neither."""
    monkeypatch.setattr("refold.systems.gate.runtime.watchdog.LIMIT", 0.2)
    with pytest.raises(AdapterError, match=r"alice has computed for more than .* without an await"):
        adapt("hotel", hotel(Computing)).menu(Hotel())


class ComputingLater(roles.CarefulDesk):
    """From the second call on."""

    calls = 0

    async def take(self, room: str, guest: str) -> None:
        type(self).calls += 1
        while type(self).calls > 1:
            pass
        await super().take(room, guest)


def test_code_that_computes_for_ever_in_the_middle_of_a_run_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is closed once, and the sentence is what is heard."""
    monkeypatch.setattr("refold.systems.gate.runtime.watchdog.LIMIT", 0.2)
    ComputingLater.calls = 0
    plan = (Submit("alice", BOOK), Submit("bob", BOOK))
    with pytest.raises(AdapterError, match=r"bob has computed for more than .* without an await"):
        execute(adapt("hotel", hotel(ComputingLater)), Hotel(), plan)
    assert not OPEN.get(_thread.get_ident())


class Swallowing(roles.CarefulDesk):
    """Goes on when it is cancelled."""

    async def take(self, room: str, guest: str) -> None:
        for _ in range(3):
            try:
                await asyncio.sleep(0.1)
            except BaseException:
                """Not now."""
        await super().take(room, guest)


class Leaving(roles.CarefulDesk):
    """Leaves tasks behind: one that ends, one that fails, one that never rests."""

    async def take(self, room: str, guest: str) -> None:
        await super().take(room, guest)
        self.tasks = [asyncio.create_task(one) for one in (asyncio.sleep(5), self.fail(), self.spin())]

    async def fail(self) -> None:
        """Nobody hears of it."""
        await asyncio.sleep(1)
        raise ValueError("unheard")

    async def spin(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(0)


class Sleeping(roles.CarefulDesk):
    """Keeps its loop waiting."""

    async def take(self, room: str, guest: str) -> None:
        time.sleep(0.5)
        await super().take(room, guest)


class Locking(roles.CarefulDesk):
    """Holds a lock of `threading` across an await."""

    def __init__(self, book: roles.Register) -> None:
        super().__init__(book)
        self.lock = threading.Lock()

    async def take(self, room: str, guest: str) -> None:
        with self.lock:
            await super().take(room, guest)


@pytest.mark.parametrize("desk", [Swallowing, Leaving, Sleeping, Locking, Everything])
def test_odd_code_that_is_right_is_held(desk: type[roles.Desk]) -> None:
    """It is nobody's business how it does it."""
    result = verified(hotel(desk), Hotel(), seed=1, examples=8)
    assert (result.trouble, [str(example.finding) for example in result.counterexamples]) == ("", [])
    assert result.counts["calls"] > 20


class Early(roles.CarefulDesk):
    """Answers, and writes afterwards."""

    async def take(self, room: str, guest: str) -> None:
        if await self.book.guest_of(room) is not None:
            raise roles.Taken(room)
        self.task = asyncio.create_task(super().take(room, guest))


def test_an_answer_before_the_write_is_found() -> None:
    """The task that writes outlives the call."""
    found = [example.finding.anomaly for example in verified(hotel(Early), Hotel(), seed=1).counterexamples]
    assert "confirmed-without-effect" in found


class Raising(roles.CarefulDesk):
    """No call works."""

    async def take(self, room: str, guest: str) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")


def test_a_service_of_which_every_call_raises_is_told_so() -> None:
    """As one that is not asynchronous."""
    with pytest.raises(UsageError, match=r"every call of the service raised, the first one ValueError: no"):
        adapt("hotel", hotel(Raising)).menu(Hotel())


def test_code_that_stops_where_it_does_not_await_is_begun_again_on_a_thread() -> None:
    """In the middle of a run, too: what was recorded stays recorded, once."""
    system = adapt("hotel", with_file(DirectDesk))
    assert isinstance(system, OwnSystem)
    plan: Sequence[Action] = (Enter("alice", BOOK), GoOn("alice"), Enter("bob", BOOK), GoOn("bob"))
    first, again = (execute(system, Hotel(), plan, whole=True) for _ in range(2))
    assert system.threaded
    assert first.history == again.history


def test_a_search_may_be_made_in_a_running_loop() -> None:
    """As in a test that is a coroutine itself: that loop is the running one again afterwards."""

    async def search() -> list[str]:
        found = verified(hotel(roles.Desk), Hotel(), seed=1, examples=4).counterexamples
        await asyncio.sleep(0)
        return [example.finding.anomaly for example in found]

    assert asyncio.run(search()) == ["duplicate-create"]


class Slots:
    """A log in a store of keys: its stream is a list of ids, which is read, made longer, and written."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.lines: dict[str, Book] = {}

    async def execute(self, command: Book) -> None:
        """Two at once overwrite each other."""
        ids = [*self.ids, f"e{len(self.lines) + 1}"]
        self.lines[ids[-1]] = command
        await asyncio.sleep(0)
        self.ids = ids

    async def read(self, after: int, limit: int) -> list[Stored]:
        """What the list says."""
        return [
            Stored(n, line.room, 1, id, "Booked", roles.Booked(line.room, line.guest))
            for n, id in enumerate(self.ids[after : after + limit], after + 1)
            for line in [self.lines[id]]
        ]


def test_who_overwrites_an_event_is_not_said_to_have_appended_nothing() -> None:
    """The one who was told that it is done, and whose event is not there any more, is the one who is lost."""
    first, second = (Book(room, "ann") for room in ("attic", "cellar"))
    plan = (Enter("bob", first), Halt("bob", "await sleep"), Submit("alice", second))
    run = execute(adapt("slots", Slots), Hotel(), (*plan, GoOn("bob")))
    (found,) = run.findings
    assert (found.anomaly, found.guarantee) == ("acknowledged-append-lost", "LOG")
    assert [getattr(one.record, "id", "") for one in found.evidence] == ["alice-1/0", ""]
    run = execute(adapt("slots", Slots), Hotel(), plan, whole=True)
    assert {one.anomaly for one in run.findings} == {
        "acknowledged-append-lost",
        "never-becomes-visible",
        "stream-misses-events",
    }
