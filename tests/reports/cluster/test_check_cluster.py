"""`refold check --cluster`: workers say what one machine says, in its order and its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.history import to_line
from refold.model.errors import SystemUnavailable
from refold.model.examples.accounts import Accounts, Register
from refold.reports.commands.on_cluster import NotJudged, judged_there
from refold.search.matrix.tasks import Lost
from refold.search.run import execute
from refold.systems.registry import resolve

from ..conftest import Ended, only_results

Refold = Callable[..., Ended]
ADA = Register("acme", "ada")
PLAN = (Prepare("bob", ADA), Submit("alice", ADA), Append("bob"))


def history(path: Path, system: str) -> None:
    """What a plan leaves on a system."""
    path.write_bytes(b"".join(map(to_line, execute(resolve(system), Accounts(), PLAN, whole=True).history)))


class Here:
    """Workers that are none: each task is done in this process, when somebody waits for it, the last one first."""

    workers = 1
    lost: dict[Any, str] = {}
    ending: BaseException | None = None

    def __init__(self, address: str, jobs: int | None, told: Callable[[str], None], again: int) -> None:
        self.waiting: list[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = []

    def threads(self) -> dict[str, int]:
        """So many."""
        return {"here": self.workers}

    def give(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Later."""
        self.waiting.append((key, function, arguments))

    def hear(self) -> Sequence[tuple[Any, Any]]:
        """The next one, or what ends it all."""
        if self.ending is not None and len(self.waiting) == 1:
            raise self.ending
        key, function, arguments = self.waiting.pop()
        return [(key, Lost(self.lost[key]) if key in self.lost else function(*arguments))]

    def drop(self, key: Any) -> None:
        """Nobody waits for it."""

    def close(self) -> None:
        """Nothing to let go."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Histories of several kinds and conditions, and workers that are none."""
    monkeypatch.setattr("refold.reports.commands.check.Tasks", Here)
    history(tmp_path / "good.jsonl", "reference")
    history(tmp_path / "bad.jsonl", "expected-any-misuse")
    (tmp_path / "cut.jsonl").write_bytes((tmp_path / "good.jsonl").read_bytes()[:-20])
    (tmp_path / "ops.edn").write_text("{:process 0 :type :invoke :f :read}\n{:process 0 :type :ok :f :read :value 7}\n")
    return ["good.jsonl", "bad.jsonl", "missing.jsonl", "cut.jsonl", "ops.edn"]


def without_time(ended: Ended) -> list[dict[str, Any]]:
    """The results, without what differs between two times."""
    return [{**result, "seconds": 0} for result in only_results(ended)]


def test_workers_say_what_one_machine_says(refold: Refold, files: list[str]) -> None:
    """Verdicts, findings, sentences and errors; options are handed on."""
    options = ("--initial", "7", "--application", "accounts", "--json")
    here, there = refold("check", *files, *options), refold("check", *files, *options, "--cluster", "tcp://there:1")
    assert without_time(there) == without_time(here)
    assert [result["verdict"] for result in without_time(here)] == [
        "held",
        "broken",
        "undecided",
        "undecided",
        "linearizable",
    ]
    assert there.code == here.code == 2


