"""Calls against what they do alone: every clause has a history that only it convicts, and an innocent twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from refold.model.application import Application, Solo
from refold.model.event import Stored
from refold.model.parts.calls import Called, LoseAnswer, Replied
from refold.model.record import Opened, Step
from refold.properties.property import Finding
from refold.properties.suite import checker

from ...systems.user.bags import Added

BEGUN = Opened(1, "by hand", "tally", ("alice", "bob"), ())


class Tally(Application):
    """Counts up to three: ``add`` adds one, ``pair`` two, ``look`` answers how many there are."""

    name = "tally"
    events = (Added,)

    def commands(self) -> Sequence[str]:
        return ["add", "pair", "look"]

    def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
        return {"a": len(events)}

    def alone(self, command: str, before: Sequence[Stored], appended: Sequence[Stored] = ()) -> Solo:
        assert {type(event) for event in (*before, *appended)} <= {Stored}
        if command == "look":
            return Solo("done", str(len(before)))
        wanted = 2 if command == "pair" else 1
        impossible = "more than four" if len(before) + len(appended) > 4 else ""
        if len(before) + wanted > 3:
            return Solo("refused", "full", impossible=impossible)
        return Solo("done", "", ("Added",) * wanted, min(wanted, len(appended)), impossible=impossible)


def call(op: str, command: str) -> Called:
    return Called(op.partition("-")[0], op, command)


def stored(op: str, position: int, n: int = 0, version: int = 0) -> Stored:
    return Stored(position, "a", version or position, f"{op}/{n}", "Added", Added("a"))


def answer(op: str, how: str = "done", detail: str = "") -> Replied:
    return Replied(op.partition("-")[0], op, how, detail)


def added(op: str, position: int) -> tuple[Any, ...]:
    return (call(op, "add"), stored(op, position), answer(op))


THREE = (*added("alice-1", 1), *added("alice-2", 2), *added("alice-3", 3))
CASES: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], str]] = {
    "decision": (
        (*THREE, *added("bob-1", 4)),
        THREE,
        "lost-update",
    ),
    "once": (
        (call("bob-1", "add"), stored("bob-1", 1), stored("bob-1", 2, 1), answer("bob-1")),
        (call("bob-1", "pair"), stored("bob-1", 1), stored("bob-1", 2, 1), answer("bob-1")),
        "duplicate-append",
    ),
    "whole": (
        (call("bob-1", "pair"), stored("bob-1", 1), answer("bob-1")),
        (call("bob-1", "add"), stored("bob-1", 1), answer("bob-1")),
        "partial-batch",
    ),
    "invariant": (
        (*THREE, call("bob-1", "pair"), stored("bob-1", 4), stored("bob-1", 5, 1), answer("bob-1")),
        (*THREE, call("bob-1", "pair"), answer("bob-1", "refused", "full")),
        "invariant-broken",
    ),
    "done has an effect": (
        (call("bob-1", "add"), answer("bob-1")),
        (call("bob-1", "add"), answer("bob-1", "raised")),
        "confirmed-without-effect",
    ),
    "refused with cause": (
        (*added("alice-1", 1), call("bob-1", "add"), answer("bob-1", "refused", "full")),
        (*THREE, call("bob-1", "add"), answer("bob-1", "refused", "full")),
        "refused-without-reason",
    ),
    "answer": (
        (*THREE, call("bob-1", "look"), answer("bob-1", "done", "2")),
        (*THREE, call("bob-1", "look"), answer("bob-1", "done", "3")),
        "answer-differs",
    ),
    "versions": (
        (*added("alice-1", 1), call("bob-1", "add"), stored("bob-1", 2, version=3), answer("bob-1")),
        (*added("alice-1", 1), call("bob-1", "add"), stored("bob-1", 2, version=2), answer("bob-1")),
        "version-gap",
    ),
}


def findings(records: Sequence[Any]) -> list[Finding]:
    """All of them."""
    judge = checker(Tally())
    for record in (BEGUN, *records):
        judge.feed(record)
    judge.finish()
    return judge.findings


def judged(records: Sequence[Any]) -> list[tuple[str, str]]:
    """(clause, anomaly) of all findings."""
    return [(finding.clause, finding.anomaly) for finding in findings(records)]


@pytest.mark.parametrize("clause", CASES)
def test_the_clause_convicts(clause: str) -> None:
    """This history, under its own name, and no other clause does."""
    history, _, anomaly = CASES[clause]
    assert judged(history) == [(clause, anomaly)]


@pytest.mark.parametrize("clause", CASES)
def test_its_twin_is_innocent(clause: str) -> None:
    """Right next to it."""
    assert judged(CASES[clause][1]) == []


def test_an_effect_that_comes_when_the_call_is_answered_is_one_too_many() -> None:
    """It is told with the first effect and the answer, in their order; that of a call that was not answered yet is judged then."""
    (found,) = findings((*added("bob-1", 1), *added("alice-1", 2), stored("bob-1", 3, 1)))
    assert (found.clause, found.anomaly, found.number) == ("once", "duplicate-append", 8)
    assert [proof.number for proof in found.evidence] == [2, 3, 4, 8]
    assert (
        judged((*added("bob-1", 1), *added("alice-1", 2), call("bob-2", "add"), stored("bob-2", 3), answer("bob-2")))
        == []
    )


def test_an_effect_that_comes_when_the_call_is_refused_is_one_too_many() -> None:
    """Or when it is answered and had nothing to append. What one that was disturbed, or that raised, appends later is like any other
    effect."""
    refused = (*THREE, call("bob-1", "add"), answer("bob-1", "refused", "full"))
    assert judged((*refused, stored("bob-1", 4))) == [("once", "refused-append-visible")]
    assert judged((*refused, stored("alice-4", 4))) == []
    looked = (*added("alice-1", 1), call("bob-1", "look"), answer("bob-1", "done", "1"))
    assert judged((*looked, stored("bob-1", 2))) == [("once", "phantom-event")]
    for how in ("raised", "unknown"):
        assert judged((call("bob-1", "add"), answer("bob-1", how), stored("bob-1", 1))) == []
    disturbed = (*THREE, call("bob-1", "add"), Step(1, LoseAnswer("bob")), answer("bob-1", "refused", "full"))
    assert judged((*disturbed, stored("bob-1", 4))) == [("decision", "lost-update")]


@pytest.mark.parametrize("replied", [(), (answer("bob-1", "unknown"),), (answer("bob-1", "raised"),)])
def test_what_comes_after_the_answer_or_without_one_is_judged_at_the_end(replied: tuple[Any, ...]) -> None:
    """Like any other effect; only a call that may be under way still may have done a part."""
    add, pair = call("bob-1", "add"), call("bob-1", "pair")
    assert judged((*THREE, add, *replied, stored("bob-1", 4))) == [("decision", "lost-update")]
    assert judged((*THREE[:-3], add, *replied, stored("bob-1", 3))) == []
    assert judged((pair, *replied, stored("bob-1", 1), stored("bob-1", 2, 1))) == []
    assert judged((pair, *replied, stored("bob-1", 1))) == ([("whole", "partial-batch")] if replied else [])
    assert judged((add, *replied, stored("bob-1", 1), stored("bob-1", 2, 1))) == [("once", "duplicate-append")]


def test_a_call_whose_command_was_not_recorded_is_not_judged() -> None:
    """A history may leave commands out."""
    unsaid = Called("bob", "bob-1", None)
    assert judged((unsaid, stored("bob-1", 1), answer("bob-1", "refused"))) == []
    assert judged((unsaid, answer("bob-1"))) == []


def test_a_call_that_had_nothing_to_append_appends_nothing_later() -> None:
    """It is told with the call, the answer and the effect, in their order."""
    (found,) = findings((*added("alice-1", 1), call("bob-1", "look"), answer("bob-1", "done", "1"), stored("bob-1", 2)))
    assert (found.clause, found.anomaly, found.number) == ("once", "phantom-event", 7)
    assert [proof.number for proof in found.evidence] == [5, 6, 7]


def test_every_clause_has_a_case() -> None:
    """None is a promise that nobody has tried."""
    from refold.properties.updates.alone import MadeAlone

    assert set(CASES) == set(MadeAlone.clauses)


@pytest.mark.parametrize("how", ["unknown", "raised", "refused"])
def test_a_part_is_all_that_some_applications_promise_of_a_call_that_fails(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But never of one that is answered “done”."""
    part = (call("bob-1", "pair"), stored("bob-1", 1))
    assert judged((*part, answer("bob-1", how))) == [("whole", "partial-batch")]
    monkeypatch.setattr(Tally, "atomic", False)
    assert judged((*part, answer("bob-1", how))) == []
    assert judged((*part, answer("bob-1"))) == [("whole", "partial-batch")]


