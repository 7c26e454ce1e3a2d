"""Every clause of every definition convicts: a history that only it convicts, and an innocent twin next door.

A property's docstring is a promise. `clauses` takes it apart, every finding says which part it convicts, and `cases` holds the proof.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import textwrap
from collections.abc import Iterable
from typing import Any

import pytest

from refold.model.application import Application
from refold.model.examples.accounts import Accounts
from refold.model.record import Opened
from refold.properties import property as home
from refold.properties.property import Checker, Finding, Property
from refold.properties.suite import checker, properties
from refold.reports.words.anomalies import ANOMALIES

from .cases import CASES, TABLES, Case
from .cases.records import OPENED

JUDGES: dict[str, type[Property]] = {judge.name: type(judge) for judge in properties(Accounts()) if judge.guarantee}
"""Every property of the suite."""


def judged(records: tuple[Any, ...], application: Application | None) -> list[Finding]:
    """All findings, those of the same anomaly and place too."""
    whole = records if records and type(records[0]) is Opened else (OPENED, *records)
    return found(checker(Accounts() if application is None else application), whole)


def found(judge: Checker, records: Iterable[Any]) -> list[Finding]:
    """All findings of a checker that nobody has used before, those of the same anomaly and place too."""
    for record in records:
        judge.feed(record)
    judge.finish()
    return judge.findings


def clauses() -> list[tuple[str, str]]:
    """(property, clause) of the suite."""
    return [(name, clause) for name, judge in JUDGES.items() for clause in judge.clauses]


def test_every_property_has_clauses() -> None:
    """A definition that nobody has taken apart is one that nobody has tried."""
    assert [name for name, judge in JUDGES.items() if not judge.clauses] == []


def test_every_clause_has_a_case_and_every_case_a_clause() -> None:
    """A clause without a history that breaks it is a promise that nobody has tried."""
    assert set(CASES) == set(clauses())
    assert len(CASES) == sum(len(table) for table in TABLES)


@pytest.mark.parametrize(("name", "clause"), sorted(CASES), ids=lambda value: value.replace(" ", "-"))
def test_the_history_is_convicted_by_this_clause_alone(name: str, clause: str) -> None:
    """By no other clause of the property, and by other properties only where the case says so."""
    case = CASES[name, clause]
    findings = judged(case.history, case.application)
    assert {one.clause for one in findings if one.judge == name} == {clause}
    assert {one.judge for one in findings} - {name} == case.also
    assert {one.anomaly for one in findings} <= set(ANOMALIES)


@pytest.mark.parametrize(("name", "clause"), sorted(CASES), ids=lambda value: value.replace(" ", "-"))
def test_its_twin_is_innocent(name: str, clause: str) -> None:
    """The smallest change makes it right."""
    case = CASES[name, clause]
    assert judged(case.twin, case.application) == []


@pytest.mark.parametrize(("name", "clause"), sorted(CASES), ids=lambda value: value.replace(" ", "-"))
def test_the_twin_differs_in_few_records(name: str, clause: str) -> None:
    """What lies between their common beginning and their common end."""
    assert 0 < apart(CASES[name, clause]) <= 3


def apart(case: Case) -> int:
    """How many records lie between the common beginning and the common end of both histories."""
    one, other = case.history, case.twin
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[same:][::-1], other[same:][::-1]
    end = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return max(len(one), len(other)) - end


# -- every finding that the code can make names a clause of its property


def findings_of(judge: type[Property]) -> list[ast.Call]:
    """The calls of `finding` in the source of a class, those of its bases too."""
    sources = [inspect.getsource(cls) for cls in judge.__mro__ if issubclass(cls, Property) and cls is not Property]
    trees = [ast.parse(textwrap.dedent(source)) for source in sources]
    return [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "finding"
    ]


@pytest.mark.parametrize("name", sorted(JUDGES))
def test_every_finding_names_a_clause(name: str) -> None:
    """In the source, also where no test comes; what is written out there is a clause of the property."""
    judge = JUDGES[name]
    for call in findings_of(judge):
        (named,) = [keyword.value for keyword in call.keywords if keyword.arg == "clause"] or [None]
        assert named is not None, f"{name}, line {call.lineno} of the class: a finding without a clause"
        written = {
            leaf.value for leaf in ast.walk(named) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
        }
        assert written <= set(judge.clauses) | set(anomalies()), (name, written)


def anomalies() -> set[str]:
    """First arguments of `finding` anywhere: a clause may be chosen by them."""
    names = set()
    for file in pathlib.Path(home.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "finding" and node.args:
                names |= {
                    leaf.value
                    for leaf in ast.walk(node.args[0])
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    return names


def test_a_finding_under_a_clause_that_its_property_does_not_have_is_a_mistake_that_is_told() -> None:
    """At the moment at which it is made."""

    class Odd(Property):
        name, guarantee = "odd", "LOG"
        clauses = {"even": "numbers are even"}

    with pytest.raises(ValueError, match=r"the property odd has no clause 'uneven'.*even"):
        Odd().finding("odd-number", "log", 1, clause="uneven")
    assert Odd().finding("odd-number", "log", 1, clause="even").clause == "even"


def test_a_clause_is_a_few_words_and_a_sentence() -> None:
    """The name is short enough for a table; the words say more than the name."""
    for judge in JUDGES.values():
        for clause, words in judge.clauses.items():
            assert 0 < len(clause) <= 40, (judge.name, clause)
            assert len(words) > len(clause), (judge.name, clause)
