"""A program that answers: a line of JSON for each line of JSON, within a deadline.

It is in a process group of its own, which dies with SIGKILL whenever it has to, when this process ends at the latest: on Linux the system
sees to that, elsewhere the program itself, which ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refold.model.words import short
from refold.systems.parent import before_exec

START = 20.0
"""Seconds within which a program says hello."""
ANSWER = 5.0
"""Seconds within which it answers, where it does not ask for another time in its hello."""
FRAME = ("at ", "... ", "^")
"""How lines of a stack begin in JavaScript, Java and C#, where the error stands before them."""
LINE_MAX = 64 << 20
"""Bytes of one line."""


class ProgramFailed(Exception):
    """The program has ended, does not answer, or answers with what is no answer; the message says which."""


class Program:
    """One life of a program. `ask` raises `ProgramFailed`, and nothing is left of it then."""

    def __init__(self, words: Sequence[str], complaints: Path) -> None:
        self.complaints = complaints
        self.rest = b""
        self.number = 0
        self.until = time.monotonic() + START
        with complaints.open("ab") as err:
            self.process = subprocess.Popen(
                list(words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                start_new_session=True,
                preexec_fn=before_exec(),
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.into, False)

    def hello(self) -> dict[str, Any]:
        """The first line that it writes, by itself."""
        return self.answer("said hello", max(self.until, time.monotonic() + 1))

    def ask(self, what: str, within: float, **details: Any) -> dict[str, Any]:
        """Ask for something; its answer bears the same number."""
        self.number += 1
        until = time.monotonic() + within
        line = json.dumps({"id": self.number, "do": what, **details}, separators=(",", ":")).encode() + b"\n"
        self.write(line, what, until)
        found = self.answer(f"answered {what}", until)
        if found.get("id") != self.number:
            raise self.failed(f'it answered {what} with {told(found)}, expected one with "id": {self.number}')
        return found

    def write(self, line: bytes, what: str, until: float) -> None:
        """Hand it a line."""
        while line:
            _, ready, _ = select.select([], [self.into], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise self.failed(f"it did not read the question {what} in time")
            try:
                line = line[os.write(self.into, line) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self.failed(f"it had ended before it was asked to {what}") from None

    def answer(self, what: str, until: float) -> dict[str, Any]:
        """The next line that it writes, an object."""
        line = self.line(what, until)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self.failed(
                f"it wrote {short(line.decode(errors='replace'), 120)} where it should have {what}: expected one JSON object on one line;"
                " write anything else to standard error"
            )
        return found

    def line(self, what: str, until: float) -> bytes:
        """The next line that it writes."""
        parts = [self.rest]
        size = len(self.rest)
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([self.out], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise self.failed(f"it has not {what} in time")
            data = os.read(self.out, 1 << 16)
            if not data:
                raise self.failed(f"it ended before it had {what}")
            parts.append(data)
            size += len(data)
            if size > LINE_MAX:
                raise self.failed(f"it wrote more than {LINE_MAX:,} bytes without a newline")
        line, _, self.rest = b"".join(parts).partition(b"\n")
        return line

    def failed(self, why: str) -> ProgramFailed:
        """The error, after its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.1 if "ended" in why else 0)
        status = self.process.poll()
        ending = "" if status is None else f"; {ended(status)}"
        said = self.said()
        self.kill()
        return ProgramFailed(f"{why}{ending}" + (f"; on standard error it wrote: {said}" if said else ""))

    def said(self) -> str:
        """The last of what it has complained of, on one line; without the frames of a stack, behind which most languages put nothing of
        worth, and some all."""
        try:
            lines = [line.strip() for line in self.complaints.read_text(errors="replace").splitlines()]
        except OSError:
            return ""
        return " / ".join([line for line in lines if line and not line.startswith(FRAME)][-12:])[-400:]

    def kill(self) -> None:
        """SIGKILL for it and all its children; then they are gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.complaints.unlink(missing_ok=True)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def told(found: dict[str, Any]) -> str:
    """An answer for a message."""
    return short(json.dumps(found), 120).strip("'")


def ended(status: int) -> str:
    """How a process has ended."""
    if status >= 0:
        return f"its exit code is {status}"
    try:
        return f"it was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
