"""Conditions over tags: two clients, two overlapping conditions, one winner; and logs and clients that get it wrong."""

from __future__ import annotations

import attrs
import msgspec
import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.history import HistoryReader, to_line
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.examples.courses import Courses, Enrol
from refold.model.expectation import AnyExpectation, Criterion, NoMatch
from refold.model.log import Appended, AppendRequest, Conflict, Log
from refold.model.record import Prepared, Refused, Step
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.run import execute
from refold.systems.reference import Reference
from refold.systems.registry import resolve

ANN_ART, ANN_MATHS, BOB_MATHS = Enrol("art", "ann"), Enrol("maths", "ann"), Enrol("maths", "bob")


def raced(second: Enrol) -> list[type]:
    """Alice decides, bob enrols in between, alice appends: how it ended for alice."""
    plan = (Prepare("alice", ANN_ART), Submit("bob", second), Append("alice"))
    run = execute(Reference(), Courses(), plan, whole=True)
    assert not run.findings
    return [type(record) for record in run.history if getattr(record, "op", "") == "alice-1"][1:]


def test_of_two_conditions_that_overlap_one_wins() -> None:
    """Through the student, although the courses, and so the streams, are two; where nothing overlaps both win."""
    assert Refused in raced(ANN_MATHS)
    assert Refused not in raced(BOB_MATHS)


@pytest.mark.parametrize(
    ("name", "anomaly"),
    [
        ("condition-on-stale-view", "condition-ignored"),
        ("condition-of-one-tag", "condition-ignored"),
        ("condition-too-narrow", "write-skew"),
        ("condition-too-wide", "false-conflict"),
    ],
)
def test_broken_conditions_are_convicted(name: str, anomaly: str) -> None:
    """With the plan that a person would think of."""
    second = BOB_MATHS if name == "condition-too-wide" else ANN_MATHS
    plan = (Prepare("alice", ANN_ART), Submit("bob", second), Append("alice"))
    run = execute(resolve(name), Courses(), plan)
    assert run.findings[0].signature == (anomaly, "CAS")


def test_the_reference_is_never_accused() -> None:
    """Slow appends, failing disks, retries, decisions made anew."""
    result = Campaign(Reference(), Courses(), 23, Budget(None, 300)).run()
    assert result.verdict == "held", result.counterexamples[0].finding
    assert result.counts["conflicts"] > 50


class Forgetful(Log):
    """Keeps no tags."""

    def place(self, request: AppendRequest) -> tuple[Stored, ...]:
        return tuple([msgspec.structs.replace(event, tags=()) for event in super().place(request)])


def test_a_log_that_loses_tags_is_told_so() -> None:
    """Else no condition would ever match, and all would seem well."""
    run = execute(Reference("forgetful", {"log": Forgetful}), Courses(), (Submit("alice", ANN_ART),), whole=True)
    assert run.findings[0].signature == ("event-altered", "LOG")
    assert "tags" in run.findings[0].expected


@attrs.define
class Tagged:
    """A user's own log, with no more than it takes."""

    events: list[Stored] = attrs.field(factory=list)

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Expected versions and conditions over tags."""
        known = [event.position for event in self.events if event.operation == request.op]
        if known:
            return Appended(tuple(known))
        version = sum(event.stream == request.stream for event in self.events)
        if not self.allowed(request.expected, version):
            return Conflict(version)
        for event in request.events:
            version += 1
            place = len(self.events) + 1
            self.events.append(Stored(place, request.stream, version, event.id, event.type, event.data, event.tags))
        return Appended(tuple(range(len(self.events) - len(request.events) + 1, len(self.events) + 1)))

    def allowed(self, expected: AnyExpectation, version: int) -> bool:
        """Whether nothing is in the way."""
        if isinstance(expected, NoMatch):
            return not any(expected.matches(event.type, event.tags) for event in self.events[expected.after :])
        return expected.holds(version)

    def read(self, after: int, limit: int) -> list[Stored]:
        """A page."""
        return self.events[after : after + limit]


class Unconditional(Tagged):
    """Has never heard of conditions over tags."""

    def allowed(self, expected: AnyExpectation, version: int) -> bool:
        return expected.holds(version)


def test_a_log_of_ones_own_may_take_conditions_over_tags() -> None:
    """And one that takes no notice of them is convicted."""
    from refold.systems.user.adopt import adapt

    good = Campaign(adapt("tagged", Tagged), Courses(), 5, Budget(None, 60)).run()
    assert (good.verdict, good.counts["conflicts"] > 10) == ("held", True)
    bad = Campaign(adapt("unconditional", Unconditional), Courses(), 5, Budget(None, 60, distinct=1)).run()
    assert bad.counterexamples[0].finding.signature == ("condition-ignored", "CAS")


def test_strategies_that_protect_one_key_say_no() -> None:
    """They have nothing that could protect a decision over several; those that append under a condition have."""
    for name in ("lock", "lock-fenced", "reservation", "single-writer", "change-data-capture", "dual-writes"):
        with pytest.raises(UsageError, match="protects one key at a time; take strategy=expected-version"):
            Campaign(resolve(f"reference?strategy={name}"), Courses(), 5, Budget(None, 1))
    assert Campaign(resolve("reference?strategy=catch-up"), Courses(), 5, Budget(None, 60)).run().verdict == "held"
    blind = Campaign(resolve("reference?strategy=blind"), Courses(), 5, Budget(None, 60, distinct=1)).run()
    assert blind.verdict == "broken"
    with pytest.raises(UsageError, match="the SQLite log keep no tags"):
        Campaign(resolve("sqlite"), Courses(), 5, Budget(None, 20)).run()


def test_histories_keep_tags_and_conditions() -> None:
    """They are judged in a file as in memory; an event without tags looks as it always did."""
    plan = (Prepare("alice", ANN_ART), Submit("bob", ANN_MATHS), Append("alice"))
    history = execute(resolve("condition-on-stale-view"), Courses(), plan).history
    lines = [to_line(record) for record in history]
    read = list(HistoryReader(Courses()).records(lines))
    assert [record for record in read if type(record) is not Step] == [
        record for record in history if type(record) is not Step
    ]
    judge = checker(Courses())
    for record in read:
        judge.feed(record)
    assert judge.findings[0].anomaly == "condition-ignored"
    asked = next(record for record in read if isinstance(record, Prepared))
    assert asked.expected == NoMatch((Criterion(tags=("course:art",)), Criterion(tags=("student:ann",))), 0)
    assert b"tags" not in to_line(Stored(1, "s", 1, "a-1/0", "T", None))


def test_conditions_are_said_in_words() -> None:
    """In plans, reports and conflicts."""
    condition = NoMatch(
        (Criterion(("Enrolled", "Left"), ("course:art", "term:1")), Criterion(tags=("student:ann",))), 7
    )
    assert str(condition) == (
        "nothing after position 7 of: Enrolled or Left with course:art and term:1; any event with student:ann"
    )
    assert condition.matches("Left", ("term:1", "course:art"))
    assert not condition.matches("Left", ("course:art",))
    assert not condition.matches("Moved", ("course:art", "term:1"))