def test_a_file_that_the_worker_does_not_have_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one of the same name with other bytes: the sentence says what is needed."""
    monkeypatch.chdir(tmp_path)
    Path("history.jsonl").write_text("{}\n")
    for size, name in ((3, "elsewhere.jsonl"), (4, "history.jsonl")):
        said = judged_there(name, size, ())
        assert isinstance(said, NotJudged)
        assert said.why.startswith(
            f"a worker in {tmp_path} cannot find this file, or finds a different file at this path"
        )


def test_what_nobody_could_judge_is_told_and_the_rest_is_kept(
    refold: Refold, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One history ends every worker that reads it."""
    monkeypatch.setattr(Here, "lost", {0: "together with the worker that made it"})
    ended = refold("check", "good.jsonl", "bad.jsonl", "--cluster", "tcp://there:1", "--json")
    lost, bad = only_results(ended)
    assert lost["error"] == "good.jsonl: it was not judged: its process was ended together with the worker that made it"
    assert (lost["verdict"], bad["verdict"], ended.code) == ("undecided", "broken", 2)


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (KeyboardInterrupt(), "good.jsonl: interrupted"),
        (SystemUnavailable("no worker came"), "good.jsonl: no worker came"),
    ],
)
def test_an_end_before_the_last_history_keeps_what_was_judged(
    ending: BaseException, said: str, refold: Refold, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, or a cluster that nobody works for."""
    monkeypatch.setattr(Here, "ending", ending)
    ended = refold("check", "good.jsonl", "bad.jsonl", "--cluster", "tcp://there:1", "--json")
    good, bad = only_results(ended)
    assert (good["error"], bad["verdict"], ended.code) == (said, "broken", 2)


def test_the_properties_of_a_large_history_are_divided_among_workers(
    refold: Refold, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each judges a group of them; together they say what one process says."""
    monkeypatch.setattr("refold.reports.commands.check.BYTES_TO_DIVIDE", 0)
    monkeypatch.setattr("refold.search.stored.history.BYTES_TO_DIVIDE", 0)
    monkeypatch.setattr("refold.search.stored.history.SECONDS_TO_SAVE", 0.0)
    monkeypatch.setattr("refold.search.stored.history.SHARE_TO_SAVE", 0.0)
    monkeypatch.setattr(Here, "workers", 2)
    groups: list[Any] = []
    give = Here.give
    monkeypatch.setattr(Here, "give", lambda *given: (groups.append(given[1]), give(*given)))
    options = ("--application", "accounts", "--json")
    there = without_time(refold("check", "bad.jsonl", *options, "--cluster", "tcp://there:1"))
    assert groups == [("bad.jsonl", 0), ("bad.jsonl", 1)]
    assert there == without_time(refold("check", "bad.jsonl", *options))


def test_ctrl_c_in_a_history_that_is_divided_ends_the_command(
    refold: Refold, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the others."""
    monkeypatch.setattr("refold.reports.commands.check.FileJudge.large", lambda self, file: file == "bad.jsonl")
    monkeypatch.setattr("refold.search.stored.history.BYTES_TO_DIVIDE", 0)
    monkeypatch.setattr("refold.search.stored.history.SECONDS_TO_SAVE", -1.0)
    monkeypatch.setattr("refold.search.stored.history.SHARE_TO_SAVE", -1.0)
    monkeypatch.setattr(Here, "workers", 3)

    def interrupted(self: Here) -> Sequence[tuple[Any, Any]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Here, "hear", interrupted)
    ended = refold(
        "check", "good.jsonl", "bad.jsonl", "--application", "accounts", "--cluster", "tcp://there:1", "--json"
    )
    assert [result["error"] for result in only_results(ended)] == ["good.jsonl: interrupted", "bad.jsonl: interrupted"]
    assert ended.code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--follow",), "--follow judges in a single process; leave out --cluster"),
        (("--jobs", "2"), "the workers at tcp://there:1 decide how much they do at a time; leave out --jobs"),
        (("--report-dir", "pages"), "--report-dir does not work with --cluster"),
    ],
)
def test_what_workers_do_not_do_is_refused(
    options: tuple[str, ...], said: str, refold: Refold, files: list[str]
) -> None:
    """In a sentence that says what to do."""
    ended = refold("check", "good.jsonl", "--cluster", "tcp://there:1", *options)
    assert ended.code == 2
    assert said in ended.err


def test_standard_input_is_read_here(refold: Refold, files: list[str]) -> None:
    """No worker can."""
    ended = refold("check", "-", "--cluster", "tcp://there:1")
    assert ended.code == 2
    assert "workers cannot read standard input" in ended.err


def test_a_cluster_that_is_started_for_it(refold_process: Refold, files: list[str]) -> None:
    """With real workers."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    ended = refold_process("check", *files[:2], "--cluster", "local", "--jobs", "2", "--json")
    assert [result["verdict"] for result in only_results(ended)] == ["held", "broken"], ended.err
    assert ended.code == 1
