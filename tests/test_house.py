"""The structure of the house: which room may import which, no circles, no crowded folders, front doors that open."""

from __future__ import annotations

import ast
import importlib
import os
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import networkx
import pytest

ROOT = pathlib.Path(__file__).parents[1]
ALLOWED: dict[str, set[str]] = {
    "gallery": {"model", "systems"},
    "model": set(),
    "properties": {"model"},
    "systems": {"model"},
    "search": {"model", "properties", "systems"},
    "reports": {"gallery", "model", "properties", "systems", "search"},
}
"""Room -> the rooms that its files may import, beside itself."""

SYSTEMS_OF_SEARCH = {"port", "registry", "user", "deployment", "parent"}
"""What of `systems` a search may know: the port, names, a user's own code, and how processes end; never one concrete system."""

DOORS = ("refold", "model", "properties", "systems", "search", "reports")
MOST = 16
"""Python files that one folder may show, its `__init__.py` not counted."""


def files() -> list[pathlib.Path]:
    """All Python files of the rooms."""
    return sorted(
        path.relative_to(ROOT)
        for room in ALLOWED
        for path in (ROOT / room).rglob("*.py")
        if not {"generated", "survey"}
        & set(path.relative_to(ROOT).parts)  # the survey's files are scripts of their own
    )


def module_of(path: pathlib.Path) -> str:
    """``refold.model.log`` for model/log.py."""
    parts = path.with_suffix("").parts
    return ".".join(("refold", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def typing_only(tree: ast.AST) -> set[ast.AST]:
    """The statements under ``if TYPE_CHECKING``, which nothing imports at run time."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(path: pathlib.Path, known: set[str]) -> Iterator[tuple[str, bool]]:
    """The modules of refold that a file imports, and whether at its top (not inside a function)."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    top = {
        inner for node in tree.body for inner in ast.walk(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    top -= typing_only(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "refold":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in known else node.module), node in top
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "refold":
                    yield alias.name, node in top


KNOWN = {module_of(path) for path in files()}


@pytest.mark.parametrize("path", files(), ids=str)
def test_a_file_imports_only_what_its_room_may(path: pathlib.Path) -> None:
    """By the table in docs/decisions/0011-rooms.md, wherever in the file the import stands."""
    room = path.parts[0]
    for name, _ in imports(path, KNOWN):
        parts = name.split(".")
        assert len(parts) > 1, f"{path} imports the front door of the whole house"
        assert parts[1] in {room, *ALLOWED[room]}, f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in files() if path.parts[0] == "search"], ids=str)
def test_a_search_knows_no_concrete_system(path: pathlib.Path) -> None:
    """The port and the registry of names are enough."""
    for name, _ in imports(path, KNOWN):
        parts = name.split(".")
        assert parts[1] != "systems" or parts[2] in SYSTEMS_OF_SEARCH, f"{path} imports {name}"


def test_no_circle() -> None:
    """Between modules, imports inside functions included."""
    graph = networkx.DiGraph(
        (module_of(path), name) for path in files() for name, _ in imports(path, KNOWN) if name != module_of(path)
    )
    circles = [sorted(part) for part in networkx.strongly_connected_components(graph) if len(part) > 1]
    assert circles == []


def test_no_folder_is_crowded() -> None:
    """Past that, look for the room in it."""
    folders: dict[pathlib.Path, int] = {}
    for path in [*files(), *(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))]:
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    assert {str(folder): count for folder, count in folders.items() if count > MOST} == {}


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_front_door_is_there(door: str) -> None:
    """Each can be imported, is documented, and is not too much to look at."""
    package = importlib.import_module(door if door == "refold" else f"refold.{door}")
    assert package.__doc__
    assert package.__all__ == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    assert len(package.__all__) <= 20
    for name in package.__all__:
        found = getattr(package, name)
        assert isinstance(found, str) or found.__doc__, name


def test_a_front_door_says_no_to_what_is_not_there() -> None:
    """As any module does."""
    import refold

    with pytest.raises(AttributeError, match="nonsense"):
        refold.nonsense  # noqa: B018


def test_type_checkers_see_the_same_house() -> None:
    """`.typing/refold` mirrors what is installed."""
    shown = {path.name: path.resolve() for path in (ROOT / ".typing" / "refold").iterdir()}
    doors = {
        path.name: path.resolve() for path in (ROOT / "refold").iterdir() if path.suffix in {".py", ".pyi", ".typed"}
    }
    assert shown == {**{room: ROOT / room for room in ALLOWED}, **doors}


APPLICATION = """
from refold import Result, verify
from refold.model import Accounts

result: Result = verify(Accounts, seconds=1)
mistake: int = verify(Accounts, seconds="one")

import refold, refold.model

names: list[str] = [*refold.__all__, *refold.model.__all__, refold.__version__]
"""


