"""`check`: a history from a file, from records, from lines; and what is kept of one that cannot be read to its end."""

from __future__ import annotations

import codecs
import gc
import json
import pathlib
from collections.abc import Iterator
from typing import Any, ClassVar
from weakref import WeakSet

import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.history import HistoryReader, MalformedHistory, to_line
from refold.model.errors import NoAnswer, UsageError
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory, Restock
from refold.properties.linearizability import CasRegister, HistoryError, read_operations
from refold.search.run import BrokenApplication, execute
from refold.search.stored.checking import check
from refold.search.stored.files import FileSource, MemorySource
from refold.search.stored.history import StoredHistory
from refold.systems.registry import resolve

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
ADA = Register("acme", "ada")
WRONG = tuple(
    execute(
        resolve("expected-any-misuse"),
        Accounts(),
        (Prepare("bob", ADA), Submit("alice", ADA), Append("bob")),
        whole=True,
    ).history
)
RIGHT = tuple(execute(resolve("reference"), Accounts(), (Submit("alice", ADA),), whole=True).history)


def written(path: pathlib.Path, records: tuple[Any, ...]) -> pathlib.Path:
    """A file with these records."""
    path.write_bytes(b"".join(map(to_line, records)))
    return path


def test_a_file_records_maps_and_lines_are_judged_alike(tmp_path: pathlib.Path) -> None:
    """By the example that the history names, or the application that is given."""
    path = written(tmp_path / "history.jsonl", WRONG)
    text = path.read_text()
    verdicts = [
        check(path),
        check(str(path), application="accounts"),
        check(WRONG, application=Accounts),
        check(list(WRONG)),
        check(iter(WRONG)),
        check([json.loads(line) for line in text.splitlines()]),
        check(text.splitlines()),
        check(text.encode().splitlines(keepends=True)),
    ]
    assert {judged.verdict for judged in verdicts} == {"broken"}
    assert {judged.findings[0].anomaly for judged in verdicts} == {"duplicate-create"}
    assert {judged.records for judged in verdicts} == {len(WRONG)}
    assert {judged.application.name for judged in verdicts if judged.application} == {"accounts"}
    assert all(judged.error is None for judged in verdicts)


def test_what_is_right_holds_and_says_what_was_not_checked() -> None:
    """Without an application decisions and contents cannot be judged."""
    assert check(RIGHT).verdict == "held"
    renamed = [
        {**json.loads(to_line(record)), **({"application": "shop"} if n == 0 else {})} for n, record in enumerate(RIGHT)
    ]
    judged = check(renamed)
    assert judged.verdict == "held"
    assert judged.application is None
    assert any("decisions" in text for text in judged.not_checked)


def test_a_history_without_positions_is_held_against_a_model() -> None:
    """By its name, or as an object; in a file, as maps, or as operations."""
    path = EXAMPLES / "stale-read.jsonl"
    maps = [json.loads(line) for line in path.read_text().splitlines()]
    verdicts = [
        check(path, initial=0),
        check(maps, initial=0),
        check(path, model=CasRegister(0)),
        check(read_operations(str(path))[1], initial=0),
    ]
    assert {judged.verdict for judged in verdicts} == {"not linearizable"}
    assert {judged.black_box.blame.process for judged in verdicts if judged.black_box and judged.black_box.blame} == {1}
    assert {judged.records for judged in verdicts} == {4}


def test_what_was_found_before_a_line_that_is_wrong_is_kept(tmp_path: pathlib.Path) -> None:
    """So is the error."""
    path = written(tmp_path / "history.jsonl", WRONG)
    with path.open("a") as file:
        file.write("{nonsense\n{}\n")
    judged = check(path)
    assert judged.verdict == "broken"
    assert isinstance(judged.error, MalformedHistory)
    assert judged.records == len(WRONG)
    path = written(tmp_path / "right.jsonl", RIGHT)
    with path.open("a") as file:
        file.write("{nonsense\n{}\n")
    assert check(path).verdict == "undecided"


class Interrupted(MemorySource):
    """Ctrl-C while it is read for judging, behind the last line."""

    def blocks(self, heartbeat: Any = None) -> Iterator[bytes]:
        """The lines, then the interruption."""
        yield b"".join(self.kept)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("records", "verdict"), [(WRONG, "broken"), (RIGHT, "undecided")])
def test_what_was_found_before_ctrl_c_is_kept(records: tuple[Any, ...], verdict: str) -> None:
    """With the interruption."""
    judged = StoredHistory(Interrupted(tuple(map(to_line, records)))).judged()
    assert judged.verdict == verdict
    assert isinstance(judged.error, KeyboardInterrupt)
    assert judged.records == len(records)
    assert judged.counts["appended"] > 0


class Hanging(Accounts):
    """Its evolve never comes to an end; somebody has enough of it."""

    def evolve(self, state: Any, event: Any) -> Any:
        raise NoAnswer("application 'accounts' did not answer")


