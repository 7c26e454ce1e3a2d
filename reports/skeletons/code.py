"""What the code of a project is made of, read without running it: classes, functions, the drivers it imports, the tables it makes."""

from __future__ import annotations

import ast
import os
import pathlib
import re
from collections.abc import Iterator

import attrs

from refold.reports.skeletons.project import Project, within

Function = ast.FunctionDef | ast.AsyncFunctionDef

SKIPPED = {"node_modules", "build", "dist", "site-packages", "__pycache__"}
"""Folders whose code is not the project's own, beside hidden ones and virtual environments."""
MOST_FILES, MOST_BYTES = 2_000, 1_000_000
"""What is read of a project, so that a look at a large one ends."""
TABLE = re.compile(
    r"create\s+table\s+(?:if\s+not\s+exists\s+)?[\"`]?(\w+)[\"`]?\s*\(((?:[^()]|\([^()]*\))*)\)", re.IGNORECASE
)
WRITES = re.compile(r"\b(insert(?:\s+or\s+\w+)?\s+into|update|delete\s+from)\s+[\"`]?(\w+)", re.IGNORECASE)
NO_COLUMNS = {"primary", "unique", "foreign", "check", "constraint", "exclude", "like"}


@attrs.frozen
class Module:
    """`name` is how it is imported, `top` the folder in which Python has to look for it, `imports` what its names stand for."""

    path: pathlib.Path
    name: str
    top: pathlib.Path
    tree: ast.Module
    imports: dict[str, str]

    @property
    def classes(self) -> list[ast.ClassDef]:
        """Those at the top of it."""
        return [node for node in self.tree.body if isinstance(node, ast.ClassDef)]

    def meaning(self, node: ast.expr | None) -> str:
        """The dotted name that an expression stands for, without what is in brackets; empty if it is none."""
        match node:
            case ast.Name(id=name):
                return self.imports.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                return f"{self.meaning(value)}.{attr}"
            case ast.Subscript(value=value):
                return self.meaning(value)
            case ast.Constant(value=str(text)):
                return self.imports.get(text, text)
        return ""


@attrs.frozen
class Code:
    """The modules of a project, its tests that use refold already, and the SQL of its files, each by its path from the folder of tests."""

    modules: list[Module]
    tests: list[pathlib.Path]
    sql: dict[str, str]

    @classmethod
    def of(cls, project: Project) -> Code:
        """A look at its files, in the order of their names."""
        modules, tests, sql = [], [], {}
        for path in files(project.root):
            text = path.read_bytes()[:MOST_BYTES].decode("utf-8", "replace")
            if path.suffix == ".sql":
                sql[os.path.relpath(path, project.tests).replace(os.sep, "/")] = text
                continue
            module = read(path, text, project.root)
            if module is None:
                continue
            if is_test(path, project):
                if is_collected(path) and any(
                    meaning.partition(".")[0] == "refold" for meaning in module.imports.values()
                ):
                    tests.append(path)
            else:
                modules.append(module)
        return cls(modules, tests, sql)

    @property
    def classes(self) -> list[tuple[Module, ast.ClassDef]]:
        """The classes of all modules."""
        return [(module, cls) for module in self.modules for cls in module.classes]

    @property
    def tables(self) -> dict[str, list[tuple[str, str]]]:
        """The tables that its SQL makes: the columns of each, with what is said of them."""
        texts = [*self.sql.values(), *(text for module in self.modules for text in strings(module.tree))]
        return {name: columns(body) for text in texts for name, body in TABLE.findall(text)}

    def imported(self, *names: str) -> bool:
        """Whether a module imports one of these packages."""
        return any(meaning.partition(".")[0] in names for module in self.modules for meaning in module.imports.values())


def files(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """The files with Python and SQL that are the project's own."""
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED
            and not name.startswith(".")
            and not (pathlib.Path(folder) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = pathlib.Path(folder) / name
            if path.suffix in {".py", ".sql"} and path.is_file() and within(path, root) and os.access(path, os.R_OK):
                count += 1
                if count > MOST_FILES:
                    return
                yield path


def is_test(path: pathlib.Path, project: Project) -> bool:
    """Whether it is a test, or helps tests."""
    return is_collected(path) or path.name == "conftest.py" or path.is_relative_to(project.tests)


def is_collected(path: pathlib.Path) -> bool:
    """Whether pytest takes it for a file of tests."""
    return path.name.startswith("test_") or path.stem.endswith("_test")


def read(path: pathlib.Path, text: str, root: pathlib.Path) -> Module | None:
    """A module, if Python can read it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    top = path.parent
    while top != root and (top / "__init__.py").exists():
        top = top.parent
    if top != root and (top.parent == root and top.name not in {"src", "lib"}) and path.parent == top:
        top = top.parent  # a folder beside the tests without __init__.py: Python takes it for a package, too
    parts = path.relative_to(top).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return None
    return Module(path, name, top, tree, imports(tree))


def imports(tree: ast.Module) -> dict[str, str]:
    """What the imported names of a module stand for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{'.' * node.level}{node.module or ''}.{alias.name}"
    return found


def strings(node: ast.AST) -> Iterator[str]:
    """The texts in a piece of code, those of f-strings without their values."""
    for part in ast.walk(node):
        match part:
            case ast.Constant(value=str(text)):
                yield text
            case _:
                pass


def writes(node: ast.AST) -> list[tuple[str, str]]:
    """What the SQL in a piece of code does to which table: ``insert``, ``update`` or ``delete``."""
    return [(verb.split()[0].lower(), table) for text in strings(node) for verb, table in WRITES.findall(text)]


def columns(body: str) -> list[tuple[str, str]]:
    """The columns between the brackets of CREATE TABLE, and what is said of each in small letters."""
    found = []
    for part in re.split(r",(?![^(]*\))", body):
        name, _, rest = part.strip().partition(" ")
        name = name.strip('"`')
        if name.isidentifier() and name.lower() not in NO_COLUMNS:
            found.append((name, rest.lower()))
    return found


def methods(cls: ast.ClassDef) -> list[Function]:
    """The public methods that are called on an object."""
    return [
        node
        for node in cls.body
        if isinstance(node, Function) and not node.name.startswith("_") and not node.decorator_list
    ]


def needed(function: Function) -> list[ast.arg]:
    """The parameters that a call has to give, without `self`."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args]
    given = given[: len(given) - len(arguments.defaults)]
    named = [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    return [one for one in [*given, *named] if one.arg not in {"self", "cls"}]


def snake(name: str) -> str:
    """DogSchool -> dog_school."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
