"""One history, judged by workers of a cluster: they say what one process says, or it is judged here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.history import to_line
from refold.model.errors import SystemUnavailable
from refold.model.examples.accounts import Accounts, Register
from refold.properties.shares import Division
from refold.search.matrix.tasks import AnotherVersion, Lost, Tasks, version_there, with_version
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.search.stored.files import FileSource
from refold.search.stored.history import StoredHistory
from refold.search.stored.judged import Judged
from refold.search.stored.on_workers import Group, Mail, Workers, judged_there
from refold.search.stored.side_by_side import AGAIN, understood
from refold.systems.registry import resolve

ADA = Register("acme", "ada")
PLAN = (Prepare("bob", ADA), Submit("alice", ADA), Append("bob"))

OWN = """
import os, time
from refold.model.examples.accounts import Accounts

class Asleep(Accounts):
    def evolve(self, state, event):
        time.sleep(60)

class Deadly(Accounts):
    def evolve(self, state, event):
        os._exit(3)

class Loud(Accounts):
    def evolve(self, state, event):
        print("evolving")
        return super().evolve(state, event)
"""


class Here:
    """A worker that is none: what is asked for is done when somebody waits for it."""

    def __init__(self, lost: dict[int, str]) -> None:
        self.lost = lost
        self.waiting: list[tuple[Any, Callable[..., Any], Any]] = []
        self.groups: list[Group] = []

    def threads(self) -> dict[str, int]:
        """Two."""
        return {"here": 2}

    def give(self, key: Any, function: Callable[..., Any], group: Group) -> None:
        """Later."""
        self.waiting.append((key, function, group))
        self.groups.append(group)

    def hear(self) -> list[tuple[Any, Any]]:
        """The last one first."""
        key, function, group = self.waiting.pop()
        return [(key, Lost(self.lost[group.job]) if group.job in self.lost else function(group))]

    def drop(self, key: Any) -> None:
        """Nobody waits for it."""


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short histories are divided too, each property for itself in turn."""
    monkeypatch.setattr("refold.search.stored.history.BYTES_TO_DIVIDE", 0)
    monkeypatch.setattr("refold.search.stored.history.SECONDS_TO_SAVE", -1.0)
    monkeypatch.setattr("refold.search.stored.history.SHARE_TO_SAVE", -1.0)
    monkeypatch.setattr(
        "refold.search.stored.history.divided",
        lambda properties, seconds, shares: Division(
            [list(range(job, len(properties), shares)) for job in range(shares)], 1.0, 1.0
        ),
    )


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The file of a history that holds two names."""
    monkeypatch.chdir(tmp_path)
    Path("loud_rules.py").write_text(OWN)
    run = execute(resolve("expected-any-misuse"), Accounts(), PLAN, whole=True)
    Path("wrong.jsonl").write_bytes(b"".join(map(to_line, run.history)))
    return "wrong.jsonl"


def judged(path: str, named: str | None, here: Here, silent: float = 60.0) -> Judged:
    """With the application that the user named, on a worker that is none."""
    workers = Workers(Mail(here), named, silent)  # type: ignore[arg-type]
    given = None if named is None else application_named(named)
    return StoredHistory(FileSource(path), given, jobs=None, remote=workers).judged()


@pytest.mark.parametrize("named", [None, "accounts", "loud_rules.py:Loud"])
def test_workers_find_what_one_process_finds(named: str | None, wrong: str) -> None:
    """In its order; with the application that is named by the history, by the user, or of the user's own, whatever that prints."""
    here = Here({})
    found = judged(wrong, named, here)
    one = StoredHistory(FileSource(wrong), None if named is None else application_named(named)).judged()
    assert len(here.groups) == 2
    assert (found.findings, found.not_checked, found.counts, found.records) == (
        one.findings,
        one.not_checked,
        one.counts,
        one.records,
    )
    assert found.findings[0].anomaly == "duplicate-create"


