"""Nothing is left behind: no process, no folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refold.model.action import Crash
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory
from refold.systems.sqlite.system import Sqlite

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes whose parent is `pid`, dead or alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
        except OSError:
            pass
    return found


def gone(pids: list[int]) -> bool:
    """Whether all of them end soon."""
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def family(system: Sqlite) -> tuple[int, list[int], Path]:
    """The zygote, its children, and the folder with the files."""
    deployment = system.open(Inventory(), lambda record: None)
    host = deployment.workspace.hosts["log"]
    zygote = host.nursery.process.pid
    found = zygote, children(zygote), host.path.parent
    deployment.close()
    return found


def test_a_crash_is_a_real_sigkill() -> None:
    """The process that had the database open is dead and reaped before the crash is recorded."""
    system = Sqlite(crash="kill")
    deployment = system.open(Inventory(), lambda record: None)
    host = deployment.workspace.hosts["log"]
    victim = host.child.pid
    assert alive(victim)
    deployment.perform(Crash("log"))
    assert not Path(f"/proc/{victim}").exists()
    deployment.settle()
    assert host.child.pid != victim
    deployment.close()


def test_the_end_of_a_system_leaves_no_process_and_no_folder() -> None:
    """All children are reaped."""
    before = set(children(os.getpid()))
    system = Sqlite(crash="kill")
    zygote, others, folder = family(system)
    assert len(others) == 4
    assert folder.exists()
    del system
    assert gone([zygote, *others])
    assert not folder.exists()
    assert set(children(os.getpid())) <= before


@pytest.mark.parametrize("mode", ["process", "kill"])
def test_a_deployment_that_nobody_closed_leaves_nothing_either(mode: str) -> None:
    """Its files go when it goes."""
    import gc

    system = Sqlite(crash=mode)
    deployment = system.open(Inventory(), lambda record: None)
    folder = deployment.workspace.hosts["log"].path.parent
    assert folder.exists()
    del deployment
    gc.collect()
    assert not folder.exists()


FORK = """
import gc, os, sys
from refold.model.action import Submit
from refold.model.examples.inventory import Inventory, Restock
from refold.search.run import execute
from refold.systems.sqlite.system import Sqlite
system = Sqlite(crash=sys.argv[1])
plan = (Submit("carol", Restock("bolt", 1)),) * 3
def run():
    found = execute(system, Inventory(), plan)
    assert found.findings == [] and found.steps == 3
run()
child = os.fork()
run()
if child == 0:
    gc.collect()
    del system
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
run()
"""


@pytest.mark.parametrize("mode", ["process", "kill", "power"])
def test_a_fork_of_a_process_that_has_used_a_system_can_use_it_too(mode: str, tmp_path: Path) -> None:
    """Neither gets into the other's files, and both clean up."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", FORK, mode], check=True, timeout=300, env=environment)
    assert list(tmp_path.iterdir()) == []


PARENT = """
import sys, time
from refold.model.examples.inventory import Inventory
from refold.systems.sqlite.system import Sqlite
system = Sqlite(crash="kill")
deployment = system.open(Inventory(), lambda record: None)
host = deployment.workspace.hosts["log"]
print(host.nursery.process.pid, host.path.parent, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, 0])
def test_children_do_not_outlive_their_parent(number: int) -> None:
    """Not even one that is killed, and its files go with it; 0: one that just ends."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "wait" if number else "end"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        zygote, folder = parent.stdout.readline().split()
        if number:
            family = [int(zygote), *children(int(zygote))]
            assert len(family) == 5
            parent.send_signal(number)
        else:
            family = [int(zygote)]
        parent.wait(60)
    assert gone(family)
    assert not Path(folder).exists()


def test_children_do_not_outlive_the_zygote() -> None:
    """The kernel sees to that; the next command says what happened."""
    system = Sqlite(crash="kill")
    zygote, others, folder = family(system)
    os.kill(zygote, signal.SIGKILL)
    assert gone(others)
    with pytest.raises(SystemUnavailable, match="found gone"):
        system.open(Inventory(), lambda record: None)
    del system
    assert not folder.exists()
