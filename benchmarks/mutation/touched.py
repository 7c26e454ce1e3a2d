"""Which tests touch a line, and how long each takes: the tests run once, while coverage notes which of them executes what.

Programs that a test starts are measured as well, as the test that started them. A test whose work is done by something that an
earlier test left in a cache (a counterexample that several tests look at) is not known to touch it; that earlier test is.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

import attrs
import coverage

PLUGIN = pathlib.Path(__file__).parent
SOURCES = ("model", "properties", "search", "systems", "reports")
TESTS = ("tests/model", "tests/properties", "tests/systems/user/removals", "tests/search/stored/test_old_data.py")
"""Those of the code itself, two of which need a system or a stored history: all others take half an hour to measure, and what only they
notice lacks a test of its own."""

IGNORED = ("tests/systems/gate", "tests/systems/servers")
"""They test servers, slowly; also where other folders are asked for."""

CONFIGURATION = """[run]
core = ctrace
parallel = true
data_file = {folder}/touched
context = ${{PYTEST_CURRENT_TEST-}}
disable_warnings = no-data-collected,module-not-imported,module-not-measured,couldnt-parse
include =
    {clone}/model/*
    {clone}/properties/*
"""
NEAR, FAR = 4.0, 16.0
"""Tests that touch the file of a definition, but not what uses it, come as if they cost so many times as much, and so do all others: a
cheap one that looks at every definition comes before a slow one that uses this one."""

PHASE = re.compile(r" \((setup|call|teardown)\)$")


@attrs.frozen
class Reach:
    """Where a mutant does its work: the lines of its statement, and whether they run when the module is imported; then also the lines
    that use what it defines."""

    lines: frozenset[int]
    at_import: bool
    uses: frozenset[int] = frozenset()


def reach(source: str, line: int, column: int) -> Reach:
    """Of the innermost statement around a place; of a compound one, only what stands before its body."""
    lines = frozenset({line})
    at_import = True
    tree = ast.parse(source)
    inner: ast.AST = tree
    for node in ast.walk(tree):  # from the outside inwards
        if not isinstance(node, ast.stmt) or node.end_lineno is None or not node.lineno <= line <= node.end_lineno:
            continue
        inner = node
        body = getattr(node, "body", None)
        if not body:
            lines = frozenset(range(node.lineno, node.end_lineno + 1))
        elif line < body[0].lineno:
            lines = frozenset(range(node.lineno, body[0].lineno))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            at_import = (line, column) < (body[0].lineno, body[0].col_offset)
            lines = frozenset({line})
        else:
            lines = frozenset({line})
    return Reach(lines, at_import, frozenset(used(tree, inner)) if at_import else frozenset())


def used(tree: ast.AST, definition: ast.AST) -> Iterator[int]:
    """The lines that use what a statement defines: a constant by its name, the defaults of a function in its body."""
    if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (node.lineno for node in ast.walk(definition) if isinstance(node, ast.stmt) and node != definition)
    names = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name in names and isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", None), ast.Load):
            yield node.lineno


@attrs.frozen
class Touched:
    """What the tests of a checkout touch, and the seconds of each; only tests that pass are known."""

    data: list[coverage.CoverageData]
    seconds: dict[str, float]

    def tests(self, path: str, place: Reach) -> tuple[list[str], list[str]]:
        """The tests that touch a place, the most promising first; and those that may notice a mistake there all the same.

        What runs while modules are imported or tests collected has its effect elsewhere: in tests that touch what it defines, or the
        file, and if no test touches the place, in any.
        """
        by_line = self.by_line(path)
        contexts = {context for line in place.lines for context in by_line.get(line, ())}
        known = self.seconds.keys()
        touching = set() if place.at_import else contexts & known
        using = {test for line in place.uses for test in by_line.get(line, ())} & known - touching
        near = {test for tests in by_line.values() for test in tests} & known - touching - using
        far = set() if touching else known - near - using
        weighed = {**dict.fromkeys(far, FAR), **dict.fromkeys(near, NEAR), **dict.fromkeys(using, 1.0)}
        others = ordered(weighed, {test: self.seconds[test] * weight for test, weight in weighed.items()})
        return ordered(touching, self.seconds), others if "" in contexts else []

    def by_line(self, path: str) -> dict[int, set[str]]:
        """Line -> the tests that touch it; the empty name is that of an import."""
        lines: dict[int, set[str]] = {}
        for data in self.data:
            for file in data.measured_files():
                if file.endswith(f"/{path}"):
                    for line, contexts in data.contexts_by_lineno(file).items():
                        lines.setdefault(line, set()).update(map(test_of, contexts))
        return lines


def test_of(context: str) -> str:
    """The test that coverage speaks of: of the process itself, or of the one that started it."""
    static, _, dynamic = context.rpartition("|")
    return dynamic if "::" in dynamic and not PHASE.search(dynamic) else PHASE.sub("", static or dynamic)


def ordered(tests: Iterable[str], seconds: dict[str, float]) -> list[str]:
    """The cheapest first, the n-th case of a test as if it cost n times as much: cases of one test notice the same mistakes."""
    seen: dict[str, int] = {}
    costs: dict[str, float] = {}
    for test in sorted(tests, key=lambda test: (seconds[test], test)):
        function = test.partition("[")[0]
        seen[function] = seen.get(function, 0) + 1
        costs[test] = seconds[test] * seen[function]
    return sorted(costs, key=lambda test: (costs[test], test))


def measured(clone: pathlib.Path, places: Sequence[str], store: pathlib.Path, jobs: int) -> Touched:
    """Of the tests in these places of a clone; what is in the store already is not measured again."""
    tests, others = tracked(clone, places)
    home = store / f"touched-{hashlib.sha256(repr(others).encode()).hexdigest()[:12]}"
    parts = sorted(home.glob("*/files.json"))
    files = {part: json.loads(part.read_text(encoding="utf-8")) for part in parts}
    missing = {file: blob for file, blob in tests.items() if all(known.get(file) != blob for known in files.values())}
    if missing:
        part = home / f"{len(parts):04}" / "files.json"
        measure(clone, list(missing), part.parent, jobs)
        part.write_text(json.dumps(missing, indent=0), encoding="utf-8")
        files[part] = missing
    seconds: dict[str, float] = {}
    for part, known in files.items():
        for test, took in json.loads(part.with_name("seconds.json").read_text(encoding="utf-8")).items():
            file = test.partition("::")[0]
            if tests.get(file) == known[file]:
                seconds[test] = took
    data = [coverage.CoverageData(str(part.with_name("touched"))) for part in files]
    for one in data:
        one.read()
    return Touched(data, seconds)


