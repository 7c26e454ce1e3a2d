"""How commands end: exit codes, sentences on standard error, one JSON object on standard output."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from refold.model.application import UnknownProjection
from refold.model.documents.history import MalformedHistory
from refold.model.documents.plan import MalformedPlan
from refold.model.errors import NoAnswer as NoAnswer
from refold.model.errors import SystemUnavailable, UsageError
from refold.reports.last_resort import LastResort
from refold.search.run import BrokenApplication
from refold.systems.port import SystemPort
from refold.systems.registry import resolve
from refold.systems.user.errors import OURS, AdapterError, line_of

HELD, FINDINGS, ENVIRONMENT = 0, 1, 2
"""Exit codes: everything held; something was found; usage or environment."""

GRACE = 5.0
"""Seconds, after its time is over, in which code that does not answer may still come back to Python."""


NOT_THE_USERS = (
    *(pathlib.Path(folder) for folder in OURS),
    *(pathlib.Path(path) for path in {*sysconfig.get_paths().values()} if path != sysconfig.get_path("data")),
)
"""Folders of code that is not the user's: refold, the standard library, installed packages."""


SENTENCES = (
    UsageError,
    SystemUnavailable,
    BrokenApplication,
    AdapterError,
    MalformedPlan,
    MalformedHistory,
    UnknownProjection,
    NoAnswer,
)
"""Exceptions whose message is a sentence for the user."""


_floors: list[tuple[TextIO, int]] = []
"""Standard output while it does not belong to code under test: the stream, and a copy of its file descriptor (-1: there is none)."""


@contextmanager
def aside() -> Iterator[None]:
    """Whatever the code under test prints goes to standard error, what its child processes print too: standard output belongs to the report
    (`speaking`)."""
    stream, copy = sys.stdout, -1
    try:
        stream.flush()
        copy = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        pass
    _floors.append((stream, copy))
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        _floors.pop()
        sys.stdout = stream
        if copy >= 0:
            os.dup2(copy, 1)
            os.close(copy)


@contextmanager
def unlogged() -> Iterator[None]:
    """A search fails thousands of steps on purpose. What the code under test logs of that goes where its own logging is configured to go,
    and is not printed where nothing is configured."""
    import logging  # what does not search starts without it

    before = logging.lastResort
    logging.lastResort = logging.NullHandler()
    try:
        yield
    finally:
        logging.lastResort = before


@contextmanager
def speaking() -> Iterator[None]:
    """Print to standard output, also while code under test stands aside. If nobody reads on, what is left to say is dropped; the verdict,
    and with it the exit code, stays what it is."""
    stream, copy = _floors[-1] if _floors else (sys.stdout, -1)
    before = sys.stdout
    sys.stdout = stream
    if copy >= 0:
        before.flush()
        os.dup2(copy, 1)
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        deafen(stream, copy)
    finally:
        sys.stdout = before
        if copy >= 0:
            os.dup2(2, 1)