def test_what_a_worker_that_died_would_have_judged_is_named(wrong: str) -> None:
    """What the other one finds is kept."""
    found = judged(wrong, "accounts", Here({1: "together with the worker that made it"}))
    assert isinstance(found.error, SystemUnavailable)
    assert "was ended (together with the worker that made it)" in str(found.error)
    assert any("the process that judged this was ended" in text for text in found.not_checked)


def group(path: str, application: str, silent: float = 60.0) -> Group:
    """All properties of a history."""
    source = FileSource(path)
    return Group(source.name, source.size, application, "", None, [list(range(40))], silent)


def test_an_application_that_does_not_answer_there_is_judged_here(wrong: str) -> None:
    """Where that is told in a sentence."""
    said = judged_there(group(wrong, "loud_rules.py:Asleep", silent=0.2))
    assert isinstance(said, bytes)
    assert understood(said).ending == AGAIN


def test_an_application_that_ends_its_process_costs_no_worker(wrong: str) -> None:
    """It is told how it ended."""
    said = judged_there(group(wrong, "loud_rules.py:Deadly"))
    assert isinstance(said, Lost)
    assert "3" in said.why


def test_another_file_of_the_same_name_is_not_judged_there(wrong: str) -> None:
    """Its verdict would be that of another history."""
    asked = group(wrong, "accounts")
    Path(wrong).write_bytes(Path(wrong).read_bytes() + b"\n")
    said = judged_there(asked)
    assert isinstance(said, bytes)
    assert understood(said).ending == AGAIN


def test_a_worker_with_another_refold_does_nothing() -> None:
    """It may have come after the others were asked."""
    assert with_version(version_there(), max, 3, 7) == 7
    with pytest.raises(AnotherVersion, match=version_there()):
        with_version("0.0.0", max, 3, 7)


def test_another_version_is_one_sentence() -> None:
    """It says what to install."""

    class Future:
        def result(self, timeout: float) -> Any:
            raise AnotherVersion("0.0.9")

    tasks: Tasks[int] = Tasks.__new__(Tasks)
    future = Future()
    tasks.futures, tasks.address = {future: None}, "tcp://there:1"  # type: ignore[dict-item]
    tasks.distributed = type("distributed", (), {"KilledWorker": RuntimeError})
    with pytest.raises(
        SystemUnavailable, match=r"a worker at tcp://there:1 has refold 0\.0\.9, and this is .*; install the same there"
    ):
        tasks.taken(future)


def test_a_scheduler_that_did_not_come_back_is_one_sentence() -> None:
    """Whatever is asked of it then."""
    tasks: Tasks[int] = Tasks.__new__(Tasks)
    tasks.client, tasks.address, tasks.again, tasks.futures = None, "tcp://there:1", 0, {}
    assert tasks.threads() == {}
    for ask in (tasks.hear, lambda: tasks.give(1, max, 3, 7)):
        with pytest.raises(SystemUnavailable, match="the Dask scheduler at tcp://there:1 is gone; start it"):
            ask()


class Unlucky:
    """A client of a cluster in which every worker dies."""

    status = "running"

    def __init__(self) -> None:
        self.given = 0

    def nthreads(self) -> dict[str, int]:
        """One."""
        return {"worker": 1}

    def submit(self, *task: Any, **options: Any) -> Any:
        """It is over at once."""
        self.given += 1
        return Killed()


class Killed:
    """What has become of a task."""

    status = "error"

    def done(self) -> bool:
        """Over."""
        return True

    def result(self, timeout: float) -> Any:
        """The worker is dead."""
        raise RuntimeError


def test_a_task_whose_workers_have_died_is_given_again_a_few_times() -> None:
    """Then it is lost."""
    tasks: Tasks[int] = Tasks.__new__(Tasks)
    client = Unlucky()
    tasks.client, tasks.local, tasks.again, tasks.futures = client, None, 2, {}
    tasks.distributed = type("distributed", (), {"KilledWorker": RuntimeError})
    tasks.give(1, max, 3, 7)
    assert [tasks.hear() for _ in range(3)] == [[], [], [(1, Lost("together with the worker that made it"))]]
    assert (client.given, tasks.futures) == (3, {})
