"""Mutation testing: how many small mistakes in the model and in the properties do the tests notice?

Cosmic Ray finds every place where one operator, number or branch can be changed. A seeded sample of these mutants is tried, each in a
clone of the checkout: first the tests of the model and of the properties, and the rest of the suite only if those are green. A mutant
that no test notices survives. `mutants-equivalent.txt` lists survivors that change nothing anybody could see, with the reason.

    python benchmarks/mutants.py --mutants 200 --seed 1 --seconds 3600 --jobs 2

The clone holds the last commit, not what is uncommitted. Annotations are left alone: no test can see them.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import attrs

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLACES = (
    "model",
    "properties/log",
    "properties/updates",
    "properties/consumers",
    "properties/reading",
    "properties/messages",
    "properties/appends.py",
    "properties/oracle.py",
    "properties/property.py",
    "properties/states.py",
    "properties/suite.py",
    "properties/partial_history.py",
    "properties/window.py",
)
"""Where mistakes are made."""

STAGES = (
    ("tests/model", "tests/properties"),
    ("tests/search", "tests/systems", "tests/reports"),
)
"""What is run against a mutant; a later stage only if the earlier ones are green."""

PATIENCE_SECONDS = 900
"""How long one stage may take: a mutant that makes the tests hang is noticed."""

EQUIVALENT = pathlib.Path(__file__).with_name("mutants-equivalent.txt")


@attrs.frozen
class Mutant:
    """One change: the operator of Cosmic Ray, which of its places in the file, and the line where that is."""

    path: str
    operator: str
    arguments: str
    occurrence: int
    line: int
    function: str

    @property
    def name(self) -> str:
        """What it is called in reports and in the list of equivalent ones."""
        return f"{self.path}:{self.function or 'module'}:{self.operator.removeprefix('core/')}:{self.occurrence}"


@attrs.frozen
class Verdict:
    """What became of a mutant: ``killed`` (by which stage, from 1) or ``survived``, and the change as a diff."""

    mutant: Mutant
    killed_by: int
    diff: str
    seconds: float


def annotated(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The places (line, column) from and to which a file has annotations."""
    spans: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(part, ast.expr) and part.end_lineno is not None and part.end_col_offset is not None:
                spans.append(((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)))
    return spans


def mutants(clone: pathlib.Path) -> list[Mutant]:
    """Every mutant of the places, in a stable order."""
    configuration = clone / "mutants.toml"
    places = [str(path.relative_to(clone)) for place in PLACES for path in files(clone / place)]
    configuration.write_text(
        "[cosmic-ray]\n"
        f"module-path = {json.dumps(places)}\n"
        "timeout = 60.0\nexcluded-modules = []\ntest-command = 'true'\n"
        "[cosmic-ray.distributor]\nname = 'local'\n"
    )
    command = [str(pathlib.Path(sys.executable).with_name("cosmic-ray")), "init", "mutants.toml", "mutants.sqlite"]
    subprocess.run(command, cwd=clone, check=True, capture_output=True)
    rows = sqlite3.connect(clone / "mutants.sqlite").execute(
        "select module_path, operator_name, operator_args, occurrence, start_pos_row, start_pos_col,"
        " coalesce(definition_name, '') from mutation_specs"
    )
    spans = {place: annotated((clone / place).read_text(encoding="utf-8")) for place in places}
    found = [
        Mutant(path, operator, arguments or "{}", occurrence, line, function)
        for path, operator, arguments, occurrence, line, column, function in rows
        if not any(start <= (line, column) < end for start, end in spans[path])
    ]
    return sorted(
        found, key=lambda mutant: (mutant.path, mutant.line, mutant.operator, mutant.occurrence, mutant.arguments)
    )


def files(place: pathlib.Path) -> Iterator[pathlib.Path]:
    """The Python files below a place that hold code."""
    yield from sorted(
        path for path in (place.rglob("*.py") if place.is_dir() else (place,)) if path.name != "__init__.py"
    )


