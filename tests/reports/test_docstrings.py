"""Whatever the package shows to others says what it is for."""

from __future__ import annotations

import ast
import inspect
import pathlib
from collections.abc import Iterator

import pytest

import refold.reports

MODULES = sorted(pathlib.Path(inspect.getfile(refold.reports)).parent.rglob("*.py"))


def undocumented(node: ast.AST, place: str) -> Iterator[str]:
    """The public functions, methods and classes below a node that have no docstring."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            here = f"{place}.{child.name}"
            if not ast.get_docstring(child):
                yield here
            if isinstance(child, ast.ClassDef):
                yield from undocumented(child, here)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_public_definition_has_a_docstring(module: pathlib.Path) -> None:
    """The module too."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert list(undocumented(tree, module.stem)) == []
