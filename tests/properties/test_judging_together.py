"""What is judged in bulk is judged as one record after the other; nothing that a property puts off is lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.documents.history import plain
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts
from refold.model.record import Acknowledged, Opened, Scanned
from refold.properties.log import durability
from refold.properties.log.durability import Durability
from refold.properties.property import Checker, Finding, Handler, Property, rows_of_lists
from refold.properties.suite import checker

from .cases import CASES
from .cases.records import ADA, OPENED, asked, event
from .test_verdicts import BAD

MUTANTS = 3_000
"""Damaged histories that are judged both ways."""


class Counting(Property):
    """Finds something at every event."""

    name = "counting"
    guarantee = "LOG"

    def __init__(self, told: str) -> None:
        super().__init__()
        self.told = told

    def handlers(self) -> dict[type, Handler]:
        """Events."""
        return {Stored: self.on_stored}

    def on_stored(self, number: int, record: Stored) -> Finding | None:
        """Always."""
        return self.finding(self.told, "log", number)


class Joining(Counting):
    """Comes with the first answer, and looks at events from then on."""

    def handlers(self) -> dict[type, Handler]:
        """Answers and events."""
        return {Acknowledged: self.on_acknowledged, Stored: self.on_stored}

    def on_acknowledged(self, number: int, record: Acknowledged) -> None:
        """Nothing."""


def told(judge: Checker) -> list[tuple[int, str]]:
    """Number of the record and name of each finding, in order."""
    return [(finding.number, finding.anomaly) for finding in judge.findings]


def test_all_handlers_are_asked_in_their_order() -> None:
    judge = Checker([Counting("first"), Counting("second")])
    judge.feed_all([OPENED, event(1, 1, ADA, "alice-1/0")], 100)
    assert told(judge) == [(2, "first"), (2, "second")]


def test_a_property_that_comes_late_is_asked_about_kinds_that_came_before_it() -> None:
    joining = Joining("late")
    judge = Checker([Counting("early")], lambda kind: [joining] if kind is Acknowledged else [])
    for record in (event(1, 1, ADA, "alice-1/0"), Acknowledged("alice", "alice-1", (1,)), event(2, 2, ADA, "bob-1/0")):
        judge.feed(record)
    assert told(judge) == [(1, "early"), (3, "early"), (3, "late")]


def test_reading_ends_with_the_record_that_has_shown_enough() -> None:
    judge = Checker([Counting("first"), Counting("second")])
    assert not judge.feed_all([event(n, n, ADA, f"alice-{n}/0") for n in range(1, 9)], 3)
    assert judge.number == 2
    assert len(judge.findings) == 4


class Failing(Property):
    """Raises at one record."""

    name, guarantee = "failing", "LOG"

    def __init__(self, number: int) -> None:
        self.number = number

    def handlers(self) -> dict[type, Handler]:
        """Events."""
        return {Stored: self.on_stored}

    def on_stored(self, number: int, record: Stored) -> None:
        """Not this one."""
        if number == self.number:
            raise RuntimeError(f"record {number}")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_property_that_raises_leaves_the_number_of_the_last_record_that_was_judged(number: int) -> None:
    judge = Checker([Failing(number)])
    with pytest.raises(RuntimeError, match=f"record {number}"):
        judge.feed_all([event(n, n, ADA, f"alice-{n}/0") for n in range(1, 6)], 100)
    assert judge.number == number - 1


def one_by_one(application: Application, history: Sequence[Any]) -> Any:
    """Findings of a plain loop over the handlers, where nothing is put off."""
    judge = checker(application, plain)
    failed = None
    try:
        for number, record in enumerate(history, 1):
            if type(record) not in judge.known:
                judge.table.met(type(record))
            for handler in judge.table.handlers[type(record)]:
                finding = handler(number, record)
                if finding is not None:
                    judge.findings.append(finding)
        judge.finish()
    except Exception as error:
        failed = type(error)
    return failed, judge.findings, judge.given_up()


def together(application: Application, history: Sequence[Any]) -> Any:
    """Findings of the checker as it is."""
    judge = checker(application, plain)
    failed = None
    try:
        judge.feed_all(history, 1 << 30)
        judge.finish()
    except Exception as error:
        failed = type(error)
    return failed, judge.findings, judge.given_up()


def damaged(rng: random.Random, history: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The history with some records lost, twice, elsewhere, or of another history."""
    records = list(history)
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(1, len(records) + 1)
        how = rng.randrange(4)
        if how == 0 and len(records) > 2:
            del records[min(place, len(records) - 1)]
        elif how == 1:
            records.insert(place, rng.choice(records[1:] or others))
        elif how == 2:
            records.append(records.pop(min(place, len(records) - 1)) if len(records) > 2 else rng.choice(others))
        else:
            records.insert(place, rng.choice(others))
    return records


