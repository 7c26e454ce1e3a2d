"""`verify`: what the command finds, as a value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.examples.accounts import Accounts
from refold.model.log import Log
from refold.search.run import BrokenApplication
from refold.search.verification import verify
from refold.systems.reference import Reference
from refold.systems.user.errors import AdapterError


class Vote(msgspec.Struct, frozen=True):
    """Vote once."""

    name: str


class Voted(msgspec.Struct, frozen=True):
    """A vote."""

    name: str


class Votes(Application):
    """Counts votes."""

    events = (Voted,)

    def commands(self) -> Sequence[Vote]:
        return (Vote("ada"), Vote("bob"))

    def key(self, message: Vote | Voted) -> str:
        return message.name

    def initial(self, key: str) -> int:
        return 0

    def decide(self, command: Vote, state: int) -> Sequence[Voted]:
        return (Voted(command.name),)

    def evolve(self, state: int, event: Voted) -> int:
        return state + 1


class Impure(Votes):
    """Changes its mind."""

    asked = 0

    def decide(self, command: Vote, state: int) -> Sequence[Voted]:
        type(self).asked += 1
        return (Voted(command.name),) * (1 + self.asked % 2)


@pytest.mark.parametrize("system", ["reference", Reference(), Log])
def test_what_is_right_holds(system: Any) -> None:
    """A name, a system, or what makes a log."""
    result = verify("accounts", system, seconds=None, examples=100)
    assert result.verdict == "held"
    assert result.steps > 0
    assert result.application == "accounts"


def test_a_broken_system_is_convicted_and_nothing_is_said_or_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same runs as those of the command with this seed."""
    monkeypatch.chdir(tmp_path)
    result = verify(Accounts, "checkpoint-before-effect", seconds=None, examples=300, seed=1)
    assert result.verdict == "broken"
    example = result.counterexamples[0]
    assert example.minimal
    assert example.finding.guarantee == "CKPT"
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_the_seed_decides(tmp_path: Path) -> None:
    """And nothing else does."""
    first, second, other = (verify(Accounts(), seconds=None, examples=20, seed=seed) for seed in (5, 5, 6))
    several = verify(Accounts(), seconds=None, examples=20, seed=5, jobs=2)
    assert (first.steps, first.counts) == (second.steps, second.counts) == (several.steps, several.counts)
    assert first.steps != other.steps


def test_the_function_finds_what_the_command_finds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Counts, findings and plans."""
    from refold.reports.commands.cli import main

    arguments = ["verify", "--system", "lost-wakeup", "--examples", "200", "--seed", "3", "--json"]
    with pytest.raises(SystemExit):
        main([*arguments, "--report-dir", str(tmp_path)], prog_name="refold")
    printed = json.loads(capsys.readouterr().out)
    result = verify(printed["application"], "lost-wakeup", seconds=None, examples=200, seed=3)
    assert result.steps == printed["steps"]
    assert result.counts == printed["counts"]
    assert [example.finding.anomaly for example in result.counterexamples] == [
        finding["anomaly"] for finding in printed["findings"]
    ]
    assert [len(example.plan) for example in result.counterexamples] == [
        finding["actions"] for finding in printed["findings"]
    ]


def test_an_application_of_ones_own_is_replayed_in_other_processes() -> None:
    """Or it is said why not: here, because no name leads to it from there."""
    result = verify(Votes(), seconds=None, examples=20)
    assert result.verdict == "held"
    assert result.application == "Votes"


@pytest.mark.parametrize(
    ("application", "system", "said"),
    [
        ("accuonts", "reference", "did you mean"),
        (7, "reference", "derived from refold.Application"),
        (Accounts, "refernce", "did you mean"),
        (Accounts, object(), "neither a system"),
        (Impure, "reference", "on the same state"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(application: Any, system: Any, said: str) -> None:
    """Before anything is run."""
    with pytest.raises((UsageError, BrokenApplication), match=said):
        verify(application, system, examples=5)


def test_a_search_without_an_end_is_refused() -> None:
    """It would be one for ever."""
    with pytest.raises(UsageError, match="needs an end"):
        verify(Accounts, seconds=None)


class Silent(Log):
    """Answers nonsense to every append."""

    def append(self, *arguments: Any, **named: Any) -> Any:
        """No answer."""
        return 7


def test_a_system_that_breaks_the_contract_of_the_port_is_no_verdict() -> None:
    """`held` would be a lie."""
    with pytest.raises(AdapterError):
        verify(Accounts, Silent, seconds=None, examples=20)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seconds": "one"}, r"seconds is 'one', expected a number, 0 or more"),
        ({"seconds": -1}, r"seconds is -1, expected a number, 0 or more"),
        ({"examples": -1}, r"examples is -1, expected a number, 1 or more"),
        ({"examples": 0.5}, r"examples is 0.5, expected a number, 1 or more"),
        ({"jobs": 0}, r"jobs is 0, expected a number, 1 or more"),
        ({"system": 5}, r"^5 is neither a system nor the name of one, nor a class or function"),
    ],
)
def test_a_number_that_is_none_is_told(given: dict[str, Any], said: str) -> None:
    """As on the command line: neither an error from deep inside, nor a search that looked at nothing."""
    with pytest.raises(UsageError, match=said):
        verify(Accounts, **given)
