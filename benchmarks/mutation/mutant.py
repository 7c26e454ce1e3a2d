"""Mutants: every small mistake that Cosmic Ray knows how to make, which of them are worth a try, and the file with the mistake in it."""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import pathlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator

import attrs

IDENTITY = {f"core/ReplaceComparisonOperator_{change}" for change in ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")}
"""Operators of Cosmic Ray that put identity in place of equality, or the other way round."""


@attrs.frozen
class Mutant:
    """One change: the operator of Cosmic Ray, which of its places in the file, and where that is."""

    path: str
    function: str
    operator: str
    arguments: str
    occurrence: int
    line: int
    column: int

    def applied(self, source: str) -> str:
        """The file with the mistake in it; the file itself if the operator finds nothing to do."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        arguments = json.loads(self.arguments)
        if isinstance(arguments, str):  # Cosmic Ray 8 writes JSON into a column that is JSON
            arguments = json.loads(arguments)
        return mutate_code(source, get_operator(self.operator)(**arguments), self.occurrence) or source

    def named(self, before: str, after: str) -> str:
        """What it is called in reports and in the list of equivalent ones: the place, and the change itself."""
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[3:]
        old, new = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
        return f"{self.path}:{self.function or 'module'}: {old} => {new}"


def mutants(clone: pathlib.Path, places: tuple[str, ...], session: pathlib.Path) -> list[Mutant]:
    """Every mutant of the places, in a stable order. Annotations are left alone, because no test can see them, and so is the difference
    between equality and identity: it shows only with values that are built for it."""
    found = [path for place in places for path in files(clone, place)]
    spans = {path: annotated((clone / path).read_text(encoding="utf-8")) for path in found}
    known = [
        mutant
        for mutant in listed(clone, found, session)
        if mutant.operator not in IDENTITY and not within(mutant, spans[mutant.path])
    ]
    return sorted(known, key=lambda one: (one.path, one.line, one.operator, one.occurrence, one.arguments))


def files(clone: pathlib.Path, place: str) -> Iterator[str]:
    """The Python files below a place that hold code."""
    path = clone / place
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        if file.name != "__init__.py":
            yield str(file.relative_to(clone))


def listed(clone: pathlib.Path, paths: list[str], session: pathlib.Path) -> Iterator[Mutant]:
    """What Cosmic Ray finds in these files; a session that is there already is read."""
    if not session.exists():
        configuration, draft = session.with_suffix(".toml"), session.with_suffix(".draft")
        configuration.write_text(
            f"[cosmic-ray]\nmodule-path = {json.dumps(paths)}\n"
            "timeout = 60.0\nexcluded-modules = []\ntest-command = 'true'\n[cosmic-ray.distributor]\nname = 'local'\n",
            encoding="utf-8",
        )
        program = pathlib.Path(sys.executable).with_name("cosmic-ray")
        subprocess.run([program, "init", configuration, draft], cwd=clone, check=True, capture_output=True)
        draft.rename(session)
    rows = sqlite3.connect(session).execute(
        "select module_path, coalesce(definition_name, ''), operator_name, operator_args, occurrence,"
        " start_pos_row, start_pos_col from mutation_specs"
    )
    for path, function, operator, arguments, occurrence, line, column in rows:
        yield Mutant(path, function, operator, arguments or "{}", occurrence, line, column)


def annotated(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The places (line, column) from and to which a file has annotations."""
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr) and part.end_lineno is not None and part.end_col_offset is not None:
                spans.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    return spans


def within(mutant: Mutant, spans: list[tuple[tuple[int, int], tuple[int, int]]]) -> bool:
    """Whether it lies in one of them."""
    return any(start <= (mutant.line, mutant.column) < end for start, end in spans)


def sample(clone: pathlib.Path, everything: list[Mutant], many: int, seed: int) -> dict[str, Mutant]:
    """So many at random, by name."""
    sources = {path: (clone / path).read_text(encoding="utf-8") for path in {mutant.path for mutant in everything}}
    chosen: dict[str, Mutant] = {}
    for mutant in in_turn(everything, sources, seed):
        if len(chosen) == many:
            break
        before = sources[mutant.path]
        after = mutant.applied(before)
        if counts(before, after):
            chosen.setdefault(mutant.named(before, after), mutant)
    return chosen


def in_turn(everything: list[Mutant], sources: dict[str, str], seed: int) -> list[Mutant]:
    """All of them, in an order that looks random. Where code changes elsewhere it stays the same: each one's place in it depends on its own
    line alone."""
    lines = {path: source.splitlines() for path, source in sources.items()}

    def turn(one: Mutant) -> str:
        line = lines[one.path][one.line - 1]
        column = one.column - (len(line) - len(line.lstrip()))
        what = (seed, one.path, one.function, line.strip(), column, one.operator, one.arguments)
        return hashlib.sha256(repr(what).encode()).hexdigest()

    return sorted(everything, key=turn)


def counts(before: str, after: str) -> bool:
    """Not a change that leaves the program as it is, nor one that Python itself refuses."""
    try:
        return ast.dump(ast.parse(before)) != ast.dump(ast.parse(after))
    except SyntaxError:
        return False
