"""Histories are read from every format, and what cannot be read is said in one sentence."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from refold.properties.linearizability import (
    AddIfAbsentSet,
    BoundedCounter,
    CasRegister,
    HistoryError,
    Outcome,
    check,
    read_operations,
    sniff,
    specification_named,
)
from refold.search.objects.specification import specification_called

RECORDED = Path(__file__).parents[2] / "data" / "histories"

SAME_HISTORY = {
    "edn": [
        "; a comment",
        "[{:process 0, :type :invoke, :f :write, :value 1}",
        " {:process :nemesis, :type :info, :f :start, :value {:a [1 2]}}",
        ' #op{:process 1, :type :invoke, :f :cas, :value [1 2], :error "a \\" b"}',
        " {:process 0, :type :ok, :f :write",
        "  :value 1} {:process 1, :type :fail, :f :cas, :value [1 2]}]",
    ],
    "jepsen-log": [
        "INFO  jepsen.util - 0	:invoke	:write	1",
        "INFO  jepsen.core - something else",
        "INFO  jepsen.util - :nemesis	:info	:start	nil",
        "INFO  jepsen.util - 1	:invoke	:cas	[1 2]",
        "INFO  jepsen.util - 0	:ok	:write	1",
        "INFO  jepsen.util - 1	:fail	:cas	[1 2]",
    ],
    "minimal": [
        '{"process": 0, "type": "invoke", "f": "write", "value": 1}',
        '{"process": "nemesis", "type": "info", "f": "start"}',
        '{"process": 1, "type": "invoke", "f": "cas", "value": [1, 2]}',
        '{"process": 0, "type": "ok", "f": "write", "value": 1}',
        '{"process": 1, "type": "fail", "f": "cas", "value": [1, 2]}',
    ],
    "register": ["c 0 0 w 1 0", "c 1 1 s 1 2", "e 0 0 1 0 0 0", "e 1 1 0 0 0 0"],
}
SAME_HISTORY["minimal, in an array"] = ["[", ",\n".join(SAME_HISTORY["minimal"]), "]"]
SAME_HISTORY["minimal, in an array of one line"] = ["[" + ", ".join(SAME_HISTORY["minimal"]) + "]"]
SAME_HISTORY["jepsen-log, operations alone"] = [
    line.partition(" - ")[2] for line in SAME_HISTORY["jepsen-log"] if "util" in line
]
SAME_HISTORY["jepsen-log, of today"] = [
    "2024-05-01 12:00:00,000{GMT}\tINFO\t[main] jepsen.cli: Test options:",
    " {:concurrency 5,",
    '  :nodes ["n1" "n2"]}',
    *["2024-05-01 12:00:01,000{GMT}\tINFO\t[main] jepsen.db: Setting up DB"] * 500,
    *[
        line.replace("INFO  jepsen.util - ", "2024-05-01 12:00:02,000{GMT}\tINFO\t[jepsen worker 1] jepsen.util: ")
        for line in SAME_HISTORY["jepsen-log"]
    ],
    "2024-05-01 12:00:09,000{GMT}\tINFO\t[main] jepsen.util: Waiting for the cluster",
]
SAME_HISTORY["jepsen-log, of a thread"] = [
    line.replace("util - ", "util: [ 1350999542 ] ") for line in SAME_HISTORY["jepsen-log"]
]


@pytest.mark.parametrize("format", sorted(SAME_HISTORY))
def test_one_history_is_the_same_in_every_format(format: str) -> None:
    """And the format is recognised."""
    lines, name = SAME_HISTORY[format], format.partition(",")[0]
    assert sniff("\n".join(lines).splitlines()) == name
    found, history = read_operations(lines)
    assert found == name
    seen = [(o.process, o.f, o.argument, o.outcome, o.invoked, o.returned) for o in history.operations]
    assert seen == [(0, "write", 1, Outcome.OK, 0, 2), (1, "cas", (1, 2), Outcome.FAIL, 1, 3)]
    assert check(history, CasRegister()).linearizable is True


def test_a_history_of_refold_is_recognised_and_left_to_others() -> None:
    """Its records are objects, but no invocations of this kind."""
    assert sniff(['{"refold": 1}']) == "refold"
    with pytest.raises(HistoryError, match="refold's own format"):
        read_operations(['{"refold": 1}'])


def test_a_file_of_one_line_is_read() -> None:
    """An EDN history may be printed on a single line of any length."""
    pair = "{:process 0, :type :invoke, :f :read, :value nil} {:process 0, :type :ok, :f :read, :value 3} "
    _, history = read_operations(["[" + pair * 20_000 + "]"])
    assert len(history.operations) == 20_000
    assert check(history, CasRegister(3)).linearizable is True


UNREADABLE = {
    "not a history": ["hello"],
    "is not UTF-8": None,
    "line 2: process 1 invokes again before its 'read' of line 1 has ended": [
        '{"process": 1, "type": "invoke", "f": "read"}',
        '{"process": 1, "type": "invoke", "f": "read"}',
    ],
    "line 1: process 1 ends a 'read' that it did not invoke": ['{"process": 1, "type": "ok", "f": "read"}'],
    "line 1: no process": ['{"type": "ok", "f": "read"}'],
    "line 1: unknown type 'done'": ['{"process": 1, "type": "done", "f": "read"}'],
    "line 1: not JSON": ['{"process": 1, "type": "ok" "f": "read"}'],
    "line 1: nested more than 64 deep": ['{"process": 1, "type": "ok", "f": ' + "[" * 100_000],
    "line 2: nested more than 64 deep": ["[{:process 1", "[" * 100_000],
    "line 1: a number of more than 1000 digits": ["[{:process " + "9" * 100_000 + "}]"],
    "the file ends inside the '{' of line 1": ["[{:process 1, :type :invoke"],
    "a map with a key that has no value": ["[{:process}]"],
    "line 1: 9x is not a number": ["c 0 9x w 1 0"],
    "the file ends inside the array": ['[{"process": 1, "type": "invoke", "f": "read"},', ""],
    "line 2: not JSON": ['[{"process": 1, "type": "invoke", "f": "read"},', '{"process": 1, "type"}]'],
    "line 2: unexpected ';'": ['[{"process": 1, "type": "invoke", "f": "read"}', ";]"],
    "line 1: '[' after the end of the array": ['[{"process": 1, "type": "invoke", "f": "read"}] [1]'],
    "line 2: not a JSON object": ['[{"process": 1, "type": "invoke", "f": "read"},', "3]"],
    "line 1: a read of (7, None), so values seem to be pairs": [
        '{"process": 1, "type": "invoke", "f": "read", "value": [7, null]}'
    ],
    "more than one value": ["INFO jepsen.util - 1 :invoke :write 3 4"],
}


@pytest.mark.parametrize("sentence", sorted(UNREADABLE))
def test_what_cannot_be_read_is_said(sentence: str, tmp_path: Path) -> None:
    """File, line, what was found and what to do."""
    lines = UNREADABLE[sentence]
    path = tmp_path / "history"
    path.write_bytes(b"\xff\xfe[" if lines is None else "\n".join(lines).encode())
    format = {"not a history": "minimal", "is not UTF-8": "edn", "line 1: 9x is not a number": "register"}.get(sentence)
    if sentence.startswith("line 1: unknown type"):
        format = "minimal"
    with pytest.raises(HistoryError) as raised:
        read_operations(path, format or "auto")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    if sentence not in ("not a history", "line 1: 9x is not a number"):
        assert sentence in str(raised.value)


def test_wrong_values_are_said_with_their_line() -> None:
    """A cas needs a pair, a counter needs integers."""
    _, history = read_operations(['{"process": 1, "type": "invoke", "f": "cas", "value": 3}'])
    with pytest.raises(
        HistoryError, match=r"history, line 1: cas takes a pair \[expected, new\], found 3; correct the"
    ):
        check(history, CasRegister())
    for model in (AddIfAbsentSet(), BoundedCounter()):
        with pytest.raises(HistoryError, match="unknown operation 'cas'"):
            check(history, model)


def test_models_have_names() -> None:
    """Built-in ones, with their options, and anybody's own."""
    assert specification_named("cas-register", 3, "any") == CasRegister(3, nil_reads_any=True)
    assert specification_named("set", [1, 2]) == AddIfAbsentSet(frozenset({1, 2}))
    assert specification_named("counter?minimum=none&maximum=9", 4) == BoundedCounter(4, None, 9)
    own = "refold.properties.linearizability.objects:CasRegister"
    assert specification_called(own, 7) == CasRegister(7)
    for wrong in ("nothing", "counter?size=3", "set?a=1", "no.such.module:thing", "json:loads"):
        with pytest.raises((ValueError, TypeError)):
            specification_called(wrong, "x")


