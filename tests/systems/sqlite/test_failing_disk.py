"""A disk that fails under SQLite: what SQLite hears of it, and what becomes of its transactions."""

from __future__ import annotations

import pytest

from refold.model.action import DISK_FAILURES
from refold.model.declarations.capability import DISK_FAILURE, SYNC_FAILURE
from refold.model.errors import UsageError
from refold.model.event import NewEvent
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory, Restocked
from refold.model.expectation import ANY
from refold.model.log import AppendRequest, DiskFailure
from refold.search.campaign import Budget, Campaign
from refold.systems.registry import resolve
from refold.systems.sqlite.disk import Create, Disk, Failure, Write
from refold.systems.sqlite.log import SqliteLog

pytest.importorskip("apsw")


def request(n: int) -> AppendRequest:
    """One event of an operation of its own."""
    return AppendRequest(f"bob-{n}", "bolt", ANY, (NewEvent(f"bob-{n}/0", "Restocked", Restocked("bolt", n)),))


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize("how", DISK_FAILURES)
def test_sqlite_rolls_back_and_goes_on(journal: str, how: str) -> None:
    """The append that meets it is not there, the ones around it survive a power cut."""
    system = resolve(f"sqlite?journal={journal}&failed_sync={'reverts' if journal == 'wal' else 'keeps'}")
    deployment = system.open(Inventory(), lambda record: None)
    log = deployment.log
    assert isinstance(log, SqliteLog)
    log.append(request(1))
    log.fail_disk(how)
    with pytest.raises(DiskFailure, match=how):
        log.append(request(2))
    log.append(request(3))
    log.cut_power("drop")
    log.restart()
    assert [event.operation for event in log.read(0, 9)] == ["bob-1", "bob-3"]
    assert log.damage is None
    deployment.close()


def test_a_failure_that_an_append_does_not_meet_is_over() -> None:
    """What is refused writes nothing, and a consumer's or a recovery's write is not meant."""
    deployment = resolve("sqlite").open(Inventory(), lambda record: None)
    log = deployment.log
    assert isinstance(log, SqliteLog)
    log.append(request(1))
    log.fail_disk("full")
    log.append(request(1))
    log.append(request(2))
    assert len(log.read(0, 9)) == 2
    deployment.close()


def test_half_of_a_short_write_is_there() -> None:
    """And nothing of one that meets an error."""
    disk = Disk()
    disk.change(Create("a"))
    disk.fail("short")
    with pytest.raises(Failure):
        disk.change(Write("a", 0, b"12345678"))
    disk.fail("error")
    with pytest.raises(Failure):
        disk.change(Write("a", 4, b"abcd"))
    assert disk.files() == {"a": b"1234"}


@pytest.mark.parametrize("keeps", [False, True])
def test_what_a_failed_sync_has_dropped_is_never_durable(keeps: bool) -> None:
    """Seen or not; what is written anew is."""
    disk = Disk({"a": b"old!"}, keeps)
    disk.change(Write("a", 0, b"newer"))
    disk.fail("sync")
    with pytest.raises(Failure):
        disk.sync("a")
    assert disk.files() == {"a": b"newer" if keeps else b"old!"}
    disk.change(Write("a", 2, b"XY"))
    disk.sync("a")
    disk.cut("drop")
    assert disk.files() == {"a": b"olXY"}


def test_failing_writes_are_part_of_the_default_and_failing_syncs_are_asked_for() -> None:
    """SQLite promises nothing for them."""
    assert DISK_FAILURE in resolve("sqlite").capabilities
    assert SYNC_FAILURE not in resolve("sqlite").capabilities
    assert SYNC_FAILURE in resolve("sqlite?failed_sync=keeps").capabilities
    with pytest.raises(UsageError, match="only with crash=power do syncs fail"):
        resolve("sqlite?failed_sync=keeps&crash=kill")


@pytest.mark.parametrize(
    ("system", "verdict"),
    [
        ("sqlite", "held"),
        ("sqlite?failed_sync=reverts", "held"),
        ("sqlite?failed_sync=keeps&journal=delete", "held"),
        ("sqlite?failed_sync=keeps", "broken"),
        ("sqlite?failed_sync=reverts&journal=delete", "broken"),
    ],
)
def test_what_sqlite_makes_of_failing_syncs(system: str, verdict: str) -> None:
    """With a WAL it recovers what the file system still shows; with a rollback journal it relies on that."""
    result = Campaign(resolve(system), Accounts(), 1, Budget(None, 100)).run()
    assert result.verdict == verdict
    assert result.counts["failed_writes"]
    assert bool(result.counts["failed_syncs"]) is ("failed_sync" in system)
    if verdict == "broken":
        assert result.counterexamples[0].finding.anomaly == "acknowledged-append-lost"
