"""What grows: files, folders to which files are added, and standard input; what was added since one looked last, in whole lines."""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys
from collections.abc import Iterator
from typing import Protocol

import attrs

from refold.model.documents.history import LINE_MAX
from refold.model.errors import UsageError
from refold.search.stored.files import BLOCK_BYTES, whole_lines

STANDARD_INPUT = "-"
ENDINGS = (".jsonl", ".ndjson")
"""What the names of those files end with that a folder is followed for."""


@attrs.frozen
class Added:
    """Some lines that were added to a file; `first`: it begins with them."""

    file: str
    lines: bytes
    first: bool


class Growth(Protocol):
    """What can be followed."""

    name: str
    finished: bool
    """Nothing more can come."""

    @property
    def behind(self) -> int:
        """Bytes that are there and not read, as far as anybody looked."""
        ...

    def more(self) -> Iterator[Added]:
        """What was added since. Raises `UsageError` if it did not only grow."""
        ...


def growth(path: str) -> Growth:
    """What grows under this path; standard input for ``-``. Raises `UsageError` if that is neither a file nor a folder."""
    if path == STANDARD_INPUT:
        return GrowingStream(sys.stdin.fileno(), path)
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        return GrowingFolder(path)
    if stat.S_ISREG(mode):
        return GrowingFile(path)
    raise UsageError(f"{path}: this is a pipe or a device; --follow takes files, folders, and “-” for standard input")


class GrowingFile:
    """A file to which somebody appends. A line that is not complete is left for later, so no more than one is read twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.finished = False
        self.position = 0
        self.behind = 0
        self.file: tuple[int, int] | None = None

    def more(self) -> Iterator[Added]:
        """Its new lines."""
        with open(self.name, "rb") as file:
            status = os.fstat(file.fileno())
            self.look(status)
            self.behind = status.st_size - self.position
            if not self.behind:
                return
            file.seek(self.position)
            for block in whole_lines(file):
                if not block.endswith(b"\n") and len(block) <= LINE_MAX:
                    break
                first = not self.position
                self.position += len(block)
                self.behind = max(status.st_size - self.position, 0)
                yield Added(self.name, block.removeprefix(codecs.BOM_UTF8) if first else block, first)

    def look(self, status: os.stat_result) -> None:
        """Raise `UsageError` if this is no longer the file that was read, or a part of it is gone."""
        file = status.st_dev, status.st_ino
        if self.file not in (None, file):
            raise UsageError(
                f"{self.name}: another file has taken its place; give each file a name of its own and follow their folder"
            )
        self.file = file
        if status.st_size < self.position:
            raise UsageError(
                f"{self.name}: it has {status.st_size:,} bytes, and {self.position:,} were read already: a history only grows"
            )


class GrowingFolder:
    """A folder to which files are added, in the order of their names; only the last one grows. Those that are read may be deleted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.finished = False
        self.current: GrowingFile | None = None
        self.known: set[str] = set()

    @property
    def behind(self) -> int:
        """Of the file that is being read."""
        return 0 if self.current is None else self.current.behind

    def more(self) -> Iterator[Added]:
        """The new lines of the file that is being read, and those of the files after it."""
        new = sorted(
            entry.name
            for entry in os.scandir(self.name)
            if entry.name.endswith(ENDINGS) and not entry.name.startswith(".") and entry.name not in self.known
        )
        if self.current is not None and os.path.exists(self.current.name):
            yield from self.current.more()
        for name in new:
            self.next(name)
            assert self.current is not None
            yield from self.current.more()

    def next(self, name: str) -> None:
        """Go on to the next file. Raises `UsageError` if it is none, or if the one before it is not complete."""
        path = os.path.join(self.name, name)
        if self.current is not None and path < self.current.name:
            raise UsageError(
                f"{path}: it was added after {os.path.basename(self.current.name)}, which is read already; files are read in"
                " the order of their names"
            )
        if self.behind:
            raise UsageError(
                f"{self.current.name if self.current else path}: it ends within a line, and {name} follows"
            )
        self.known.add(name)
        self.current = GrowingFile(path)


class GrowingStream:
    """Standard input, or another stream, for as long as somebody writes."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self.name = name
        self.finished = False
        self.begun = False
        self.rest: list[bytes] = []

    @property
    def behind(self) -> int:
        """Of a line that is not complete."""
        return sum(map(len, self.rest))

    def more(self) -> Iterator[Added]:
        """What is there to be read without waiting. Raises `UsageError` if it ends within a line."""
        while not self.finished and select.select([self.descriptor], [], [], 0)[0]:
            block = os.read(self.descriptor, BLOCK_BYTES)
            self.finished = not block
            cut = block.rfind(b"\n") + 1
            if not cut and self.behind <= LINE_MAX:
                self.rest.append(block)
                continue
            lines = b"".join([*self.rest, block[: cut or len(block)]])
            self.rest = [block[cut:]] if cut else []
            yield Added(self.name, lines if self.begun else lines.removeprefix(codecs.BOM_UTF8), not self.begun)
            self.begun = True
        if self.finished and self.behind:
            raise UsageError(f"{self.name}: it ends within a line; the writer was probably stopped there")
