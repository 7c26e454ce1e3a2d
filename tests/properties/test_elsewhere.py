"""Replay in another process, under another hash seed."""

import dataclasses
import pathlib

import pytest

from refold.model.accounts import Accounts
from refold.model.action import Submit
from refold.model.application import Application
from refold.properties.elsewhere import Unreplayable, replay_elsewhere
from refold.properties.run import execute
from refold.systems.reference import Reference


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
    assert replay_elsewhere(Club(), history(Club())) is None
    assert replay_elsewhere(Accounts(), history(Accounts())) is None


def test_iteration_over_a_set_that_decides_is_found_and_the_event_is_named():
    finding = replay_elsewhere(ClubThatPicks(), history(ClubThatPicks()))
    assert finding is not None
    assert (finding.anomaly, finding.guarantee, finding.where) == ("replay-differs-elsewhere", "REPL", "view")
    assert finding.evidence[0].record.position == finding.position > 1
    assert next(iter(finding.expected.values()))["speaker"] != next(iter(finding.actual.values()))["speaker"]


def test_an_application_that_cannot_travel_is_said_so_in_a_sentence():
    club = Club()
    club.trouble = lambda: None
    with pytest.raises(Unreplayable, match="Club cannot be pickled"):
        replay_elsewhere(club, history(club))


def test_an_empty_history_has_nothing_to_replay():
    assert replay_elsewhere(Club(), []) is None


def test_a_module_that_is_only_a_file_is_found(tmp_path: pathlib.Path):
    from refold.systems.registry import load

    source = tmp_path / "shop_on_its_own.py"
    source.write_text(
        "import msgspec\nfrom refold.model.application import Application\n"
        "class Put(msgspec.Struct, frozen=True):\n    shelf: str\n"
        "class Shop(Application):\n    name = 'shop'\n    events = (Put,)\n"
        "    def commands(self): return [Put('a')]\n    def initial(self, key): return 0\n"
        "    def decide(self, command, state): return [command]\n    def evolve(self, state, event): return state + 1\n"
    )
    shop = load(f"{source}:Shop")()
    assert replay_elsewhere(shop, history(shop)) is None