def cloned(folder: pathlib.Path) -> pathlib.Path:
    """A clone of the last commit in `folder`."""
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(folder)], check=True)
    return folder


def environment(clone: pathlib.Path) -> dict[str, str]:
    """In which `refold` is that of the clone, wherever it is installed."""
    return {**os.environ, "PYTHONPATH": str(clone / ".typing"), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def green(clone: pathlib.Path, places: tuple[str, ...]) -> bool:
    """Whether the tests in these places pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *places]
    process = subprocess.Popen(
        command,
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=PATIENCE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False


def tried(clone: pathlib.Path, mutant: Mutant) -> Verdict | None:
    """Make the mistake, run the tests, take it back; None if the change leaves the file as it was."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    started = time.monotonic()
    place = clone / mutant.path
    before = place.read_text(encoding="utf-8")
    arguments = json.loads(mutant.arguments)
    if isinstance(arguments, str):  # Cosmic Ray 8 writes JSON into a column that is JSON
        arguments = json.loads(arguments)
    operator = get_operator(mutant.operator)(**arguments)
    after = mutate_code(before, operator, mutant.occurrence)
    if after is None or after == before:
        return None
    place.write_text(after, encoding="utf-8")
    try:
        difference = subprocess.run(
            ["git", "diff", "--unified=0", mutant.path], cwd=clone, capture_output=True, text=True, check=True
        ).stdout
        killed_by = next((number for number, places in enumerate(STAGES, 1) if not green(clone, places)), 0)
    finally:
        place.write_text(before, encoding="utf-8")
    changed = "\n".join(line for line in difference.splitlines()[4:] if line[:1] in "+-")
    return Verdict(mutant, killed_by, changed, time.monotonic() - started)


def equivalents() -> dict[str, str]:
    """Name of a mutant that changes nothing -> why."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines() if EQUIVALENT.exists() else []
    return dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))


def worker(clone: pathlib.Path, queue: list[Mutant], until: float) -> list[Verdict]:
    """Mutant after mutant from the queue, until it is empty or time is up."""
    verdicts = []
    known = equivalents()
    while queue and time.monotonic() < until:
        mutant = queue.pop()
        verdict = tried(clone, mutant)
        if verdict is None:
            continue
        verdicts.append(verdict)
        fate = f"killed by stage {verdict.killed_by}" if verdict.killed_by else known.get(mutant.name, "SURVIVED")
        print(f"{verdict.seconds:6.0f} s  {mutant.name} (line {mutant.line}): {fate}", flush=True)
        if not verdict.killed_by:
            print(verdict.diff, flush=True)
    return verdicts


def main() -> None:
    """Sample, try, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=200, help="how many, chosen at random (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no further mutant after that (default 3600)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="clones that work side by side")
    parser.add_argument("--only", default="", help="only places whose path begins with this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refold-mutants-") as folder:
        clones = [cloned(pathlib.Path(folder) / f"clone-{n}") for n in range(options.jobs)]
        everything = [mutant for mutant in mutants(clones[0]) if mutant.path.startswith(options.only)]
        queue = random.Random(options.seed).sample(everything, min(options.mutants, len(everything)))
        print(f"{len(queue)} of {len(everything)} mutants, seed {options.seed}", flush=True)
        until = time.monotonic() + options.seconds
        with ThreadPoolExecutor(options.jobs) as pool:
            verdicts = [
                verdict for part in pool.map(lambda clone: worker(clone, queue, until), clones) for verdict in part
            ]
    known = equivalents()
    killed = sum(bool(verdict.killed_by) for verdict in verdicts)
    same = sum(not verdict.killed_by and verdict.mutant.name in known for verdict in verdicts)
    judged = len(verdicts) - same
    share = killed / judged if judged else 0.0
    print(f"{killed} of {judged} killed ({share:.0%}); {same} equivalent; {len(queue)} not tried for want of time")
    sys.exit(share < 0.9)


if __name__ == "__main__":
    main()
