"""Whatever can be found has words, and every role of a piece of evidence has a reason, or none on purpose."""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Iterator

import pytest

from refold.model.examples.accounts import Accounts
from refold.properties.suite import properties
from refold.reports.words.anomalies import ANOMALIES
from refold.reports.words.because import BECAUSE, WITHOUT_REASON
from refold.search.capabilities import CAPABILITIES

ROOT = pathlib.Path(__file__).parents[3]
NO_ANOMALIES = ("accounts", "diagnosis", "linearizability", "strategies", "stored", "testing")
"""Folders whose names are those of rows, models, strategies, formats, and of Hypothesis; what accounts find is told where it is found."""
KEBAB = re.compile(r"[a-z]+(?:-[a-z]+)+")


def trees() -> Iterator[tuple[pathlib.Path, ast.AST]]:
    """Everything that can find something."""
    for room in ("properties", "search"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if not set(NO_ANOMALIES) & set(path.relative_to(ROOT).parts):
                yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def strings(node: ast.AST) -> Iterator[str]:
    """The texts that an expression may come to: not those of a condition on which it depends."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for inner in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.IfExp) and inner is node.test):
            yield from strings(inner)


def helpers(tree: ast.AST) -> set[str]:
    """The functions of a file that make findings, or have them made: what they are given first is the anomaly."""
    found = {"finding", "Finding"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            parameters = [argument.arg for argument in node.args.args if argument.arg != "self"]
            found |= {node.name} if parameters[:1] == ["anomaly"] else set()
    return found


def names() -> dict[str, pathlib.Path]:
    """What may be the name of an anomaly: the first thing that a finding is given, what is put into a variable of that name, what an
    example calls a refused command that succeeded, and whatever is spelled as names are."""
    found: dict[str, pathlib.Path] = {}
    for path, tree in trees():
        makers = helpers(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEBAB.fullmatch(node.value):
                found[node.value] = path
            elif isinstance(node, ast.Assign) and "anomaly" in {getattr(leaf, "id", "") for leaf in ast.walk(node)}:
                found |= dict.fromkeys((text for text in strings(node.value) if KEBAB.fullmatch(text)), path)
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in makers:
                first = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "anomaly")]
                found |= dict.fromkeys((text for argument in first for text in strings(argument)), path)
    for path in (ROOT / "model/examples").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                found |= dict.fromkeys((text for argument in node.args[1:] for text in strings(argument)), path)
    return found


OTHER_NAMES = {judge.name for judge in properties(Accounts())} | set(CAPABILITIES)
"""Names that are spelled alike, of properties and capabilities."""


@pytest.mark.parametrize("name", sorted(set(names()) - OTHER_NAMES))
def test_whatever_can_be_found_has_words(name: str) -> None:
    """In reports and in the reference; also what no property finds but the search itself."""
    assert name in ANOMALIES, f"{names()[name]}: give {name!r} its words in reports/words/anomalies.py"
    reference = (ROOT / "docs/reference/properties.md").read_text(encoding="utf-8")
    assert f"| `{name}` |" in reference, "run docs/generate.py"


def test_the_names_that_are_looked_at_are_those_that_there_are() -> None:
    """The search itself finds something too, and so does the checker of histories without positions."""
    assert {"handler-raised", "vacuous-run", "replay-differs-elsewhere", "oversold"} <= set(names())
    assert "not-linearizable" in ANOMALIES
    assert "| `not-linearizable` |" in (ROOT / "docs/reference/properties.md").read_text(encoding="utf-8")


def roles() -> dict[str, pathlib.Path]:
    """Every role that a piece of evidence can have; of those that are put together at run time the beginning."""
    found: dict[str, pathlib.Path] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Evidence" and node.args):
                continue
            role = node.args[-1]
            whole = [text for text in strings(role) if not isinstance(role, ast.JoinedStr)]
            begun = [next(strings(role), "")] if isinstance(role, ast.JoinedStr) else []
            found |= dict.fromkeys((*whole, *begun), path)
    return found


ELSEWHERE = tuple(f"{role} in another process" for role in ("is folded to something else", "is decided in another way"))
"""What `f"{role} in another process"` comes to."""


@pytest.mark.parametrize("role", sorted({*roles(), *ELSEWHERE} - {" in another process"}))
def test_every_role_has_a_reason_or_none_on_purpose(role: str) -> None:
    """So that Let, Then and However is an argument."""
    assert role in BECAUSE or role.startswith(WITHOUT_REASON), f"{roles().get(role)}: {role!r} has no reason"


def test_reasons_are_many_and_exceptions_few() -> None:
    """More than nine of ten."""
    found = set(roles()) - {" in another process"}
    assert len(found & set(BECAUSE)) > 0.9 * len(found)
    assert len(found) > 100