def test_a_log_during_the_call_is_reason_enough() -> None:
    """An answer may be that of the beginning or of the end."""
    during = (call("bob-1", "look"), *added("alice-1", 1))
    assert judged((*during, answer("bob-1", "done", "0"))) == []
    assert judged((*during, answer("bob-1", "done", "1"))) == []
    assert judged((*during, answer("bob-1", "done", "2"))) == [("answer", "answer-differs")]


def test_a_call_that_has_done_it_is_not_refused() -> None:
    """Not without a reason that a fresh instance would have too."""
    done = (call("bob-1", "add"), stored("bob-1", 1))
    assert judged((*done, answer("bob-1", "refused", "full"))) == [("refused with cause", "refused-without-reason")]
    assert judged((*done, Step(1, LoseAnswer("bob")), answer("bob-1", "refused", "full"))) == []
    assert judged((*THREE[:-3], call("bob-1", "add"), stored("bob-1", 3), answer("bob-1", "refused", "full"))) == []


def test_a_call_that_was_disturbed_is_not_judged_by_its_answer() -> None:
    """The client does not know what it has done."""
    history = (call("bob-1", "add"), Step(1, LoseAnswer("bob")), answer("bob-1"))
    assert judged(history) == []
    assert judged((history[0], Step(1, LoseAnswer("alice")), history[2])) == [
        ("done has an effect", "confirmed-without-effect")
    ]