class Failing(Accounts):
    """Its evolve fails on everything."""

    def evolve(self, state: Any, event: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")


@pytest.mark.parametrize(("application", "error"), [(Hanging, NoAnswer), (Failing, BrokenApplication)])
def test_the_line_is_named_at_which_an_application_fails(
    application: type[Accounts], error: type[BaseException]
) -> None:
    """And nothing is decided by then."""
    judged = StoredHistory(MemorySource(tuple(map(to_line, RIGHT))), application()).judged()
    assert isinstance(judged.error, error)
    assert "line " in str(judged.error)
    assert judged.verdict == "undecided"


def test_cpu_time_that_is_over_is_a_reason(tmp_path: pathlib.Path) -> None:
    """What was read by then is judged, and the rest is said to be unchecked."""
    history = execute(resolve("reference"), Accounts(), (Submit("alice", ADA),) * 400, whole=True).history
    path = written(tmp_path / "history.jsonl", tuple(history))
    judged = StoredHistory(FileSource(str(path)), Accounts(), seconds=0.0).judged()
    assert judged.verdict == "undecided"
    assert "of CPU time were over at line" in judged.reason
    assert any("everything from line" in text for text in judged.not_checked)
    assert judged.error is None


@pytest.mark.parametrize(
    ("history", "options", "error", "said"),
    [
        ("nowhere.jsonl", {}, FileNotFoundError, "nowhere"),
        (7, {}, UsageError, "a path or the records of one"),
        ({"a": 1}, {}, UsageError, "a path or the records of one"),
        ([], {}, MalformedHistory, "the history is empty"),
        ([object()], {}, UsageError, "record 1 of the history is a object"),
        (["what is this"], {}, MalformedHistory, "none of the formats"),
        (RIGHT, {"format": "xml"}, UsageError, "unknown format 'xml'"),
        (RIGHT, {"application": "nobody"}, UsageError, "there is no application"),
        ([{"process": 1, "type": "invoke", "f": "read"}], {"model": "rgister"}, UsageError, "unknown model"),
        ([{"process": 1, "type": "invoke"}], {}, HistoryError, "line 1"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(
    history: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Nothing is returned that could be taken for a verdict."""
    with pytest.raises(error, match=said):
        check(history, **options)


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 16])
def test_blocks_are_the_lines_of_a_file(size: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many bytes are read at a time, each block ends with a line; a mark at the beginning is left out."""
    monkeypatch.setattr("refold.search.stored.files.BLOCK_BYTES", size)
    lines = [*map(to_line, RIGHT), b'{"cut off": ']
    path = tmp_path / "history.jsonl"
    path.write_bytes(codecs.BOM_UTF8 + b"".join(lines))
    heard: list[int] = []
    blocks = list(FileSource(str(path)).blocks(heard.append))
    assert b"".join(blocks).removeprefix(codecs.BOM_UTF8) == b"".join(lines)
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert blocks[0].startswith(b"{") or size < len(codecs.BOM_UTF8)
    assert len(heard) == len(blocks)
    assert heard == sorted(heard)


def test_a_line_without_an_end_is_not_kept_in_memory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut, and refused for its length, wherever it ends."""
    monkeypatch.setattr("refold.search.stored.files.LINE_BYTES", 5000)
    monkeypatch.setattr("refold.model.documents.history.LINE_MAX", 4000)
    monkeypatch.setattr("refold.search.stored.files.BLOCK_BYTES", 1000)
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join(map(to_line, RIGHT)) + b'"' + b"a" * 100_000)
    assert max(map(len, FileSource(str(path)).blocks())) <= 7000
    judged = check(path, format="refold")
    assert str(judged.error) == f"line {len(RIGHT) + 1}: the line is longer than 4000 bytes"


class Littering(Inventory):
    """It leaves a cycle behind with every event; `alive` are those that are left, `most` how many these were at once."""

    alive: ClassVar[WeakSet[Any]] = WeakSet()
    made: ClassVar[int] = 0
    most: ClassVar[int] = 0

    def evolve(self, state: Any, event: Any) -> Any:
        class Litter:
            def __init__(self) -> None:
                self.myself = self

        self.alive.add(Litter())
        Littering.made += 1
        Littering.most = max(Littering.most, len(self.alive))
        return super().evolve(state, event)


def test_what_an_application_leaves_behind_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the garbage collector is at rest; afterwards it is as it was."""
    monkeypatch.setattr("refold.search.stored.history.RECORDS_A_COLLECTION", 200)
    history = execute(
        resolve("reference"), Inventory(), (Submit("alice", Restock("bolt", 1)),) * 60, whole=True
    ).history
    lines = tuple(map(to_line, history))
    monkeypatch.setattr("refold.search.stored.files.LINES_A_BEAT", 10)
    StoredHistory(MemorySource(lines), Littering()).judged()
    assert gc.isenabled()
    assert Littering.most < Littering.made / 2


def test_a_record_in_memory_reads_as_its_line_does() -> None:
    """The same bytes as in a file."""
    source = MemorySource.of(RIGHT)
    assert tuple(source.lines()) == tuple(map(to_line, RIGHT))
    assert len(list(HistoryReader(Accounts()).records(source.lines()))) == len(RIGHT)
