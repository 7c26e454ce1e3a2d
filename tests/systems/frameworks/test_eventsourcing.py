"""Applications of the library `eventsourcing`: each mistake is found, and what is right is held."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("eventsourcing", reason="needs refold[eventsourcing]")

from refold import Refusal, replay, verify
from refold.model.errors import SystemUnavailable, UsageError
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.systems import EventSourcing, resolve
from refold.systems.user.errors import AdapterError

from . import dogs, stock

MISTAKES: dict[str, tuple[Any, tuple[str, str]]] = {
    "a snapshot that misses an event": (
        lambda: dogs.school(dogs.ForgetfulSchool),
        ("view-differs-from-replay", "REPL"),
    ),
    "a snapshot in memory, behind a cache that nobody empties": (
        lambda: dogs.school(dogs.AmnesicSchool, persistence="popo"),
        ("view-differs-from-replay", "REPL"),
    ),
    "a cache that does not look": (lambda: dogs.school(dogs.StaleSchool), ("view-differs-from-replay", "REPL")),
    "the same on a persistence module of somebody else's": (
        lambda: dogs.school(dogs.StaleSchool, persistence=dogs.somewhere_else),
        ("view-differs-from-replay", "REPL"),
    ),
    "a cache with what was never saved": (lambda: dogs.school(dogs.DirtySchool), ("view-differs-from-replay", "REPL")),
    "the same in memory": (
        lambda: dogs.school(dogs.DirtySchool, persistence="popo"),
        ("view-differs-from-replay", "REPL"),
    ),
    "a cache of its own": (lambda: dogs.school(dogs.RememberingSchool), ("answer-differs", "READ")),
    "a conflict that is swallowed": (lambda: dogs.school(dogs.SwallowingSchool), ("confirmed-without-effect", "LOG")),
    "a conflict that is overruled": (lambda: dogs.school(dogs.HastySchool), ("lost-update", "CAS")),
    "a call that is tried again": (lambda: dogs.school(dogs.TwiceSchool), ("duplicate-append", "CAS")),
    "two saves that belong together": (lambda: dogs.school(dogs.HalvesSchool), ("partial-batch", "LOG")),
    "a projection in two steps": (
        lambda: dogs.school(follower=dogs.CountsInTwoSteps),
        ("view-differs-from-replay", "REPL"),
    ),
    "a process application that saves by itself": (
        lambda: dogs.school(follower=dogs.HastyNewspaper),
        ("view-differs-from-replay", "REPL"),
    ),
    "an aggregate that oversells": (lambda: stock.stock(stock.OversellingShop), ("rule-allows-too-much", "CAS")),
    "one that oversells, by its invariant": (
        lambda: EventSourcing(stock.OversellingShop, stock.COMMANDS, invariant=lambda item: item.free >= 0),
        ("invariant-broken", "CAS"),
    ),
    "an event with the wrong sign": (lambda: stock.stock(stock.WrongSignShop), ("view-differs-from-replay", "REPL")),
    "an aggregate that is too strict": (lambda: stock.stock(stock.StrictShop), ("refused-without-reason", "CAS")),
}
RIGHT: dict[str, Any] = {
    "two saves that do not": lambda: dogs.school(dogs.HalvesSchool, atomic=False),
    "snapshots and cache": dogs.school,
    "a projection": lambda: dogs.school(follower=dogs.Counts),
    "a projection in memory": lambda: dogs.school(follower=dogs.MemoryCounts),
    "a process application": lambda: dogs.school(follower=dogs.Newspaper),
    "in memory": lambda: dogs.school(follower=dogs.MemoryCounts, persistence="popo"),
    "on a persistence module of somebody else's": lambda: dogs.school(persistence=dogs.somewhere_else),
    "with a second opinion": stock.stock,
    "with an invariant": lambda: EventSourcing(stock.Shop, stock.COMMANDS, invariant=lambda item: item.free >= 0),
}


def searched(system: Any, examples: int, seed: int = 1) -> Result:
    """A search of so many runs."""
    return verify(system=system, seconds=None, examples=examples, seed=seed)


@pytest.mark.parametrize("title", MISTAKES)
def test_the_mistake_is_found(title: str) -> None:
    """By a plan that shows it again."""
    make, signature = MISTAKES[title]
    system = make()
    result = Campaign(system, system.application, 1, Budget(None, 200, distinct=1)).run()
    (example,) = result.counterexamples
    assert signature in [finding.signature for finding in example.findings]
    assert len(example.plan) <= 10
    again = replay(example.plan, system=system)
    assert signature in [finding.signature for finding in again.counterexamples[0].findings]


@pytest.mark.parametrize("title", RIGHT)
def test_what_is_right_is_held(title: str) -> None:
    """With calls, stops, deaths and everything compared."""
    system = RIGHT[title]()
    result = Campaign(system, system.application, 1, Budget(None, 12)).run()
    assert [example.finding for example in result.counterexamples] == []
    assert result.counts["calls_made_alone"] > 50
    assert result.counts["views_compared"] > 12


@pytest.mark.parametrize(("cls", "follower"), [(dogs.HastySchool, None), (dogs.DogSchool, dogs.HastyNewspaper)])
def test_what_is_hasty_is_right_in_memory(cls: Any, follower: Any) -> None:
    """There nobody stops between two statements or dies, so nobody can be in the way. In SQLite both are mistakes."""
    system = dogs.school(cls, follower, persistence="popo")
    result = Campaign(system, system.application, 1, Budget(None, 40)).run()
    assert result.counterexamples == ()
    assert result.counts["calls_made_alone"] > 50


def test_other_processes_replay_it_too() -> None:
    """With the classes of the user's, and the views of projections."""
    result = searched(dogs.school(follower=dogs.Counts), 4)
    assert result.counterexamples == ()
    assert not any("other processes" in text for text in result.not_checked)


