"""Servers that stand still (SIGSTOP) while an append is under way, or while somebody reads: a fault like others, and nobody is accused."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from refold.model.action import Abort, Action, Begin, Commit, Submit
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory, Restock
from refold.model.record import Acknowledged, Unknown
from refold.search.run import Run, execute
from refold.systems.registry import resolve

BOLTS, NUTS = Restock("bolt", 1), Restock("nut", 1)
PLAN: list[Action] = [Submit("carol", BOLTS), Submit("carol", NUTS), Submit("carol", BOLTS)]
SHORT = 1.5


pytestmark = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(), reason="states of threads are read in /proc"
)


@pytest.fixture(params=["redis", "nats"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A system whose client does not wait for long."""
    name: str = request.param
    try:
        found: Any = resolve(name)
    except SystemUnavailable as error:
        pytest.skip(str(error))
    if name == "redis":
        from refold.systems.servers import redis

        monkeypatch.setattr(redis, "SECONDS", SHORT)
    else:
        from refold.systems.servers import nats_client

        monkeypatch.setattr(nats_client, "SECONDS", SHORT)
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(found.dismiss)
        yield found


def stop(server: Any) -> None:
    """Pause it, and wait until none of its threads runs: a signal takes its time."""
    server.pause()
    threads = pathlib.Path(f"/proc/{server.pid()}/task")
    until = time.monotonic() + 10
    while {state(thread) for thread in threads.iterdir()} - {"T"}:
        assert time.monotonic() < until
        time.sleep(0.01)


def state(thread: pathlib.Path) -> str:
    """The letter that the system has for it."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def paused_before(method: str, system: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The second append of a plan, or the read behind it, meets a server that stands still."""
    make = system.make_log

    def made(server: Any, application: Any) -> Any:
        log = make(server, application)
        real = getattr(log, method)
        calls = []

        def disturbed(*arguments: Any) -> Any:
            calls.append(arguments)
            if len(calls) == 2:
                stop(server)
            return real(*arguments)

        monkeypatch.setattr(log, method, disturbed)
        return log

    monkeypatch.setattr(system, "make_log", made)
    return execute(system, Inventory(), PLAN)


def test_an_append_to_a_server_that_stands_still_has_no_answer(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paused_before("append", system, monkeypatch)
    assert run.findings == []
    assert run.settled
    kinds = [type(record) for record in run.history]
    assert (kinds.count(Acknowledged), kinds.count(Unknown)) == (2, 1)


def test_a_read_from_a_server_that_stands_still_is_done_again(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = paused_before("read", system, monkeypatch)
    assert run.findings == []
    assert run.settled
    assert [type(record) for record in run.history].count(Acknowledged) == 3


def test_one_that_goes_on_in_time_is_only_slow(system: Any) -> None:
    seen: list[Any] = []
    deployment = system.open(Inventory(), seen.append)
    stop(system.server)
    system.server.resume()
    assert deployment.perform(PLAN[0])
    deployment.close()
    assert [type(record) for record in seen].count(Acknowledged) == 1


@pytest.mark.parametrize("end", [Commit("alice"), Abort("alice")])
@pytest.mark.parametrize("other", [(), (Begin("bob", NUTS),)])
def test_a_server_that_goes_away_under_an_open_append_takes_it_along(
    end: Action, other: tuple[Action, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone without a fault of the plan, so the plan still commits; that was a fault of refold itself."""
    try:
        system: Any = resolve("nats")
    except SystemUnavailable as error:
        pytest.skip(str(error))
    make = system.make_log

    def made(server: Any, application: Any) -> Any:
        log = make(server, application)
        append = log.append

        def disturbed(request: Any) -> Any:
            if request.op.startswith("carol"):
                server.kill()
            return append(request)

        monkeypatch.setattr(log, "append", disturbed)
        return log

    monkeypatch.setattr(system, "make_log", made)
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(system.dismiss)
        run = execute(system, Inventory(), [Begin("alice", BOLTS), Submit("carol", NUTS), *other, end])
    assert run.findings == []
    assert run.settled
