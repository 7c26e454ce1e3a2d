"""A stored history that several processes judge: the verdict is that of one."""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.application import Application
from refold.model.documents.history import MalformedHistory, to_line
from refold.model.errors import NoAnswer, SystemUnavailable
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register
from refold.properties.property import Finding, Property
from refold.properties.shares import Division, Share, divided, in_order_of_one, measured, needed
from refold.properties.suite import checker
from refold.search.objects.application_check import application_named
from refold.search.run import BrokenApplication, execute
from refold.search.stored.files import MemorySource
from refold.search.stored.history import StoredHistory
from refold.search.stored.judged import Judged
from refold.search.stored.side_by_side import Board, SideBySide
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve

from ..found import SIXTEEN, plans

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked on Linux")

ADA = Register("acme", "ada")
WRONG = tuple(
    execute(
        resolve("expected-any-misuse"),
        Accounts(),
        (Prepare("bob", ADA), Submit("alice", ADA), Append("bob")),
        whole=True,
    ).history
)


def judged(lines: tuple[bytes, ...], jobs: int, application: Application | None = None) -> Judged:
    """By so many processes."""
    return StoredHistory(MemorySource(lines), application, jobs=jobs).judged()


def said(verdict: Judged) -> dict[str, Any]:
    """Everything in a verdict, so that two can be compared."""
    plain = {field.name: getattr(verdict, field.name) for field in attrs.fields(Judged)}
    named = None if verdict.application is None else verdict.application.name
    return {**plain, "application": named, "error": repr(verdict.error), "operations": ()}


def alike(lines: tuple[bytes, ...], application: Application | None = None, others: tuple[int, ...] = (2, 3)) -> Judged:
    """The verdict, if it is the same for one, two and three processes."""
    one = judged(lines, 1, application)
    for jobs in others:
        assert said(judged(lines, jobs, application)) == said(one)
        assert not multiprocessing.active_children()
    return one


@pytest.fixture(autouse=True)
def fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork, whatever other tests have left running."""
    monkeypatch.setattr("refold.search.stored.history.why_not", lambda jobs: "" if jobs > 1 else "one")


@pytest.fixture
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes must tell it: nothing is judged again in one."""

    def again(self: StoredHistory, *args: Any) -> Any:
        if self.jobs != 1:
            raise AssertionError("judged again in one process")
        return alone(self, *args)

    alone = StoredHistory.read_alone
    monkeypatch.setattr(StoredHistory, "read_alone", again)


@functools.cache
def broken_history(name: str) -> tuple[bytes, ...]:
    """What one plan of a broken system leaves, one that shows something if any of a few does."""
    system, application = BROKEN[name].system(), application_named(BROKEN[name].application)
    run = None
    for plan in plans(system, application, 12, 40):
        run = execute(system, application, plan, whole=True)
        if run.findings:
            break
    assert run is not None
    return tuple(map(to_line, run.history))


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_systems_are_convicted_alike(name: str, no_second_look: None) -> None:
    """Whatever is found, in the same order."""
    alike(broken_history(name), application_named(BROKEN[name].application), (2, 3) if name in SIXTEEN else (3,))


def shuffled(records: tuple[Any, ...], seed: int) -> tuple[bytes, ...]:
    """Some of the records, a few of them twice or in another place."""
    generator = random.Random(seed)
    first, *rest = records
    rest = [record for record in rest for _ in range(generator.choice((0, 1, 1, 1, 1, 2)))]
    for _ in range(3):
        a, b = generator.randrange(len(rest)), generator.randrange(len(rest))
        rest[a], rest[b] = rest[b], rest[a]
    return tuple(map(to_line, (first, *rest)))


@functools.cache
def right() -> tuple[Any, ...]:
    """A history in which nothing is wrong."""
    system = resolve("reference")
    (plan,) = plans(system, Accounts(), 1, 150)
    return tuple(execute(system, Accounts(), plan, whole=True).history)


@pytest.mark.parametrize("seed", range(6))
def test_many_findings_of_many_properties_come_in_the_same_order(seed: int) -> None:
    """Histories in which records are missing, repeated and exchanged."""
    assert alike(shuffled(right(), seed), Accounts()).verdict == "broken"


def test_several_processes_find_it_by_themselves(no_second_look: None) -> None:
    """The one process that could tell it, too, is not asked."""
    assert alike(tuple(map(to_line, WRONG)), Accounts()).findings[0].anomaly == "duplicate-create"
    assert alike(tuple(map(to_line, right())), Accounts()).verdict == "held"


