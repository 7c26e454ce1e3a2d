"""The trial of a mutant: make the mistake in a clone, run the tests that could notice it, take it back.

The tests that touch the line run in a fork of a pytest that has collected them (see `forks.py`). If the line also runs while modules
are imported or tests collected, others follow in processes of their own.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import resource
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator

import attrs

from .forks import MEMORY, PATIENCE
from .mutant import Mutant
from .touched import Touched, environment, pytest_command, reach

FIRST_SECONDS = 2.0
GROWTH = 8
"""Processes get the tests of a mutant in portions, each so many times longer than the one before: most mutants die in the first."""

START_SECONDS = 20
"""A portion may use so much CPU time for the start of pytest, beside what its tests may."""

BUSY = 10
"""On a busy machine it may take so many times longer by the clock."""

TOO_LONG = "a test that takes too long"
NOT_FOUND = 5
"""What pytest returns if it found no test."""


@attrs.frozen
class Verdict:
    """What became of a mutant: the test that noticed it, or none; how many were run, and how many more touch its line."""

    name: str
    line: int
    killed_by: str
    run: int
    left: int
    seconds: float


def affordable(tests: list[str], seconds: dict[str, float], most: float) -> list[str]:
    """As many of them, in order, as take so many seconds in all."""
    ends = itertools.accumulate(seconds[test] for test in tests)
    return [test for test, end in zip(tests, ends, strict=True) if end <= most]


def portions(tests: list[str], seconds: dict[str, float]) -> Iterator[list[str]]:
    """The tests in order, in longer and longer portions."""
    portion: list[str] = []
    bound, spent = FIRST_SECONDS, 0.0
    for test in tests:
        portion.append(test)
        spent += seconds[test]
        if spent >= bound:
            yield portion
            portion, bound, spent = [], bound * GROWTH, 0.0
    if portion:
        yield portion


class Forks:
    """A pytest that has collected all tests, and runs some in a fork when it is asked."""

    def __init__(self, clone: pathlib.Path, scratch: pathlib.Path, tests: Iterable[str]) -> None:
        requests, asking = os.pipe()
        answered, answers = os.pipe()
        places = sorted({test.partition("::")[0] for test in tests})
        self.process = subprocess.Popen(
            [*pytest_command("forks", "--serve", f"{requests},{answers}", f"--basetemp={scratch / 'forks'}"), *places],
            cwd=clone,
            env=environment(clone),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(requests, answers),
        )
        os.close(requests)
        os.close(answers)
        self.asking, self.answered = os.fdopen(asking, "w"), os.fdopen(answered)
        if self.answered.readline() != "ready\n":
            raise RuntimeError(f"pytest cannot collect the tests in {clone}; run it there to see why")

    def run(self, path: str, before: str, after: str, tests: dict[str, float]) -> tuple[int, str]:
        """How many functions could be changed in the fork, and the first test that fails."""
        self.asking.write(json.dumps({"path": path, "before": before, "after": after, "tests": tests}) + "\n")
        self.asking.flush()
        changed, failed = json.loads(self.answered.readline())
        return changed, TOO_LONG if failed is None else failed

    def close(self) -> None:
        """No more requests."""
        self.asking.close()
        self.answered.close()
        self.process.wait()


class Bench:
    """A clone in which one mutant after the other is tried."""

    def __init__(self, clone: pathlib.Path, touched: Touched, most: float) -> None:
        self.clone = clone
        self.touched = touched
        self.most = most
        self.writes = int(clone.stat().st_mtime)
        self.scratch = clone.with_name(f"{clone.name}-scratch")
        self.scratch.mkdir(exist_ok=True)
        self.forks = Forks(clone, self.scratch, touched.seconds)

    def tried(self, mutant: Mutant) -> Verdict:
        """Test after test, until one fails or nothing is left that could."""
        started = time.monotonic()
        seconds = self.touched.seconds
        source = (self.clone / mutant.path).read_text(encoding="utf-8")
        after = mutant.applied(source)
        touching, others = self.touched.tests(mutant.path, reach(source, mutant.line, mutant.column))
        first = affordable(touching, seconds, self.most)
        run = len(first)
        with self.changed(mutant.path, source, after):
            changed, killer = (
                self.forks.run(mutant.path, source, after, {test: seconds[test] for test in first})
                if first
                else (1, "")
            )
            rest = affordable(others if changed else first + others, seconds, self.most)
            for portion in [] if killer else portions(rest, seconds):
                killer = self.failing(portion)
                run += len(portion) if changed else 0
                if killer:
                    break
        left = len(touching) + len(others) - run
        return Verdict(
            mutant.named(source, after), mutant.line, killer, run, left, round(time.monotonic() - started, 1)
        )

    @contextlib.contextmanager
    def changed(self, path: str, before: str, after: str) -> Iterator[None]:
        """The clone with the mistake; then as it was, without what the tests left behind."""
        self.write(path, after)
        try:
            yield
        finally:
            self.write(path, before)
            subprocess.run(["git", "clean", "-fdqx"], cwd=self.clone, check=True)

    def write(self, path: str, text: str) -> None:
        """Each time with another date: by date and length Python knows whether what it has compiled is still right."""
        self.writes += 1
        (self.clone / path).write_text(text, encoding="utf-8")
        os.utime(self.clone / path, (self.writes, self.writes))

    def failing(self, tests: list[str]) -> str:
        """The first of these tests that fails, or what else went wrong; nothing if all are green."""
        chosen, failed = self.scratch / "chosen", self.scratch / "chosen.failed"
        failed.unlink(missing_ok=True)
        chosen.write_text("\n".join(tests), encoding="utf-8")
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        code = ended(
            [*pytest_command("chosen", "-x", f"--chosen={chosen}", f"--basetemp={self.scratch / 'tmp'}"), *files],
            self.clone,
            START_SECONDS + int(PATIENCE * sum(self.touched.seconds[test] for test in tests)),
        )
        if code == NOT_FOUND:
            raise RuntimeError(f"pytest finds none of these in {self.clone}: {', '.join(tests[:3])}")
        if code == 0:
            return ""
        if failed.exists():
            return failed.read_text(encoding="utf-8")
        return TOO_LONG if code is None else f"pytest does not get as far as the tests (exit code {code})"


def ended(command: list[str], clone: pathlib.Path, patience: int) -> int | None:
    """The exit code of a program that runs in a clone; None if it was killed because it took too long."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (patience, patience))

    process = subprocess.Popen(
        command,
        cwd=clone,
        env=environment(clone),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=limited,
    )
    try:
        code = process.wait(timeout=BUSY * patience)
        return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
