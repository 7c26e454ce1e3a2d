"""Logs in programs: the one of the page is held, hasty and broken ones are found or told, and nothing is left running."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from refold import verify
from refold.model import Inventory
from refold.model.errors import UsageError
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems import resolve
from refold.systems.programs import process
from refold.systems.user.errors import AdapterError

from ...consoles import ROOT, blocks

PAGE = (ROOT / "docs/how-to/verify-a-log-in-another-language.md").read_text(encoding="utf-8")
(CAREFUL,) = [body for body in blocks(PAGE, "python") if body.startswith("# log_program.py")]
BASE = "import json, os, sys, time, subprocess\nimport log_program as log\nfrom log_program import say\n"
LOOP = """
say(HELLO)
for line in sys.stdin:
    question = json.loads(line)
    say({"id": question["id"], **answer(question)})
"""
HELLO = 'HELLO = {"refold": "log", "version": 1, "capabilities": ["crash", "dedupe"], "seconds": 1.5}\n'
SAME = "answer = log.answer\n"


def command(folder: pathlib.Path, body: str) -> str:
    """A program of this text beside the one of the page."""
    (folder / "log_program.py").write_text(CAREFUL, encoding="utf-8")
    (folder / "mine.py").write_text(BASE + HELLO + body, encoding="utf-8")
    return shlex.join([sys.executable, str(folder / "mine.py")])


def searched(text: str, examples: int = 6) -> Result:
    """A search of so many runs."""
    return verify("inventory", f"command:{text}", seconds=None, examples=examples, seed=1)


def running(folder: pathlib.Path) -> list[str]:
    """The processes whose command names something in a folder."""
    found = subprocess.run(["ps", "-wweo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(folder) in line and "ps -wweo" not in line]


def test_the_program_of_the_page_is_held(tmp_path: pathlib.Path) -> None:
    """Through crashes and retries."""
    result = searched(command(tmp_path, SAME + LOOP))
    assert result.counterexamples == ()
    assert result.counts["crashes"] > 3
    assert result.counts["appended"] > 30


BUFFERED = """
class Buffered:
    def __init__(self, file):
        self.write = file.write
    def flush(self):
        pass
def answer(question):
    found = log.answer(question)
    if question["do"] == "open":
        log.file = Buffered(log.file)
    return found
"""


def test_one_that_answers_before_it_writes_is_convicted(tmp_path: pathlib.Path) -> None:
    """Whatever is in its buffer dies with it."""
    result = searched(command(tmp_path, BUFFERED + LOOP), 12)
    (example, *_) = result.counterexamples
    assert example.finding.signature == ("acknowledged-append-lost", "LOG")
    assert len(example.plan) == 2


def test_one_that_does_not_look_at_what_is_expected_is_convicted(tmp_path: pathlib.Path) -> None:
    """Two clients decide on the same."""
    body = "def answer(question):\n    return log.answer({**question, 'expected': 'any'})\n"
    result = searched(command(tmp_path, body + LOOP), 12)
    assert "lost-update" in [example.finding.anomaly for example in result.counterexamples]


SLOW = """
HELLO = {"refold": "log", "version": 1, "capabilities": ["slow-append", "read-stream"]}
waiting = {}
def answer(question):
    match question["do"]:
        case "begin":
            n = sum(event["stream"] == question["stream"] for event in log.events)
            x = question["expected"]
            if not {"any": True, "no-stream": n == 0, "exists": n > 0}.get(x, x == n):
                return {"conflict": n}
            waiting[question["operation"]] = question
            return {"open": []}
        case "commit":
            return log.answer({**waiting.pop(question["operation"]), "do": "append"})
        case "abort":
            del waiting[question["operation"]]
            return {}
        case "read-stream":
            return {"events": [e for e in log.events if e["stream"] == question["stream"] and e["version"] > question["after"]]}
    return log.answer(question)
"""


def test_slow_appends_and_streams_are_asked_for_where_they_are_promised(tmp_path: pathlib.Path) -> None:
    """With the words of the page."""
    result = searched(command(tmp_path, SLOW + LOOP))
    assert [example.finding for example in result.counterexamples] == []
    assert result.counts["slow_appends"] > 3


COMES_BACK_NOT = {
    "an error": "return {'error': 'cannot read the log'}",
    "an end": "sys.exit(3)",
    "a hang": "time.sleep(60)",
    "nonsense": "print('recovering', flush=True)",
}
ONLY_ONCE = """
def answer(question):
    if question["do"] == "open" and os.listdir(question["folder"]):
        {act}
    return log.answer(question)
