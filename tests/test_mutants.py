"""Mutation testing chooses the right tests, and takes every mistake back."""

from __future__ import annotations

import importlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
import coverage
import pytest

ROOT = pathlib.Path(__file__).parents[1]
SOURCE = '''"""A module."""

SIZE = 2


def double(number: int, by: int = 2) -> int:
    """Twice."""
    if (
        number > SIZE
    ):
        return by * number
    return 0
'''


@pytest.fixture(scope="module")
def mutation() -> Iterator[Any]:
    """The modules of the benchmark, whose folder is on the path only here."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        names = ("forks", "mutant", "touched", "trial")
        modules = {name: importlib.import_module(f"mutation.{name}") for name in names}
        yield type("Mutation", (), modules)
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.mark.parametrize(
    ("line", "column", "lines", "at_import", "uses"),
    [
        (3, 7, {3}, True, {9}),
        (6, 30, {6}, True, {7, 8, 11, 12}),
        (9, 17, {8, 9, 10}, False, set()),
        (11, 18, {11}, False, set()),
    ],
    ids=["a constant", "a default", "a condition over several lines", "a return"],
)
def test_a_mutant_reaches_the_lines_of_its_statement(
    mutation: Any, line: int, column: int, lines: set[int], at_import: bool, uses: set[int]
) -> None:
    """Unless it stands in the body of a function, it takes effect when the module is imported, and where its name is used."""
    expected = mutation.touched.Reach(frozenset(lines), at_import, frozenset(uses))
    assert mutation.touched.reach(SOURCE, line, column) == expected


def touching(folder: pathlib.Path, lines: dict[str, list[int]]) -> coverage.CoverageData:
    """What coverage has noted of a file: context -> lines."""
    data = coverage.CoverageData(str(folder / "touched"))
    for context, touched in lines.items():
        data.set_context(context)
        data.add_lines({"/somewhere/clone/model/double.py": touched})
    return data


def test_only_the_tests_that_touch_the_statement_meet_the_mutant(mutation: Any, tmp_path: pathlib.Path) -> None:
    """The tests of a program that a test has started too; for what runs at an import all, those that use it before others that cost as
    much."""
    data = touching(
        tmp_path,
        {
            "": [1, 3, 6],
            "test_a.py::test_far": [8, 12],
            "test_a.py::test_near[x y]": [8, 11],
            "test_b.py::test_program (call)": [11],
            "test_b.py::test_fails": [11],
        },
    )
    seconds = {"test_a.py::test_far": 0.1, "test_a.py::test_near[x y]": 0.2, "test_b.py::test_program": 0.3}
    known = mutation.touched.Touched([data], {**seconds, "test_c.py::test_other": 0.01})
    within, without = (mutation.touched.reach(SOURCE, *place) for place in ((11, 18), (3, 7)))
    assert known.tests("model/double.py", within) == (["test_a.py::test_near[x y]", "test_b.py::test_program"], [])
    far, *others = seconds
    assert known.tests("model/double.py", without) == ([], ["test_c.py::test_other", far, *others])
    assert known.tests("model/double.py", attrs.evolve(without, uses=frozenset({12}))) == (
        [],
        [far, "test_c.py::test_other", *others],
    )
    assert known.tests("model/other.py", within) == ([], [])


def test_the_cheapest_tests_come_first_and_one_case_of_each_before_the_second(mutation: Any) -> None:
    seconds = {"a[1]": 1.0, "a[2]": 1.1, "a[3]": 1.2, "b": 2.0, "c": 0.5}
    assert mutation.touched.ordered(seconds, seconds) == ["c", "a[1]", "b", "a[2]", "a[3]"]


def test_portions_grow_and_end_where_the_time_is_over(mutation: Any) -> None:
    tests = [f"t{n}" for n in range(50)]
    seconds = dict.fromkeys(tests, 0.5)
    assert list(map(len, mutation.trial.portions(tests, seconds))) == [4, 32, 14]
    assert mutation.trial.affordable(tests, seconds, 8.0) == tests[:16]


def test_a_change_that_changes_nothing_is_no_mutant(mutation: Any) -> None:
    """Nor is one that Python refuses."""
    assert mutation.mutant.counts("x = 1 + 2", "x = 1 - 2")
    assert not mutation.mutant.counts("x = 1 + 2", "x = (1) + 2")
    assert not mutation.mutant.counts("if x := y: pass", "if not x := y: pass")


@pytest.fixture
def bench(mutation: Any, tmp_path: pathlib.Path) -> Iterator[Any]:
    """A checkout with one module, and two tests of it."""
    clone = tmp_path / "clone"
    (clone / "model").mkdir(parents=True)
    (clone / "pytest.ini").write_text("[pytest]\n")
    (clone / "model" / "double.py").write_text(SOURCE)
    (clone / "test_double.py").write_text(
        "module = {}\n"
        "exec(open('model/double.py').read(), module)\n"
        "double = module['double']\n"
        "def test_small(): assert double(1) == 0\n"
        "def test_large(): assert double(5) == 10\n"
    )
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    tests = {"test_double.py::test_small": 0.01, "test_double.py::test_large": 0.02}
    data = touching(tmp_path, {"": [3], **{name: [8, 9, 11] for name in tests}})
    bench = mutation.trial.Bench(clone, mutation.touched.Touched([data], tests), 10)
    yield bench
    bench.forks.close()


class Mistake:
    """A mutant that needs no Cosmic Ray."""

    path, column = "model/double.py", 7

    def __init__(self, old: str, new: str, line: int = 11) -> None:
        self.old, self.new, self.line = old, new, line

    def applied(self, source: str) -> str:
        """With the mistake."""
        return source.replace(self.old, self.new)

    def named(self, before: str, after: str) -> str:
        """By what is changed."""
        return self.new


def test_a_mutant_is_killed_by_the_first_test_that_fails_or_survives_all(bench: Any) -> None:
    """And the checkout is then as it was."""
    killed, survived, ending = (
        bench.tried(Mistake(*change))
        for change in (
            ("by * number", "by + number"),
            ("number > SIZE", "number >= SIZE"),
            ("number > SIZE", "exit()"),
        )
    )
    assert (killed.killed_by, killed.run, killed.left) == ("test_double.py::test_large", 2, 0)
    assert (survived.killed_by, survived.run) == ("", 2)
    assert ending.killed_by == "test_double.py::test_small"
    assert (bench.clone / "model" / "double.py").read_text() == SOURCE
    assert {path.name for path in bench.clone.iterdir()} == {".git", "model", "pytest.ini", "test_double.py"}


def test_a_mutant_that_no_function_shows_is_tried_in_a_process_of_its_own(bench: Any) -> None:
    """A constant, or a change that leaves a file with other functions than before."""
    assert bench.tried(Mistake("number > SIZE", "(lambda: number > 7)()")).killed_by == "test_double.py::test_large"
    assert bench.tried(Mistake("SIZE = 2", "SIZE = 7", line=3)).killed_by == "test_double.py::test_large"


def test_the_order_of_mutants_stays_the_same_where_other_lines_change(mutation: Any) -> None:
    """Of code above them, in the same file too."""
    lines = [f"a{n} = {n} + {n + 1}" for n in range(40)]

    def chosen(*above: str) -> list[int]:
        made = [mutation.mutant.Mutant("code.py", "", "Add_Sub", "{}", n, n + len(above) + 1, 5) for n in range(40)]
        sources = {"code.py": "\n".join([*above, *lines])}
        return [one.occurrence for one in mutation.mutant.in_turn(made, sources, 1)]

    assert sorted(chosen()) == list(range(40))
    assert chosen() != list(range(40))
    assert chosen("x = 1", "y = 2") == chosen()
