"""Bad input is answered with one sentence on standard error, exit code 2, and no traceback."""

from __future__ import annotations

import codecs
import gzip
import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.model.documents.history import to_line
from refold.model.documents.plan import plan_to_json
from refold.model.examples.inventory import Inventory
from refold.search.run import execute
from refold.systems.reference import Reference

from ..conftest import COMMAND, Ended, environment

Refold = Callable[..., Ended]


def is_one_sentence(ended: Ended, *words: str) -> None:
    """The whole of what a user sees."""
    assert ended.code == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert ended.err.startswith("refold: "), ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert len(ended.err) < 700
    for word in words:
        assert word in ended.err, ended.err
    assert "an internal error in refold" not in ended.err


def history() -> bytes:
    """A true history of the reference, as lines."""
    system, application = Reference(), Inventory()
    plan = system.menu(application).decode(bytes(range(1, 130)))
    return b"".join(map(to_line, execute(system, application, plan).history))


def document() -> dict[str, Any]:
    """A true plan."""
    system, application = Reference(), Inventory()
    plan = system.menu(application).decode(bytes(range(1, 60)))
    return json.loads(json.dumps(plan_to_json(plan, application, system="reference")))


# -- histories

WHOLE = history()

HISTORIES = {
    "truncated": (WHOLE[:-7], "cut off in the middle"),
    "truncated-in-the-first-line": (WHOLE[:30], "line 1"),
    "non-json": (b"hello\nworld\n", "none of the formats"),
    "non-json-later": (WHOLE.splitlines(keepends=True)[0] + b"hello\n", "line 2: not a record"),
    "wrong-version": (WHOLE.replace(b'"version":1', b'"version":99', 1), "history version 99 is unknown"),
    "unknown-kind": (WHOLE + b'{"kind": "teleported"}\n', "teleported"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n", "the file is empty"),
    "binary": (bytes(range(256)) * 20, "none of the formats"),
    "binary-later": (WHOLE.splitlines(keepends=True)[0] + bytes(range(256)) * 20 + b"\n", "line 2"),
    "json-of-another-kind": (b'{"hello": "world"}\n', ""),
    "two-in-one": (WHOLE + WHOLE, "a second “history” record"),
}


@pytest.mark.parametrize("application", [(), ("--application", "inventory")], ids=["plain", "application"])
@pytest.mark.parametrize("name", HISTORIES)
def test_check_of_a_bad_history(name: str, application: tuple[str, ...], refold: Refold, tmp_path: Path) -> None:
    """The sentence names the file and the line."""
    content, words = HISTORIES[name]
    (tmp_path / "history.jsonl").write_bytes(content)
    is_one_sentence(refold("check", "history.jsonl", *application), "history.jsonl", words)


@pytest.mark.parametrize("name", ["file", "line", "a", "empty"])
def test_a_file_whose_name_is_a_word_of_the_sentence_is_named(name: str, refold: Refold, tmp_path: Path) -> None:
    """At its begin, where scripts and readers look for it."""
    (tmp_path / name).write_bytes(b"")
    assert refold("check", name).err == f"refold: {name}: line 1: the file is empty\n"


def test_a_packed_file_is_named_once(refold: Refold, tmp_path: Path) -> None:
    """Whatever was unpacked, and wherever."""
    (tmp_path / "ops.jsonl.gz").write_bytes(gzip.compress(MARKED["minimal"] + b'{"x":'))
    ended = refold("check", "ops.jsonl.gz")
    is_one_sentence(ended, "refold: ops.jsonl.gz, line 3: not JSON")


DATA = Path(__file__).parents[2] / "data" / "histories"
MARKED = {
    "refold": WHOLE,
    "minimal": b'{"process":0,"type":"invoke","f":"read","value":null}\n{"process":0,"type":"ok","f":"read","value":null}\n',
    "edn": (DATA / "knossos" / "cas-failure.edn").read_bytes(),
    "jepsen-log": (DATA / "etcd" / "etcd_000.log").read_bytes(),
    "register": (DATA / "synthetic" / "badcas50_c05_n00100_s1.txt").read_bytes(),
}


@pytest.mark.parametrize("format_", MARKED)
def test_a_mark_of_utf_8_at_the_start_of_a_history_is_not_there(format_: str, refold: Refold, tmp_path: Path) -> None:
    """As some editors and shells write it."""
    told = []
    for mark in (b"", codecs.BOM_UTF8):
        (tmp_path / "history").write_bytes(mark + MARKED[format_])
        for chosen in ("auto", format_):
            (result,) = json.loads(refold("check", "history", "--format", chosen, "--json").out)["results"]
            told.append({**result, "seconds": 0})
    assert all(one == told[0] for one in told)
    assert (told[0]["format"], told[0]["verdict"] == "undecided") == (format_, False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_a_code_page_lacks_is_written_in_another_way(
    encoding: str, refold_process: Refold, tmp_path: Path
) -> None:
    """A stored history holds any characters; the verdict comes all the same."""
    told = [{"process": 0, "type": what, "f": "read", "value": "→λ"} for what in ("invoke", "ok")]
    (tmp_path / "ops→λ.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in told))
    ended = refold_process("check", "ops→λ.jsonl", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (ended.code, ended.err) == (1, "")
    assert "not linearizable" in ended.out


def test_check_of_a_file_that_is_not_there(refold: Refold) -> None:
    """By its name."""
    is_one_sentence(refold("check", "missing.jsonl"), "missing.jsonl", "No such file")


def test_check_of_a_directory(refold: Refold, tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "folder").mkdir()
    is_one_sentence(refold("check", "folder"), "folder", "directory")


def test_check_of_a_history_of_another_application(refold: Refold, tmp_path: Path) -> None:
    """The events are not its own."""
    (tmp_path / "history.jsonl").write_bytes(WHOLE)
    ended = refold("check", "history.jsonl", "--application", "accounts")
    is_one_sentence(ended, "history.jsonl")


def test_one_bad_file_does_not_keep_the_others_from_being_checked(refold: Refold, tmp_path: Path) -> None:
    """The exit code is that of the worst; the good one is told on standard output."""
    (tmp_path / "good.jsonl").write_bytes(WHOLE)
    (tmp_path / "bad.jsonl").write_bytes(WHOLE[:-7])
    ended = refold("check", "bad.jsonl", "good.jsonl")
    assert ended.code == 2
    assert "good.jsonl: held" in ended.out
    assert ended.err.startswith("refold: bad.jsonl: ")


HANGS = """
from refold.model.examples.inventory import Inventory

class Hangs(Inventory):
    '''Does not come back from what only a file can bring.'''

    def evolve(self, stock, event):
        while getattr(event, "count", 0) > 1000:
            pass
        return super().evolve(stock, event)
"""


def test_check_does_not_wait_for_an_application_that_hangs(
    refold: Refold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says at which line of the file. The next file is looked at all the same."""
    monkeypatch.setenv("REFOLD_HANG_SECONDS", "2")
    (tmp_path / "hangs.py").write_text(HANGS)
    event = b'{"kind":"event","position":1,"stream":"bolt","version":1,"id":"a-1/0","type":"Restocked",'
    record = event + b'"data":{"item":"bolt","count":1001}}'
    lines = [WHOLE.splitlines()[0], record, b'{"kind":"observed","consumer":"store","position":1,"rows":{"bolt":1001}}']
    (tmp_path / "history.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    (tmp_path / "good.jsonl").write_bytes(WHOLE)
    ended = refold("check", "history.jsonl", "good.jsonl", "--application", "hangs.py:Hangs")
    assert ended.code == 2
    assert (
        ended.err == "refold: history.jsonl: line 2: application 'inventory' did not answer for 2 s"
        f" (it was in evolve(), line 8 of {tmp_path / 'hangs.py'}); refold gave up on it\n"
    )
    assert "good.jsonl: held" in ended.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--initial", "{"), "--initial '{' is not JSON"),
        (("--initial", "[" * 50_000 + "]" * 50_000), "[[… is not JSON, or is nested too deeply"),
        (
            ("--initial", "9" * 50_000),
            "99… is not JSON, or is nested too deeply, or contains a number that is too long",
        ),
        (("--application", "invetory"), "did you mean 'inventory'?"),
    ],
)
def test_check_with_a_bad_option(options: tuple[str, ...], words: str, refold: Refold, tmp_path: Path) -> None:
    """Before any file is looked at."""
    (tmp_path / "history.jsonl").write_bytes(WHOLE)
    is_one_sentence(refold("check", "history.jsonl", *options), words)


# -- plans


def changed(**changes: Any) -> bytes:
    """The true plan with some fields replaced; None takes a field away."""
    fields = {**document(), **changes}
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


PLANS = {
    "not-json": (b"submit alice", "not JSON"),
    "truncated": (changed()[:-9], "not JSON"),
    "empty": (b"", "not JSON"),
    "binary": (bytes(range(256)), "not JSON"),
    "array": (b"[]", "not a refold plan"),
    "another-document": (b'{"refold": "history"}', "not a refold plan"),
    "wrong-version": (changed(version=9), "plan version 9 is unknown"),
    "no-version": (changed(version=None), "plan version None is unknown"),
    "no-actions": (changed(actions=None), "no list of actions"),
    "unknown-action": (
        changed(actions=[{"do": "sumbit"}]),
        "action 1: unknown action 'sumbit' (did you mean 'submit'?)",
    ),
    "unknown-client": (
        changed(actions=[{"do": "append", "client": "alcie"}]),
        "action 1: the system has no client 'alcie' (did you mean 'alice'?)",
    ),
    "unknown-consumer": (changed(actions=[{"do": "fail", "consumer": "x"}]), "the system has no consumer 'x'"),
    "unknown-command": (
        changed(actions=[{"do": "submit", "client": "bob", "command": {"Reserv": {}}}]),
        "unknown command 'Reserv' (did you mean 'Reserve'?)",
    ),
    "missing-argument": (changed(actions=[{"do": "deliver", "consumer": "index"}]), "lacks its argument 'index'"),
    "odd-power-cut": (changed(actions=[{"do": "cut-power", "process": "log", "how": {}}]), "how is {}"),
    "unknown-application": (changed(application="shop"), "there is no application 'shop'"),
    "unknown-system": (changed(system="refernce"), "did you mean 'reference'?"),
    "application-is-a-number": (changed(application=7), "7"),
    "system-is-a-list": (changed(system=["reference"]), "reference"),
    "seed-is-a-word": (changed(seed="seven"), "seven"),
    "too-deep": (b'{"refold": "plan", "actions": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON"),
}


@pytest.mark.parametrize("extra", [(), ("--json",), ("--emit-test",)], ids=["plain", "json", "emit-test"])
@pytest.mark.parametrize("name", PLANS)
def test_replay_of_a_bad_plan(name: str, extra: tuple[str, ...], refold: Refold, tmp_path: Path) -> None:
    """The sentence names the file, and the action where it is one action's fault."""
    content, words = PLANS[name]
    (tmp_path / "plan.json").write_bytes(content)
    is_one_sentence(refold("replay", "plan.json", *extra), words)


def test_a_mark_of_utf_8_at_the_start_of_a_plan_is_not_there(refold: Refold, tmp_path: Path) -> None:
    """As some editors and shells write it."""
    (tmp_path / "plan.json").write_bytes(codecs.BOM_UTF8 + changed())
    assert refold("replay", "plan.json").code == 0


def test_replay_of_a_plan_that_is_not_there_or_a_directory(refold: Refold, tmp_path: Path) -> None:
    """Usage errors of the parser."""
    for name in ("missing.json", "."):
        ended = refold("replay", name)
        assert ended.code == 2
        assert "Traceback" not in ended.err
        assert name in ended.err


# -- systems


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("refrence", "there is no system 'refrence' (did you mean 'reference'?)"),
        ("lost-wakeups", "did you mean 'lost-wakeup'?"),
        ("reference?journal=wal", "system 'reference' has no option 'journal'"),
        ("lost-wakeup?x=1", "has no options"),
        ("reference?", ""),
        ("sqlite?jurnal=wal", "journal"),
        ("sqlite?journal=wall", "wal"),
        ("sqlite?journal", "option journal is ''"),
        ("sqlite?journal=wal&journal=wal", "each name once"),
        ("", "there is no system ''"),
        ("no_such_module:Log", "there is no module 'no_such_module'"),
        ("no/such/file.py:Log", "there is no file"),
        ("json:no_such_thing", "has no 'no_such_thing'; it has dump, dumps, detect_encoding, load, loads"),
        ("json:__name__", "is a str, which is neither a system"),
        ("collections:OrderedDict", "without append and read(); a log needs append() and read()"),
    ],
)
def test_verify_of_a_system_that_does_not_exist(system: str, words: str, refold: Refold) -> None:
    """What would be right is in the sentence."""
    if system == "reference?":
        assert refold("verify", "--system", system, "--examples", "2", "--json").code == 0
        return
    is_one_sentence(refold("verify", "--system", system, "--examples", "2"), words)


FILES = {
    "shop.py": "class Shop:\n    def decide(self): ...\n    def evolve(self): ...\n"
    "class Log:\n    def append(self): ...\n    def read(self): ...\n",
    "empty.py": "",
    "torn.py": "class Shop(",
}


@pytest.mark.parametrize(
    ("option", "file", "words"),
    [
        (
            "--application",
            "shop.py",
            "'shop.py' is a file and does not say which object in it is meant; write shop.py:Shop\n",
        ),
        (
            "--system",
            "shop.py",
            "'shop.py' is a file and does not say which object in it is meant; write shop.py:Log\n",
        ),
        ("--application", "empty.py", "write empty.py:NAME, with the name of its class"),
        ("--application", "torn.py", "'torn.py' cannot be read ('(' was never closed"),
        (
            "--application",
            "missing.py",
            "'missing.py' cannot be read (No such file or directory); write FILE.py:NAME",
        ),
    ],
)
def test_a_file_without_an_object_is_told_what_to_write(
    option: str, file: str, words: str, refold: Refold, tmp_path: Path
) -> None:
    """With the classes in it that would do. Nothing of the file is run."""
    for name, source in FILES.items():
        (tmp_path / name).write_text(source)
    is_one_sentence(refold("verify", option, file, "--examples", "2"), words)
    if option == "--application":
        (tmp_path / "history.jsonl").write_bytes(WHOLE)
        is_one_sentence(refold("check", "history.jsonl", option, file), words)


@pytest.mark.parametrize("arguments", [("--seconds", "-1"), ("--examples", "0"), ("--seed", "x"), ("--sytem", "x")])
def test_verify_with_an_option_out_of_range(arguments: tuple[str, ...], refold: Refold) -> None:
    """The parser's own words."""
    ended = refold("verify", *arguments)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert arguments[0] in ended.err


def test_a_system_that_stands_alone_is_told_which_option_names_it(refold: Refold) -> None:
    """Only where there is such an option."""
    assert "(sqlite). Did you mean '--system sqlite'?" in refold("verify", "sqlite").err
    assert "Did you mean" not in refold("init", "sqlite").err


def test_a_file_where_the_report_should_go(refold: Refold, tmp_path: Path) -> None:
    """What is in the way, and what to do."""
    (tmp_path / "taken").write_text("")
    is_one_sentence(
        refold("verify", "--examples", "2", "--report-dir", "taken"), "taken: File exists; a folder is needed"
    )


# -- the user's own code

BROKEN_MODULES = {
    "import-error": ("import no_such_dependency", "no_such_dependency"),
    "syntax-error": ("def f(:", "SyntaxError"),
    "raises": ("raise RuntimeError('not today')", "RuntimeError: not today (own.py:1)"),
    "exits": ("import sys; sys.exit(0)", "SystemExit"),
}


@pytest.mark.parametrize("name", BROKEN_MODULES)
@pytest.mark.parametrize("option", ["--application", "--system"])
def test_a_module_that_does_not_import(name: str, option: str, refold: Refold, tmp_path: Path) -> None:
    """Its own error is in the sentence."""
    source, words = BROKEN_MODULES[name]
    (tmp_path / "own.py").write_text(source + "\n")
    is_one_sentence(refold("verify", option, "own.py:Thing", "--examples", "2"), "own.py", words)


APPLICATION = """
import time, refold
from refold.model.examples.accounts import Accounts

class Raises(Accounts):
    def evolve(self, state, event): raise KeyError("unfinished")

class Nothing(Accounts):
    def evolve(self, state, event): return None

class Nonsense(Accounts):
    def evolve(self, state, event): return object()

class Waits(Accounts):
    async def evolve(self, state, event): return state

class NoCommands(Accounts):
    def commands(self): return []

class Decides(Accounts):
    def decide(self, command, state): return "yes"

class Views(Accounts):
    def view(self, event, rows): raise ZeroDivisionError("no view")

class ViewsNonsense(Accounts):
    def view(self, event, rows): return 3

class ViewsObjects(Accounts):
    def view(self, event, rows): return {"row": object()}

class Sleeps(Accounts):
    def evolve(self, state, event):
        time.sleep(30)
        return state

class Unwritten(refold.Application):
    events = Accounts.events
    def commands(self): return Accounts().commands()
    def decide(self, command, state): return Accounts().decide(command, frozenset())

class Empty(refold.Application):
    pass

class Asks(Accounts):
    def __init__(self, dsn): pass

class NotAnApplication:
    pass

number = 7
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raises", "raised KeyError: 'unfinished' (shop.py:6)"),
        ("Nothing", "returned None, as if a return were missing"),
        ("Nonsense", "<object object"),
        ("Waits", "make evolve a plain `def`"),
        ("NoCommands", "expected a sequence with at least one command"),
        ("Decides", "returned 'yes', expected a sequence of events"),
        ("Views", "raised ZeroDivisionError: no view (shop.py:24)"),
        ("ViewsNonsense", "returned 3, expected a dict"),
        ("ViewsObjects", "cannot be written as JSON"),
        ("Unwritten", "raised NotImplementedError: Unwritten has no evolve() of its own; write it"),
        ("Empty", "commands() raised NotImplementedError: Empty has no commands() of its own; write it"),
        ("Asks", "positional argument: 'dsn'; refold calls it without arguments: name a function that does the rest"),
        ("NotAnApplication", "an application is a subclass of"),
        ("number", "an application is a subclass of"),
        ("Raise", "did you mean 'Raises'?"),
    ],
)
def test_verify_of_an_application_that_is_broken(name: str, words: str, refold: Refold, tmp_path: Path) -> None:
    """The function and what it did are in the sentence."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    is_one_sentence(refold("verify", "--application", f"shop.py:{name}", "--examples", "20"), words)


def test_check_with_an_application_that_is_broken(refold: Refold, tmp_path: Path) -> None:
    """Before the file is looked at."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "history.jsonl").write_bytes(WHOLE)
    is_one_sentence(refold("check", "history.jsonl", "--application", "shop.py:Raises"), "raised KeyError")


ERRORS = """
from refold.model.examples.inventory import Inventory

class Cancelled(BaseException): pass

def fail(): raise {error}

class Own(Inventory):
    def decide(self, command, state):
        return fail() if command.count > 100 else super().decide(command, state)

    def evolve(self, state, event):
        return fail() if event.count > 100 else super().evolve(state, event)

class Model:
    initial = None

    def step(self, state, operation):
        fail()
"""


@pytest.mark.parametrize("error", ["ValueError('no')", "SystemExit('no')", "Cancelled('no')"])
def test_an_error_of_the_users_code_is_told_by_its_line(error: str, refold: Refold, tmp_path: Path) -> None:
    """Whatever it is, and wherever the code is run; the other files are looked at all the same."""
    (tmp_path / "own.py").write_text(ERRORS.format(error=error))
    event = b'{"kind":"event","position":1,"stream":"bolt","version":1,"id":"a-1/0","type":"Restocked",'
    opened = WHOLE.splitlines()[0]
    (tmp_path / "history.jsonl").write_bytes(opened + b"\n" + event + b'"data":{"item":"bolt","count":101}}\n')
    (tmp_path / "good.jsonl").write_bytes(WHOLE)
    raised = f"raised {error.partition('(')[0]}: no (own.py:6)"
    ended = refold("check", "history.jsonl", "good.jsonl", "--application", "own.py:Own")
    assert ended.err.startswith("refold: history.jsonl: line 2: application 'inventory': evolve() ")
    assert (ended.code, raised in ended.err, "good.jsonl: held" in ended.out) == (2, True, True), ended
    command = {"do": "submit", "client": "bob", "command": {"Restock": {"item": "bolt", "count": 101}}}
    (tmp_path / "plan.json").write_bytes(changed(actions=[command]))
    is_one_sentence(refold("replay", "plan.json", "--application", "own.py:Own"), "decide() " + raised)
    told = [{"process": 0, "type": what, "f": "write", "value": 1} for what in ("invoke", "ok")]
    (tmp_path / "ops.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in told))
    is_one_sentence(refold("check", "ops.jsonl", "--model", "own.py:Model"), "ops.jsonl: model 'own.py:Model'", raised)


LOGS = """
import time
from refold.model.log import Appended, Log

class Plain(Log): pass

class NoAnswer(Log):
    def append(self, request):
        super().append(request)

class TooFew(Log):
    def append(self, request):
        super().append(request)
        return Appended(())

class Odd(Log):
    def append(self, request): return Appended([1])

class Raises(Log):
    def append(self, request): raise ConnectionError("no route to host")

class ReadsNonsense(Log):
    def read(self, after, limit): return "events"

class ReadsStrangers(Log):
    def read(self, after, limit): return [1, 2, 3]

class ReadsNothing(Log):
    def read(self, after, limit): return None

class ReadsTooMuch(Log):
    def read(self, after, limit): return super().read(after, 1 << 30)

class ReadsBehind(Log):
    def read(self, after, limit): return super().read(0, limit)

class ReadRaises(Log):
    def read(self, after, limit): raise OSError("disk on fire")

class NewestFirst:
    def __init__(self): self.log = Log()
    def append(self, request): return self.log.append(request)
    def read(self, after, limit): return self.log.entries[::-1]

class StreamNonsense(Log):
    def read_stream(self, stream, after): return {1: 2}

class Cancelled(BaseException): pass

class Cancels(Log):
    def read(self, after, limit): raise Cancelled("not now")

class Quits(Log):
    def append(self, request): raise SystemExit(0)

class CrashRaises(Log):
    def crash(self): raise RuntimeError("cannot even die")

class Unfinished:
    def append(self, request): pass

class Needs:
    def __init__(self, url): pass

class CannotRepeat(Log):
    def append(self, request):
        answer = super().append(request)
        return Appended(()) if len(self.entries) > 16 else answer

class Hangs(Log):
    def append(self, request): time.sleep(600)

class Spins(Log):
    def read(self, after, limit):
        while True: pass
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NoAnswer", "append() returned None, expected Appended(positions) or Conflict(found)"),
        ("TooFew", "returned 0 positions"),
        ("Odd", "append() returned Appended(positions=[1])"),
        ("Raises", "append() raised ConnectionError: no route to host (logs.py:20)"),
        ("ReadsNonsense", "read() returned 'events', expected a list of Stored events"),
        ("ReadsStrangers", "read() returned 1 among its events"),
        ("ReadsNothing", "read() returned None"),
        ("ReadsTooMuch", "events"),
        ("ReadsBehind", "which is not after"),
        ("ReadRaises", "read() raised OSError: disk on fire"),
        ("NewestFirst", "which is not after 1"),
        ("StreamNonsense", "read_stream() returned {1: 2}"),
        ("Cancels", "read() raised Cancelled: not now (logs.py:51)"),
        ("Quits", "append() raised SystemExit: 0 (logs.py:54)"),
        ("CrashRaises", "raised RuntimeError: cannot even die"),
        ("Unfinished", "without read(); a log needs append() and read()"),
        ("Needs", "calling it raised TypeError"),
    ],
)
def test_verify_of_a_log_that_breaks_the_contract(name: str, words: str, refold: Refold, tmp_path: Path) -> None:
    """The method and its answer are in the sentence."""
    (tmp_path / "logs.py").write_text(LOGS)
    ended = refold("verify", "--system", f"logs.py:{name}", "--examples", "30", "--json")
    assert ended.code == 2, ended
    is_one_sentence(Ended(ended.code, "", ended.err), words)


def test_a_log_that_breaks_the_contract_late_is_not_said_to_hold(refold: Refold, tmp_path: Path) -> None:
    """The first line of the report says what became of the search, and the next ones when."""
    (tmp_path / "logs.py").write_text(LOGS)
    ended = refold("verify", "--system", "logs.py:CannotRepeat", "--examples", "30", "--seed", "1")
    assert ended.code == 2
    assert ended.out.startswith("GIVEN UP (3 of 11 not checked): logs.py:CannotRepeat"), ended.out[:200]
    assert "showed no violation" not in ended.out
    told = json.loads(
        refold("verify", "--system", "logs.py:CannotRepeat", "--examples", "30", "--seed", "1", "--json").out
    )
    assert "returned 0 positions; each event has one (in run " in told["trouble"]


def test_a_system_that_breaks_the_contract_does_not_keep_the_others_from_being_searched(
    refold: Refold, tmp_path: Path
) -> None:
    """Late or at once; the worst ending is on top."""
    (tmp_path / "logs.py").write_text(LOGS)
    names = ["reference", "logs.py:CannotRepeat", "logs.py:ReadRaises", "sqlite"]
    systems = [word for name in names for word in ("--system", name)]
    ended = refold("verify", *systems, "--examples", "30", "--seed", "1", "--json")
    value = json.loads(ended.out)
    assert ended.code == 2
    assert [bool(result["trouble"]) for result in value["results"]] == [False, True, True, False]
    assert value["results"][2]["examples"] == 0
    assert value["trouble"]
    assert len(ended.err.splitlines()) == 2


def test_a_log_of_the_users_that_is_correct_holds(refold: Refold, tmp_path: Path) -> None:
    """The same file, without a mistake."""
    (tmp_path / "logs.py").write_text(LOGS)
    ended = refold("verify", "--system", "logs.py:Plain", "--examples", "60", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["verdict"] == "held"


@pytest.mark.parametrize("name", ["Hangs", "Spins"])
def test_a_log_that_hangs_is_given_up(name: str, refold_process: Refold, tmp_path: Path) -> None:
    """After REFOLD_HANG_SECONDS."""
    (tmp_path / "logs.py").write_text(LOGS)
    ended = refold_process(
        "verify", "--system", f"logs.py:{name}", "--examples", "30", "--json", REFOLD_HANG_SECONDS="2"
    )
    is_one_sentence(Ended(ended.code, "", ended.err), f"'logs.py:{name}' did not answer for 2 s")


@pytest.mark.parametrize("command", [("verify", "--system"), ("conformance",), ("explore", "--system")])
def test_a_system_that_waits_for_its_server_for_ever_is_given_up(
    command: tuple[str, ...], refold_process: Refold, tmp_path: Path
) -> None:
    """Where it is made: its client may knock for minutes where nobody is."""
    (tmp_path / "waits.py").write_text(
        "import time\n\n\nclass Waits:\n    def __init__(self):\n        time.sleep(600)\n"
    )
    ended = refold_process(*command, "waits.py:Waits", REFOLD_HANG_SECONDS="2")
    is_one_sentence(ended, "system 'waits.py:Waits' did not answer for 2 s")


def test_an_application_that_hangs_is_given_up(refold_process: Refold, tmp_path: Path) -> None:
    """In its trial."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    ended = refold_process("verify", "--application", "shop.py:Sleeps", "--examples", "3", REFOLD_HANG_SECONDS="2")
    is_one_sentence(ended, "application 'shop.py:Sleeps' did not answer for 2 s")


@pytest.mark.parametrize("seconds", ["soon", "-1", "0", "nan"])
def test_a_time_limit_that_is_none_is_refused(seconds: str, refold_process: Refold) -> None:
    """Not taken for no limit."""
    ended = refold_process("verify", "--examples", "2", REFOLD_HANG_SECONDS=seconds)
    is_one_sentence(ended, "REFOLD_HANG_SECONDS")


# -- places that cannot be written


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_does_not_keep_the_others_from_being_checked(
    refold: Refold, tmp_path: Path
) -> None:
    """As any other bad file."""
    (tmp_path / "good.jsonl").write_bytes(WHOLE)
    (tmp_path / "locked.jsonl").write_bytes(WHOLE)
    (tmp_path / "locked.jsonl").chmod(0)
    ended = refold("check", "locked.jsonl", "good.jsonl")
    assert (ended.code, ended.err) == (2, "refold: locked.jsonl: Permission denied\n")
    assert "good.jsonl: held" in ended.out


@pytest.mark.parametrize("command", [("check", "-"), ("check", "--follow", "-"), ("verify", "--history", "-")])
def test_a_standard_input_that_is_closed_is_empty(command: tuple[str, ...], tmp_path: Path) -> None:
    """As a service manager may leave it."""
    words = shlex.join([*COMMAND, *command, *(("--application", "inventory") if "--history" in command else ())])
    done = subprocess.run(
        ["bash", "-c", f"{words} <&-"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("command", [("verify", "--examples", "2"), ("zoo", "ack-before-fsync")])
def test_a_report_directory_without_permission(command: tuple[str, ...], refold: Refold, tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = refold(*command, "--report-dir", "locked/reports")
    is_one_sentence(Ended(ended.code, "", ended.err), "locked", "Permission denied")


@pytest.mark.parametrize(
    "command",
    [
        ("verify", "--examples", "2"),
        ("verify", "--system", "checkpoint-before-effect", "--examples", "40"),
        ("zoo", "ack-before-fsync"),
    ],
    ids=["held", "broken", "zoo"],
)
def test_a_report_directory_that_is_a_file(command: tuple[str, ...], refold: Refold, tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "taken").write_text("mine")
    ended = refold(*command, "--report-dir", "taken")
    is_one_sentence(Ended(ended.code, "", ended.err), "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_zoo_of_a_system_that_is_not_in_it(refold: Refold) -> None:
    """With what is near."""
    is_one_sentence(
        refold("zoo", "ack-before-sync"), "did you mean 'ack-before-fsync'", "“refold zoo --help” lists them"
    )
    is_one_sentence(refold("zoo", "lost-wake"), "'lost-wakeup'")
    is_one_sentence(refold("zoo", "resurrects"), "'cache-resurrects-deleted'")
    is_one_sentence(refold("zoo", "xyz"), "there is no broken system 'xyz'; “refold zoo --help” lists them all")
