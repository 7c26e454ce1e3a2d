"""The folder of a report, and the history in it."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterable
from typing import Any

from refold.model.documents.history import to_line
from refold.model.errors import UsageError
from refold.search.whole import write


def ready(folder: str | pathlib.Path) -> None:
    """Make the folder and write in it, before anything is searched: nothing that is found later is lost for want of a place. Raises
    `OSError`, which names the folder, or what is in its place."""
    try:
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def write_history(path: pathlib.Path, records: Iterable[Any]) -> None:
    """One line per record."""
    try:
        lines = b"".join(map(to_line, records))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: the history cannot be written as JSON: {error}; states and events must be plain values"
        ) from error
    write(path, lines)
