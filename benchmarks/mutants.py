"""Mutation testing: how many small mistakes in the model and in the properties do the tests notice?

Cosmic Ray finds every place where one operator, number or branch can be changed. A seeded sample of these mutants is tried, each in a
clone of the last commit. First the tests of the model and of the properties run once, to see which lines each of them touches; then each
mutant meets the tests that touch its line, the cheapest first, until one fails. A mutant that no test notices survives.
`mutants-equivalent.txt` lists survivors that change nothing anybody could see, with the reason.

    python benchmarks/mutants.py --mutants 200 --seed 1 --jobs 2

What has been measured and judged is kept in `.mutants`, by commit: what is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
from mutation.mutant import Mutant, mutants, sample
from mutation.touched import TESTS, measured
from mutation.trial import Bench, Verdict

ROOT = pathlib.Path(__file__).resolve().parents[1]
STORE = ROOT / ".mutants"
PLACES = (
    "model",
    "properties/log",
    "properties/updates",
    "properties/consumers",
    "properties/reading",
    "properties/messages",
    "properties/appends.py",
    "properties/guarantees.py",
    "properties/old_data.py",
    "properties/oracle.py",
    "properties/property.py",
    "properties/result.py",
    "properties/states.py",
    "properties/suite.py",
    "properties/partial_history.py",
    "properties/window.py",
)
"""Where mistakes are made: not in the diagnosis, whose weights are guesses, nor in the checkers of plain objects."""

EQUIVALENT = pathlib.Path(__file__).with_name("mutants-equivalent.txt")
GOAL = 0.9


def equivalents() -> dict[str, str]:
    """Name of a mutant that changes nothing -> why: a line with the name, and a line that is indented with the reason."""
    lines = [line for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: why.strip() for name, why in zip(lines[::2], lines[1::2], strict=True)}


class Verdicts:
    """Those of one commit, written down as they come."""

    def __init__(self, file: pathlib.Path) -> None:
        self.file = file
        self.lock = threading.Lock()
        self.known = equivalents()
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        self.verdicts = {one.name: one for one in (Verdict(**json.loads(line)) for line in lines)}

    def add(self, verdict: Verdict) -> None:
        """To the file, and for who looks on."""
        with self.lock, self.file.open("a", encoding="utf-8") as file:
            self.verdicts[verdict.name] = verdict
            file.write(json.dumps(attrs.asdict(verdict)) + "\n")
            print(f"{len(self.verdicts):4}  {self.told(verdict)}", flush=True)

    def told(self, verdict: Verdict) -> str:
        """In a line."""
        fate = f"killed by {verdict.killed_by}" if verdict.killed_by else "equivalent"
        if not verdict.killed_by and verdict.name not in self.known:
            fate = f"SURVIVED {verdict.run} tests" + (f", {verdict.left} more touch it" if verdict.left else "")
        return f"{verdict.seconds:5.1f} s  {verdict.name} (line {verdict.line}): {fate}"


def worker(bench: Bench, waiting: queue.SimpleQueue[Mutant], until: float, verdicts: Verdicts) -> None:
    """Mutant after mutant, until none is left or time is up."""
    while time.monotonic() < until:
        try:
            mutant = waiting.get_nowait()
        except queue.Empty:
            return
        verdicts.add(bench.tried(mutant))


def cloned(name: str) -> pathlib.Path:
    """A fresh clone of the last commit."""
    folder = STORE / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(folder)], check=True)
    return folder


def doubtful(bench: Bench, verdicts: list[Verdict]) -> str:
    """A test that killed a mutant and fails without one too; such a verdict is worth nothing."""
    seconds = bench.touched.seconds
    killers = {one.killed_by: seconds[one.killed_by] for one in verdicts if one.killed_by in seconds}
    return bench.forks.run("", "", "", killers)[1]


def summary(chosen: list[str], verdicts: Verdicts, seed: int) -> tuple[str, float]:
    """The figures of a sample, and the share that was killed."""
    judged = [verdicts.verdicts[name] for name in chosen if name in verdicts.verdicts]
    killed = [one for one in judged if one.killed_by]
    same = [one for one in judged if not one.killed_by and one.name in verdicts.known]
    share = len(killed) / max(1, len(judged) - len(same))
    survivors = [verdicts.told(one) for one in judged if one not in killed and one not in same]
    line = f"seed {seed}: {len(killed)} of {len(judged) - len(same)} killed ({share:.1%}); {len(same)} equivalent"
    rest = f"; {len(chosen) - len(judged)} not tried for want of time" if len(judged) < len(chosen) else ""
    return "\n".join([*survivors, line + rest]), share


def main() -> None:
    """Sample, try, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "places", nargs="*", default=PLACES, help="files and folders (default: the model, the properties)"
    )
    parser.add_argument("--mutants", type=int, default=200, help="how many, chosen at random (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no further mutant after that (default 3600)")
    parser.add_argument("--most", type=float, default=120, help="seconds of tests that one mutant meets (default 120)")
    parser.add_argument(
        "--tests", nargs="+", default=TESTS, help="where the tests are (default: those of model and properties)"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="clones that work side by side")
    options = parser.parse_args()
    STORE.mkdir(exist_ok=True)
    clones = [cloned(f"clone-{number}") for number in range(options.jobs)]
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clones[0], check=True, capture_output=True, text=True)
    commit = said.stdout[:12]
    touched = measured(clones[0], options.tests, STORE, options.jobs)
    verdicts = Verdicts(STORE / f"verdicts-{commit}.jsonl")
    places = tuple(options.places)
    session = f"session-{hashlib.sha256(repr((commit, places)).encode()).hexdigest()[:12]}.sqlite"
    everything = mutants(clones[0], places, STORE / session)
    chosen = sample(clones[0], everything, options.mutants, options.seed)
    print(f"{len(chosen)} of {len(everything)} mutants, seed {options.seed}", flush=True)
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for name, mutant in chosen.items():
        if name not in verdicts.verdicts:
            waiting.put(mutant)
    until = time.monotonic() + options.seconds
    benches = [Bench(clone, touched, options.most) for clone in clones]
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda bench: worker(bench, waiting, until, verdicts), benches))
    flaky = doubtful(benches[0], list(verdicts.verdicts.values()))
    for bench in benches:
        bench.forks.close()
    told, share = summary(list(chosen), verdicts, options.seed)
    print(told)
    if flaky:
        sys.exit(f"{flaky} fails without a mutant too: what it killed is not proven dead")
    sys.exit(share < GOAL)


if __name__ == "__main__":
    main()
