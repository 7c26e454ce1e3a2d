"""Replays run the very thing that failed, or say that they cannot; and they take many plans."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..conftest import BROKEN, COMMAND, Ended, environment, only, plan_of

Refold = Callable[..., Ended]

TILL = """
from msgspec import Struct
from refold.model.application import Application, Refusal

class Take(Struct, frozen=True):
    till: str
    coins: int

class Taken(Take, frozen=True): ...

class Till(Application):
    events = (Taken,)
    def __init__(self, limit=100): self.limit = limit
    def commands(self): return [Take("front", 2)]
    def initial(self, key): return 0
    def conditional(self, command): return False
    def decide(self, command, state):
        if state + command.coins > self.limit: raise Refusal("it is empty", "oversold")
        return [Taken(command.till, command.coins)]
    def evolve(self, state, event): return state + event.coins
    def broken_invariant(self, key, state): return f"{state} were taken" if state > self.limit else None
"""

SUITE = """
from refold.search.state_machine import machine
from refold.systems.reference import Reference
from till import Till

SMALL = Till(limit=2)

def hidden():
    class Hidden(Till):
        def __init__(self): super().__init__(3)
    return Hidden

TestInline = machine(Till(limit=3)).TestCase
TestNamed = machine(SMALL).TestCase
TestHidden = machine(hidden()).TestCase
TestSystem = machine(SMALL, lambda: Reference()).TestCase
"""


def pytest_on(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest on a user's test file."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment(COLUMNS="200"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_printed_command_shows_the_failure_again(refold: Refold, tmp_path: Path) -> None:
    """`Till()` would hold: an application with a setting, one that no name leads to, and a system that has none."""
    (tmp_path / "till.py").write_text(TILL)
    (tmp_path / "test_till.py").write_text(SUITE)
    done = pytest_on(tmp_path, "--hypothesis-seed=1", "test_till.py")
    commands = dict(
        re.findall(r"^_+ (\w+)\.test_holds _+$.*?^E   Replay it:\nE   (.*?)$", done.stdout, re.MULTILINE | re.DOTALL)
    )
    assert set(commands) == {"TestInline", "TestNamed", "TestHidden", "TestSystem"}
    for test, command in commands.items():
        program, *words = shlex.split(command)
        assert program == ("refold" if test == "TestNamed" else "pytest"), command
        ended = refold(*words, "--json").code if program == "refold" else pytest_on(tmp_path, *words).returncode
        assert ended == 1, command
    assert commands["TestInline"].startswith("pytest test_till.py::TestInline")
    _, _, option = shlex.split(commands["TestInline"])
    plan = option.partition("=")[2]
    ended = refold("replay", plan)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"refold: {plan}: no name leads to the plan's application (an object of class Till); run {commands['TestInline']},"
        " or name one with --application\n"
    )
    assert refold("replay", plan, "--emit-test").code == 2
    assert refold("replay", plan, "--application", "till.py:Till").code == 0
    assert refold("replay", plan, "--application", "test_till.py:SMALL").code == 1
    held = pytest_on(tmp_path, "test_till.py::TestNamed", f"--refold-replay={plan}")
    assert "refold.Broken: oversold (CAS)" in held.stdout
    assert "The plan, 2 actions:" in held.stdout


@pytest.mark.parametrize("name", ["test_till.py:SMALL", "test_till:SMALL"])
def test_an_instance_is_verified_and_replayed_as_itself(name: str, refold: Refold, tmp_path: Path) -> None:
    """Not as another one of its class."""
    (tmp_path / "till.py").write_text(TILL)
    (tmp_path / "test_till.py").write_text(SUITE)
    value = only(refold("verify", "--application", name, "--seed", "1", "--examples", "40", "--json"))
    plan = value["findings"][0]["plan"]
    assert json.loads((tmp_path / plan).read_text())["application"] == "test_till.py:SMALL"
    assert refold("replay", plan, "--json").code == 1
    assert "application='test_till.py:SMALL'" in refold("replay", plan, "--emit-test").out
    for module in ("till", "test_till"):
        sys.modules.pop(module, None)


def test_several_plans_are_replayed_in_turn(refold: Refold, tmp_path: Path) -> None:
    """The worst verdict on top, each with a report of its own; one is one object, as ever."""
    plan = Path(plan_of(refold))
    document = json.loads((tmp_path / plan).read_text())
    (tmp_path / "good.json").write_text(json.dumps({**document, "system": "reference"}))
    ended = refold("replay", "good.json", plan, "--json")
    value = only(ended)
    assert ended.code == 1
    assert [result["verdict"] for result in value["results"]] == ["held", "broken"]
    assert (value["verdict"], value["system"]) == ("broken", BROKEN)
    assert {path.name for path in (tmp_path / ".refold").iterdir()} == {"good", plan.stem}
    assert "results" not in only(refold("replay", plan, "--json"))
    assert refold("replay", "good.json", "good.json").code == 0


def test_several_plans_are_emitted_as_one_file(refold: Refold, tmp_path: Path) -> None:
    """With a test for each."""
    plan = plan_of(refold)
    source: dict[str, Any] = {}
    exec(refold("replay", plan, plan, "--system", "reference", "--emit-test").out, source)
    tests = [name for name in source if name.startswith("test_")]
    assert tests == [f"test_checkpoint_ahead_of_effects_does_not_happen_{n}" for n in (1, 2)]
    for test in tests:
        source[test]()


PRINTS = (
    TILL
    + """
