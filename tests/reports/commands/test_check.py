"""`refold check`: what is found in stored histories, and how it is told."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.properties.linearizability import CasRegister, Verdict
from refold.properties.shares import Division
from refold.search.stored.files import FileSource

from ..conftest import Ended, only, only_results, plan_of
from ..goldens import compare

Refold = Callable[..., Ended]

ROOT = Path(__file__).parent.parent.parent.parent
CHECKED = {"file", "format", "records", "verdict", "seconds", "findings", "blame"}

ANY = """
from msgspec import Struct
from refold.model.application import Application

class Opened(Struct, frozen=True): ...

class Added(Struct, frozen=True):
    item: str

class CheckedOut(Struct, frozen=True): ...

class Any(Application):
    events = (Opened, Added, CheckedOut)
    def commands(self): return [Added("book")]
    def key(self, message): return "cart-7"
    def decide(self, command, state): return [command]
    def evolve(self, state, event): return (state or 0) + 1
"""


def test_check_of_histories_that_hold_and_do_not(refold: Refold) -> None:
    """Exit codes 0 and 1; with the application all properties."""
    only(refold("verify", "--seed", "7", "--examples", "30", "--json", "--report-dir", "good"))
    plan_of(refold)
    ended = refold("check", "good/history.jsonl", "--application", "inventory", "--json")
    (result,) = only(ended)["results"]
    assert ended.code == 0
    assert set(result) >= CHECKED
    assert (result["format"], result["verdict"], result["findings"]) == ("refold", "held", [])
    assert result["records"] > 10
    for application in ((), ("--application", "inventory")):
        ended = refold("check", "good/history.jsonl", "found/history.jsonl", "--json", *application)
        assert ended.code == 1
        good, bad = only(ended)["results"]
        assert (good["verdict"], bad["verdict"]) == ("held", "broken")
        assert bad["findings"][0]["anomaly"] == "checkpoint-ahead-of-effects"


def test_check_for_a_reader_names_the_file_and_the_anomaly(refold: Refold) -> None:
    """On standard output."""
    plan_of(refold)
    ended = refold("check", "found/history.jsonl")
    assert ended.code == 1
    assert "checkpoint-ahead-of-effects" in ended.out
    assert "found/history.jsonl: broken" in ended.out


BLACK_BOXES = [
    ("examples/stale-read.jsonl", "--initial", "0"),
    ("tests/data/histories/etcd/etcd_000.log",),
    ("tests/data/histories/knossos/cas-failure.edn", "--initial", "0", "--nil-reads", "any"),
    ("tests/data/histories/synthetic/ok_c10_n00100_s1.txt",),
]


def test_check_of_black_boxes_for_a_reader(refold: Refold, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operation to blame, the order that the others have, the contradiction, and last the verdict, as of a history with positions."""
    monkeypatch.chdir(ROOT)
    texts = []
    for file, *options in BLACK_BOXES:
        ended = refold("check", file, *options)
        assert ended.code == (0 if "/ok_" in file else 1)
        assert ended.err == ""
        texts.append(re.sub(r"\d+\.\d\d s\)", "0.00 s)", ended.out))
    compare("check-black-box.txt", "\n".join(texts))


