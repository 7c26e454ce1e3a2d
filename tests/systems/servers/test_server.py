"""Servers that refold starts: they come and go, and nothing is ever left of them."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from refold.systems.servers import records
from refold.systems.servers.keeper import family, started
from refold.systems.servers.server import NotHere, NotStarted

from .small import PROGRAM, Small

SMALL = pathlib.Path(__file__).with_name("small.py")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="servers are started on POSIX systems only")


@pytest.fixture(autouse=True)
def state(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Records of this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[Small]:
    with Small() as server:
        yield server


def wait_until(true: object, seconds: float = 20.0) -> None:
    assert callable(true)
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def nothing_is_left(state: pathlib.Path, folder: pathlib.Path) -> bool:
    """Neither files nor processes nor records."""
    return not folder.exists() and not records.working_in(folder) and not list(state.rglob("*.json"))


def test_a_killed_server_is_gone_with_its_children_and_comes_back_with_its_files(server: Small) -> None:
    members = [(pid, started(pid)) for pid in family(server.pid())]
    assert len(members) == 2
    server.kill()
    assert [pid for pid, begun in members if started(pid) == begun] == []
    assert server.pid() == 0
    server.up()
    assert server.pid()
    assert (server.data / "file").read_text() == "xx"


def test_a_server_begins_anew(server: Small) -> None:
    server.renew()
    assert (server.data / "file").read_text() == "x"


def test_a_paused_server_does_nothing_until_it_is_resumed(server: Small) -> None:
    server.pause()
    state = pathlib.Path(f"/proc/{server.pid()}/stat")
    deadline = time.monotonic() + 10
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "T":  # a signal takes its time
        assert time.monotonic() < deadline
    server.resume()
    assert server.answers()


def test_a_paused_server_can_be_killed_and_ended(server: Small) -> None:
    server.pause()
    server.restart()
    server.pause()
    folder = server.folder
    server.end()
    assert not folder.exists()


class Stillborn(Small):
    program = "raise SystemExit('no room for files')"


class Deaf(Small):
    program = "import time; print('thinking', flush=True); time.sleep(600)"


class Nowhere(Small):
    def command(self) -> list[str]:
        return ["/nowhere/server"]


def test_a_server_that_does_not_start_is_told_and_leaves_nothing(state: pathlib.Path) -> None:
    with pytest.raises(NotStarted, match="server small: it ended while it started; it said: no room for files"):
        Stillborn().up()
    with pytest.raises(NotStarted, match=r"server small: cannot be run .*No such file or directory.*nowhere"):
        Nowhere().up()
    assert list(state.rglob("*.json")) == []


def test_a_server_that_does_not_answer_is_told_at_its_deadline() -> None:
    deaf = Deaf()
    deaf.deadline = 0.3
    with pytest.raises(NotStarted, match=r"did not answer within 0.3 seconds; it said: thinking"):
        deaf.up()


def run(way: str) -> tuple[subprocess.Popen[str], pathlib.Path, int]:
    """A program that has started a server; its folder, and its keeper."""
    program = [sys.executable, str(SMALL), way]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    folder, _, keeper = process.stdout.readline().split()
    return process, pathlib.Path(folder), int(keeper)


@pytest.mark.parametrize("way", ["ends", "raises", "exits at once", "terminates", "interrupted"])
def test_nothing_is_left_however_a_program_ends(way: str, state: pathlib.Path) -> None:
    process, folder, _ = run(way)
    process.wait(30)
    wait_until(lambda: nothing_is_left(state, folder))


def test_nothing_is_left_of_a_program_that_is_killed_at_any_moment(state: pathlib.Path) -> None:
    draw = random.Random(7)
    for _ in range(6):
        program = [sys.executable, str(SMALL), "works"]
        process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.05, 0.6))
        noted = [json.loads(record.read_text() or "{}") for record in state.rglob("*.json")]
        process.kill()
        process.wait()
        with Small():
            """The next start ends what nobody has: a run that was killed before it had a keeper."""
        wait_until(lambda: not list(state.rglob("*.json")))
        for record in noted:
            assert nothing_is_left(state, pathlib.Path(record["folder"]))


def test_the_next_start_ends_what_has_lost_its_keeper_too(state: pathlib.Path) -> None:
    process, folder, keeper = run("waits")
    process.send_signal(signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    process.kill()
    process.wait()
    wait_until(lambda: not started(keeper))
    assert folder.exists()
    with Small() as other:
        assert not folder.exists()
        assert records.working_in(folder) == []
        assert other.folder.exists()
    assert list(state.rglob("*.json")) == []


def test_a_record_without_a_keeper_goes_with_its_process(state: pathlib.Path) -> None:
    """A program may be told to end between the two."""
    program = "from refold.systems.servers import records; records.new_record('small'); print(len(list(records.state_folder().iterdir())))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
    assert list(state.rglob("*.json")) == []


def test_a_record_never_has_other_folders_removed(state: pathlib.Path, tmp_path: pathlib.Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    record = records.state_folder() / f"{records.PREFIX}x.json"
    record.write_text(json.dumps({"folder": str(mine), "owner": [1, "long ago"], "server": [os.getpid(), "long ago"]}))
    records.clean_up()
    assert mine.exists()


def test_a_child_of_the_owner_ends_nothing(server: Small) -> None:
    if os.fork() == 0:
        server.end()
        os._exit(0)
    os.wait()
    assert server.pid()
    assert "os.fork" in PROGRAM


def test_two_threads_that_order_at_once_each_get_their_own_answer(server: Small) -> None:
    """One used to take the other's, which then waited until its deadline."""
    found: list[object] = []

    def work(what: str) -> None:
        details = {"number": 0} if what == "signal" else {}
        try:
            found.extend(server.order(what, 5.0, **details)["pid"] for _ in range(200))
        except NotStarted as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=(what,)) for what in ("look", "signal", "look")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {server.pid()}


def test_an_answer_that_comes_too_late_is_not_taken_for_that_to_the_next_order(server: Small) -> None:
    with pytest.raises(NotHere, match="does not answer"):
        server.order("run", 0.01, command=["/bin/sleep", "0.2"], env={}, user=[], seconds=5)
    assert "status" not in server.order("look")


class Dying(Small):
    """Ends while it starts, by a signal."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.program = f"import os, sys; os.kill(os.getpid(), {int(number)})"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_somebody_else_ends_while_it_starts_is_not_its_own_fault(number: signal.Signals) -> None:
    with pytest.raises(NotHere, match=f"server small: somebody else has sent it {number.name}; refold has not"):
        Dying(number).up()


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_server_that_breaks_while_it_starts_has_not_started(number: signal.Signals) -> None:
    with pytest.raises(NotStarted, match="it ended while it started") as told:
        Dying(number).up()
    assert not isinstance(told.value, NotHere)


@pytest.mark.parametrize("what", ["kill", "pause", "stop"])
def test_what_refold_does_itself_is_not_done_by_somebody_else(server: Small, what: str) -> None:
    getattr(server, what)()
    server.demand_peace()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_what_somebody_else_does_to_a_server_is_known(server: Small, number: signal.Signals) -> None:
    os.kill(server.pid(), number)
    wait_until(lambda: server.order("look")["unordered"] == number.name)
    with pytest.raises(NotHere, match=number.name):
        server.demand_peace()
    server.restart()
    server.demand_peace()