@pytest.mark.skipif(
    not any((pathlib.Path(folder) / "refold-types.pth").exists() for folder in sys.path),
    reason="refold is not installed from a checkout here",
)
def test_a_type_checker_elsewhere_follows_an_editable_install(tmp_path: pathlib.Path) -> None:
    """What is right is accepted and what is wrong is named, with no settings at all."""
    (tmp_path / "mine.py").write_text(APPLICATION, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in {"MYPYPATH", "PYTHONPATH"}}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "--no-pretty", "mine.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(complaints) == 2, done.stdout + done.stderr
    assert all(line.startswith("mine.py:6:") for line in complaints), done.stdout


def test_an_editable_install_loads_modules_from_the_rooms() -> None:
    """Not by way of the mirror for type checkers."""
    used = "import refold.model.log as log, refold; print(log.__file__); print(refold.__file__)"
    done = subprocess.run([sys.executable, "-c", used], capture_output=True, text=True, check=True)
    assert ".typing" not in done.stdout


def test_every_folder_is_installed() -> None:
    """The packages of pyproject.toml are the folders that have an `__init__.py`."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = sorted(path.parent for path in files() if path.name == "__init__.py")
    packages = {"refold": "refold", **{".".join(("refold", *folder.parts)): str(folder) for folder in folders}}
    assert said["package-dir"] == packages
    assert sorted(said["packages"]) == sorted(packages)


IMPORT = re.compile(r"^\s*(?:from (refold[\w.]*) import|import (refold[\w.]*))", re.MULTILINE)
PUBLIC = {
    "refold",
    *(f"refold.{door}" for door in DOORS[1:]),
    "refold.properties.linearizability",
    "refold.systems.gate",
    "refold.systems.servers",
    "refold.systems.user",
}


def shown() -> list[pathlib.Path]:
    """What users read: the README, the documentation, the examples."""
    pages = [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.py"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
    return sorted(path for path in pages if "decisions" not in path.parts)


@pytest.mark.parametrize("page", shown(), ids=lambda path: str(path.relative_to(ROOT)))
def test_users_are_shown_front_doors_only(page: pathlib.Path) -> None:
    """Nothing deeper is public, so nothing deeper is in an example."""
    for deep in IMPORT.findall(page.read_text(encoding="utf-8")):
        assert set(filter(None, deep)) <= PUBLIC, f"{page}: {deep}"


SPELLED = re.compile(r"\brefold(?:\.[A-Za-z_]\w*)+")


def said(path: pathlib.Path) -> Iterator[str]:
    """The sentences of a file that users may be told: texts with blanks in them that are no docstrings."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    alone = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and node not in alone:
            yield node.value


def is_public(name: str) -> bool:
    """Whether this is a front door, or a name at one."""
    if name in PUBLIC:
        return True
    door, _, last = name.rpartition(".")
    return door in PUBLIC and last in dir(importlib.import_module(door))


@pytest.mark.parametrize("path", files(), ids=str)
def test_messages_name_only_what_is_public(path: pathlib.Path) -> None:
    """What a message names can be imported as it stands there."""
    for sentence in said(path):
        for name in SPELLED.findall(sentence):
            if path.stem == "otlp":
                continue  # attributes of spans
            assert is_public(name.rstrip(".")), f"{path}: {sentence!r} names {name}, which is no front door"


def test_private_names_in_messages_would_be_seen() -> None:
    """The names that are looked for are of this kind."""
    assert SPELLED.findall(
        "a subclass of refold.model.Application, or of refold.properties.log.durability.Durability."
    ) == [
        "refold.model.Application",
        "refold.properties.log.durability.Durability",
    ]
    assert is_public("refold.model.Application")
    assert not is_public("refold.properties.log.durability.Durability")
    assert not is_public("refold.model.Nonsense")


def test_the_root_door_is_on_one_screen() -> None:
    """About fifteen names, and help() shows what they are."""
    import pydoc

    import refold

    assert len(refold.__all__) <= 16
    assert {"verify", "replay", "check", "machine", "Application"} <= set(refold.__all__)
    shown = pydoc.render_doc(refold, renderer=pydoc.plaintext)
    for name in ("verify(", "replay(", "check(", "machine(", "class Application"):
        assert name in shown, name


