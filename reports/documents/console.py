"""The console that reports are printed to: as wide as the window. Where there is no window, in a pipe or a file, a line ends where its
sentence ends, so that it can be searched; COLUMNS sets another width."""

from __future__ import annotations

import os
import re
import sys
from typing import IO, Any, cast

from rich.console import Console

WIDE = 10_000
"""Columns where there is no window: more than any sentence has."""


class Trimmed:
    """A text file whose lines do not end in blanks, with which tables and paragraphs are padded."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, text: str) -> int:
        """Without the blanks at the ends of lines."""
        return self.file.write(re.sub(r"[ \t]+(?=\n)", "", text))


class Printer(Console):
    """A console that leaves it to `outcome.speaking` what happens when nobody reads on."""

    def on_broken_pipe(self) -> None:
        """Not an exit with the code of findings."""
        raise BrokenPipeError


def console(file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console that honours NO_COLOR (no escapes at all), pipes and plain files."""
    out = sys.stdout if file is None else file
    if not out.isatty():
        if width is None and not os.environ.get("COLUMNS", "").isdigit():
            width = WIDE
        out = cast(IO[str], Trimmed(out))
    if os.environ.get("NO_COLOR"):
        return Printer(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False)
    return Printer(file=out, width=width, highlight=False, markup=False, emoji=False)