class Loud(Till):
    def decide(self, command, state):
        print("deciding", flush=True)
        return super().decide(command, state)

print("imported")
import os
os.system("echo from a child process")
"""
)


@pytest.mark.parametrize("command", ["verify", "replay", "check"])
def test_what_an_application_prints_goes_to_standard_error(
    command: str, refold_process: Refold, tmp_path: Path
) -> None:
    """Standard output holds one JSON object, and for readers nothing but the report."""
    (tmp_path / "loud.py").write_text(PRINTS)
    loud = ("--application", "loud.py:Loud")
    if command == "verify":
        words: tuple[Any, ...] = ("verify", "--examples", "3", "--seed", "1", *loud)
    else:
        refold_process("verify", "--examples", "3", "--seed", "1", *loud)
        (tmp_path / "plan.json").write_text(
            '{"refold": "plan", "version": 1, "actions": [{"do": "submit", "client": "alice", "command": {"Take": {"till":'
            ' "front", "coins": 2}}}]}'
        )
        words = ("replay", "plan.json", *loud) if command == "replay" else ("check", ".refold/history.jsonl", *loud)
    ended = refold_process(*words, "--json")
    assert ended.code == 0, ended.err
    assert isinstance(json.loads(ended.out), dict)
    assert {"imported", "deciding", "from a child process"} <= set(ended.err.splitlines())
    ended = refold_process(*words)
    assert "deciding" in ended.err
    assert "deciding" not in ended.out
    assert "HELD" in ended.out or "held" in ended.out


@pytest.mark.parametrize(("system", "code"), [("reference", 0), (BROKEN, 1)])
@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["report", "json"])
def test_a_verdict_stands_though_nobody_reads_it(
    system: str, code: int, arguments: tuple[str, ...], refold: Refold, tmp_path: Path
) -> None:
    """`refold replay … | true`: exit code 1 means findings and nothing else."""
    plan = plan_of(refold)
    process = subprocess.Popen(
        [*COMMAND, "replay", plan, "--system", system, *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == ("", code)


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ({"do": "stall-member", "member": 5}, "member is 5, expected a name"),
        ({"do": "work", "member": None}, "member is None, expected a name"),
        ({"do": "read-range", "lower": "1", "upper": 2, "limit": 3}, "lower is '1', expected a number"),
        ({"do": "take-over", "node": ["n1"]}, "node is ['n1'], expected a name"),
    ],
)
def test_an_argument_of_the_wrong_type_is_refused(
    action: dict[str, Any], sentence: str, refold: Refold, tmp_path: Path
) -> None:
    """Whatever it is called: the types are those of the action's class."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"refold": "plan", "version": 1, "application": "inventory", "actions": [action]}))
    ended = refold("replay", str(plan))
    assert ended.code == 2
    assert f"action 1: action {action['do']!r}: {sentence}" in ended.err


@pytest.mark.parametrize(
    "actions", [[], [{"do": "stall-member", "member": "nobody"}], [{"do": "abort", "client": "bob"}]]
)
def test_a_plan_in_which_nothing_happens_does_not_hold(
    actions: list[dict[str, Any]], refold: Refold, tmp_path: Path
) -> None:
    """It shows nothing, so it is no good news."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"refold": "plan", "version": 1, "application": "inventory", "actions": actions}))
    ended = refold("replay", str(plan), "--json")
    assert ended.code == 1
    (finding,) = json.loads(ended.out)["findings"]
    assert (finding["anomaly"], finding["guarantee"]) == ("vacuous-run", "HARNESS")
    said = " ".join(refold("replay", str(plan)).out.split())  # however wide the console is
    assert "none of the actions of the plan is possible here" in said