def test_a_call_with_the_events_of_others_between_its_own_is_nobodys_to_judge() -> None:
    """There is no log just before it."""
    history = (call("bob-1", "pair"), stored("bob-1", 1), *added("alice-1", 2), stored("bob-1", 3, 1), answer("bob-1"))
    assert judged(history) == []


def test_an_application_that_cannot_be_run_alone_is_not_judged_so() -> None:
    """The property is not there."""

    class Plain(Application):
        def commands(self) -> Sequence[str]:
            return ["add"]

        def replay(self, events: Sequence[Stored]) -> Mapping[str, int]:
            return {}

    assert not Plain().solitary
    assert Tally().solitary
    with pytest.raises(NotImplementedError):
        Plain().alone("add", ())


def test_what_should_have_been_refused_is_told_with_the_reason() -> None:
    (found,) = findings(CASES["decision"][0])
    assert found.expected == "refused: full"


def test_a_gap_between_versions_is_told_with_the_version_that_was_due() -> None:
    (found,) = findings(CASES["versions"][0])
    assert (found.expected, found.actual) == (2, 3)


@pytest.mark.parametrize("version", [1, 2])
def test_a_version_that_a_stream_has_already_is_there_twice_whether_it_is_the_newest_or_not(version: int) -> None:
    again = (call("bob-1", "add"), stored("bob-1", 3, version=version), answer("bob-1"))
    assert judged((*added("alice-1", 1), *added("alice-2", 2), *again)) == [("versions", "duplicate-version")]
