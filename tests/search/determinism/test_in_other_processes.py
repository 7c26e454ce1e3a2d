"""Replay in another process, under another hash seed."""

import dataclasses
import importlib
import pathlib
import sys
import time

import msgspec
import pytest

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.model.record import ConsumerSpec
from refold.search.determinism import in_other_processes as elsewhere
from refold.search.determinism.in_other_processes import (
    Unreplayable,
    replay_all_in_other_processes,
    replay_in_other_processes,
)
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.user.module import load


@dataclasses.dataclass(frozen=True)
class Join:
    club: str
    who: str


@dataclasses.dataclass(frozen=True)
class Joined:
    club: str
    who: str


class Club(Application):
    """Members of a club, as a set."""

    name = "club"
    events = (Joined,)

    def commands(self):
        return [Join("chess", who) for who in ("ada", "bob", "cleo", "dan", "eve")]

    def initial(self, key):
        return frozenset()

    def decide(self, command, state):
        return [Joined(command.club, command.who)]

    def evolve(self, state, event):
        return state | {event.who}


class ClubThatPicks(Club):
    """The same; its view names whoever iteration gives first."""

    def view(self, event, rows):
        members = {*rows.get("members", ()), event.who}
        return {"members": tuple(sorted(members)), "speaker": next(iter(members))}


def history(application):
    plan = [Submit("carol", command) for command in application.commands()]
    return execute(Reference(extensions=()), application, plan).history


def test_a_pure_application_replays_the_same_everywhere():
    assert replay_in_other_processes(Club(), history(Club())) is None
    assert replay_in_other_processes(Accounts(), history(Accounts())) is None


def test_iteration_over_a_set_that_decides_is_found_and_the_event_is_named():
    finding = replay_in_other_processes(ClubThatPicks(), history(ClubThatPicks()))
    assert finding is not None
    assert (finding.anomaly, finding.guarantee, finding.where) == ("replay-differs-elsewhere", "REPL", "view")
    assert finding.evidence[0].record.position == finding.position > 1
    assert next(iter(finding.expected.values()))["speaker"] != next(iter(finding.actual.values()))["speaker"]


def test_an_application_that_cannot_travel_is_said_so_in_a_sentence():
    club = Club()
    club.trouble = lambda: None
    with pytest.raises(Unreplayable, match="Club cannot be pickled"):
        replay_in_other_processes(club, history(club))


def test_an_empty_history_has_nothing_to_replay():
    assert replay_in_other_processes(Club(), []) is None


def test_a_module_that_is_only_a_file_is_found(tmp_path: pathlib.Path):
    source = tmp_path / "shop_on_its_own.py"
    source.write_text(
        "import msgspec\nfrom refold.model.application import Application\n"
        "class Put(msgspec.Struct, frozen=True):\n    shelf: str\n"
        "class Shop(Application):\n    name = 'shop'\n    events = (Put,)\n"
        "    def commands(self): return [Put('a')]\n    def initial(self, key): return 0\n"
        "    def decide(self, command, state): return [command]\n    def evolve(self, state, event): return state + 1\n"
    )
    shop = load(f"{source}:Shop")()
    assert replay_in_other_processes(shop, history(shop)) is None