GIVEN = {
    "model/examples": "commands and events of the application that it shows",
    "reports/commands": "a command is called as what it runs",
    "reports/documents/etcd_": "the words of etcd's own files",
    "systems/gate": "a stand-in bears the name of what it stands in for, a decision that of the action that asks for it",
    "systems/servers": "each system has its own client, session and server, as the others have",
    "systems/sqlite": "words of SQLite and of file systems",
    "search/strategies": "the simulated world of `refold compare`, which knows no other",
    "reports/pages": "what a page shows of the thing that has the name",
}
"""Where a file's name begins like this, its classes may be called like another room's, for this reason."""

TWICE = {
    "Entry": "of a bucket, of a query, and of a list of anomalies: each a value of its own module",
    "Locks": "the part, and the property of the same part",
    "Reservations": "the part, and the property of the same part",
    "Tally": "what is counted of records, and what a subscriber has counted",
    "Work": "an action of two parts (under two tags), and what an actor is at",
    "Die": "a death in the middle of work, and one between hold and confirmation",
    "Row": "of an outbox, of the catalogue of bugs",
    "Rows": "of a projection: judged by a property, and as the user's store holds them",
    "Relay": "what a relay of the model remembers, and what a user says of a relay of his own",
    "Lock": "what is known of a lock, and what a user says of a lock of his own",
    "Worker": "a process of a crew, and what a user says of a consumer of his own",
    "Record": "of refold, and of a history that another tool recorded",
    "Operation": "one append, and one call that is judged as linearizable or not",
    "Outcome": "of an operation, and of a run",
    "Budget": "of a check of linearizability, and of a campaign",
    "Progress": "of a consumer, and of a campaign",
    "Clock": "of a deployment, and of a budget",
    "OutOfTime": "the end of a shrinking, and of the check of a history",
    "Fold": "of a consumer's rows, and in another process",
}
"""Class names with two meanings that are known, each with what they are."""


def classes_of_one_name() -> dict[str, list[str]]:
    """Name -> the files that define a public class of that name, given names left out; where there are two or more."""
    found: dict[str, list[str]] = {}
    for path in files():
        if path.as_posix().startswith(tuple(GIVEN)):
            continue
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path.as_posix())
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_one_name_one_class() -> None:
    """A reader who knows a name from one room is not misled in another; what is excused is still there."""
    known = classes_of_one_name()
    assert {name: paths for name, paths in known.items() if name not in TWICE} == {}
    assert sorted(set(TWICE) - set(known)) == []


COINED = {"truth", "world", "middle", "elsewhere", "foreign", "letter", "letters", "outside", "clue", "clues", "crew"}
"""Words that stood for what the field has words for: the oracle, a simulated system, a partial history, other processes, a user's own,
dead letters, external effects, symptoms, workers. *Node* is the field's word, of graphs and of clusters."""

KEPT = {"elsewhere"}
"""A parameter of `must_hold`, which stands in tests that users have generated."""


def words_of(name: str) -> list[str]:
    """The words in a name; dead letters are one."""
    return re.findall(r"[Dd]ead[-_]?[Ll]etters?|[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)


def names_in(tree: ast.AST) -> Iterator[str]:
    """What a file gives names to: classes, functions, parameters, variables, attributes, and what a property is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            called = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if called == ["name"] and isinstance(node.value.value, str):
                yield node.value.value


@pytest.mark.parametrize("path", files(), ids=str)
def test_names_are_the_words_of_the_field(path: pathlib.Path) -> None:
    """Not words of our own for the same things: of folders, files and options, and of everything in the code."""
    names = {*path.with_suffix("").parts, *names_in(ast.parse((ROOT / path).read_text(encoding="utf-8")))}
    wrong = {name for name in names - KEPT if COINED.intersection(word.lower() for word in words_of(name))}
    assert wrong == set()


@pytest.mark.parametrize(
    ("name", "coined"),
    [
        ("WorldOfLogs", True),
        ("_truth", True),
        ("replay_elsewhere", True),
        ("DeadLetters", False),
        ("dead_letter", False),
    ],
)
def test_coined_words_are_seen_in_names(name: str, coined: bool) -> None:
    """As one of the words of a name, and not within a longer one."""
    assert bool(COINED.intersection(word.lower() for word in words_of(name))) is coined


TEXTS = (".py", ".pyi", ".md", ".html", ".js", ".txt", ".json", ".toml", ".cff")


def test_quotation_marks_are_those_of_english() -> None:
    """In everything that is read: code, pages, golden texts."""
    odd = re.compile("[\u00ab\u00bb\u201e]")
    folders = [*ALLOWED, "docs", "examples", "tests", "benchmarks"]
    read = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in TEXTS]
    read += [path for path in ROOT.glob("*") if path.suffix in TEXTS]
    assert len(read) > 500
    found = [
        str(path.relative_to(ROOT))
        for path in read
        if not {"generated", "survey"} & set(path.parts)
        and odd.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
