"""Every word of a rule is one that something can say: a kind of record or action, an anomaly, a fact."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

from refold.model.action import ACTIONS
from refold.model.documents import vocabulary as vocabulary
from refold.model.event import Stored
from refold.model.record import RECORDS
from refold.properties.diagnosis.catalogue import catalogue
from refold.properties.diagnosis.facts import Facts, tag_of
from refold.properties.diagnosis.rules import RULES, symptom
from refold.properties.diagnosis.rules.symptom import known
from refold.reports.words.anomalies import ANOMALIES
from refold.search.determinism.in_other_processes import ANOMALY

ROOT = pathlib.Path(__file__).parents[3]
DIAGNOSIS = ROOT / "properties" / "diagnosis"
FILES = sorted([*DIAGNOSIS.glob("facts/*.py"), *DIAGNOSIS.glob("rules/*.py"), DIAGNOSIS / "scores.py"])
TOLD = frozenset({"after", "never", "happened"})
"""Functions whose arguments are kinds of records and actions."""

SHOWN = frozenset({"shows", "also"})
"""Functions whose arguments are anomalies, after a weight."""


def called(node: ast.Call) -> str:
    """The name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def texts(node: ast.AST) -> Iterator[str]:
    """The strings in an argument; a name with a star in front is a group of words that `symptom` has."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
        elif isinstance(inner, ast.Name) and inner.id.isupper():
            yield from getattr(symptom, inner.id, ())


def words(functions: frozenset[str], path: pathlib.Path) -> set[str]:
    """The words that these functions are called with."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return {text for node in calls if called(node) in functions for part in node.args for text in texts(part)}


def found_somewhere() -> set[str]:
    """The anomalies that a property, or the search, can find, out of the code."""
    anomalies = {*ANOMALIES, ANOMALY}
    for room in ("properties", "search"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    first = node.args[:1] if called(node) == "finding" else []
                    named = [keyword.value for keyword in node.keywords if keyword.arg == "anomaly"]
                    anomalies.update(text for part in (*first, *named) for text in texts(part))
    return anomalies


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_word_of_a_rule_is_a_record_or_an_action(path: pathlib.Path) -> None:
    """One that nothing has would never hold, and always count against its row."""
    assert words(TOLD, path) - set(known()) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_anomaly_of_a_rule_can_be_found(path: pathlib.Path) -> None:
    """By some property, on some history."""
    assert words(SHOWN, path) - found_somewhere() == set()


def test_every_comparison_with_the_kind_of_an_action_or_record_is_with_one_that_exists() -> None:
    """``tag_of(action) == "rebuild"``."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call) and called(node.left) == "tag_of":
                assert {text for part in node.comparators for text in texts(part)} <= set(known()), ast.unparse(node)


def test_every_fact_is_asked_for() -> None:
    """By a rule, or by another fact."""
    facts = {
        name
        for cls in Facts.__mro__[:-1]
        for name in vars(cls)
        if not name.startswith("_") and name not in {"happened", "of"}
    }
    asked = {
        node.attr
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert facts - asked == set()


def test_a_word_that_nothing_has_is_refused() -> None:
    """Where the rule is written, not when it is used."""
    with pytest.raises(ValueError, match=r"'crashd' is no kind of record or action \(did you mean 'crashed'\?\)"):
        symptom.after(0.4, "crashd")
    with pytest.raises(ValueError, match="'trimmed' is no kind of record or action"):
        symptom.never(0.4, "power-cut", "trimmed")


def test_rules_are_about_rows() -> None:
    """Of the catalogue."""
    assert set(RULES) <= set(catalogue())
    assert tag_of(Stored(1, "s", 1, "a/0", "T", None)) in known()
    assert {*ACTIONS, *map(symptom.tag, RECORDS)} == set(known())
