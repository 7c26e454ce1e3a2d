"""Histories that are judged while they are written: the same is found, wherever the writer pauses."""

from __future__ import annotations

import codecs
import os
import pathlib
import random
from typing import Any

import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.history import MalformedHistory, to_line
from refold.model.errors import UsageError
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.expectation import at_version
from refold.model.record import Acknowledged, Opened, Prepared, Refused, Settling
from refold.search.run import execute
from refold.search.stored.checking import check
from refold.search.stored.followed import FollowedHistory, opens
from refold.search.stored.growing import GrowingFile, GrowingFolder, GrowingStream, growth
from refold.systems.registry import resolve

ADA = Register("acme", "ada")
WRONG = tuple(
    execute(
        resolve("expected-any-misuse"),
        Accounts(),
        (Prepare("bob", ADA), Submit("alice", ADA), Append("bob")),
        whole=True,
    ).history
)
RIGHT = tuple(execute(resolve("reference"), Accounts(), (Submit("alice", ADA),) * 3, whole=True).history)
OPENED = Opened(1, "x", "", ("alice", "bob"), ())


def followed(content: bytes, sizes: list[int], folder: pathlib.Path, application: Any = None) -> FollowedHistory:
    """The history, read whenever so many bytes more were written."""
    path = folder / "history.jsonl"
    path.write_bytes(b"")
    file, history = GrowingFile(str(path)), FollowedHistory(str(path), application)
    for size in [*sizes, len(content)]:
        piece, content = content[:size], content[size:]
        with path.open("ab") as writer:
            writer.write(piece)
        for added in file.more():
            history.feed(added.lines)
    assert file.behind == len(content.rpartition(b"\n")[2])
    return history


@pytest.mark.parametrize("records", [WRONG, RIGHT], ids=["wrong", "right"])
@pytest.mark.parametrize("application", [None, Accounts()], ids=["alone", "with the application"])
def test_what_is_found_does_not_depend_on_when_it_was_written(
    records: tuple[Any, ...], application: Any, tmp_path: pathlib.Path
) -> None:
    """Forty ways to write a history in pieces."""
    content = b"".join(map(to_line, records))
    judged = check(records, application=application) if application else check([{**_plain(records[0])}, *records[1:]])
    for seed in range(40):
        generator = random.Random(seed)
        sizes = [generator.choice([0, 1, 40, 3000]) for _ in range(generator.randrange(30))]
        history = followed(content, sizes, tmp_path, application)
        assert history.error is None
        assert history.records == len(records)
        assert [finding.anomaly for finding in history.told.values()] == [f.anomaly for f in judged.findings]
        assert history.verdict == judged.verdict


def _plain(opened: Opened) -> dict[str, Any]:
    """The first record, naming no application."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(opened, application=""))
    return plain


def test_a_history_that_begins_in_the_middle_is_judged_from_there() -> None:
    """Versions are known from the first event of each stream on, and what was asked for before that is refused for any reason."""

    def asked(op: str, seen: int) -> Prepared:
        return Prepared("alice", op, None, "log", "s", seen, at_version(seen), (NewEvent(f"{op}/0", "T", 1),))

    def stored(position: int, version: int, op: str) -> Stored:
        return Stored(position, "s", version, f"{op}/0", "T", 1)

    right = [
        OPENED,
        asked("alice-1", 4),
        stored(70, 5, "alice-1"),
        Acknowledged("alice", "alice-1", (70,)),
        asked("alice-2", 4),
        Refused("alice", "alice-2", 5),
    ]
    early = [OPENED, asked("alice-2", 5), stored(70, 6, "bob-1"), Refused("alice", "alice-2", 5)]
    stale = [*right, asked("alice-3", 4), stored(71, 6, "alice-3")]
    late = [OPENED, asked("alice-1", 3), stored(70, 5, "alice-1")]
    groundless = [*right, asked("alice-3", 5), Refused("alice", "alice-3", 5)]
    for records, anomalies in (
        (right, []),
        (early, []),
        (stale, ["lost-update"]),
        (late, ["lost-update"]),
        (groundless, ["false-conflict"]),
    ):
        history = FollowedHistory("history")
        for record in records:
            history.feed(to_line(record))
        assert [finding.anomaly for finding in history.told.values()] == anomalies, records
        assert any("position 70" in text for text in history.not_checked())


def test_what_ends_the_reading_is_kept_and_so_is_what_was_found() -> None:
    """And nothing is read behind it."""
    history = FollowedHistory("history", Accounts())
    history.feed(b"".join(map(to_line, WRONG)))
    assert (history.verdict, history.error) == ("broken", None)
    history.feed(b"{nonsense\n")
    assert isinstance(history.error, MalformedHistory)
    assert history.error.line == len(WRONG) + 1
    history.feed(to_line(Settling()))
    assert (history.verdict, history.records) == ("broken", len(WRONG))
    unopened = FollowedHistory("history")
    unopened.feed(to_line(Settling()))
    assert str(unopened.error) == "line 1: a history begins with a record of kind “history”"


def test_what_was_found_before_ctrl_c_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it came in the middle of some lines."""
    phantom = Stored(1, "s", 1, "nobody-1/0", "T", None)
    history = FollowedHistory("history")
    history.feed(to_line(OPENED) + to_line(phantom))
    assert history.judge is not None
    history.judge.known[Settling] = lambda number, record: [interrupted]
    with pytest.raises(KeyboardInterrupt):
        history.feed(to_line(Stored(2, "t", 1, "nobody-2/0", "T", None)) + to_line(Settling()))
    assert history.error is None
    assert [finding.where for finding in history.fresh()] == ["t"]
    assert history.records == 3


