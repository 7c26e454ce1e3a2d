"""A disk that fails under an append: the append has no answer and leaves nothing behind, and what is acknowledged is safe."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.action import DISK_FAILURES, Begin, Commit, CutPower, FailDisk, Restart, Retry, Submit
from refold.model.event import NewEvent
from refold.model.examples.inventory import Inventory, Restock, Restocked
from refold.model.expectation import ANY
from refold.model.log import Appended, AppendRequest, DiskFailure, Log
from refold.model.record import Acknowledged, DiskFailed, Unknown
from refold.search.run import execute
from refold.systems.reference import Reference

BOLT = Restock("bolt", 1)


def request(n: int, events: int = 2) -> AppendRequest:
    """A batch of an operation of its own."""
    batch = tuple(NewEvent(f"bob-{n}/{i}", "Restocked", Restocked("bolt", n)) for i in range(events))
    return AppendRequest(f"bob-{n}", "bolt", ANY, batch)


@pytest.mark.parametrize("how", DISK_FAILURES)
@pytest.mark.parametrize("end", ["crash", "drop", "torn", "reorder"])
def test_nothing_of_the_append_is_there_and_all_that_was_acknowledged_is(how: str, end: str) -> None:
    """Before it and after it; the next append is at the next version, and positions have a gap."""
    log = Log()
    log.append(request(1))
    log.fail_disk(how)
    with pytest.raises(DiskFailure, match=how):
        log.append(request(2))
    assert [event.operation for event in log.read(0, 9)] == ["bob-1", "bob-1"]
    answer = log.append(request(3))
    assert isinstance(answer, Appended)
    if end == "crash":
        log.crash()
    else:
        log.cut_power(end)
    log.restart()
    there = log.read(0, 9)
    assert [event.operation for event in there] == ["bob-1", "bob-1", "bob-3", "bob-3"]
    assert [event.version for event in there] == [1, 2, 3, 4]
    assert tuple(event.position for event in there[2:]) == answer.positions
    assert log.read(there[1].position, 9) == there[2:]


@pytest.mark.parametrize("how", DISK_FAILURES)
def test_the_append_may_be_sent_again(how: str) -> None:
    """Under the same ids, and is stored once."""
    log = Log()
    log.fail_disk(how)
    with pytest.raises(DiskFailure):
        log.append(request(1))
    log.append(request(1))
    log.append(request(1))
    assert [event.id for event in log.read(0, 9)] == ["bob-1/0", "bob-1/1"]


def test_what_was_not_synced_is_never_written() -> None:
    """A second sync says yes, as operating systems do, and the power cut takes it all the same."""
    log = Log()
    batch = log.place(request(1))
    log.write(batch)
    log.fail_disk("sync")
    with pytest.raises(DiskFailure):
        log.sync()
    log.sync()
    assert len(log.read(0, 9)) == 2
    log.cut_power("reorder")
    log.restart()
    assert log.read(0, 9) == []


def records(plan: tuple[Any, ...], *kinds: type) -> list[Any]:
    """The records of these kinds in a run of the reference system that nobody has anything against."""
    run = execute(Reference(), Inventory(), plan)
    assert not run.findings
    assert len(run.performed) == len(plan)
    return [record for record in run.history if isinstance(record, kinds)]


@pytest.mark.parametrize("how", DISK_FAILURES)
def test_a_client_hears_nothing_and_may_try_again(how: Any) -> None:
    """Also of a slow append that commits on a failing disk."""
    plan = (FailDisk("log", how), Submit("alice", BOLT), Retry("alice"), CutPower("log", "drop"), Restart("log"))
    failed, unknown, answer = records(plan, DiskFailed, Unknown, Acknowledged)
    assert (failed, unknown) == (DiskFailed("log", how), Unknown("alice", "alice-1"))
    assert isinstance(answer, Acknowledged)
    plan = (Begin("bob", BOLT), FailDisk("log", how), Commit("bob"), Submit("alice", BOLT))
    failed, unknown, answer = records(plan, DiskFailed, Unknown, Acknowledged)
    assert (failed, unknown, answer.client) == (DiskFailed("log", how), Unknown("bob", "bob-1"), "alice")


def test_only_the_log_has_such_a_disk() -> None:
    """Of another process it is not asked."""
    run = execute(Reference(), Inventory(), (FailDisk("index", "full"),))
    assert run.performed == []