"""


@pytest.mark.parametrize("how", COMES_BACK_NOT)
def test_a_log_that_does_not_come_back_is_a_finding(tmp_path: pathlib.Path, how: str) -> None:
    """However it fails."""
    text = command(tmp_path, ONLY_ONCE.format(act=COMES_BACK_NOT[how]) + LOOP)
    campaign = Campaign(resolve(f"command:{text}"), Inventory(), 1, Budget(15, 12, distinct=1))
    (example,) = campaign.run().counterexamples
    assert example.finding.anomaly == "log-does-not-recover"
    assert running(tmp_path) == []


MISTAKES = {
    "ends": (
        "print('no disk', file=sys.stderr); sys.exit(3)",
        r"it ended before it had answered append; its exit code is 3; .*: no disk",
    ),
    "is killed": ("os.kill(os.getpid(), 9)", "it was ended by SIGKILL"),
    "hangs": ("time.sleep(60)", "it has not answered append in time"),
    "writes nonsense": (
        "print('appending'); ",
        "it wrote 'appending' where it should have answered append: expected one JSON object",
    ),
    "answers another question": ("say({'id': -1})", 'expected one with "id"'),
    "answers what is no answer": ("return {'done': True}", 'expected "appended": \\[positions\\]'),
    "gives no positions": ("return {'appended': ['one']}", "a list of positions"),
    "says that it cannot": ("return {'error': 'no disk'}", "append failed, it says: 'no disk'"),
}


@pytest.mark.parametrize("how", MISTAKES)
def test_a_program_with_a_mistake_is_told_so(tmp_path: pathlib.Path, how: str) -> None:
    """In a sentence that names the question; and it is gone."""
    act, message = MISTAKES[how]
    body = f"def answer(question):\n    if question['do'] == 'append': {act}\n    return log.answer(question)\n"
    with pytest.raises(AdapterError, match=message):
        searched(command(tmp_path, body + LOOP))
    assert running(tmp_path) == []


def test_events_that_lack_something_are_told(tmp_path: pathlib.Path) -> None:
    """By name."""
    body = "def answer(question):\n    found = log.answer(question)\n    for event in found.get('events', ()):\n"
    body += "        del event['version']\n    return found\n"
    with pytest.raises(AdapterError, match="which lacks version"):
        searched(command(tmp_path, body + LOOP))


HELLOS = {
    "no hello": ("sys.exit('no log here')", "it ended before it had said hello; its exit code is 1; .*: no log here"),
    "another one": ("print('Hello!', flush=True)", "it wrote 'Hello!' where it should have said hello"),
    "another protocol": ("say({'refold': 'log', 'version': 2})", '"version": 1'),
    "a promise that is no name": ("say({**HELLO, 'capabilities': [['crash']]})", "there is no capability ..crash.."),
    "an unknown promise": ("say({**HELLO, 'capabilities': ['crsh']})", "no capability 'crsh' .did you mean 'crash'"),
    "a long wait": ("say({**HELLO, 'seconds': 1000})", "its seconds are 1000, expected a number up to 60"),
}


@pytest.mark.parametrize("what", HELLOS)
def test_a_hello_that_is_none_is_told(tmp_path: pathlib.Path, what: str) -> None:
    """Before anything is searched."""
    act, message = HELLOS[what]
    with pytest.raises(UsageError, match=message):
        resolve(f"command:{command(tmp_path, act)}")
    assert running(tmp_path) == []


def test_a_program_that_never_says_hello_is_given_up(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its deadline."""
    monkeypatch.setattr(process, "START", 0.5)
    with pytest.raises(UsageError, match="it has not said hello in time"):
        resolve(f"command:{command(tmp_path, 'time.sleep(60)')}")
    assert running(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the command is empty"),
        ("no-such-program-here log.js", "there is no program 'no-such-program-here'"),
        ("node 'log.js", "cannot be split into words"),
    ],
)
def test_a_command_that_nobody_can_run_is_told(text: str, message: str) -> None:
    """In a sentence."""
    with pytest.raises(UsageError, match=message):
        resolve(f"command:{text}")


