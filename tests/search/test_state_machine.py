"""Hypothesis state machines: they pass where they should, and a failure is a program with the command that runs it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from refold.model.action import Submit
from refold.model.documents.plan import plan_from_json
from refold.model.examples.accounts import Accounts, Register
from refold.model.examples.inventory import Inventory
from refold.model.record import Acknowledged, Settled
from refold.search.run import BrokenApplication, execute
from refold.search.state_machine import (
    EventSourcedMachine,
    GuaranteeBroken,
    Tape,
    machine,
    prepared,
    searches,
)
from refold.systems.reference import Reference
from refold.systems.registry import resolve

SHORT = settings(max_examples=25, stateful_step_count=8, deadline=None, database=None, derandomize=True)
COMMAND = "import sys; sys.argv[0] = 'refold'; from refold.reports.commands.cli import main; main()"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plans of failing machines go here."""
    monkeypatch.setenv("REFOLD_REPORT_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("application", ["accounts", Accounts, Inventory()], ids=["name", "class", "instance"])
def test_a_machine_on_the_reference_passes(application: Any) -> None:
    """Given by name, class or instance."""
    run_state_machine_as_test(machine(application), settings=SHORT)


def failure(cls: type[RuleBasedStateMachine]) -> GuaranteeBroken:
    """The failure of a machine that must fail."""
    with pytest.raises(GuaranteeBroken) as error:
        run_state_machine_as_test(
            cls, settings=settings(SHORT, max_examples=2000, derandomize=True, phases=[Phase.generate, Phase.shrink])
        )
    return error.value


@pytest.mark.parametrize(
    ("system", "application", "anomaly"),
    [
        ("checkpoint-before-effect", "inventory", "checkpoint-ahead-of-effects"),
        ("nondeterministic-handler", "accounts", "replayed-state-differs"),
        ("lost-wakeup", "accounts", "never-reaches-tail"),
    ],
)
def test_a_failure_ends_with_the_command_that_shows_it_again(
    system: str, application: str, anomaly: str, folder: Path
) -> None:
    """The printed command is run as it is, from a shell's words, and exits with 1."""
    error = failure(machine(application, system))
    lines = str(error).strip().splitlines()
    assert lines[0].startswith(anomaly)
    numbered = [line.strip() for line in lines if line.strip()[:1].isdigit()]
    assert numbered == [f"{n}. {action}" for n, action in enumerate(error.counterexample.plan, 1)]
    assert lines[-1].strip() == error.command
    words = shlex.split(error.command)
    assert words[:2] == ["refold", "replay"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words[1:], "--json", "--report-dir", str(folder / "again")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["findings"][0]["anomaly"] == anomaly


def test_the_stored_plan_is_the_shrunk_one(folder: Path) -> None:
    """And reproduces."""
    error = failure(machine("inventory", "checkpoint-before-effect"))
    (file,) = folder.glob("plans/*.json")
    document = json.loads(file.read_text())
    plan = plan_from_json(document, Inventory())
    assert plan == error.counterexample.plan
    assert execute(resolve("checkpoint-before-effect"), Inventory(), plan).findings[0].anomaly == document["anomaly"]


class Own(EventSourcedMachine):
    """A user's own rule and invariant beside the harness's."""

    application = Accounts()
    system = "reference"
    registered = 0
    looked = 0

    @rule()
    def register(self) -> None:
        """An action chosen by the user."""
        self.perform(Submit("carol", Register("acme", "ada")))
        Own.registered += 1

    @invariant()
    def something_is_recorded(self) -> None:
        """The history can be looked at."""
        Own.looked += 1
        assert self.records


class Strict(Own):
    """An invariant that does not hold."""

    @invariant()
    def nothing_is_ever_acknowledged(self) -> None:
        """It is, of course."""
        assert not [record for record in self.records if isinstance(record, Acknowledged)]


def test_rules_and_invariants_of_the_user_take_part() -> None:
    """In the same runs."""
    run_state_machine_as_test(Own, settings=SHORT)
    assert Own.registered > 0
    assert Own.looked > Own.registered


def test_an_invariant_of_the_user_can_fail_the_test() -> None:
    """As itself, not as a broken guarantee."""
    with pytest.raises(AssertionError) as error:
        run_state_machine_as_test(Strict, settings=SHORT)
    assert not isinstance(error.value, GuaranteeBroken)


def test_what_is_no_exception_fails_the_test_and_is_shrunk_like_one() -> None:
    """Hypothesis alone lets it through."""

    class Cancelled(BaseException):
        pass

    class Raises(Accounts):
        broken = False

        def decide(self, command: Any, state: Any) -> Any:
            if self.broken:
                raise Cancelled("not now")
            return super().decide(command, state)

    application = Raises()
    cls = machine(application)
    prepared(cls)
    application.broken = True
    with pytest.raises(BrokenApplication, match=r"decide\(\) raised Cancelled: not now") as error:
        run_state_machine_as_test(cls, settings=SHORT)
    assert "Failing test case" in "".join(error.value.__notes__)


def test_a_rule_may_skip_the_test() -> None:
    """What pytest and Hypothesis raise to steer a test is no error."""

    class Skips(Accounts):
        over = False

        def decide(self, command: Any, state: Any) -> Any:
            return pytest.skip("not here") if self.over else super().decide(command, state)

    application = Skips()
    cls = machine(application)
    prepared(cls)
    application.over = True
    with pytest.raises(pytest.skip.Exception):
        run_state_machine_as_test(cls, settings=SHORT)


def test_every_run_is_settled_and_closed() -> None:
    """The tally says how many runs there were and what happened in them."""
    ended: list[Any] = []

    class Watched(EventSourcedMachine):
        application = "inventory"

        def teardown(self) -> None:
            super().teardown()
            ended.append(self.records[-1])

    run_state_machine_as_test(Watched, settings=SHORT)
    assert {type(record) for record in ended} == {Settled}
    tally = searches.pop(Watched).tally()
    assert tally["runs"] == len(ended)
    assert tally["steps"] > 0
    assert tally["counts"]["appended"] > 0


def test_a_tape_says_how_to_make_it_again() -> None:
    """Hypothesis prints it."""
    tape = Tape(bytes(range(200)))
    assert eval(repr(tape), {"Tape": Tape}) == tape
    assert isinstance(eval(repr(tape), {"Tape": Tape}), bytes)
    assert len(repr(Tape(bytes(500)))) < 80


def test_a_system_that_lacks_an_action_gets_something_that_it_can_do() -> None:
    """Rules never run dry."""

    class Lesser(Reference):
        def __init__(self) -> None:
            super().__init__()
            self.capabilities = frozenset({"append"})

    run_state_machine_as_test(machine("accounts", Lesser()), settings=SHORT)


def test_the_seed_of_hypothesis_decides_what_is_run(tmp_path: Path) -> None:
    """A test file of a user's: the same seed, the same counts in the summary."""
    file = tmp_path / "test_shop.py"
    file.write_text(
        "from refold.search.state_machine import machine\n"
        "TestInventory = machine('inventory').TestCase\n"
        "TestInventory.settings = __import__('hypothesis').settings(\n"
        "    TestInventory.settings, database=None, max_examples=10, derandomize=False\n"  # Hypothesis in CI takes no seed
        ")\n"
    )
    summaries = []
    for seed in ("5", "5", "6"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", f"--hypothesis-seed={seed}", str(file), "-p", "no:cacheprovider"],
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        summaries.append(next(line for line in done.stdout.splitlines() if "; 10 runs, " in line))
    assert summaries[0] == summaries[1] != summaries[2]


class Idle(Inventory):
    """An application in which nothing can ever happen."""

    name = "idle"

    def decide(self, command: Any, state: Any) -> Any:
        return ()


def test_a_machine_in_which_nothing_happens_fails(folder: Path) -> None:
    """A test that passed having done nothing would be the catalogue's vacuous-scenario; its last line searches again."""
    case = machine(Idle()).TestCase
    case.settings = SHORT
    with pytest.raises(GuaranteeBroken) as error:
        case("runTest").runTest()  # type: ignore[attr-defined]
    assert error.value.counterexample.finding.anomaly == "vacuous-run"
    last = str(error.value).splitlines()[-1].split()
    assert last[:4] == ["refold", "verify", "--system", "reference"]
    command = [sys.executable, "-c", COMMAND, *last[1:], "--report-dir", str(folder)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
