"""Report directories: ``report.html``, ``report.json``, ``history.jsonl`` and ``plans/`` of one campaign."""

from __future__ import annotations

import codecs
import json
import os
import pathlib
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from refold.model.application import Application
from refold.model.documents.history import HistoryReader, to_line
from refold.model.documents.plan import MalformedPlan
from refold.model.errors import UsageError

PLAN_BYTES_MAX = 64 * 1024 * 1024


def default_report_dir() -> str:
    """``REFOLD_REPORT_DIR``, else ``.refold``."""
    return os.environ.get("REFOLD_REPORT_DIR") or ".refold"


LINES_A_BEAT = 256
"""Lines of a history between two heartbeats."""
LINE_BYTES = 1 << 25
"""What is read of a line at most; more is no record anyway."""


def ready(folder: str | pathlib.Path) -> None:
    """Make the folder and write in it, before anything is searched: nothing that is found later is lost for want of a place. Raises
    `OSError`."""
    probe = pathlib.Path(folder) / f".{os.getpid()}.tmp"
    write(probe, "")
    probe.unlink()


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    if isinstance(content, str):
        scratch.write_text(content, encoding="utf-8")
    else:
        scratch.write_bytes(content)
    scratch.replace(path)


def write_history(path: pathlib.Path, records: Iterable[Any]) -> None:
    """One line per record."""
    try:
        lines = b"".join(map(to_line, records))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: the history cannot be written as JSON: {error}; states and events must be plain values"
        ) from error
    write(path, lines)


def lines_of(path: str, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
    """The lines of a file, a bounded number of bytes at a time; `heartbeat` hears now and then how many bytes are read."""
    number = 0
    with open(path, "rb") as file:
        while line := file.readline(LINE_BYTES):
            number += 1
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not number % LINES_A_BEAT:
                heartbeat(file.tell())
            yield line


def read_history(
    path: str, application: Application | None, heartbeat: Callable[[int], None] = lambda done: None
) -> Iterator[Any]:
    """The records of a history file; raises `MalformedHistory`."""
    return HistoryReader(application).records(lines_of(path, heartbeat))


def refuse_pipe(path: str) -> None:
    """Files are read more than once, and what is no file may never end; raises `UsageError` for pipes and devices."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError(f"{path}: this is a pipe or a device; write it to a file first")


def read_plan_document(path: str) -> dict[str, Any]:
    """The JSON of a plan file; raises `MalformedPlan` with the file's name."""
    refuse_pipe(path)
    if os.path.getsize(path) > PLAN_BYTES_MAX:
        raise MalformedPlan(f"{path}: larger than {PLAN_BYTES_MAX} bytes, which no plan is")
    try:
        document = json.loads(pathlib.Path(path).read_bytes())
    except (ValueError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedPlan(f"{path}: not JSON ({str(error)[:120]})") from None
    if not isinstance(document, dict):
        raise MalformedPlan(f'{path}: not a refold plan: expected an object with "refold": "plan"')
    return document
