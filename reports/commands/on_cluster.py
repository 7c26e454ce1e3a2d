"""``refold check --cluster``: histories judged on the workers of a Dask cluster, each by `refold check` in a process of its own there.

Contract: a worker that dies costs the history that it had in hand, which is given to another one. One with which worker after worker
has died is not judged, which is said, and the others are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import attrs

from refold.model.errors import SystemUnavailable, UsageError
from refold.reports.documents.unpacked import STANDARD_INPUT
from refold.search.matrix.tasks import Lost
from refold.search.stored.on_workers import Mail
from refold.search.workers import ended_by
from refold.systems.parent import before_exec

Result = dict[str, Any]
"""What is said of a history."""


@attrs.frozen
class NotJudged:
    """A worker has no result; `why` in words."""

    why: str


def judged_there(file: str, size: int, options: Sequence[str]) -> Result | NotJudged:
    """On a worker: what `refold check` says there of a file that has so many bytes here."""
    with suppress(OSError):
        if os.path.isdir(file) or os.path.getsize(file) == size:
            return command_there(file, options)
    return NotJudged(
        f"a worker in {os.getcwd()} cannot find this file, or finds a different file at this path; every worker must be able to read the"
        " histories at the paths that you give"
    )


def command_there(file: str, options: Sequence[str]) -> Result | NotJudged:
    """The command, in a process that dies with the worker."""
    done = subprocess.run(
        [sys.executable, "-m", "refold.reports", "check", "--json", "--jobs", "1", *options, "--", file],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before_exec(),
    )
    try:
        (result,) = json.loads(done.stdout)["results"]
    except (ValueError, KeyError):
        said = done.stderr.strip().splitlines()
        return NotJudged(
            said[-1].removeprefix("refold: ")
            if said and done.returncode >= 0
            else f"the process that judged it was ended ({ended_by(done.returncode)}), perhaps because memory ran out"
        )
    found: Result = result
    return found


def size_of(file: str) -> int:
    """Bytes; 0 for a folder. Raises `UsageError` where there is nothing to be judged elsewhere."""
    if file == STANDARD_INPUT:
        raise UsageError(
            "workers cannot read standard input; write it to a file that every worker can read, or leave out --cluster"
        )
    return 0 if os.path.isdir(file) else os.path.getsize(file)


class Here(Protocol):
    """Judges one file after the other, and says of a file whether its properties may be divided."""

    interrupted: bool

    def large(self, file: str) -> bool:
        """Whether its properties may be divided."""

    def judge(self, file: str, heartbeat: Callable[[float], None]) -> Result:
        """Judge one; `heartbeat` hears how far it is."""


def unheard(share: float) -> None:
    """Nobody is shown how far a single file is."""


class OnCluster:
    """Judges files on a cluster. `options` are those of the command; `here` judges a file whose properties are divided among the workers;
    `unknown` makes the result of a file of which nothing is known, with a sentence that
    says why; `told` hears how many are judged."""

    def __init__(
        self,
        mail: Mail,
        options: Sequence[str],
        here: Here,
        unknown: Callable[[str, BaseException], Result],
        told: Callable[[int], None],
    ) -> None:
        self.mail = mail
        self.options = tuple(options)
        self.here = here
        self.unknown = unknown
        self.told = told
        self.results: dict[int, Result] = {}

    def judge(self, files: Sequence[str]) -> list[Result]:
        """The results, in the order of the files. Ctrl-C, or a cluster without workers, keeps those that are there."""
        error: BaseException
        few = len(files) < sum(self.mail.tasks.threads().values())
        try:
            large = [number for number, file in enumerate(files) if few and self.here.large(file)]
            for number in sorted(set(range(len(files))).difference(large)):
                self.give(number, files[number])
            for number in large:
                self.results[number] = self.here.judge(files[number], unheard)
                if self.here.interrupted:
                    raise KeyboardInterrupt
            while len(self.results) < len(files):
                self.mail.hear()
                self.take(files)
        except (KeyboardInterrupt, SystemUnavailable) as ending:
            error = ending
        finally:
            self.mail.tasks.close()
        return [
            self.results[number] if number in self.results else self.unknown(file, error)
            for number, file in enumerate(files)
        ]

    def give(self, number: int, file: str) -> None:
        """One file to the cluster; what is not there to be read is said here."""
        try:
            self.mail.tasks.give(number, judged_there, file, size_of(file), self.options)
        except OSError as error:
            self.results[number] = self.unknown(file, error)

    def take(self, files: Sequence[str]) -> None:
        """What was heard of files."""
        for number in [number for number in self.mail.heard if isinstance(number, int)]:
            self.results[number] = self.result(files[number], self.mail.heard.pop(number))
        self.told(len(self.results))

    def result(self, file: str, said: Result | NotJudged | Lost) -> Result:
        """What was heard of a file."""
        if isinstance(said, Lost):
            return self.unknown(file, SystemUnavailable(f"it was not judged: its process was ended {said.why}"))
        if isinstance(said, NotJudged):
            return self.unknown(file, SystemUnavailable(said.why))
        return said
