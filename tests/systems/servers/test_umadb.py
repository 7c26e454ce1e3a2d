"""The system `umadb`: conditions over tags, retries, servers that are killed, and one that is there already."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("umadb", reason="the wheel umadb is missing")

from refold.model.action import Action, Append, AppendUnheard, Crash, CrashAt, Prepare, Restart, Retry, Submit
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.courses import Courses, Enrol
from refold.model.examples.inventory import Inventory, Restock
from refold.model.record import Acknowledged, Refused, Unknown
from refold.search.run import Run, execute
from refold.systems.registry import resolve

APPLICATION = Inventory()
BOLTS, NUTS = Restock("bolt", 1), Restock("nut", 1)
KILL: list[Action] = [Submit("bob", NUTS), Crash("log"), Restart("log")]


@contextlib.contextmanager
def opened(name: str) -> Iterator[Any]:
    """A system, and afterwards nothing of it."""
    system: Any = resolve(name)
    try:
        yield system
    finally:
        system.dismiss()


def anomalies(run: Run) -> set[str]:
    return {finding.anomaly for finding in run.findings}


def told(run: Run, kind: type) -> int:
    return sum(isinstance(record, kind) for record in run.history)


@pytest.mark.parametrize("name", ["umadb", "umadb?writer=pipelined"])
def test_what_was_acknowledged_survives_sigkill(name: str) -> None:
    with opened(name) as system:
        run = execute(system, APPLICATION, [*KILL, Submit("carol", BOLTS), *KILL])
        assert anomalies(run) == set()
        assert told(run, Acknowledged) == 3
        for step, there in ((1, 0), (2, 1)):
            run = execute(system, APPLICATION, [CrashAt("log", step), Submit("bob", NUTS), Restart("log")])
            assert anomalies(run) == set()
            assert (told(run, Unknown), told(run, Stored)) == (1, there)


BOTH: list[Action] = [
    Prepare("alice", Enrol("art", "ann")),
    Prepare("carol", Enrol("maths", "ann")),
    Append("alice"),
    Append("carol"),
]


def test_a_condition_that_names_both_tags_refuses_the_second_course() -> None:
    with opened("umadb") as system:
        run = execute(system, Courses(), BOTH)
        assert anomalies(run) == set()
        assert (told(run, Acknowledged), told(run, Refused)) == (1, 1)
        assert {event.tags for event in run.history if isinstance(event, Stored)} == {("course:art", "student:ann")}


def test_a_condition_that_names_one_of_two_tags_lets_both_in() -> None:
    with opened("umadb?condition=first") as system:
        assert "condition-ignored" in anomalies(execute(system, Courses(), BOTH))


@pytest.mark.parametrize(("application", "command"), [(APPLICATION, NUTS), (Courses(), Enrol("art", "ann"))])
def test_a_retry_is_stored_once(application: Any, command: Any) -> None:
    plan: list[Action] = [Prepare("carol", command), AppendUnheard("carol"), Submit("bob", command), Retry("carol")]
    with opened("umadb") as system:
        run = execute(system, application, plan)
        assert anomalies(run) == set()
        assert (
            len({event.id for event in run.history if isinstance(event, Stored) and event.id.startswith("carol")}) == 1
        )
        assert told(run, Acknowledged) >= 1


def test_two_runs_on_one_server_see_nothing_of_each_other() -> None:
    with opened("umadb") as system:
        for _ in range(2):
            run = execute(system, APPLICATION, [Submit("bob", NUTS), Submit("carol", BOLTS)])
            assert [event.position for event in run.history if isinstance(event, Stored)] == [1, 2]


def test_a_server_that_is_killed_from_outside_comes_back() -> None:
    with opened("umadb") as system:
        seen: list[Any] = []
        deployment = system.open(APPLICATION, seen.append)
        assert deployment.perform(Submit("bob", NUTS))
        os.kill(system.server.pid(), signal.SIGKILL)
        assert deployment.perform(Submit("carol", BOLTS))
        deployment.settle()
        deployment.close()
        assert "bob" in next(record.id for record in seen if isinstance(record, Stored))


def test_a_server_that_is_there_already_is_shared_and_not_killed() -> None:
    with opened("umadb") as owner:
        server = owner.ours()
        server.up()
        pid = server.pid()
        with opened(f"umadb?url={server.url}") as system:
            log = system.make_log(None, APPLICATION)
            execute(owner, APPLICATION, [Submit("bob", NUTS)])
            assert list(log.read(0, 10)) == []
            log.close()
            assert anomalies(execute(system, APPLICATION, [*KILL, Submit("carol", BOLTS)])) == set()
        assert server.pid() == pid


def test_options_that_do_not_fit_are_told() -> None:
    with pytest.raises(UsageError, match="neither killed nor set up by refold"):
        resolve("umadb?url=http://127.0.0.1:1&writer=pipelined")
