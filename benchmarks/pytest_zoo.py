"""Does a test under pytest find what `refold verify` finds, and in what time?

Every broken system is tested through `machine()` at the default profile, and searched by `refold verify`, with the same seeds; each in a
process of its own, in an empty folder, so that start-up counts and nothing is known from before. Printed: how many each finds, the times of
both in all and their ratio, and the median time of a failing test from its start to its message. CPU seconds are the ones to compare on a
busy machine; wall seconds are told beside them.

    python benchmarks/pytest_zoo.py [NAME ...] [--seeds 1 2 3] [--jobs N] [--every N] [--without-start-up] [--json]

`--every N` takes every n-th system only. `--without-start-up` does both in this process: the search and the shrinking alone.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hypothesis

from refold import Broken, machine
from refold.search import Budget, Campaign
from refold.search.objects.application_check import application_named
from refold.systems.broken import BROKEN

COMMAND = "import sys; sys.argv[0] = 'refold'; from refold.reports.commands.cli import main; main()"
TEST = "from refold import machine\n\nTestSystem = machine({application!r}, {name!r}).TestCase\n"


def timed(command: list[str], folder: str) -> tuple[int, str, float, float]:
    """Exit code, output, wall and CPU seconds of a command with all its children that it waited for."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("REFOLD_", "PYTEST_", "CI"))
    }
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        output.seek(0)
        return process.returncode, output.read(), wall, usage.ru_utime + usage.ru_stime


def trial(name: str, seed: int) -> dict[str, Any]:
    """One system with one seed, both ways."""
    application = BROKEN[name].application
    row: dict[str, Any] = {"name": name, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "test_zoo.py").write_text(TEST.format(application=application, name=name))
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--hypothesis-seed={seed}",
            "test_zoo.py",
        ]
        code, said, row["pytest_wall"], row["pytest_cpu"] = timed(pytest, folder)
        row["pytest_found"] = code == 1 and "refold.Broken: " in said
        row["pytest_said"] = "" if row["pytest_found"] or code == 0 else said[-2000:]
    with tempfile.TemporaryDirectory() as folder:
        verify = [
            sys.executable,
            "-c",
            COMMAND,
            "verify",
            "--system",
            name,
            "--application",
            application,
            "--seed",
            str(seed),
        ]
        code, _, row["verify_wall"], row["verify_cpu"] = timed(verify, folder)
        row["verify_found"] = code == 1
    tell(row)
    return row


def inside(name: str, seed: int) -> dict[str, Any]:
    """The same in this process, without the reports."""
    broken = BROKEN[name]
    row: dict[str, Any] = {"name": name, "seed": seed, "pytest_said": ""}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REFOLD_REPORT_DIR"] = folder
        cls: Any = hypothesis.seed(seed)(machine(broken.application, name))
        cls.TestCase.settings = hypothesis.settings(database=None, print_blob=False)
        started, began = time.perf_counter(), time.process_time()
        try:
            cls.TestCase("runTest").runTest()
        except Broken:
            row["pytest_found"] = True
        row["pytest_wall"], row["pytest_cpu"] = time.perf_counter() - started, time.process_time() - began
    row.setdefault("pytest_found", False)
    campaign = Campaign(broken.system(), application_named(broken.application), seed, Budget())
    started, began = time.perf_counter(), time.process_time()
    result = campaign.run()
    row["verify_wall"], row["verify_cpu"] = time.perf_counter() - started, time.process_time() - began
    row["verify_found"] = bool(result.counterexamples)
    tell(row)
    return row


def tell(row: dict[str, Any]) -> None:
    """A trial that is done, on standard error."""
    found = {way: "found" if row[f"{way}_found"] else "MISSED" for way in ("pytest", "verify")}
    times = {way: f"{row[f'{way}_cpu']:.2f} s" for way in ("pytest", "verify")}
    print(
        f"{row['name']} seed {row['seed']}: pytest {found['pytest']} {times['pytest']},"
        f" verify {found['verify']} {times['verify']} CPU",
        file=sys.stderr,
        flush=True,
    )
    if row["pytest_said"]:
        print(row["pytest_said"], file=sys.stderr)


def main() -> None:
    """Run all trials, print what they come to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--without-start-up", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.names or list(BROKEN)[:: options.every]
    tasks = [(name, seed) for name in names for seed in options.seeds]
    if options.without_start_up:
        rows = [inside(*task) for task in tasks]
    else:
        with ThreadPoolExecutor(options.jobs) as pool:
            rows = list(pool.map(lambda task: trial(*task), tasks))
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for unit in ("cpu", "wall"):
        ours, theirs = (sum(row[f"{way}_{unit}"] for row in rows) for way in ("pytest", "verify"))
        failing = [row[f"pytest_{unit}"] for row in rows if row["pytest_found"]]
        median = statistics.median(failing) if failing else float("nan")
        print(
            f"{unit} seconds: pytest {ours:.0f}, verify {theirs:.0f}, ratio {ours / theirs:.2f};"
            f" a failing test {median:.2f} at the median, {max(failing, default=0):.1f} at most"
        )
    for way in ("pytest", "verify"):
        missed = [f"{row['name']} (seed {row['seed']})" for row in rows if not row[f"{way}_found"]]
        print(
            f"{way}: found {len(rows) - len(missed)} of {len(rows)}"
            + (f"; missed {', '.join(missed)}" if missed else "")
        )


if __name__ == "__main__":
    main()
