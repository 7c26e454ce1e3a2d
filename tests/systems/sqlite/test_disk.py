"""The memory disk keeps its contract, and SQLite keeps its own on top of it."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.event import NewEvent
from refold.model.examples.accounts import Accounts, Registered, Released
from refold.model.expectation import ANY
from refold.model.log import AppendRequest
from refold.systems.sqlite.disk import Change, Create, Disk, Remove, Truncate, Write, sectors
from refold.systems.sqlite.host import Settings
from refold.systems.sqlite.log import SqliteLog

HOWS = ("drop", "torn", "reorder")


def written(*changes: Change) -> Disk:
    """A disk with these changes pending."""
    disk = Disk()
    for change in changes:
        disk.change(change)
    return disk


@pytest.mark.parametrize("how", HOWS)
def test_what_was_synced_survives_every_cut(how: str) -> None:
    """Data, size, and changes of names that came before."""
    disk = written(Create("a"), Write("a", 0, b"x" * 2000), Truncate("a", 1500), Create("b"))
    disk.sync("a")
    disk.change(Write("b", 0, b"y"))
    disk.cut(how)
    assert disk.files()["a"] == b"x" * 1500
    assert "b" in disk.live


def test_dropping_loses_exactly_what_was_not_synced() -> None:
    """Also a deletion."""
    disk = Disk({"a": b"old", "b": b"old"})
    disk.change(Write("a", 0, b"new"))
    disk.change(Remove("b"))
    assert disk.files() == {"a": b"new"}
    disk.cut("drop")
    assert disk.files() == {"a": b"old", "b": b"old"}


def test_a_sync_of_one_file_says_nothing_about_the_data_of_another() -> None:
    """Only about its name."""
    disk = written(Create("a"), Write("a", 0, b"x"), Create("b"))
    disk.sync("b")
    disk.cut("drop")
    assert disk.files() == {"a": b"", "b": b""}


def test_a_torn_cut_leaves_a_prefix_of_the_writes_and_of_one_write() -> None:
    """In order."""
    lengths = set()
    for number in range(50):
        disk = written(Create("a"), *[Write("a", 10 * n, b"0123456789") for n in range(20)])
        disk.cuts = number
        disk.cut("torn")
        content = disk.files().get("a", b"")
        assert content == (b"0123456789" * 20)[: len(content)]
        lengths.add(len(content))
    assert any(length % 10 for length in lengths)
    assert len(lengths) > 20


def test_a_reordering_cut_leaves_whole_sectors() -> None:
    """Some of them, and later ones without earlier ones."""
    disk = written(Create("a"), Write("a", 100, b"x" * 5000))
    assert [len(part.data) for part in sectors(disk.pending[1]) if isinstance(part, Write)] == [412, *[512] * 8, 492]
    disk.cut("reorder")
    content = disk.files()["a"]
    for start in range(0, len(content), 512):
        assert len(set(content[max(start, 100) : start + 512])) <= 1
    assert len(set(content[100:])) == 2


@pytest.mark.parametrize("how", HOWS)
def test_the_same_cut_of_the_same_disk_leaves_the_same(how: str) -> None:
    """No choice comes from anywhere else."""
    disks = [written(*[Write("a", 700 * n, bytes([n]) * 900) for n in range(30)]) for _ in range(2)]
    for disk in disks:
        disk.cut(how)
    assert disks[0].files() == disks[1].files()


def test_a_dead_process_changes_nothing() -> None:
    """A frozen disk."""
    disk = Disk({"a": b"old"})
    disk.frozen = True
    disk.change(Write("a", 0, b"new"))
    disk.sync("a")
    assert disk.files() == {"a": b"old"}


class Plug:
    """Pulls the plug after a number of changes and syncs: from then on the disk is frozen."""

    def __init__(self, disk: Disk, after: int) -> None:
        self.left = after
        for name in ("change", "sync"):
            setattr(disk, name, self.counting(disk, getattr(disk, name)))

    def counting(self, disk: Disk, operation: Any) -> Any:
        def counted(argument: Any) -> None:
            disk.frozen = disk.frozen or self.left <= 0
            self.left -= 1
            operation(argument)

        return counted


def request(number: int) -> AppendRequest:
    """A batch of two events."""
    events = (
        NewEvent(f"a-{number}/0", "Released", Released("acme", "ada")),
        NewEvent(f"a-{number}/1", "Registered", Registered("acme", "b" * 3000)),
    )
    return AppendRequest(f"a-{number}", "acme", ANY, events)


@pytest.mark.parametrize("journal", ["wal", "delete", "truncate", "persist"])
@pytest.mark.parametrize("how", HOWS)
def test_power_lost_at_any_write_of_an_append_loses_nothing_acknowledged(journal: str, how: str) -> None:
    """With synchronous=full: what was acknowledged before is there, and the interrupted batch is whole or absent."""
    power = pytest.importorskip("refold.systems.sqlite.power_host")
    settings = Settings(journal, "full")
    template = power.template("log", settings)
    outcomes = set()
    for after in range(100):
        host = power.PowerHost("log", settings, template)
        host.start()
        log = SqliteLog(host, Accounts())
        for number in range(3):
            log.append(request(number))
        host.disk.cuts = after
        plug = Plug(host.disk, after)
        log.append(request(3))
        acknowledged = plug.left >= 0
        del host.disk.change, host.disk.sync
        log.cut_power(how)
        log.restart()
        assert log.damage is None
        events = log.read(0, -1)
        assert [event.position for event in events] == list(range(1, len(events) + 1))
        assert len(events) in ((8,) if acknowledged else (6, 8))
        outcomes.add(len(events))
        host.close()
        if acknowledged:
            break
    assert acknowledged
    assert outcomes == {6, 8}


def test_a_file_that_cannot_be_read_after_a_cut_is_replaced_and_missed() -> None:
    """Damage is told, and the log begins anew."""
    power = pytest.importorskip("refold.systems.sqlite.power_host")
    settings = Settings("delete", "off")
    host = power.PowerHost("log", settings, power.template("log", settings))
    host.start()
    log = SqliteLog(host, Accounts())
    log.append(request(1))
    log.cut_power("drop")
    host.disk.live["log.db"][4096:4200] = bytes(104)
    log.restart()
    assert log.damage is not None
    assert list(log.read(0, -1)) == []
    assert log.append(request(2)).positions == (1, 2)
    host.close()
