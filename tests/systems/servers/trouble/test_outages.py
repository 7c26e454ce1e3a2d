"""What happens to a server is told apart and counted apart: cut connections, pauses, orderly stops, SIGKILL, lost answers."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from refold.model.action import Action, AppendUnheard, Crash, Prepare, Restart, Submit
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory, Restock
from refold.model.parts.outages import (
    ConnectionCut,
    CutConnection,
    PauseServer,
    ServerPaused,
    ServerStopped,
    StopServer,
)
from refold.model.record import Acknowledged, Stored, Unknown
from refold.search.run import Run, execute
from refold.search.vacuous import counts
from refold.systems.registry import resolve
from refold.systems.servers import server as servers

from ..small import Small

BOLTS = Restock("bolt", 1)
SUBMIT = Submit("carol", BOLTS)
CUT, PAUSE, STOP = CutConnection("log"), PauseServer("log"), StopServer("log")
KILL, BACK = Crash("log"), Restart("log")
SERVERS = ["redis", "nats", "umadb", "postgres"]


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """A system whose wheels are here, and afterwards nothing of it."""
    try:
        system: Any = resolve(name)
    except SystemUnavailable as error:
        pytest.skip(str(error))
    try:
        yield system
    finally:
        system.dismiss()


def number(run: Run, kind: type) -> int:
    return sum(isinstance(record, kind) for record in run.history)


def tried(name: str, plan: Sequence[Action]) -> Run:
    with opened(name) as system:
        return execute(system, Inventory(), plan)


@pytest.mark.parametrize("name", SERVERS)
def test_a_careful_server_keeps_what_it_has_acknowledged_whatever_happens_and_each_is_counted(name: str) -> None:
    plan = [SUBMIT, CUT, SUBMIT, PAUSE, SUBMIT, SUBMIT, STOP, BACK, SUBMIT, KILL, BACK, SUBMIT]
    plan += [Prepare("carol", BOLTS), AppendUnheard("carol")]
    run = tried(name, plan)
    assert run.findings == []
    assert run.settled
    told = counts(run.history, plan)
    assert [
        told[one] for one in ("connections_cut", "server_pauses", "server_stops", "server_kills", "appends_unheard")
    ] == [1, 1, 1, 1, 1]
    stored = number(run, Stored)
    assert number(run, Acknowledged) <= stored <= 7
    assert number(run, Acknowledged) + number(run, Unknown) == 7


def test_an_orderly_stop_and_sigkill_are_told_apart() -> None:
    """Valkey that writes its memory down when it is stopped, and at no other time, loses everything by SIGKILL alone; one that never
    does, by both."""
    found = {
        (setting, action): {
            one.anomaly for one in tried(f"redis?persistence={setting}", [SUBMIT, action, BACK]).findings
        }
        for setting in ("always", "rdb", "none")
        for action in (STOP, KILL)
    }
    lost = {"acknowledged-append-lost"}
    assert found == {
        ("always", STOP): set(),
        ("always", KILL): set(),
        ("rdb", STOP): set(),
        ("rdb", KILL): lost,
        ("none", STOP): lost,
        ("none", KILL): lost,
    }


def test_what_was_sent_to_a_server_that_stood_still_is_done_after_all() -> None:
    """The client has given up; the server finds the request when it goes on."""
    run = tried("redis", [SUBMIT, PAUSE, SUBMIT])
    assert (number(run, Acknowledged), number(run, Unknown), number(run, Stored)) == (1, 1, 2)
    assert number(run, ServerPaused) == 1


def test_a_cut_before_the_append_is_sent_leaves_nothing_of_it() -> None:
    run = tried("nats", [SUBMIT, CUT, SUBMIT, SUBMIT])
    assert (number(run, Acknowledged), number(run, Unknown), number(run, Stored)) == (2, 1, 2)
    assert number(run, ConnectionCut) == 1


def test_somebody_elses_server_is_cut_off_and_neither_stopped_nor_paused() -> None:
    with opened("redis") as ours:
        ours.ours().up()
        with opened(f"redis?url={ours.server.url}") as system:
            run = execute(system, Inventory(), [SUBMIT, STOP, PAUSE, CUT, SUBMIT])
            assert run.findings == []
            assert (number(run, ServerStopped), number(run, ServerPaused), number(run, ConnectionCut)) == (0, 0, 1)
            assert {STOP, PAUSE}.isdisjoint(system.menu(Inventory()).actions())
        assert ours.server.pid()


@pytest.mark.parametrize("name", SERVERS)
def test_plans_have_all_of_them(name: str) -> None:
    with opened(name) as system:
        assert {CUT, PAUSE, STOP, KILL} < set(system.menu(Inventory()).actions())


class Stubborn(Small):
    """Does not hear SIGTERM."""

    kind = "stubborn"

    def command(self) -> list[str]:
        return ["/bin/sh", "-c", "trap '' TERM; : > ready; while :; do sleep 1; done"]

    def answers(self) -> bool:
        return (self.folder / "ready").exists()


def test_a_server_that_does_not_stop_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(servers, "STOP", 0.2)
    with Stubborn() as server:
        with pytest.raises(SystemUnavailable, match=r"still there 0\.2 seconds after SIGTERM"):
            server.stop()
        assert server.pid() == 0
