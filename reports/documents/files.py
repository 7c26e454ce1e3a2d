"""Writing the files of a report, each whole or not at all, and the directory that they go to by default."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable
from typing import Any

from refold.model.documents.history import to_line
from refold.model.errors import UsageError


def default_report_dir() -> str:
    """``REFOLD_REPORT_DIR``, else ``.refold``."""
    return os.environ.get("REFOLD_REPORT_DIR") or ".refold"


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