def test_the_same_seed_gives_the_same_histories() -> None:
    """Ids, clock and order included."""

    def histories() -> Any:
        system = dogs.school(follower=dogs.Counts)
        return Campaign(system, system.application, 5, Budget(None, 8)).run().samples

    assert histories()
    assert histories() == histories()


@pytest.mark.parametrize(
    "name",
    [
        "eventsourcing",
        "eventsourcing?persistence=popo",
        "eventsourcing?snapshots=1&cache=on",
        "eventsourcing?snapshots=0&cache=off",
    ],
)
def test_the_system_that_ships_is_held(name: str) -> None:
    """With each option."""
    system = resolve(name)
    assert system.name == name
    assert Campaign(system, system.application, 1, Budget(None, 6)).run().counterexamples == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EventSourcing(dogs.Dog, dogs.COMMANDS), "is not an Application of the library"),
        (lambda: EventSourcing(dogs.DogSchool, []), "commands is empty"),
        (lambda: EventSourcing(dogs.DogSchool, [("regster", "fido")]), "DogSchool has no method 'regster'"),
        (lambda: EventSourcing(dogs.DogSchool, [3]), "command 3 is neither a tuple"),
        (lambda: EventSourcing(dogs.DogSchool, dogs.COMMANDS, persistence="sqlit"), "did you mean"),
        (
            lambda: EventSourcing(dogs.DogSchool, dogs.COMMANDS, projections=[dogs.Counting]),
            "neither a ProcessApplication",
        ),
        (lambda: dogs.school(follower=dogs.Counts, persistence=dogs.somewhere_else), "and there are projections"),
        (lambda: searched(EventSourcing(dogs.DogSchool, [("register",)]), 1), "no command succeeded"),
        (lambda: resolve("eventsourcing?persistence=mysql"), "it is one of sqlite, postgres, popo"),
        (lambda: resolve("eventsourcing?snapshot=1"), "did you mean"),
        (lambda: verify(system="reference"), "does not bring one"),
        (lambda: verify("inventory", dogs.school(), examples=1), "brings its own application"),
    ],
)
def test_a_mistake_in_what_is_given_is_a_sentence(make: Any, message: str) -> None:
    """Before anything is searched."""
    with pytest.raises(UsageError, match=message):
        make()


def test_functions_are_commands_too() -> None:
    """By their names; a lambda by its line."""

    def register(school: Any) -> Any:
        return school.register("fido")

    system = EventSourcing(dogs.DogSchool, [register, lambda school: school.register("rex"), ("register", "bello")])
    texts = [str(command) for command in system.application.commands()]
    assert texts[0] == "register()"
    assert texts[1].startswith("<lambda> (line ")
    assert texts[2] == "register('bello')"
    assert searched(system, 6).counterexamples == ()


SCRIPT = """
from refold.systems import EventSourcing
import eventsourcing.application

import dogs

BAD = EventSourcing(dogs.StaleSchool, dogs.COMMANDS)
"""