def test_a_line_that_is_wrong_is_told_with_what_was_found_before(
    no_second_look: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By all processes alike; behind the sample, so that they meet it."""
    monkeypatch.setattr("refold.search.stored.history.SAMPLE", 3)
    verdict = alike((*map(to_line, WRONG), b"{nonsense\n"), Accounts())
    assert isinstance(verdict.error, MalformedHistory)
    assert verdict.verdict == "broken"
    verdict = alike((*map(to_line, right()), b"{nonsense\n"), Accounts())
    assert verdict.verdict == "undecided"


class Hanging(Accounts):
    """Its evolve never comes to an end; somebody has enough of it."""

    def evolve(self, state: Any, event: Any) -> Any:
        raise NoAnswer("application 'accounts' did not answer")


class Failing(Accounts):
    """Its evolve fails on everything."""

    def evolve(self, state: Any, event: Any) -> Any:
        raise ZeroDivisionError("nothing to divide by")


@pytest.mark.parametrize("sample", [1, 4096])
@pytest.mark.parametrize(("application", "error"), [(Hanging, NoAnswer), (Failing, BrokenApplication)])
def test_an_application_that_fails_is_told_alike(
    application: type[Accounts], error: type[BaseException], sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sample, or when all processes are at work."""
    monkeypatch.setattr("refold.search.stored.history.SAMPLE", sample)
    assert isinstance(alike(tuple(map(to_line, right())), application()).error, error)


def test_a_history_of_another_application_is_judged_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gave the application, and the events are not its own, as all processes see."""
    monkeypatch.setattr("refold.search.stored.history.SAMPLE", 1)
    name = next(record.type for record in right() if isinstance(record, Stored))
    lines = tuple(line.replace(name.encode(), b"Other") for line in map(to_line, right()))
    assert alike(lines).application is None
    assert alike(tuple(map(to_line, right()))).application is not None


def test_a_history_that_begins_in_the_middle() -> None:
    """What can be judged of it is divided too."""
    records = right()
    start = next(n for n, record in enumerate(records) if isinstance(record, Stored)) + 1
    alike(tuple(map(to_line, records[start:])))


def one_each(properties: Any, seconds: Any, shares: int) -> Division:
    """Every property in a share of its own."""
    return Division([[place] for place in range(len(properties))], 1.0, 1.0)


class Deadly(Accounts):
    """It ends the process in which it is asked for the state, unless that is the one that started it."""

    parent = os.getpid()
    evolved = 0

    def evolve(self, state: Any, event: Any) -> Any:
        if os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evolve(state, event)


def test_what_a_killed_process_would_have_judged_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the others find is kept, and nothing runs on."""
    lines = tuple(map(to_line, WRONG))
    monkeypatch.setattr("refold.search.stored.history.divided", one_each)
    monkeypatch.setattr(Deadly, "parent", os.getpid())
    verdict = judged(lines, 2, Deadly())
    assert isinstance(verdict.error, SystemUnavailable)
    assert "by signal 9" in str(verdict.error)
    assert "--jobs 1" in str(verdict.error)
    assert "replay" in str(verdict.error)
    assert any("replay" in text and "was ended" in text for text in verdict.not_checked)
    assert not any("identity" in text and "was ended" in text for text in verdict.not_checked)
    assert verdict.records == len(WRONG)
    assert not multiprocessing.active_children()
    assert judged(lines, 1, Deadly()).error is None


class Endless(MemorySource):
    """Lines that never end where processes read them; the parent reads the beginning only."""

    def blocks(self, heartbeat: Any = None) -> Iterator[bytes]:
        """All of them, then nothing for a long time but signs of life."""
        yield b"".join(self.kept)
        while True:
            time.sleep(0.01)
            yield b""


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes are told to stop, and say what they have."""
    progress = Board.share

    def interrupted(self: Board) -> float:
        if self.findings() and not self.stopped:
            raise KeyboardInterrupt
        return progress(self)

    monkeypatch.setattr(Board, "share", interrupted)
    source = Endless(tuple(map(to_line, WRONG)))
    verdict = StoredHistory(source, Accounts(), jobs=2).judged()
    assert isinstance(verdict.error, KeyboardInterrupt)
    assert verdict.findings[0].anomaly == "duplicate-create"
    assert not multiprocessing.active_children()


def test_where_processes_save_too_little_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user asks for more: by the size first, then by what the properties take."""
    started: list[int] = []
    together = SideBySide.together

    def noted(self: SideBySide) -> Any:
        started.append(len(self.groups))
        return together(self)

    monkeypatch.setattr(SideBySide, "together", noted)
    monkeypatch.setattr("refold.search.stored.history.available", lambda: 2)
    source = MemorySource(tuple(map(to_line, right())))

    def count(jobs: int | None, **options: Any) -> list[int]:
        started.clear()
        StoredHistory(source, Accounts(), jobs=jobs, **options).judged()
        return list(started)

    assert count(1) == []
    assert len(count(3)) == 1
    assert count(3, seconds=60.0) == []
    assert count(None) == []
    monkeypatch.setattr("refold.search.stored.history.BYTES_TO_DIVIDE", 0)
    assert count(None) == []
    monkeypatch.setattr("refold.search.stored.history.SECONDS_TO_SAVE", 0.0)
    monkeypatch.setattr("refold.search.stored.history.SHARE_TO_SAVE", 0.0)
    assert len(count(None)) == 1
    monkeypatch.setattr("refold.search.stored.history.SHARE_TO_SAVE", 1.0)
    assert count(None) == []


class Own(Property):
    """A property of a user's, which knows of another one. Every event is one too many."""

    name = "own"
    guarantee = "LOG"
    seen: int = 0

    def handlers(self) -> dict[type, Any]:
        """Events."""
        return {Stored: self.on_stored}

    def on_stored(self, number: int, event: Stored) -> Finding:
        """One too many."""
        return self.finding("too-many", event.stream, number, position=event.position)


class Other(Own):
    """The same once more."""

    name = "other"


class WithProperties(Accounts):
    """An application with two properties of its own."""

    properties = (Own, Other)


def test_properties_of_the_users_own_stay_together() -> None:
    """They may know of each other. What they find comes in the same order."""
    whole = checker(WithProperties())
    own = {place for place, judge in enumerate(whole.properties) if judge.name in ("own", "other")}
    for jobs in (2, 3, 5):
        groups = divided(whole.properties, [1.0] * len(whole.properties), jobs).groups
        assert sum(own <= set(group) for group in groups) == 1
        assert 1 < len(groups) <= jobs
        assert sorted(place for group in groups for place in group) == list(range(len(whole.properties)))
    assert alike(tuple(map(to_line, right())), WithProperties()).verdict == "broken"


def test_beyond_the_findings_that_are_reported_one_process_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it ends the reading, the others would have read on."""
    monkeypatch.setattr("refold.search.stored.history.FINDINGS_MAX", 9)
    verdict = alike(tuple(map(to_line, right())), WithProperties())
    assert 0 < verdict.records < len(right())
    assert {finding.judge for finding in verdict.findings} == {"own", "other"}


def test_a_share_asks_whatever_its_properties_look_at() -> None:
    """Keepers always; those named in `after`, and those that are held, with all that these look at."""
    properties = checker(Accounts()).properties
    names = [judge.name for judge in properties]

    def asked(name: str) -> set[str]:
        return {names[place] for place in needed(properties, [names.index(name)])}

    assert asked("visibility") == {"appends", "progress", "oracle", "visibility"}
    assert asked("views") == {"appends", "progress", "oracle", "views", "states", "identity"}
    assert asked("effects") >= {"effects", "replay"}


def test_the_dearest_properties_are_not_in_one_share() -> None:
    """Two that take long, and nothing else that counts."""
    properties = checker(None).properties
    names = [judge.name for judge in properties]
    seconds = [0.0] * len(names)
    for name in ("visibility", "durability"):
        seconds[names.index(name)] = 1.0
    division = divided(properties, seconds, 2)
    assert division.longest == 1.0
    assert division.seconds == 2.0


def test_properties_that_look_at_the_same_one_are_together() -> None:
    """So that what takes long is done once."""
    properties = checker(Accounts()).properties
    names = [judge.name for judge in properties]
    seconds = [0.01] * len(names)
    for name in ("states", "replay"):
        seconds[names.index(name)] = 1.0
    assert divided(properties, seconds, 2).longest < 1.3


def test_time_is_measured_by_property() -> None:
    """Those that were asked took some."""
    whole = checker(Accounts())
    kinds = set(map(type, right()[:9]))
    asked = [not kinds.isdisjoint(judge.handlers()) for judge in whole.properties]
    assert [spent > 0 for spent in measured(whole, right()[:9])] == asked
    assert set(asked) == {True, False}


def test_shares_find_in_memory_what_one_checker_finds() -> None:
    """Put into order."""
    one = checker(Accounts())
    one.feed_all(WRONG, 100)
    one.finish()
    placed = []
    for mine in (0, 1):
        share = Share(checker(Accounts()), lambda place, mine=mine: place % 2 == mine)  # type: ignore[misc]
        share.feed_all(WRONG, 100)
        share.finish()
        placed += share.placed
    assert in_order_of_one(placed) == one.findings
    assert one.findings
