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
import subprocess
import sys
from collections.abc import Iterable

import attrs
import coverage

PLUGIN = pathlib.Path(__file__).parent
SOURCES = ("model", "properties", "search", "systems", "reports")
UNITS = ("tests/model", "tests/properties", "tests/search", "tests/systems", "tests/reports")
"""Each is measured on its own, and again only if it or the sources have changed."""

IGNORED = ("tests/systems/gate", "tests/systems/servers")
"""They test servers, slowly."""

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
PHASE = re.compile(r" \((setup|call|teardown)\)$")


@attrs.frozen
class Reach:
    """Where a mutant does its work: the lines of its statement, and whether they run when the module is imported."""

    lines: frozenset[int]
    at_import: bool


def reach(source: str, line: int, column: int) -> Reach:
    """Of the innermost statement around a place; of a compound one, only what stands before its body."""
    lines = frozenset({line})
    at_import = True
    for node in ast.walk(ast.parse(source)):  # from the outside inwards
        if not isinstance(node, ast.stmt) or node.end_lineno is None or not node.lineno <= line <= node.end_lineno:
            continue
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
    return Reach(lines, at_import)


@attrs.frozen
class Touched:
    """What the tests of a checkout touch, and the seconds of each; only tests that pass are known."""

    data: list[coverage.CoverageData]
    seconds: dict[str, float]

    def tests(self, path: str, place: Reach) -> tuple[list[str], list[str]]:
        """The tests that touch a place, the most promising first; and those that may notice a mistake there all the same.

        What runs while modules are imported or tests collected has its effect elsewhere: in tests that touch the file, and if no test
        touches the place, in any.
        """
        by_line = self.by_line(path)
        contexts = {context for line in place.lines for context in by_line.get(line, ())}
        touching = set() if place.at_import else contexts & self.seconds.keys()
        near = {test for tests in by_line.values() for test in tests} & self.seconds.keys() - touching
        far = set() if touching else self.seconds.keys() - near
        others = [*ordered(near, self.seconds), *ordered(far, self.seconds)] if "" in contexts else []
        return ordered(touching, self.seconds), others

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


def measured(clone: pathlib.Path, store: pathlib.Path, jobs: int) -> Touched:
    """Of the tests in a clone; what is in the store already is not measured again."""
    folders = [unit_measured(clone, unit, store, jobs) for unit in UNITS]
    data = [coverage.CoverageData(str(folder / "touched")) for folder in folders]
    for one in data:
        one.read()
    seconds: dict[str, float] = {}
    for folder in folders:
        seconds |= json.loads((folder / "seconds.json").read_text(encoding="utf-8"))
    return Touched(data, seconds)


def unit_measured(clone: pathlib.Path, unit: str, store: pathlib.Path, jobs: int) -> pathlib.Path:
    """The folder with the figures of one unit."""
    folder = store / f"{unit.replace('/', '-')}-{key(clone, unit)}"
    if (folder / "touched").exists():
        return folder
    print(f"measuring what {unit} touches", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "coverage.ini"
    configuration.write_text(CONFIGURATION.format(folder=folder, clone=clone), encoding="utf-8")
    workers = ["-n", str(jobs)] if jobs > 1 else []
    ignored = [f"--ignore={place}" for place in IGNORED]
    said = subprocess.run(
        [*pytest_command("chosen", "--clock", folder / "seconds.json"), *workers, *ignored, unit],
        cwd=clone,
        env={**environment(clone), "COVERAGE_PROCESS_START": str(configuration)},
        capture_output=True,
        text=True,
    )
    print(said.stdout.splitlines()[-1] if said.stdout else said.stderr, flush=True)
    combine = [sys.executable, "-m", "coverage", "combine", "--quiet", "--rcfile", str(configuration)]
    subprocess.run(combine, cwd=clone, check=True)
    return folder


def key(clone: pathlib.Path, unit: str) -> str:
    """Changes with the sources and with the tests of a unit."""
    names = [f"HEAD:{place}" for place in (*SOURCES, unit)]
    trees = subprocess.run(["git", "rev-parse", *names], cwd=clone, check=True, capture_output=True).stdout
    return hashlib.sha256(trees).hexdigest()[:12]


def pytest_command(plugin: str, *options: str | pathlib.Path) -> list[str]:
    """How pytest is called, here and for each mutant: with the same inputs every time."""
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
