"""Code of the user's that raises is told as what it is: with the name of its class or function, and the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("eventsourcing", reason="needs refold[eventsourcing]")

from eventsourcing.dispatch import singledispatchmethod

from refold import Finding, replay, verify
from refold.model.action import Submit
from refold.model.parts.calls import Stuck, Turn
from refold.model.parts.reading.looks import Look
from refold.search.run import execute
from refold.systems import EventSourcing
from refold.systems.user.errors import AdapterError

from . import dogs


class NoSettings(dogs.Counting):
    def __init__(self, view: Any) -> None:
        super().__init__(view)
        raise LookupError("no settings")


class NoTable(dogs.Counts):
    def __init__(self, datastore: Any) -> None:
        super().__init__(datastore)
        raise LookupError("no table")


class Fails(dogs.Counting):
    """On each trick."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Any) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def taught(self, domain_event: dogs.Dog.Taught, tracking: Any) -> None:  # type: ignore[name-defined]
        raise RuntimeError("no such trick")


class FailsSecondTime(Fails):
    """On the second event of each of its lives: one that often starts again gets further."""

    handled = 0

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Any) -> None:
        self.handled += 1
        if self.handled > 1:
            raise RuntimeError("one is enough")
        self.view.insert_tracking(tracking)


class FailsToStart(dogs.DogSchool):
    """In a second process on the same database."""

    started = 0

    def __init__(self, env: Any = None) -> None:
        super().__init__(env)
        type(self).started += "SQLITE_DBNAME" in (env or {})
        if self.started > 1:
            raise LookupError("no licence")


def fails(*arguments: Any) -> Any:
    """In place of any function."""
    raise ZeroDivisionError("division by zero")


def followed(projection: Any, view: Any = dogs.Counts, show: Any = dogs.totals) -> EventSourcing:
    """A school with a projection."""
    return EventSourcing(dogs.DogSchool, dogs.COMMANDS, projections=[(projection, view, show)])


def asked(**functions: Any) -> EventSourcing:
    """A school with functions of the user's."""
    return EventSourcing(dogs.DogSchool, dogs.COMMANDS, **functions)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: followed(NoSettings), r"^making NoSettings raised LookupError: no settings \(.*\.py:\d+\)"),
        (lambda: followed(dogs.Counting, NoTable), r"^making Counting raised LookupError: no table \(.*\.py:\d+\)"),
        (
            lambda: followed(dogs.Counting, show=fails),
            r"^the function that shows Counting raised ZeroDivisionError: .*\.py:\d+\)",
        ),
        (
            lambda: followed(dogs.Counting, show=lambda view: None),
            r"^the function that shows the view of Counting returned None, expected a dict",
        ),
        (lambda: asked(state=fails), r"^state\(aggregate\) raised ZeroDivisionError: .*\.py:\d+\)"),
        (lambda: asked(invariant=fails), r"^invariant\(aggregate\) raised ZeroDivisionError: .*\.py:\d+\)"),
        (
            lambda: asked(evolve=fails),
            r"^evolve\(state, event\) of Registered\(.*\) raised ZeroDivisionError: .*\.py:\d+\)",
        ),
        (
            lambda: asked(decide=fails),
            r"^decide\(command, state\) of register\('fido'\) raised ZeroDivisionError: .*\.py:\d+\)",
        ),
        (
            lambda: asked(decide=lambda command, state: None, key=fails),
            r"^key\(command\) raised ZeroDivisionError: .*\.py:\d+\)",
        ),
        (
            lambda: EventSourcing(FailsToStart, dogs.COMMANDS),
            r"^FailsToStart\(env=…\) raised LookupError: no licence \(.*\.py:\d+\)",
        ),
    ],
)
def test_what_cannot_be_made_or_asked_is_a_sentence(make: Any, message: str) -> None:
    """It names what was called, and says where that raised; refold does not take the blame, nor put it on an application's methods that the
    user has never written."""
    FailsToStart.started = 0
    system = make()
    plan = [Submit("alice", command) for command in system.application.commands()]
    with pytest.raises(AdapterError, match=message):
        execute(system, system.application, [*plan, Look()])


def told(system: EventSourcing, plan: Sequence[Any]) -> list[Finding]:
    """What is said about a plan."""
    return [finding for example in replay(plan, system=system).counterexamples for finding in example.findings]


def test_a_projection_that_fails_on_an_event_is_a_finding() -> None:
    """One that never gets past it, however often it is started."""
    system = followed(Fails)
    register, teach = system.application.commands()[:2]
    (finding,) = told(system, [Submit("alice", register), Submit("alice", teach), Look()])
    assert (finding.anomaly, finding.guarantee, finding.where) == ("never-reaches-tail", "LIVE", "Fails")
    assert (finding.actual, finding.expected) == (1, 2)
    (stuck,) = [one.record for one in finding.evidence if isinstance(one.record, Stuck)]
    assert stuck.position == 1
    assert stuck.error.startswith("RuntimeError: no such trick (")
    assert stuck.error.rpartition(":")[2].rstrip(")").isdigit()


def test_it_is_found_by_a_search() -> None:
    result = verify(system=followed(Fails), seconds=None, examples=30, seed=1)
    assert [example.finding.anomaly for example in result.counterexamples] == ["never-reaches-tail"]


def test_a_projection_that_fails_in_one_life_only_differs_from_one_that_is_undisturbed() -> None:
    """The one that is replayed is not started again, and the report says what it raised."""
    system = followed(FailsSecondTime)
    register, teach = system.application.commands()[:2]
    plan = [Submit("alice", register), Turn("FailsSecondTime"), Submit("alice", teach), Look()]
    (finding,) = told(system, plan)
    assert finding.anomaly == "view-differs-from-replay"
    assert "one is enough" in str(finding.expected)


def test_a_plan_that_gives_it_nothing_to_fail_on_is_held() -> None:
    system = followed(Fails)
    assert told(system, [Submit("alice", system.application.commands()[0]), Look(), Look()]) == []