def recorded_files() -> list[Path]:
    """Recorded files, and one of them in the minimal format."""
    return sorted(path for path in RECORDED.rglob("*") if path.suffix in (".log", ".edn", ".txt"))


def minimal_copy(path: Path) -> bytes:
    """A register history rewritten as minimal JSON lines."""
    _, history = read_operations(path)
    events: dict[int, dict[str, object]] = {}
    for operation in history.operations:
        said = {"process": operation.process, "f": operation.f}
        events[operation.invoked] = {**said, "type": "invoke", "value": operation.argument}
        if operation.returned is not None:
            value = operation.result if operation.f == "read" else operation.argument
            events[operation.returned] = {**said, "type": operation.outcome.value, "value": value}
    return "\n".join(json.dumps(events[event]) for event in sorted(events)).encode()


def damaged(content: bytes, random: Random) -> bytes:
    """The content with something done to it that happens to files, or that somebody does to them."""
    lines = content.split(b"\n")
    where = random.randrange(len(lines))
    kind = random.randrange(8)
    if kind == 0:
        damaged = bytearray(content)
        for _ in range(random.choice((1, 5, 50))):
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        return bytes(damaged)
    if kind == 1:
        del lines[where : where + random.choice((1, 2, 20))]
    elif kind == 2:
        lines[where] = lines[where][: random.randrange(len(lines[where]) + 1)]
    elif kind == 3:
        digits = [position for position, byte in enumerate(lines[where]) if chr(byte).isdigit()] or [0]
        position = random.choice(digits)
        number = random.choice((b"9" * 30, b"9" * 5000, b"-1", b"1e999", b"9" * 2_000_000, b"0x1F"))
        lines[where] = lines[where][:position] + number + lines[where][position + 1 :]
    elif kind == 4:
        lines[where] += random.choice((b"[", b"{", b"#{", b'{"a":', b"(", b"]", b'"')) * random.choice((1, 50, 100_000))
    elif kind == 5:
        lines.insert(where, random.choice(lines))
    elif kind == 6:
        other = random.randrange(len(lines))
        lines[where], lines[other] = lines[other], lines[where]
    else:
        return content[: random.randrange(len(content))]
    return b"\n".join(lines)


