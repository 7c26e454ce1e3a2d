"""Skeletons: files that run as they are, and that their owner changes piece by piece."""

from __future__ import annotations

import ast
import keyword
import pathlib
import re
from collections.abc import Iterator
from importlib import resources

from refold.model.errors import UsageError

KINDS = ("application", "system", "consumer", "property")
"""What `refold new` writes."""


def skeleton(kind: str, **words: str) -> str:
    """A skeleton with these words in the places of ``{word}``."""
    text = resources.files("refold.reports.skeletons").joinpath(f"{kind}.txt").read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return text


def names_in(kind: str) -> set[str]:
    """What the module of a skeleton imports and defines, beside the class that it is for."""
    tree = ast.parse(skeleton(kind, file="", Name="_", name="", CODE=""))
    return {name for statement in tree.body for name in bound(statement)}


def bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module binds."""
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name for alias in names)
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def module_of(kind: str, name: str, folder: pathlib.Path) -> tuple[pathlib.Path, str]:
    """The test file of something that is called `name`, and what is in it. Raises `UsageError` for what is no name."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)) if word]
    snake, title = "_".join(words).lower(), "".join(word[:1].upper() + word[1:] for word in words)
    if not title.isidentifier() or keyword.iskeyword(snake) or keyword.iskeyword(title):
        raise UsageError(
            f"{name!r} cannot be turned into a class name; choose a name that begins with a letter and is no keyword of Python,"
            " such as order-index"
        )
    if title in names_in(kind):
        raise UsageError(f"{name!r} gives the class name {title}, which the skeleton already uses; choose another name")
    path = folder / f"test_{snake}.py"
    dashed = snake.replace("_", "-")
    return path, skeleton(kind, file=path.as_posix(), Name=title, name=dashed, CODE=snake.upper())
