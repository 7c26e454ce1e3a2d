"""The suite: properties of extensions come late and cost nothing before, and say what they need."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.application import Application
from refold.model.documents.history import plain
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Register
from refold.model.parts.messages.outbox import Delivered, Drain
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Observed,
    Opened,
    Prepared,
    Scanned,
    Settled,
    Settling,
)
from refold.properties.oracle import Oracle
from refold.properties.partial_history import Beginning, partial_checker
from refold.properties.property import Checker, Finding, Handler, Property
from refold.properties.suite import (
    AWAITED,
    LATE,
    Keeper,
    checked_on,
    checker,
    early,
    in_order,
    kinds_of,
    properties,
    replay_checker,
)
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference

from ..search.found import SIXTEEN, plans
from .cases import CASES
from .cases.records import OPENED, event
from .test_verdicts import BAD

ADA = Submit("alice", Register("acme", "ada"))


def test_no_kind_of_record_is_awaited_by_two_late_properties_or_known_to_an_early_one() -> None:
    oracle = Oracle(Accounts())
    kinds = [kind for make in LATE for kind in kinds_of(make(oracle))]
    assert len(kinds) == len(set(kinds)) == len(AWAITED)
    assert not {kind for judge in early(Accounts(), oracle) for kind in judge.handlers()} & set(kinds)


def test_a_late_property_arrives_once_with_the_first_record_of_its_own() -> None:
    judge = checker(Accounts())
    before = len(judge.properties)
    for number in (1, 2):
        judge.feed(Delivered("relay-1", f"alice-{number}/0", number, True))
    assert len(judge.properties) == before + 1


def test_an_extension_that_is_called_late_has_missed_nothing() -> None:
    history = execute(
        Reference(), Accounts(), (ADA, Submit("alice", Register("zeta", "bob")), Drain("relay-1"))
    ).history
    assert [record.position for record in history if type(record) is Delivered] == [1, 2]


def test_what_a_system_does_not_have_is_not_called_checked() -> None:
    kinds = {kind for judge in properties(Accounts()) for kind in judge.handlers()}
    assert {"DUAL", "CDC"} <= {guarantee for _, guarantee in checked_on(Accounts(), Reference().capabilities, kinds)}
    assert not {"DUAL", "CDC"} & {guarantee for _, guarantee in checked_on(Accounts(), {"append"}, kinds)}


def test_a_property_that_had_nothing_to_judge_has_checked_nothing() -> None:
    """Neither in a run in which nothing happened, nor one of snapshots where none was taken."""
    everything = Reference().capabilities
    empty = {Opened, Settling, Scanned, Observed, Settled}
    assert checked_on(Accounts(), everything, empty) == ()
    plain = {guarantee for _, guarantee in checked_on(Accounts(), everything, {*empty, Prepared, Stored, Applied})}
    assert {"LOG", "CAS", "CKPT", "REPL", "LIVE"} <= plain
    assert not {"SNAP", "LOCK", "DUAL", "CDC"} & plain


class Shown(Application):
    """Nobody knows its rules; what an event does to a state is known."""

    name = "shown"

    def evolve(self, state: Any, event: Any, /) -> Any:
        """The last one."""
        return event


class Bounded(Shown):
    """What must never be is known as well."""

    def broken_invariant(self, key: str, state: Any, /) -> str | None:
        """Nothing is wrong with any state."""
        return None


def test_conditions_are_not_checked_where_nobody_knows_the_rules() -> None:
    """Without `decide`, and without an invariant, no append can be wrong."""
    kinds = {kind for judge in properties(Accounts()) for kind in judge.handlers()}
    for application, judged in ((Shown(), False), (Bounded(), True)):
        guarantees = {guarantee for _, guarantee in checked_on(application, Reference().capabilities, kinds)}
        assert "CKPT" in guarantees
        assert ("CAS" in guarantees) == judged


# -- the order in which properties judge a record


def made() -> Iterator[tuple[Application, tuple[Any, ...]]]:
    """Every case, guilty and innocent, an event that no application knows, and runs of broken systems."""
    yield Accounts(), (OPENED, event(1, 1, None, "nobody-1/0"))
    for _, _, records in BAD.values():
        yield Accounts(), (OPENED, *records)
    for case in CASES.values():
        application = Accounts() if case.application is None else case.application
        if application.replayed:
            continue  # another suite judges it, of properties that do not ask what one event does
        for records in (case.history, case.twin):
            yield application, records if records and type(records[0]) is Opened else (OPENED, *records)
    for name in SIXTEEN:
        application = application_named(BROKEN[name].application)
        system = BROKEN[name].system()
        for plan in plans(system, application, 2, 60):
            yield application, tuple(execute(system, application, plan, whole=True).history)


@functools.cache
def histories() -> list[tuple[Application, tuple[Any, ...]]]:
    """The same, made once."""
    return list(made())


def verdict(
    application: Application, history: tuple[Any, ...], order: Callable[[list[Property]], list[Property]]
) -> Any:
    """What is found when the parts judge in this order, up to an error, if there is one."""
    judge = Checker(order(early(application, Oracle(application))), late)
    failed = None
    try:
        for record in history:
            judge.feed(record)
        judge.finish()
    except Exception as error:
        failed = type(error)
    return failed, {(one.judge, one.clause, one.anomaly, one.where, one.number) for one in judge.findings}


def late(kind: type) -> list[Property]:
    """The properties of extensions are those of other tests."""
    return []


@pytest.mark.parametrize("seed", range(4))
def test_every_order_that_keeps_what_classes_say_gives_the_same_verdicts(seed: int) -> None:
    """What a property needs to have been judged before it, its class says in `after`, and nothing else matters."""

    def shuffled(parts: list[Property]) -> list[Property]:
        random.Random(seed).shuffle(parts)
        return in_order(parts)

    for application, history in histories():
        assert verdict(application, history, shuffled) == verdict(application, history, in_order)


@pytest.mark.parametrize(
    ("first", "then"),
    [(name, part.name) for part in early(Accounts(), Oracle(Accounts())) for name in part.after]
    + [("views", "oracle")],
)
def test_every_order_that_a_class_asks_for_is_needed(first: str, then: str) -> None:
    """Where the part comes before what it asks for, some verdict is another one."""

    def wrong(parts: list[Property]) -> list[Property]:
        early_bird = next(part for part in parts if part.name == then)
        parts.remove(early_bird)
        parts.insert([part.name for part in parts].index(first), early_bird)
        return parts

    assert any(
        verdict(application, history, wrong) != verdict(application, history, in_order)
        for application, history in histories()
    )


def test_parts_that_wait_for_each_other_are_a_mistake_that_is_told() -> None:
    class Hen(Property):
        name, guarantee, after = "hen", "LOG", ("egg",)

    class Egg(Property):
        name, guarantee, after = "egg", "LOG", ("hen",)

    with pytest.raises(ValueError, match="egg, hen"):
        in_order([Hen(), Egg()])


def test_properties_read_the_oracle_and_do_not_move_it() -> None:
    """Only its own parts do: with all properties left out, it comes to the same end."""

    def state(oracle: Oracle) -> Any:
        consumers = {name: (p.contiguous, set(p.beyond), dict(p.parked)) for name, p in oracle.consumers.items()}
        seen = {op: (one.seen, one.placed, one.retried) for op, one in oracle.appends.operations.items()}
        states = None if oracle.states is None else oracle.states.states
        return oracle.tail, oracle.low, list(oracle.order), dict(oracle.versions), consumers, seen, states

    for application, history in histories()[1:]:
        ends = []
        for keep in (True, False):
            oracle = Oracle(application)
            parts = [part for part in early(application, oracle) if keep or isinstance(part, Keeper)]
            judge = Checker(parts, late)
            for record in history:
                judge.feed(record)
            ends.append(state(oracle))
        assert ends[0] == ends[1]


class NobodyCame(Property):
    """Something happens."""

    name, guarantee = "nobody-came", "LOG"
    clauses = {"something": "something happens"}

    def handlers(self) -> dict[type, Handler]:
        return {}

    def finish(self) -> list[Finding]:
        return [self.finding("nothing-happened", where, 0, clause="something") for where in ("here", "here", "there")]


def test_the_end_of_a_history_is_judged_too_and_each_finding_is_told_once() -> None:
    """By every property that has something to say about it."""
    judge = Checker([NobodyCame()], late)
    assert judge.findings == []
    assert [(one.anomaly, one.where) for one in judge.finish()] == [
        ("nothing-happened", "here"),
        ("nothing-happened", "there"),
    ]


def test_whoever_acts_as_a_consumer_without_having_been_named_is_told() -> None:
    """Of a whole history, of one that begins in the middle, and of one that is only replayed; also if the name comes later."""
    named, late = ConsumerSpec(name="index", projection="totals"), ConsumerSpec(name="late", projection="totals")
    history = [
        Opened(1, "told", "", ("alice",), (named,)),
        Applied("index", 1, {}),
        CheckpointSaved("index", 1),
        Applied("late", 1, {}),
        Joined(late),
        CheckpointSaved("late", 1),
        CheckpointSaved("indxe", 1),
    ]
    for judge in (checker(None, plain), partial_checker(Beginning(5, {}), plain), replay_checker(Accounts(), plain)):
        judge.feed_all(history, 100)
        assert [words for words in judge.given_up() if "does not name it" in words] == [
            f"what {name!r} did: the first line of the history does not name it among its consumers"
            for name in ("indxe", "late")
        ]