def interrupted(number: int, record: Settling) -> None:
    """Somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def test_nothing_is_decided_without_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is limited until there is one."""
    history = FollowedHistory("history")
    history.feed(to_line(OPENED))
    assert (history.verdict, history.records) == ("undecided", 0)
    assert history.end() == []
    assert list(history.not_checked()) == ["history: it has no event, so nothing in it is judged"]
    assert history.error is None
    monkeypatch.setattr("refold.search.stored.followed.BYTES_BEFORE_EVENTS", 2000)
    history = FollowedHistory("history")
    for _ in range(100):
        history.feed(to_line(OPENED))
    assert "no event in the first" in str(history.error)
    assert history.waiting == []


def test_findings_are_told_once_and_memory_holds_a_hundred() -> None:
    """All are counted."""
    history = FollowedHistory("history")
    told = [*history.feed(to_line(OPENED) + to_line(Stored(1, "s", 1, "nobody-0/0", "T", None)))]
    for n in range(1, 300):
        told += history.feed(to_line(Stored(n + 1, f"s{n}", 1, f"nobody-{n}/0", "T", None)))
    assert len(told) == len(history.told) == 100
    assert history.found == {("phantom-event", "LOG"): 300}
    assert history.judge is not None
    assert history.judge.findings == []


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path: pathlib.Path) -> None:
    """Only the last one grows; files of others are left alone; what was read may be deleted."""
    folder = GrowingFolder(str(tmp_path))
    assert list(folder.more()) == []
    (tmp_path / "README.txt").write_text("other\n")
    (tmp_path / ".c.jsonl").write_text("hidden\n")
    (tmp_path / "b.jsonl").write_text("2\n")
    (tmp_path / "a.jsonl").write_text("1\n")
    assert [(added.lines, added.first) for added in folder.more()] == [(b"1\n", True), (b"2\n", True)]
    with (tmp_path / "b.jsonl").open("a") as file:
        file.write("3\n4")
    assert [(added.lines, added.first) for added in folder.more()] == [(b"3\n", False)]
    assert folder.behind == 1
    with (tmp_path / "b.jsonl").open("a") as file:
        file.write("\n")
    (tmp_path / "c.jsonl").write_text("5\n")
    (tmp_path / "a.jsonl").unlink()
    assert [added.lines for added in folder.more()] == [b"4\n", b"5\n"]
    (tmp_path / "c.jsonl").unlink()
    assert list(folder.more()) == []


def _shorter(folder: pathlib.Path) -> None:
    (folder / "b.jsonl").write_text("")


def _replaced(folder: pathlib.Path) -> None:
    (folder / "other").write_text("1\n2\n3\n")
    os.replace(folder / "other", folder / "b.jsonl")


def _late(folder: pathlib.Path) -> None:
    (folder / "a.jsonl").write_text("1\n")


def _unfinished(folder: pathlib.Path) -> None:
    with (folder / "b.jsonl").open("a") as file:
        file.write("unfinished")
    (folder / "c.jsonl").write_text("1\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_shorter, "a history only grows"),
        (_replaced, "another file has taken its place"),
        (_late, "in the order of their names"),
        (_unfinished, "it ends within a line, and c.jsonl follows"),
    ],
)
def test_what_does_not_only_grow_is_refused(change: Any, said: str, tmp_path: pathlib.Path) -> None:
    """With the name of the file."""
    (tmp_path / "b.jsonl").write_text("1\n")
    folder = growth(str(tmp_path))
    assert len(list(folder.more())) == 1
    change(tmp_path)
    with pytest.raises(UsageError, match=said) as refused:
        list(folder.more())
    assert str(tmp_path) in str(refused.value)


def test_a_stream_is_read_as_far_as_it_has_come() -> None:
    """Nobody waits; it may end, but not within a line."""
    reader, writer = os.pipe()
    try:
        stream = GrowingStream(reader, "-")
        assert list(stream.more()) == []
        os.write(writer, codecs.BOM_UTF8 + b"1\n2")
        assert [(added.lines, added.first) for added in stream.more()] == [(b"1\n", True)]
        assert stream.behind == 1
        os.write(writer, b"\n3\n")
        assert [(added.lines, added.first) for added in stream.more()] == [(b"2\n3\n", False)]
        os.write(writer, b"4")
        assert (list(stream.more()), stream.finished) == ([], False)
    finally:
        os.close(writer)
    with pytest.raises(UsageError, match="within a line"):
        list(stream.more())
    assert stream.finished
    os.close(reader)


def test_a_line_of_a_stream_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is longer is no record, and not kept."""
    monkeypatch.setattr("refold.search.stored.growing.LINE_MAX", 1000)
    monkeypatch.setattr("refold.search.stored.growing.BLOCK_BYTES", 100)
    reader, writer = os.pipe()
    os.write(writer, b"a" * 10_000 + b"\n")
    os.close(writer)
    pieces = [len(added.lines) for added in GrowingStream(reader, "-").more()]
    os.close(reader)
    assert sum(pieces) == 10_001
    assert max(pieces) <= 1200


def test_a_history_is_known_by_its_first_line() -> None:
    """Another line goes on with the history before."""
    assert opens(to_line(OPENED) + to_line(Settling()))
    assert not opens(to_line(Settling()))
    assert not opens(b"nonsense\n")
    assert not opens(b"[]\n")
