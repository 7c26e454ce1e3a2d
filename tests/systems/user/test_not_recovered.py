"""A user's log that does not come back after a crash is convicted; one that does is held."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from refold.model.action import Action, Crash, Restart, Submit
from refold.model.event import Stored
from refold.model.examples.inventory import Inventory, Restock
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.model.record import Acknowledged, NotRecovered, Unknown
from refold.search.run import Run, execute
from refold.systems.user.errors import AdapterError
from refold.systems.user.log import LogSystem, log_capabilities

PLAN: list[Action] = [
    Submit("carol", Restock("bolt", 1)),
    Crash("log"),
    Restart("log"),
    Submit("carol", Restock("nut", 1)),
]


class Durable:
    """Comes back with all that it had."""

    def __init__(self) -> None:
        self.log = Log()
        self.crashed = False

    def append(self, request: AppendRequest) -> Appended | Conflict:
        return self.log.append(request)

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        return self.log.read(after, limit)

    def crash(self) -> None:
        self.crashed = True

    def restart(self) -> None:
        return None


class NoStart(Durable):
    """Gives up when it starts again."""

    def restart(self) -> None:
        raise ValueError("bad checksum in segment 1")


class NoRead(Durable):
    """Starts, and cannot be read."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        if self.crashed:
            raise ValueError("bad checksum in segment 1")
        return super().read(after, limit)


class NeverRead(Durable):
    """Cannot be read at all: a mistake in the adapter."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        raise ValueError("no such table")


def run(log: type[Durable]) -> Run:
    return execute(LogSystem("mine", log, log_capabilities("mine", log())), Inventory(), PLAN)


@pytest.mark.parametrize("log", [NoStart, NoRead])
def test_a_log_that_does_not_come_back_is_convicted_and_what_it_held_is_counted(log: type[Durable]) -> None:
    shown = run(log)
    (finding,) = shown.findings
    assert finding.anomaly == "log-does-not-recover"
    assert finding.expected == "the log, with 1 event that it had confirmed or shown"
    assert "bad checksum in segment 1" in finding.actual
    assert shown.performed == PLAN[:3]
    assert type(shown.history[-1]) is NotRecovered


def test_one_that_comes_back_is_held() -> None:
    assert run(Durable).findings == []


def test_one_that_fails_before_any_fault_is_told_so_as_a_mistake() -> None:
    with pytest.raises(AdapterError, match="no such table"):
        run(NeverRead)


class Stumbling(Durable):
    """Its first connection after a crash is a dead one."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        if self.crashed:
            self.crashed = False
            raise ConnectionResetError("Connection reset by peer")
        return super().append(request)


class ReadOnly(Durable):
    """Comes back, and takes nothing any more."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        if self.crashed:
            raise PermissionError("the log is read-only")
        return super().append(request)


class NeverAppends(Durable):
    """Takes nothing at all: a mistake in the adapter."""

    def append(self, request: AppendRequest) -> Appended | Conflict:
        raise PermissionError("the log is read-only")


MORE: list[Action] = [*PLAN, Submit("carol", Restock("bolt", 1)), Submit("carol", Restock("bolt", 1))]


def more(log: type[Durable]) -> Run:
    return execute(LogSystem("mine", log, log_capabilities("mine", log())), Inventory(), MORE)


def test_an_append_that_raises_after_a_fault_has_no_answer() -> None:
    shown = more(Stumbling)
    assert shown.findings == []
    assert [type(record) for record in shown.history].count(Unknown) == 1
    assert [type(record) for record in shown.history].count(Acknowledged) == 3


def test_a_log_whose_appends_all_raise_after_a_fault_has_not_come_back() -> None:
    shown = more(ReadOnly)
    (finding,) = shown.findings
    assert finding.anomaly == "log-does-not-recover"
    assert "append() raised PermissionError: the log is read-only" in finding.actual
    assert "3 in a row" in finding.actual
    assert [type(record) for record in shown.history].count(Unknown) == 2


def test_an_append_that_raises_before_any_fault_is_told_so_as_a_mistake() -> None:
    with pytest.raises(AdapterError, match="the log is read-only"):
        more(NeverAppends)


EARLY = [Crash("log"), Restart("log"), *MORE]


@pytest.mark.parametrize(("log", "words"), [(NeverAppends, "the log is read-only"), (NeverRead, "no such table")])
def test_what_has_never_worked_was_not_lost_in_a_fault(log: type[Durable], words: str) -> None:
    """The fault comes first, by chance: it is a mistake in the adapter all the same."""
    with pytest.raises(AdapterError, match=words):
        execute(LogSystem("mine", log, log_capabilities("mine", log())), Inventory(), EARLY)


def test_the_first_append_of_all_may_be_the_one_that_a_fault_leaves_without_an_answer() -> None:
    """There are two faults, and two appends without an answer."""
    shown = execute(LogSystem("mine", Stumbling, log_capabilities("mine", Stumbling())), Inventory(), EARLY)
    assert shown.findings == []
    assert [type(record) for record in shown.history].count(Unknown) == 2