def test_a_module_of_a_package_that_is_not_on_the_path_is_found(tmp_path: pathlib.Path, monkeypatch):
    """As pytest's import mode “importlib” names the modules of tests in folders."""
    source = tmp_path / "shops" / "small" / "shop_below.py"
    source.parent.mkdir(parents=True)
    (source.parent / "shelves.py").write_text("FIRST = 0\n")
    source.write_text(
        "import msgspec\nfrom refold.model.application import Application\n"
        "class Put(msgspec.Struct, frozen=True):\n    shelf: str\n"
        "class Shop(Application):\n    name = 'shop'\n    events = (Put,)\n"
        "    def commands(self): return [Put('a')]\n"
        "    def initial(self, key):\n        from .shelves import FIRST\n        return FIRST\n"
        "    def decide(self, command, state): return [command]\n    def evolve(self, state, event): return state + 1\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        module = importlib.import_module("shops.small.shop_below")
        importlib.import_module("shops.small.shelves")
    shop = module.Shop()
    assert str(tmp_path) not in sys.path
    assert replay_in_other_processes(shop, history(shop)) is None


class ClubThatDates(Club):
    """The same; its state has the date of the day on which it is folded."""

    def evolve(self, state, event):
        return state | {event.who, time.strftime("%Y-%m-%d")}


def test_a_clock_in_a_handler_is_found_though_all_processes_run_at_once():
    finding = replay_in_other_processes(ClubThatDates(), history(ClubThatDates()))
    assert finding is not None
    assert (finding.where, finding.position) == ("state", 1)


SOURCE = """
import os, time, msgspec
from refold.model.application import Application
from refold.model.event import Stored
from refold.model.record import ConsumerSpec
{first}
class Put(msgspec.Struct, frozen=True):
    shelf: str
class Shop(Application):
    name = 'shop'
    events = (Put,)
    def commands(self): return [Put('a')]
    def initial(self, key): return 0
    def decide(self, command, state): return [command]
    def evolve(self, state, event):
        {then}
        return state + 1
"""


def test_what_the_application_prints_is_no_answer(tmp_path: pathlib.Path):
    source = tmp_path / "loud.py"
    source.write_text(SOURCE.format(first="print('hello')", then="print(state)"))
    shop = load(f"{source}:Shop")()
    assert replay_in_other_processes(shop, history(shop)) is None


ELSEWHERE = "os.environ.get('PYTHONHASHSEED') in ('1', '2', '3', '4')"


@pytest.mark.parametrize(
    ("then", "words", "seconds"),
    [
        (f"while {ELSEWHERE}: pass", "took more than 2 s", 2),
        (f"if {ELSEWHERE}: raise KeyError('gone')", "failed: KeyError: 'gone'", 60),
        (f"if {ELSEWHERE}: os._exit(0)", "ended before the last event", 60),
    ],
    ids=["hangs", "raises", "exits"],
)
def test_trouble_in_the_other_process_is_told_and_no_process_is_left(then, words, seconds, tmp_path, monkeypatch):
    source = tmp_path / "trouble.py"
    source.write_text(SOURCE.format(first="", then=then))
    shop = load(f"{source}:Shop")()
    children = []
    start = elsewhere.start
    monkeypatch.setattr(elsewhere, "start", lambda *words: children.append(start(*words)) or children[-1])
    with pytest.raises(Unreplayable, match=words):
        replay_in_other_processes(shop, history(shop), seconds=seconds)
    assert len(children) == 4
    assert all(child.returncode is not None for child in children)


class ClubThatWelcomes(Club):
    """Its decision names those who are there already, as a set gives them."""

    def decide(self, command, state):
        return [Joined(command.club, "-".join(state | {command.who}))]


class ClubOfToday(Club):
    """Its decision looks at the calendar."""

    def decide(self, command, state):
        return [Joined(command.club, command.who + time.strftime("%d"))]


class ClubWithBoard(Club):
    """Its own projection: the chair is whom iteration gives first."""

    def board(self, event, rows):
        members = {*rows.get("members", ()), event.data.who}
        return {"members": tuple(sorted(members)), "chair": next(iter(members))}


@pytest.mark.parametrize("club", [ClubThatWelcomes, ClubOfToday])
def test_a_decision_that_differs_is_found_and_named(club):
    finding = replay_in_other_processes(club(), history(club()))
    assert finding is not None
    assert (finding.anomaly, finding.where, finding.position) == ("replay-differs-elsewhere", "decision", None)
    assert finding.evidence[0].record.command.club == "chess"


def test_a_projection_that_a_consumer_uses_is_folded_too():
    records = history(ClubWithBoard())
    assert replay_in_other_processes(ClubWithBoard(), records) is None
    records[0] = msgspec.structs.replace(records[0], consumers=(ConsumerSpec(name="mine", projection="board"),))
    finding = replay_in_other_processes(ClubWithBoard(), records)
    assert finding is not None
    assert finding.where == "board"


def test_a_difference_is_found_in_whichever_history_it_is():
    records = history(ClubThatPicks())
    first = records[: next(n for n, record in enumerate(records) if type(record) is Stored) + 1]
    found = replay_all_in_other_processes(ClubThatPicks(), [first, records])
    assert found is not None
    assert found[0] is records
