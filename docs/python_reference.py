"""The reference of the Python interface: every name of a front door, out of its signature, its types and its docstring."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from typing import Any, TypeVar

WIDTH = 100
"""Characters of a signature that fit in one line."""


def reference(doors: tuple[str, ...], seen: frozenset[str] = frozenset()) -> str:
    """A section for each front door, with each of its names that is not in `seen`."""
    parts = []
    for door in doors:
        module = importlib.import_module(door)
        parts.append(f"## {door}\n\n{prose(module.__doc__)}")
        parts += [entry(name, getattr(module, name)) for name in module.__all__ if name not in seen]
    return "\n\n".join(part for part in parts if part)


def names_of(door: str) -> frozenset[str]:
    """The names of a front door."""
    return frozenset(importlib.import_module(door).__all__)


def entry(name: str, value: Any) -> str:
    """One name: a heading, its signature, what it is, and the members of a class. Values and modules have no entry."""
    if inspect.isclass(value):
        shown = "" if is_protocol(value) else code(signature(value, name))
        parts = [f"### {name}", shown, prose(inspect.getdoc(value)), members(value)]
    elif callable(value) and inspect.isroutine(value):
        parts = [f"### {name}", code(signature(value, name)), prose(inspect.getdoc(value))]
    else:
        return ""
    return "\n\n".join(part for part in parts if part)


def is_protocol(cls: type) -> bool:
    """Whether it is implemented, and never called."""
    return bool(getattr(cls, "_is_protocol", False))


def code(text: str) -> str:
    """A block of Python, if there is anything in it."""
    return f"```python\n{text}\n```" if text else ""


def signature(value: Any, name: str) -> str:
    """``name(parameter: type = default) -> type``, in several lines if one is too short; "" where Python knows none."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [one for one in found.parameters.values() if one.name not in {"self", "cls"}]
    said, starred = [], False
    for one in parameters:
        if one.kind is one.VAR_POSITIONAL:
            starred = True
        elif one.kind is one.KEYWORD_ONLY and not starred:
            said.append("*")
            starred = True
        said.append(parameter(one))
    end = ")" if inspect.isclass(value) or found.return_annotation is found.empty else f") -> {annotation(found)}"
    line = f"{name}({', '.join(said)}{end}"
    return line if len(line) <= WIDTH else f"{name}(\n" + "".join(f"    {one},\n" for one in said) + end


def parameter(one: inspect.Parameter) -> str:
    """``*args``, or ``name: type = default``."""
    star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    text = star + one.name
    if one.annotation is not one.empty:
        text += f": {written(one.annotation)}"
    if one.default is not one.empty:
        text += f" = {default(one.default)}"
    return text


def default(value: Any) -> str:
    """A default as one would write it; an ellipsis for what has no such form."""
    text = repr(value)
    return "…" if text.startswith("<") or " at 0x" in text or "NOTHING" in text else text


def annotation(found: inspect.Signature) -> str:
    """What a function returns."""
    return written(found.return_annotation)


def written(kind: Any) -> str:
    """A type as it stands in the code."""
    if isinstance(kind, TypeVar):
        return kind.__name__
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    return re.sub(r"\brefold\.[\w.]*\.", "", text.replace("collections.abc.", "").replace("typing.", "").strip("'\""))


def members(cls: type) -> str:
    """The public members that the class itself defines, a line for each."""
    said = documented_fields(cls)
    lines = []
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | functools.cached_property):
            lines.append(item(name, inspect.getdoc(member)))
        elif inspect.isroutine(inspect.unwrap(getattr(member, "__func__", member))):
            lines.append(item(signature_in_line(member, name), inspect.getdoc(member)))
        elif name in said:
            lines.append(item(name, said[name]))
    lines += [item(name, text) for name, text in said.items() if name not in vars(cls)]
    return "\n".join(line for line in lines if line)


def signature_in_line(member: Any, name: str) -> str:
    """The signature of a method in one line."""
    text = signature(getattr(member, "__func__", member), name)
    return " ".join(text.split()).replace("( ", "(").replace(",)", ")").replace(", )", ")")


def item(name: str, text: str | None) -> str:
    """``- `name`: what it says``; nothing for a member without a docstring."""
    return f"- `{name}`: {' '.join(prose(text).split())}" if text else ""


def documented_fields(cls: type) -> dict[str, str]:
    """Field -> the string that follows it in the source of the class."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return dict(pairs(body))


def pairs(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Assignments that are followed by a string."""
    for field, text in itertools.pairwise(body):
        if not isinstance(text, ast.Expr) or not isinstance(text.value, ast.Constant):
            continue
        target = field.target if isinstance(field, ast.AnnAssign) else getattr(field, "targets", [None])[0]
        if isinstance(target, ast.Name) and not target.id.startswith("_") and isinstance(text.value.value, str):
            yield target.id, text.value.value


def prose(text: str | None) -> str:
    """A docstring as Markdown: code between single backticks, no link by accident."""
    cleaned = inspect.cleandoc(text or "").replace("``", "`")
    return re.sub(r"(?m)^    .*(?:\n+    .*)*", lambda block: f"```python\n{textwrap.dedent(block[0])}\n```", cleaned)