def refold(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "refold.reports", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_needs_no_application(tmp_path: pathlib.Path) -> None:
    """The system brings it, also when its plan is replayed."""
    source = pathlib.Path(dogs.__file__).read_text(encoding="utf-8")
    (tmp_path / "dogs.py").write_text(source, encoding="utf-8")
    (tmp_path / "bad.py").write_text(SCRIPT, encoding="utf-8")
    done = refold(tmp_path, "verify", "--system", "bad.py:BAD", "--examples", "20", "--seed", "1", "--json")
    assert done.returncode == 1, done.stderr
    finding = json.loads(done.stdout)["findings"][0]
    again = refold(tmp_path, "replay", finding["plan"], "--json")
    assert again.returncode == 1, again.stderr
    assert json.loads(again.stdout)["findings"][0]["anomaly"] == finding["anomaly"]


@pytest.mark.parametrize(
    ("persistence", "message"),
    [
        (lambda folder: {}, "PERSISTENCE_MODULE has to be one of them"),
        (lambda folder: folder.nowhere, r"persistence\(folder\) raised AttributeError"),
    ],
)
def test_a_persistence_that_makes_no_settings_is_told_so(persistence: Any, message: str) -> None:
    """When the first run begins."""
    with pytest.raises(AdapterError, match=message):
        searched(dogs.school(persistence=persistence), 1)


@pytest.mark.parametrize(
    ("found", "projections", "sentence"),
    [
        ("9.1.9", [], "eventsourcing, 9.2 or newer, is needed, found 9.1.9"),
        ("9.3.5", [dogs.Newspaper], "9.4 or newer, is needed for projections and process applications, found 9.3.5"),
    ],
)
def test_a_release_that_is_too_old_is_told(
    found: str, projections: list[Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 9.2 on applications, from 9.4 on those that follow them."""
    monkeypatch.setattr("refold.systems.frameworks.library.version", lambda name: found)
    with pytest.raises(SystemUnavailable, match=sentence):
        EventSourcing(dogs.DogSchool, dogs.COMMANDS, projections=projections)


def test_a_release_without_projections_verifies_an_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of 9.4 is asked for where there are none."""
    monkeypatch.setattr("refold.systems.frameworks.library.version", lambda name: "9.2.22")
    assert EventSourcing(dogs.DogSchool, dogs.COMMANDS).name == "DogSchool"


class Kennel(dogs.DogSchool):
    """Dogs share one bone at most."""

    def share(self, one: str, other: str) -> None:
        found: list[Any] = [self.repository.get(named) for named in (one, other)]
        found[0].teach("share")
        found[1].teach("share")
        self.save(*found)


def share_is_allowed(command: Any, state: Any) -> None:
    """Two states, where two dogs are concerned."""
    if command[0] == "share":
        first, second = state
        if "share" in first["tricks"] or "share" in second["tricks"]:
            raise Refusal("one of them knows")
        if first == second:
            raise Refusal("it is one dog")


def test_a_second_opinion_on_two_aggregates() -> None:
    """`key` says which, and `decide` is given their states in that order."""
    fido, rex = ("register", "fido"), ("register", "rex")
    commands = [fido, rex, ("share", fido, rex), ("share", rex, fido)]

    def key(command: Any) -> Any:
        return command[1:] if command[0] == "share" else None

    system = EventSourcing(Kennel, commands, decide=share_is_allowed, key=key)
    result = searched(system, 12)
    assert result.counterexamples == ()
    assert result.counts["calls_made_alone"] > 20


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, "decisions by a second opinion"),
        ({"decide": share_is_allowed}, "what events mean, by a second opinion"),
        ({"evolve": lambda state, event: state}, "decisions by a second opinion"),
        ({"decide": share_is_allowed, "evolve": lambda state, event: state}, None),
    ],
)
def test_what_nobody_has_said_twice_is_not_checked(given: Any, left: str | None) -> None:
    """And what somebody has is not in the list."""
    system = EventSourcing(dogs.DogSchool, dogs.COMMANDS, **given)
    texts = not_checked(system, system.application)
    assert [text.partition(":")[0] for text in texts if "second opinion" in text] == ([] if left is None else [left])


def test_an_argument_that_cannot_be_a_key_is_about_no_aggregate() -> None:
    """A list is none, nor is a dict."""
    command = lambda: [("register", "fido"), ("register", ["a", "list"])]  # noqa: E731
    system = EventSourcing(dogs.DogSchool, command(), decide=lambda command, state: None)
    assert searched(system, 3).counterexamples == ()


class SavesPositionFirst(dogs.Counts):
    """Its position, and in a second transaction what it counts."""

    def count(self, trick: str, tracking: Any) -> None:
        self.insert_tracking(tracking)
        with self.datastore.transaction(commit=True) as cursor:
            self.add(cursor, trick)


def test_a_worker_is_stopped_where_only_late_events_lead() -> None:
    """The first events are none that it counts, and a death at its second COMMIT is needed."""
    names = ["fido", "rex", "bello", "lassie", "laika", "hachiko"]
    registers = [("register", name) for name in names]
    commands = [*registers, ("teach", registers[0], "roll over")]
    system = EventSourcing(dogs.DogSchool, commands, projections=[(dogs.Counting, SavesPositionFirst, dogs.totals)])
    places = system.learned(system.application)["Counting"]
    assert {"INSERT counts", "COMMIT", "COMMIT (2)"} <= {*places}
    result = Campaign(system, system.application, 1, Budget(None, 200, distinct=1)).run()
    assert [example.finding.anomaly for example in result.counterexamples] == ["view-differs-from-replay"]
