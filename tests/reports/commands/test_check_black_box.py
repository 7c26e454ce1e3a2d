"""`refold check` of histories without positions: keys, a limit on time, and what may be wrong with the question."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from refold.properties.linearizability.generated import register_history, spoiled
from refold.properties.linearizability.operation import History

from ..conftest import Ended, only_results

Refold = Callable[..., Ended]

ROOT = Path(__file__).parent.parent.parent.parent


def operation(process: int, f: str, asked: Any = None, answer: Any = None, end: str = "ok") -> str:
    """The two lines of an operation that nothing overlaps."""
    said = {"process": process, "f": f}
    return "".join(
        json.dumps({**said, "type": kind, "value": value}) + "\n" for kind, value in (("invoke", asked), (end, answer))
    )


def minimal(history: History) -> str:
    """A history of a register as minimal lines."""
    lines: dict[int, dict[str, Any]] = {}
    for one in history.operations:
        said = {"process": one.process, "f": one.f}
        lines[one.invoked] = {**said, "type": "invoke", "value": one.argument}
        if one.returned is not None:
            value = one.result if one.f == "read" else one.argument
            lines[one.returned] = {**said, "type": one.outcome.value, "value": value}
    return "".join(json.dumps(lines[event]) + "\n" for event in sorted(lines))


def test_independent_keys_are_refused_until_they_are_named(refold: Refold, tmp_path: Path) -> None:
    """A correct system is not convicted for it; the sentence names the option."""
    lines = operation(0, "write", [1, 5], [1, 5]) + operation(0, "write", [2, 6], [2, 6])
    (tmp_path / "ops.jsonl").write_text(lines + operation(1, "read", [1, None], [1, 5]))
    ended = refold("check", "ops.jsonl")
    assert ended.code == 2
    assert "line 5: a read of (1, None), so values seem to be pairs of a key and a value; say --keys indep" in ended.err
    assert refold("check", "ops.jsonl", "--keys", "independent").code == 0
    assert refold("check", "ops.jsonl", "--keys", "one").code == 1


HINTS = {
    "a read": (operation(0, "read", None, 0) + operation(0, "cas", [0, 1]), [], "read 0: if that was the initial value, use --initial '0'"),
    "a cas": (operation(0, "cas", ["a", "b"]), [], "changed the value from \"a\": if that was the initial value, use --initial '\"a\"'"),
    "a set": (operation(0, "read", None, [3, 1]), ["--model", "set"], "use --initial '[1, 3]'"),
    "an element": (operation(0, "remove", 7), ["--model", "set"], "7 was there: if that was the initial value, use --initial '[7]'"),
    "a counter": (operation(0, "add", 2) + operation(0, "read", None, 5), ["--model", "counter"], None),
    "no beginning explains it": (operation(0, "write", 1) + operation(0, "read", None, 0), [], None),
    "somebody named it": (operation(0, "read", None, 0), ["--initial", "1"], None),
}  # fmt: skip


def test_a_beginning_of_any_value_can_be_said(refold: Refold, tmp_path: Path) -> None:
    """Also one that JSON has not."""
    (tmp_path / "h.edn").write_text(
        "{:process 0, :type :invoke, :f :read, :value nil}\n{:process 0, :type :ok, :f :read, :value #{1 [2 :a]}}\n"
    )
    (result,) = only_results(refold("check", "h.edn", "--json"))
    assert result["hint"].startswith("no earlier write explains that a client read [")


@pytest.mark.parametrize("case", sorted(HINTS))
def test_a_beginning_that_nobody_named_is_said_where_another_would_do(
    case: str, refold: Refold, tmp_path: Path
) -> None:
    """The verdict stands, and whoever follows the hint gets another."""
    lines, options, said = HINTS[case]
    (tmp_path / "ops.jsonl").write_text(lines)
    ended = refold("check", "ops.jsonl", *options, "--json")
    (result,) = only_results(ended)
    assert (ended.code, result["verdict"]) == (1, "not linearizable")
    if said is None:
        assert "hint" not in result
        return
    assert said in result["hint"]
    assert said in refold("check", "ops.jsonl", *options).out
    initial = result["hint"].rpartition("--initial ")[2].strip("'")
    assert refold("check", "ops.jsonl", *options, "--initial", initial).code == 0


def test_a_model_that_lacks_an_operation_says_which_ones_have_them_all(refold: Refold, tmp_path: Path) -> None:
    """By their names."""
    (tmp_path / "counter.jsonl").write_text(operation(0, "add", 1) + operation(0, "read", None, 1))
    (tmp_path / "bank.jsonl").write_text(operation(0, "transfer", 1) + operation(0, "read", None, 1))
    said = refold("check", "counter.jsonl").err
    assert "line 2: unknown operation 'add'; this model knows read, write, cas; say --model counter or set" in said
    assert "choose another model" in refold("check", "bank.jsonl").err


def test_a_check_ends_when_the_time_allowed_is_over(refold: Refold, tmp_path: Path) -> None:
    """Undecided, and why, for both kinds of history; what was found until then counts."""
    history = register_history(Random(1), 3000, 20, unknown=0.05)
    (tmp_path / "ops.jsonl").write_text(minimal(spoiled(Random(1), history, 0.9)))
    lines = runpy.run_path(str(ROOT / "benchmarks" / "check.py"))["lines"]
    (tmp_path / "history.jsonl").write_bytes(b"".join(lines(60_000, "")))
    ended = refold("check", "ops.jsonl", "history.jsonl", "--seconds", "0.001", "--json")
    results = only_results(ended)
    assert ended.code == 2
    assert [result["verdict"] for result in results] == ["undecided", "undecided"]
    for result in results:
        assert "0.001 s of CPU time" in result["reason"] or "0 s of CPU time" in result["reason"]
    assert "everything from line " in results[1]["not_checked"][-1]
    for text in ("0", "-1", "soon"):
        assert refold("check", "ops.jsonl", "--seconds", text).code == 2


def test_the_benchmark_without_an_application_measures_without_one(refold: Refold, tmp_path: Path) -> None:
    """Its history must not name one that comes with refold, which would be used."""
    lines = runpy.run_path(str(ROOT / "benchmarks" / "check.py"))["lines"]
    for application in ("", "inventory"):
        (tmp_path / "history.jsonl").write_bytes(b"".join(lines(600, application)))
        (result,) = only_results(refold("check", "history.jsonl", "--json"))
        assert (result["verdict"], result["application"]) == ("held", application or None)


def test_accounts_are_kept_of_queues_and_partitions(refold: Refold, tmp_path: Path) -> None:
    """Held or broken, with the lines; what is not judged is said, and what is seen and no violation."""
    lines = [
        operation(0, "send", [["send", "x", "a"]], [["send", "x", [0, "a"]]]),
        operation(0, "send", [["send", "x", "b"]], [["send", "x", [1, "b"]]]),
        operation(1, "poll", [["poll"]], [["poll", {"x": [[0, "a"], [1, "b"]]}]]),
    ]
    (tmp_path / "good.jsonl").write_text("".join(lines))
    (tmp_path / "bad.jsonl").write_text("".join(lines).replace('[0, "a"], ', ""))
    said = refold("check", "good.jsonl").err
    assert "unknown operation 'send'; this model knows read, write, cas; say --model kafka" in said
    ended = refold("check", "good.jsonl", "bad.jsonl", "--model", "kafka", "--json")
    good, bad = only_results(ended)
    assert (ended.code, good["verdict"], bad["verdict"]) == (1, "held", "broken")
    assert good["not_checked"][0].startswith("messages after the last one")
    (finding,) = bad["findings"]
    assert (finding["anomaly"], finding["key"], finding["lines"]) == ("lost-write", "'x'", [2, 6])
    out = refold("check", "bad.jsonl", "--model", "kafka").out
    assert out.startswith(
        "    lost-write: 'a' was stored and 'b', which comes later, was read, but 'a' never was, in 'x' (lines 2 and 6)\n"
    )
    assert "    not checked: messages after the last one" in out
    assert "bad.jsonl: broken (minimal, 6 records" in out
    (tmp_path / "list.jsonl").write_text(operation(0, "append", 1) + operation(0, "read", None, []))
    assert "list.jsonl: not linearizable" in refold("check", "list.jsonl", "--model", "list-append").out
    assert refold("check", "list.jsonl", "--model", "list-append", "--initial", "[1]").code == 2
    assert refold("check", "list.jsonl", "--model", "queue?x=1").code == 2