def damaged_files(count: int, seed: int, files: list[Path]) -> Iterator[bytes]:
    """Damaged copies of recorded files."""
    random = Random(seed)
    contents = [path.read_bytes() for path in files]
    contents += [minimal_copy(path) for path in files[:3]]
    for _ in range(count):
        yield damaged(random.choice(contents), random)


def verdict_or_sentence(content: bytes, path: Path) -> str:
    """What comes of a file: a verdict or the sentence of an error; anything else is raised."""
    path.write_bytes(content)
    try:
        _, history = read_operations(path)
        return check(history, CasRegister()).verdict
    except HistoryError as error:
        sentence = str(error)
        assert sentence.startswith(str(path))
        assert "\n" not in sentence
        assert len(sentence) < 600
        return sentence


def test_a_damaged_file_gives_a_verdict_or_a_sentence(tmp_path: Path) -> None:
    """Never a traceback, never long."""
    decided = 0
    for content in damaged_files(200, 1, recorded_files()):
        started = time.process_time()
        decided += verdict_or_sentence(content, tmp_path / "history").endswith("linearizable")
        assert time.process_time() - started < 10
    assert 20 < decided < 180


INDEPENDENT = [
    "{:process 0, :type :invoke, :f :write, :value [1 5]}",
    "{:process 0, :type :ok, :f :write, :value [1 5]}",
    "{:process 0, :type :invoke, :f :write, :value [2 6]}",
    "{:process 0, :type :ok, :f :write, :value [2 6]}",
    "{:process 1, :type :invoke, :f :read, :value [1 nil]}",
    "{:process 1, :type :ok, :f :read, :value [1 5]}",
    "{:process 2, :type :invoke, :f :cas, :value [2 [6 7]]}",
    "{:process 2, :type :info, :f :cas, :value :timed-out}",
]