def test_a_black_box_that_is_undecided_says_why(
    refold: Refold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 2, and what ran out."""
    undecided = Verdict("undecided", CasRegister(0), reason="the memory allowed was spent")
    monkeypatch.setattr("refold.search.stored.black_box.decide", lambda *args, **kwargs: undecided)
    ended = refold("check", ROOT / "examples/stale-read.jsonl", "--initial", "0")
    assert ended.code == 2
    assert "undecided: the memory allowed was spent" in ended.out


def test_a_history_without_consumers_need_not_deliver(refold: Refold, tmp_path: Path) -> None:
    """As one that was recorded at the log alone. One that names a consumer, which then receives nothing, proves nothing."""
    lines = (ROOT / "examples/lost-update.jsonl").read_text().splitlines(keepends=True)[:4]
    (tmp_path / "log.jsonl").write_text("".join(lines))
    assert refold("check", "log.jsonl").code == 0
    consumers = '"consumers":[{"name":"index","projection":"totals"}]'
    (tmp_path / "log.jsonl").write_text("".join(lines).replace('"consumers":[]', consumers))
    assert "vacuous-run" in refold("check", "log.jsonl").out


def middle(shift: int = 4999) -> list[dict[str, Any]]:
    """The lost update, as it would be recorded from a log that has been there for long."""
    records = [json.loads(line) for line in (ROOT / "examples/lost-update.jsonl").read_text().splitlines()]
    for record in records:
        if record["kind"] == "event":
            record.update(position=record["position"] + shift, version=record["version"] + 16)
        elif record["kind"] == "acknowledged":
            record["positions"] = [position + shift for position in record["positions"]]
        elif record["kind"] == "prepared":
            record["command"] = {"Added": {"item": "book"}}
            record["seen"] += 16
            record["expected"] = {"expect": "exact", "version": record["seen"]}
    return records


@pytest.mark.parametrize("application", [(), ("--application", "club.py:Any")], ids=["plain", "application"])
def test_a_history_that_begins_in_the_middle_is_judged_from_there(
    application: tuple[str, ...], refold: Refold, tmp_path: Path
) -> None:
    """What happens in it is found, what came before is no finding, and what is not judged is said."""
    (tmp_path / "club.py").write_text(ANY)
    records = middle()
    files = {
        "bad.jsonl": records,
        "good.jsonl": [*records[:1], *records[2:5], *records[6:8]],
        "torn.jsonl": [*records[:1], *records[2:5], {"kind": "event"}],
    }
    for name, kept in files.items():
        (tmp_path / name).write_text("".join(json.dumps(record) + "\n" for record in kept))
    bad, good, torn = only_results(refold("check", *files, "--json", *application))
    assert [finding["anomaly"] for finding in bad["findings"]] == ["lost-update"]
    assert (good["verdict"], good["findings"], torn["findings"]) == ("held", [], [])
    assert "line 5" in torn["error"]
    for result in (bad, good):
        assert result["not_checked"][0].startswith("what came before position 5,000, at which this history begins: ")
    said = refold("check", "good.jsonl", *application).out
    assert said.startswith("    not checked: what came before position 5,000")
    assert "good.jsonl: held" in said
    (tmp_path / "whole.jsonl").write_text("".join((ROOT / "examples/lost-update.jsonl").open()))
    (whole,) = only_results(refold("check", "whole.jsonl", "--json", *application))
    assert [text.startswith("decisions") for text in whole["not_checked"]] == ([] if application else [True])


def test_check_of_a_history_whose_numbers_are_absurd_comes_to_an_end(refold: Refold, tmp_path: Path) -> None:
    """Positions of a million million are compared, not counted up to."""
    huge = 10**12
    (tmp_path / "huge.jsonl").write_text(
        '{"kind":"history","version":1,"system":"x","application":"accounts","clients":["a"],'
        '"consumers":[{"name":"index","projection":"totals"}]}\n'
        '{"kind":"step","number":1,"action":{"do":"append","client":"a"}}\n'
        f'{{"kind":"event","position":{huge},"stream":"s","version":1,"id":"a-1/0","type":"R","data":null}}\n'
        f'{{"kind":"recovered","process":"index","position":{huge - 5},"rows":{{}}}}\n'
        f'{{"kind":"applied","consumer":"index","position":{huge},"writes":{{}}}}\n'
        f'{{"kind":"checkpoint","consumer":"index","position":{huge + 5}}}\n'
        '{"kind":"settled","skipped":0}\n'
    )
    assert refold("check", "huge.jsonl").code == 1


def stored(refold: Refold, tmp_path: Path, name: str) -> list[dict[str, Any]]:
    """A counterexample's history whose violation nobody can see without the application."""
    refold("verify", "--system", "unique-via-stale-read-model", "--seed", "1", "--examples", "100", "--json")
    records = [json.loads(line) for line in (tmp_path / ".refold" / "history.jsonl").read_text().splitlines()]
    records[0]["application"] = name
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return records


def test_a_history_is_judged_with_the_application_that_it_names(refold: Refold, tmp_path: Path) -> None:
    """One that comes with refold; so a counterexample that verify has written is one for check."""
    stored(refold, tmp_path, "accounts")
    ended = refold("check", "history.jsonl", "--json")
    (result,) = only_results(ended)
    assert (ended.code, result["verdict"], result["application"], result["not_checked"]) == (
        1,
        "broken",
        "accounts",
        [],
    )
    assert result["findings"][0]["anomaly"] == "duplicate-create"
    assert "history.jsonl: broken (refold, with application accounts, " in refold("check", "history.jsonl").out


NOT_THERE = """
import pathlib
pathlib.Path("imported").touch()
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("own.py:Shop", "the history names 'own.py:Shop', which does not come with refold; name it with --application"),
        (
            "inventory",
            "the history is one of another application than the inventory that comes with refold; name it with",
        ),
        ("", "needed; name it with --application"),
    ],
)
def test_what_needs_an_application_is_said_to_be_unchecked(
    name: str, told: str, refold: Refold, tmp_path: Path
) -> None:
    """In the object and for readers; nothing is imported because a file names it. What the user names counts."""
    (tmp_path / "own.py").write_text(NOT_THERE)
    stored(refold, tmp_path, name)
    (result,) = only_results(refold("check", "history.jsonl", "--json"))
    (text,) = result["not_checked"]
    assert text.startswith("decisions (was each one right on what is true?), and contents (")
    assert told in text
    assert (result["verdict"], result["application"]) == ("held", None)
    assert not (tmp_path / "imported").exists()
    said = refold("check", "history.jsonl").out
    assert said.startswith("    not checked: decisions")
    (result,) = only_results(refold("check", "history.jsonl", "--application", "accounts", "--json"))
    assert (result["verdict"], result["not_checked"]) == ("broken", [])


def test_a_history_that_is_cut_off_is_judged_with_its_application_until_there(refold: Refold, tmp_path: Path) -> None:
    """It is no history of another application."""
    stored(refold, tmp_path, "accounts")
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"kind": "ev')
    ended = refold("check", "history.jsonl", "--json")
    (result,) = only_results(ended)
    assert ended.code == 2
    assert (result["application"], result["findings"][0]["anomaly"]) == ("accounts", "duplicate-create")
    assert "cut off" in result["error"]


def test_recorded_histories_of_three_families_in_one_call_without_options(refold: Refold) -> None:
    """What a failure says follows the format; the option is for all files of the call, and the result says what was assumed."""
    folder = ROOT / "tests" / "data" / "histories"
    expected = json.loads((folder / "expected.json").read_text())
    files = {str(folder / name): verdict for name, verdict in expected.items() if (folder / name).exists()}
    results = only(refold("check", "--json", *files))["results"]
    assert {one["file"]: one["verdict"] == "linearizable" for one in results} == files
    assert {(one["format"], one["fail"]) for one in results} == {
        ("jepsen-log", "refuses"),
        ("edn", "nothing"),
        ("register", "refuses"),
    }
    (one,) = only(refold("check", "--json", "--fail", "refuses", str(folder / "knossos" / "cas-failure.edn")))[
        "results"
    ]
    assert one["fail"] == "refuses"


def test_records_of_a_consumer_that_the_first_line_does_not_name_are_said_to_be_unjudged(
    refold: Refold, tmp_path: Path
) -> None:
    """A misspelt name must not look like a green verdict."""
    lines = [
        {"kind": "history", "version": 1, "system": "s", "application": "a", "clients": ["a"], "capabilities": [],
         "consumers": [{"name": "views", "projection": "views"}]},
        {"kind": "event", "position": 1, "stream": "x", "version": 1, "id": "a-1/0", "type": "E", "data": {}},
        {"kind": "checkpoint", "consumer": "veiws", "position": 99},
    ]  # fmt: skip
    (tmp_path / "h.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    unnamed = "what 'veiws' did: the first line of the history does not name it among its consumers"
    (result,) = only(refold("check", "h.jsonl", "--json"))["results"]
    assert [text.partition(" (")[0] for text in result["not_checked"]] == ["decisions", unnamed]
    lines[0]["application"] = "inventory"  # whose events are others: it is judged again without it
    (tmp_path / "h.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (lines[0], lines[2], lines[1])))
    (result,) = only(refold("check", "h.jsonl", "--json"))["results"]
    assert [text.partition(" (")[0] for text in result["not_checked"]] == ["decisions", unnamed]


def test_a_pipe_is_refused_in_one_sentence(refold: Refold, tmp_path: Path) -> None:
    """It would be read more than once, and could wait for ever."""
    os.mkfifo(tmp_path / "pipe.log")
    for command in ("check", "replay"):
        ended = refold(command, "pipe.log")
        assert (ended.code, "pipe or a device" in ended.err) == (2, True)


def test_true_is_not_one_wherever_it_stands(refold: Refold, tmp_path: Path) -> None:
    """In a list, and as a key."""
    write, read = '{"process":0,"type":"%s","f":"write"%s}', '{"process":0,"type":"%s","f":"read"%s}'
    nested = [
        write % ("invoke", ',"value":[1]'),
        write % ("ok", ""),
        read % ("invoke", ""),
        read % ("ok", ',"value":[true]'),
    ]
    key = [
        write % ("invoke", ',"key":1,"value":1'),
        write % ("ok", ""),
        read % ("invoke", ',"key":true'),
        read % ("ok", ',"value":1'),
    ]
    for lines in (nested, key):
        (tmp_path / "ops.jsonl").write_text("\n".join(lines) + "\n")
        (result,) = only_results(refold("check", "ops.jsonl", "--json"))
        assert result["verdict"] == "not linearizable"


def test_a_history_without_an_operation_proves_nothing(refold: Refold, tmp_path: Path) -> None:
    """It is no verdict."""
    (tmp_path / "none.log").write_text("INFO jepsen.util - :nemesis :info :start nil\n")
    ended = refold("check", "none.log", "--format", "jepsen-log")
    assert (ended.code, "no operation in it" in ended.err) == (2, True)


def test_ctrl_c_keeps_what_was_found_and_leaves_the_other_files_alone(
    refold: Refold, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 2, with the findings so far."""
    plan = plan_of(refold, "expected-any-misuse")
    refold("replay", plan, "--report-dir", "again")
    history = tmp_path / "again" / "history.jsonl"
    blocks = FileSource.blocks

    def interrupted(self: FileSource, heartbeat: Any) -> Any:
        yield from blocks(self, heartbeat)
        raise KeyboardInterrupt

    monkeypatch.setattr(FileSource, "blocks", interrupted)
    ended = refold("check", history, history, "--json")
    assert ended.code == 2
    (only,) = only_results(ended)
    assert only["verdict"] == "broken"
    assert only["findings"][0]["guarantee"] == "CAS"
    assert only["error"].endswith(": interrupted")
    assert only["records"] == len(history.read_text().splitlines())


def timeless(ended: Ended) -> dict[str, Any]:
    """What was printed, but for the time that it took."""
    (result,) = only(ended)["results"]
    return {**result, "seconds": 0.0}


@pytest.mark.parametrize("application", [(), ("--application", "inventory")])
def test_the_result_does_not_depend_on_how_many_processes_judge(
    refold: Refold, tmp_path: Path, application: tuple[str, ...]
) -> None:
    """Of a history that is broken, one that is cut off, and one that ends in nonsense."""
    plan_of(refold)
    whole = (tmp_path / "found/history.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (tmp_path / "middle.jsonl").write_bytes(b"".join(lines[len(lines) // 2 :]))
    (tmp_path / "nonsense.jsonl").write_bytes(whole + b"{nonsense\n")
    for file, code in (("found/history.jsonl", 1), ("middle.jsonl", None), ("nonsense.jsonl", 2)):
        one, *others = [refold("check", file, "--json", "--jobs", jobs, *application) for jobs in (1, 2, 3)]
        assert code in (one.code, None)
        for other in others:
            assert (timeless(other), other.code, other.err) == (timeless(one), one.code, one.err)


def test_one_process_follows(refold: Refold, tmp_path: Path) -> None:
    """More are refused in a sentence."""
    (tmp_path / "history.jsonl").write_bytes(b"")
    ended = refold("check", "--follow", "history.jsonl", "--jobs", "2")
    assert ended.code == 2
    assert "leave out --jobs" in ended.err


DEADLY = """
import os, signal
from refold.model.examples.inventory import Inventory

class Deadly(Inventory):
    parent = os.getpid()
    def evolve(self, state, event):
        if os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evolve(state, event)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux")
def test_a_killed_process_is_told_in_a_sentence(
    refold: Refold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, with what the others have found, and what nobody judged."""

    def one_each(properties: Any, seconds: Any, shares: int) -> Division:
        return Division([[place] for place in range(len(properties))], 1.0, 1.0)

    monkeypatch.setattr("refold.search.stored.history.divided", one_each)
    monkeypatch.setattr("refold.search.stored.history.why_not", lambda jobs: "")
    plan_of(refold)
    (tmp_path / "deadly.py").write_text(DEADLY)
    ended = refold("check", "found/history.jsonl", "--application", "deadly.py:Deadly", "--jobs", "2", "--json")
    assert ended.code == 2
    (result,) = only(ended)["results"]
    assert result["verdict"] == "broken"
    assert "was ended (by signal 9)" in result["error"]
    assert any("was ended" in text for text in result["not_checked"])
