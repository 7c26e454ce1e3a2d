"""The trial of a mutant: make the mistake in a clone, run the tests that could notice it, take it back."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import signal
import subprocess
import time
from collections.abc import Iterator

import attrs

from .mutant import Mutant
from .touched import Touched, environment, pytest_command, reach

FIRST_SECONDS = 1.0
GROWTH = 4
"""The tests of a mutant run in portions, each so many times longer than the one before: most mutants die in the first."""

PATIENCE = 4
START_SECONDS = 20
"""A portion may use so many times the seconds that it takes without a mutant, as CPU time, and some for the start of pytest. Then the
mutant made it hang."""

BUSY = 10
"""On a busy machine it may take so many times longer by the clock."""

MEMORY = 6 << 30
"""What a process may take: a mutant can make a loop endless that fills a list."""

GREEN = {0, 5}
"""What pytest returns if no test failed, or if there was none."""


@attrs.frozen
class Verdict:
    """What became of a mutant: the test that noticed it, or none; how many were run, and how many more touch its line."""

    name: str
    line: int
    killed_by: str
    run: int
    left: int
    seconds: float


def portions(tests: list[str], seconds: dict[str, float], most: float) -> Iterator[list[str]]:
    """The tests in order, in longer and longer portions, up to so many seconds in all."""
    portion: list[str] = []
    bound, spent, total = FIRST_SECONDS, 0.0, 0.0
    for test in tests:
        if total + seconds[test] > most:
            break
        portion.append(test)
        spent += seconds[test]
        total += seconds[test]
        if spent >= bound:
            yield portion
            portion, bound, spent = [], bound * GROWTH, 0.0
    if portion:
        yield portion


class Bench:
    """A clone in which one mutant after the other is tried."""

    def __init__(self, clone: pathlib.Path, touched: Touched, most: float) -> None:
        self.clone = clone
        self.touched = touched
        self.most = most
        self.writes = int(clone.stat().st_mtime)

    def tried(self, mutant: Mutant) -> Verdict:
        """Portion after portion, until a test fails or nothing is left that could."""
        started = time.monotonic()
        source = (self.clone / mutant.path).read_text(encoding="utf-8")
        after = mutant.applied(source)
        tests = self.touched.tests(mutant.path, reach(source, mutant.line, mutant.column))
        run, killer = 0, ""
        with self.changed(mutant.path, source, after):
            for portion in portions(tests, self.touched.seconds, self.most):
                killer = self.failing(portion)
                run += len(portion)
                if killer:
                    break
        name = mutant.named(source, after)
        return Verdict(name, mutant.line, killer, run, len(tests) - run, round(time.monotonic() - started, 1))

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
        scratch = self.clone.with_name(f"{self.clone.name}-scratch")
        scratch.mkdir(exist_ok=True)
        chosen, failed = scratch / "chosen", scratch / "chosen.failed"
        failed.unlink(missing_ok=True)
        chosen.write_text("\n".join(tests), encoding="utf-8")
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        code = ended(
            [*pytest_command("-x", "--chosen", chosen, f"--basetemp={scratch / 'tmp'}"), *files],
            self.clone,
            START_SECONDS + int(PATIENCE * sum(self.touched.seconds[test] for test in tests)),
        )
        if code in GREEN:
            return ""
        if failed.exists():
            return failed.read_text(encoding="utf-8")
        return "the time is over" if code is None else f"pytest does not get as far as the tests (exit code {code})"


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
