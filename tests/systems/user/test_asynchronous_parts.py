"""What makes the parts of an asynchronous system may be asynchronous itself; and who works by himself works again after a restart."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from refold.model.action import Action, Crash, Restart, Submit
from refold.model.errors import UsageError
from refold.model.parts.calls import Shown, StopOrderly, Turn
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.user import Lock
from refold.systems.user.adopt import adapt

from . import asynchronous as roles
from .asynchronous import Book, Hotel, hotel


class Page:
    """Who has a room, for guests."""

    def __init__(self, book: roles.Register) -> None:
        self.book = book

    async def query(self, room: str) -> Any:
        """Out of the book."""
        await asyncio.sleep(0.01)
        guests = [line.guest for line in self.book.lines if line.room == room]
        return (guests[-1], len(guests)) if guests else None


class StalePage(Page):
    """Asks only once."""

    def __init__(self, book: roles.Register) -> None:
        super().__init__(book)
        self.known: dict[str, Any] = {}

    async def query(self, room: str) -> Any:
        if room not in self.known:
            self.known[room] = await super().query(room)
        return self.known[room]


class BrokenPage(Page):
    """Has no answer."""

    async def query(self, room: str) -> Any:
        raise ValueError("no")


class Key:
    """The one key of the hotel, on a board."""

    def __init__(self, board: list[str], client: str) -> None:
        self.board = board
        self.client = client

    async def acquire(self) -> bool:
        """Take it, if it is there."""
        if self.board:
            return False
        self.board.append(self.client)
        await asyncio.sleep(0.01)
        return True

    async def release(self) -> None:
        """Put it back."""
        self.board.remove(self.client)

    async def write(self) -> None:
        """Whatever it is for."""

    def crash(self) -> None:
        """Who has died has it no more."""
        self.board[:] = [holder for holder in self.board if holder != self.client]


class CopiedKey(Key):
    """Looks, and takes it later."""

    async def acquire(self) -> bool:
        free = not self.board
        await asyncio.sleep(0.01)
        if free:
            self.board.append(self.client)
        return free

    async def release(self) -> None:
        self.crash()


def with_page(page: type[Page]) -> Callable[[], Any]:
    """A hotel with a page that is opened by a coroutine function."""

    class System(hotel(roles.CarefulDesk)):  # type: ignore[misc]
        """New for each run."""

        def __init__(self) -> None:
            super().__init__()
            self.readers = {"page": self.opened}

        async def opened(self) -> Page:
            """On a server that takes its time."""
            await asyncio.sleep(0.01)
            return page(self.book)

    return System


def with_key(key: type[Key]) -> Callable[[], Any]:
    """A hotel with a key that is asked for through a coroutine function."""

    class System(hotel(roles.CarefulDesk)):  # type: ignore[misc]
        """New for each run."""

        def __init__(self) -> None:
            super().__init__()
            self.board: list[str] = []
            self.lock = Lock(self.holder)

        async def holder(self, client: str) -> Key:
            """The same."""
            await asyncio.sleep(0.01)
            return key(self.board, client)

    return System


def verified(make: Callable[[], Any]) -> Result:
    """A short search."""
    return Campaign(adapt("hotel", make), Hotel(), 1, Budget(None, 40, distinct=1)).run()


def test_a_page_that_is_opened_by_a_coroutine_function_is_asked() -> None:
    """A stale one is found, its twin is held."""
    assert not verified(with_page(Page)).counterexamples
    assert [one.finding.guarantee for one in verified(with_page(StalePage)).counterexamples] == ["READ"]


def test_a_page_that_raises_at_rest_gives_no_answer() -> None:
    """That is a finding, and nothing that ends the search."""
    assert [one.finding.guarantee for one in verified(with_page(BrokenPage)).counterexamples] == ["LIVE"]


def test_a_lock_that_is_made_by_a_coroutine_function_is_used() -> None:
    """One that two may have is found, its twin is held."""
    assert not verified(with_key(Key)).counterexamples
    assert [one.finding.guarantee for one in verified(with_key(CopiedKey)).counterexamples] == ["LOCK"]


def after(*plan: Action) -> list[Shown]:
    """What a worker that runs by itself shows."""
    system = adapt("hotel", hotel(roles.CarefulDesk, roles.CarefulWorker, roles.Running))
    history = execute(system, Hotel(), plan, whole=True).history
    return [record for record in history if isinstance(record, Shown)]


BEFORE = (Submit("alice", Book("attic", "ann")), *(Turn("guests"),) * 3)
AFTER = (Submit("alice", Book("cellar", "bo")), *(Turn("guests"),) * 3)


@pytest.mark.parametrize("end", [Crash("guests"), StopOrderly("guests")])
@pytest.mark.parametrize("begin", [(Restart("guests"),), ()])
def test_a_worker_that_runs_by_itself_runs_after_a_restart(end: Action, begin: tuple[Action, ...]) -> None:
    """It is started again, whether by name or by its next turn."""
    assert dict(after(*BEFORE, end, *begin, *AFTER)[-1].rows) == {"attic": ("ann", 1), "cellar": ("bo", 1)}


def test_the_menu_is_in_the_same_order_in_every_process() -> None:
    """Whatever the seed of hashes: else the same plan means something else."""
    code = (
        "from refold.model.parts.calls import StopOrderly\n"
        "from refold.systems.user.adopt import adapt\n"
        "from refold.model.application import Application\n"
        "class One(Application):\n"
        "    def commands(self): return ['a']\n"
        "    def key(self, command): return 'a'\n"
        "class Worker:\n"
        "    projection = 'views'\n"
        "    def poll(self): return False\n"
        "    def stop(self): pass\n"
        "    def rows(self): return {}\n"
        "class System:\n"
        "    def __init__(self): self.consumers = dict.fromkeys(('alpha', 'beta', 'gamma', 'delta'), Worker)\n"
        "    def service(self, client): return self\n"
        "    def execute(self, command): pass\n"
        "    def read(self, after, limit): return []\n"
        "menu = adapt('one', System).menu(One())\n"
        "print([str(word[0]) for _, _, words in menu.groups for word in words if isinstance(word[0], StopOrderly)])\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(said) == 1
    assert "alpha is told to stop" in said.pop()


class Methods:
    """One desk for all clients, with a method for each command."""

    def __init__(self, desk: roles.Desk) -> None:
        self.desk = desk

    async def book(self, room: str, guest: str) -> None:
        """The command `Book`."""
        await self.desk.take(room, guest)


def with_methods(desk: type[roles.Desk]) -> Callable[[], Any]:
    """A hotel whose service is an object that makes nothing and has no execute()."""

    class System(hotel(desk)):  # type: ignore[misc]
        """New for each run."""

        def __init__(self) -> None:
            super().__init__()
            self.service = Methods(self.desk)

    return System


def test_a_service_with_methods_may_be_shared() -> None:
    """Two clients in one process: the mistake is found, its twin is held."""
    assert not verified(with_methods(roles.LockedDesk)).counterexamples
    assert verified(with_methods(roles.Desk)).counterexamples


class Closing(roles.Polled):
    """Closes, as it is told to stop, what it would need to answer."""

    closed = False

    async def stop(self) -> None:
        """In order."""
        await asyncio.sleep(0.01)
        self.closed = True

    async def rows(self) -> dict[str, Any]:
        if self.closed:
            raise ConnectionError("closed")
        return await super().rows()


class ClosingAtOnce(Closing):
    """The same without an await."""

    def stop(self) -> None:  # type: ignore[override]
        self.closed = True


@pytest.mark.parametrize("how", [Closing, ClosingAtOnce])
def test_whoever_has_been_told_to_stop_need_not_answer(how: Callable[[roles.Worker], Any]) -> None:
    """Neither in the middle of its work nor after it."""
    assert not verified(hotel(roles.CarefulDesk, roles.CarefulWorker, how)).counterexamples
    assert verified(hotel(roles.CarefulDesk, roles.Worker, how)).counterexamples


@pytest.mark.parametrize("name", ["alice", "guests"])
def test_two_processes_of_one_name_are_refused(name: str) -> None:
    """They would be taken for each other."""

    class System(hotel(roles.CarefulDesk, roles.CarefulWorker)):  # type: ignore[misc]
        """New for each run."""

        def __init__(self) -> None:
            super().__init__()
            self.readers = {name: Page(self.book)}

    with pytest.raises(UsageError, match=f"the name '{name}' is that of a .*, and in readers; each needs its own"):
        adapt("hotel", System)