def deafen(stream: TextIO, copy: int = -1) -> None:
    """What is written to this stream from now on, and what is in its buffers, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    if copy >= 0:
        os.dup2(nowhere, copy)
    os.close(nowhere)
    stream.flush()


EXHAUSTED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENOMEM)
"""Errors that say that the machine has no more disk or memory to give."""


def complain(message: str) -> None:
    """A sentence on standard error, if anybody reads it."""
    mention(f"refold: {message}")


def mention(line: str) -> None:
    """A line on standard error. That nobody reads it changes nothing."""
    try:
        click.echo(line, err=True)
    except BrokenPipeError:
        deafen(sys.stderr)


def fail(message: str) -> NoReturn:
    """Say it and end with exit code 2."""
    complain(message)
    raise SystemExit(ENVIRONMENT)


def print_json(value: Any) -> None:
    """The one object on standard output."""
    text = json.dumps(value, indent=1, default=str) + "\n"
    with speaking():
        sys.stdout.write(text)


IN_THE_WAY = "; a folder is needed there: move the file, or name another folder"
FORBIDDEN = "; change its permissions, or name another place"
REMEDIES = {errno.EEXIST: IN_THE_WAY, errno.ENOTDIR: IN_THE_WAY, errno.EACCES: FORBIDDEN, errno.EROFS: FORBIDDEN}
"""What to do about a file that cannot be read or written, where the error alone does not say it."""


def as_sentence(error: BaseException) -> str | None:
    """What to tell the user about this error; None if it is not for the user."""
    if isinstance(error, SENTENCES):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}{REMEDIES.get(error.errno or 0, '')}"
    if isinstance(error, OSError) and error.errno in EXHAUSTED:
        return f"this machine cannot go on: {error.strerror}"
    if type(error).__name__ == "FullError" or getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return f"this machine cannot go on: {error}"
    return None


def sentence_about(file: str, error: BaseException, *, read: str = "", within: str = "") -> str:
    """What is wrong with a file, whose name comes first, or that of another one `within` the same folder. `read` is the file that was read
    in its place, which nobody knows."""
    said = as_sentence(error) or str(error) or type(error).__name__
    if read and said.startswith(read):
        said = file + said.removeprefix(read)
    name = (within or file).rstrip("/")
    begins = said.startswith(name) and said[len(name) : len(name) + 1] in (":", ",", "/")
    return said if begins else f"{file}: {said}"


@contextmanager
def sentences(report_dir: str | None = None) -> Iterator[None]:
    """Errors for the user end as one sentence with exit code 2; a fault of refold itself leaves its traceback in a file."""
    try:
        yield
    except (click.ClickException, click.Abort):
        raise
    except SystemExit as error:
        if place := line_of(error):
            fail(f"the code under test ended the process{place}; it should return, or raise an exception")
        raise
    except KeyboardInterrupt:
        fail("interrupted")
    except BrokenPipeError:
        deafen(sys.stdout)
        raise SystemExit(HELD) from None
    except BaseException as error:
        sentence = as_sentence(error)
        if sentence is None:
            sentence = f"an internal error in refold, {type(error).__name__}: {error}{keep_traceback(report_dir)}"
        fail(sentence)


def keep_traceback(report_dir: str | None) -> str:
    """Write the traceback where a bug report can take it from."""
    folder = pathlib.Path(report_dir or os.environ.get("REFOLD_REPORT_DIR") or ".refold")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "fault.txt"
        path.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
    except OSError:
        return "; its traceback could not be written"
    return f"; its traceback is in {path}: please report it"


def patience() -> float:
    """Seconds after which something that does not answer is given up: REFOLD_HANG_SECONDS, else 60."""
    text = os.environ.get("REFOLD_HANG_SECONDS", "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e6:
        raise UsageError(f"REFOLD_HANG_SECONDS is {text!r}, expected a number of seconds, more than 0")
    return seconds


def whereabouts(frame: FrameType | None) -> str:
    """Where the user's own code was: the innermost function that is neither refold's nor an installed package's."""
    while frame is not None:
        file = pathlib.Path(frame.f_code.co_filename)
        if not any(file.is_relative_to(place) for place in NOT_THE_USERS) and file.is_file():
            return f" (it was in {frame.f_code.co_name}(), line {frame.f_lineno} of {file})"
        frame = frame.f_back
    return ""


@contextmanager
def time_limit(what: str, deadline: float | None = None) -> Iterator[Callable[[], None]]:
    """Raise `NoAnswer` in the main thread if the yielded function is not called for a while, or before the `deadline`, in seconds: nothing
    hangs for ever. Code in C that does not come back ends with the process."""
    seconds = deadline or patience()
    failing = f"did not finish within {seconds:g} s" if deadline else f"did not answer for {seconds:g} s"

    def expired(number: int, frame: Any) -> None:
        resort.put_off(seconds + GRACE)
        raise NoAnswer(f"{what} {failing}{whereabouts(frame)}; refold gave up on it")

    if not hasattr(signal, "setitimer"):
        yield lambda: None
        return
    resort = LastResort(f"{what} {failing}, in C code that does not return; the process was ended", ENVIRONMENT)
    before = signal.signal(signal.SIGALRM, expired)

    def alive() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
        resort.put_off(seconds + GRACE)

    alive()
    try:
        yield alive
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resort.close()
        signal.signal(signal.SIGALRM, before)


def system_called(name: str) -> SystemPort:
    """The system of that name, which may ask a server before it is there. Raises `UsageError`, `SystemUnavailable` and `NoAnswer`."""
    with time_limit(f"system {name!r}"):
        return resolve(name)