def test_independent_keys_are_taken_apart() -> None:
    """Whoever does not say so is told, and is not given a verdict on one register; whoever says no gets it."""
    _, history = read_operations(INDEPENDENT, keys="independent")
    assert [(one.key, one.argument, one.result) for one in history.operations] == [
        (1, 5, 5),
        (2, 6, 6),
        (1, None, 5),
        (2, (6, 7), None),
    ]
    assert check(history, CasRegister()).linearizable is True
    with pytest.raises(HistoryError, match=r"line 5: a read of \(1, None\).*--keys independent"):
        read_operations(INDEPENDENT)
    _, history = read_operations(INDEPENDENT[:-2], keys="one")
    assert check(history, CasRegister()).linearizable is False
    with pytest.raises(HistoryError, match="line 1: the value of write is 1, and not a pair"):
        read_operations(["{:process 0, :type :invoke, :f :write, :value 1}"], keys="independent")


def test_edn_that_speaks_of_jepsen_is_no_log() -> None:
    """Errors in a history name the classes and files in which they were raised."""
    error = '"jepsen.util$timeout INFO jepsen.util - 3 :invoke"'
    lines = [
        "{:process 0, :type :invoke, :f :write, :value 1}",
        f"{{:process 0, :type :info, :f :write, :value 1, :error {error}}}",
    ]
    assert sniff(lines) == "edn"
    assert sniff([f" {line}" for line in lines]) == "edn"
    assert read_operations(lines)[1].operations[0].outcome is Outcome.UNKNOWN


def test_a_long_array_on_one_line_is_read_in_time() -> None:
    """In pieces, of which none is looked at again for every object in it."""
    pair = '{"process": 0, "type": "invoke", "f": "read"}, {"process": 0, "type": "ok", "f": "read", "value": 3}'
    started = time.process_time()
    _, history = read_operations(["[" + ", ".join([pair] * 30_000) + "]"])
    assert len(history.operations) == 30_000
    assert time.process_time() - started < 30


def test_edn_is_the_same_whether_a_line_is_read_in_one_go_or_in_words() -> None:
    """A comment in the line makes the difference."""
    lines = [
        "[{:process 0, :type :invoke, :f :write, :value 1, :time 12}",
        "{:process 1, :type :invoke, :f :cas :value [1, 2]}",
        "  {:process 2 :type :invoke :f :read}",
        "{:process 0, :type :ok, :f :write, :value -1.5}",
        "{:process 1, :type :fail, :f :cas, :value [nil true]}",
        "{:process 2, :type :ok, :f :read, :value :a}",
        "]",
    ]
    slow = [line.replace("}", "} ; said") for line in lines]
    assert read_operations(lines) == read_operations(slow)
    assert [one.line_invoked for one in read_operations(lines)[1].operations] == [1, 2, 3]