def test_conditions_that_the_protocol_has_not_are_told(tmp_path: pathlib.Path) -> None:
    """An application that asks for tags."""
    with pytest.raises(UsageError, match="which the line protocol does not have"):
        verify("courses", f"command:{command(tmp_path, SAME + LOOP)}", seconds=None, examples=8)


def refold(folder: pathlib.Path, *arguments: str) -> subprocess.Popen[str]:
    """The command, in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "refold.reports", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_line_finds_and_replays(tmp_path: pathlib.Path) -> None:
    """By the words after --command."""
    body = "def answer(question):\n    return log.answer({**question, 'expected': 'any'})\n"
    text = command(tmp_path, body + LOOP)
    done = refold(tmp_path, "verify", "--command", text, "--examples", "10", "--seed", "1", "--json")
    out, err = done.communicate(timeout=120)
    assert done.returncode == 1, err
    found: dict[str, Any] = json.loads(out)
    assert found["system"] == f"command:{text}"
    plan = found["findings"][0]["plan"]
    again = refold(tmp_path, "replay", plan, "--json")
    out, err = again.communicate(timeout=120)
    assert again.returncode == 1, err
    assert json.loads(out)["findings"][0]["anomaly"] == found["findings"][0]["anomaly"]
    assert running(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the program ends with its input")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_runs_on_when_refold_is_gone(tmp_path: pathlib.Path, how: signal.Signals) -> None:
    """However it went: a program that does not even look at its input."""
    body = "def answer(question):\n    if question['do'] == 'append': time.sleep(60)\n    return log.answer(question)\n"
    text = command(tmp_path, HELLO.replace("1.5", "60") + body + LOOP)
    child = refold(tmp_path, "verify", "--command", text, "--seconds", "60")
    until = time.monotonic() + 60
    while not [line for line in running(tmp_path) if "mine.py" in line and "refold.reports" not in line]:
        assert time.monotonic() < until
        time.sleep(0.05)
    child.send_signal(how)
    if how == signal.SIGINT:
        time.sleep(0.2)
        child.send_signal(how)
    child.communicate(timeout=60)
    while running(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert running(tmp_path) == []


def test_children_of_the_program_die_with_it(tmp_path: pathlib.Path) -> None:
    """They are in its process group."""
    sleeper = f"[sys.executable, '-c', 'import time; time.sleep(60)', {str(tmp_path)!r}]"
    body = f"subprocess.Popen({sleeper}, stdout=subprocess.DEVNULL)\n{SAME}{LOOP}"
    program = process.Program(shlex.split(command(tmp_path, body)), tmp_path / "stderr")
    assert program.hello()["refold"] == "log"
    assert len(running(tmp_path)) == 2
    program.kill()
    until = time.monotonic() + 10
    while running(tmp_path) and time.monotonic() < until:
        time.sleep(0.02)
    assert running(tmp_path) == []


def test_the_page_says_all_that_there_is() -> None:
    """Every question that is asked, every capability."""
    from refold.systems.programs.system import CAPABILITIES

    source = "".join(path.read_text() for path in pathlib.Path(process.__file__).parent.glob("*.py"))
    asked = set(re.findall(r"\bask(?:_append)?\(\"([a-z-]+)\"", source))
    assert {"open", "append", "read", "begin", "commit", "abort", "read-stream"} == asked
    for name in (*asked, *CAPABILITIES):
        assert f"| `{name}` |" in PAGE
    assert os.environ.get("REFOLD_DATA") is None


STACK = """
function.js:12
    throw new Error("index broken");
    ^

Error: index broken
    at Object.read (function.js:12:11)
    at Interface.<anonymous> (function.js:40:5)
    at a (x:1)
    at b (x:1)
    at c (x:1)
    at d (x:1)

Node.js v20.20.2
"""


def test_the_error_of_a_program_is_told_whose_stack_is_long(tmp_path: pathlib.Path) -> None:
    """In JavaScript and Java the error stands before the frames, in Python behind them."""
    body = f"sys.stderr.write({STACK!r})\nsys.exit(1)\n"
    with pytest.raises(UsageError, match=r"on standard error it wrote: .*Error: index broken / Node"):
        searched(command(tmp_path, body))