def tracked(clone: pathlib.Path, places: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The files with tests in these places, and all others that a test may depend on; each with the name that git has for its contents."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--format=%(objectname) %(path)", "HEAD", *SOURCES, "tests"],
        cwd=clone,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    blobs = {path: blob for blob, path in (line.split(" ", 1) for line in listed.splitlines())}
    tests = {path for path in blobs if path.startswith("tests/") and pathlib.PurePath(path).match("test_*.py")}
    asked = {path for path in tests if path.startswith(tuple(places)) and not path.startswith(IGNORED)}
    return {path: blobs[path] for path in asked}, {path: blobs[path] for path in blobs.keys() - tests}


def measure(clone: pathlib.Path, files: Sequence[str], folder: pathlib.Path, jobs: int) -> None:
    """Run these tests under coverage, and keep what it noted in the folder."""
    print(f"measuring what the tests in {len(files)} files touch", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configuration = folder / "coverage.ini"
    configuration.write_text(CONFIGURATION.format(folder=folder, clone=clone), encoding="utf-8")
    workers = ["-n", str(jobs)] if jobs > 1 else []
    said = subprocess.run(
        [*pytest_command("chosen", f"--clock={folder / 'seconds.json'}"), *workers, *files],
        cwd=clone,
        env={**environment(clone), "COVERAGE_PROCESS_START": str(configuration)},
        capture_output=True,
        text=True,
    )
    print(said.stdout.splitlines()[-1] if said.stdout else said.stderr, flush=True)
    combine = [sys.executable, "-m", "coverage", "combine", "--quiet", "--rcfile", str(configuration)]
    subprocess.run(combine, cwd=clone, check=True)


def pytest_command(plugin: str, *options: str | pathlib.Path) -> list[str]:
    """How pytest is called, here and for each mutant: with the same inputs every time. An option and its path are one word, or pytest
    would look for its configuration there too."""
    given = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return [*given, *map(str, options)]


def environment(clone: pathlib.Path) -> dict[str, str]:
    """In which `refold` is that of the clone, wherever it is installed, and compiled modules are kept beside it."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(clone / ".typing"), str(PLUGIN)]),
        "PYTHONSAFEPATH": "1",
        "PYTHONPYCACHEPREFIX": str(clone.with_name(f"{clone.name}-compiled")),
    }