def to_damage() -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Applications and histories of the tables of cases, and all their records but the first ones, to put in anywhere."""
    pool = [
        (case.application or Accounts(), records)
        for case in CASES.values()
        if case.application is None or not case.application.replayed
        for records in (case.history, case.twin)
    ] + [(Accounts(), records) for _, _, records in BAD.values()]
    others = [record for _, records in pool for record in records if type(record) is not Opened]
    return pool, others


def test_damaged_histories_are_judged_as_one_record_and_one_handler_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(12)
    pool, others = to_damage()
    guilty = 0
    for _ in range(MUTANTS):
        application, records = rng.choice(pool)
        whole = records if records and type(records[0]) is Opened else (OPENED, *records)
        history = damaged(rng, whole, others)
        with monkeypatch.context() as patch:
            patch.setattr(durability, "TOGETHER", 1)
            expected = one_by_one(application, history)
        assert together(application, history) == expected, history
        guilty += bool(expected[1])
    assert MUTANTS // 4 < guilty < MUTANTS


@pytest.mark.parametrize("seed", range(8))
def test_durability_keeps_the_same_whether_events_come_together_or_not(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where events come late, twice, or have to be forgotten."""
    rng = random.Random(seed)
    records: list[Any] = [OPENED]
    positions = list(range(1, 120))
    for _ in range(rng.randint(0, 4)):
        positions.insert(rng.randrange(len(positions)), rng.choice(positions))
    for position in positions:
        records += [asked(f"alice-{position}", ADA), event(position, position, ADA, f"alice-{position}/0")]
        if rng.random() < 0.03:
            shown = sorted({*range(1, position + 1)} - {rng.randrange(1, 400)})
            records.append(Scanned(tuple(shown), tuple(f"alice-{n}/0" for n in shown)))
    kept = []
    for size in (1, 7, 256):
        monkeypatch.setattr(durability, "TOGETHER", size)
        judge = checker(None, remembered=20)
        for record in records:
            judge.feed(record)
        (held,) = [each for each in judge.properties if isinstance(each, Durability)]
        held.catch_up()
        kept.append((judge.findings, held.positions, held.ids, held.known, held.digest, held.digested, held.floor))
    assert kept[0] == kept[1] == kept[2]


VALUES = (
    0,
    1,
    -3,
    True,
    None,
    "",
    "ada",
    1.5,
    (),
    (1, 2),
    (1, (2,)),
    [1, 2],
    (1.5,),
    ("a", None),
    {"a": 1},
    frozenset({1}),
)


def test_rows_that_are_taken_for_the_same_are_the_same_as_json() -> None:
    rng = random.Random(3)
    same = 0
    for _ in range(5_000):
        expected = {f"k{n}": rng.choice(VALUES) for n in range(rng.randint(0, 2))}
        stored = {key: plain(rng.choice((value, rng.choice(VALUES)))) for key, value in expected.items()}
        if rng.random() < 0.1:
            stored["more"] = 1
        if rows_of_lists(stored, expected):
            same += 1
            assert stored == plain(expected)
    assert same > 500
