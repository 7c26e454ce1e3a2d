"""Where stored histories and plans are read from: files, and what a program has in memory."""

from __future__ import annotations

import codecs
import json
import os
import pathlib
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any, Protocol

import attrs

from refold.model.documents.history import to_line
from refold.model.documents.plan import MalformedPlan
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.model.record import Record
from refold.properties.linearizability.histories.formats import HEAD_BYTES

PLAN_BYTES_MAX = 64 * 1024 * 1024
LINES_A_BEAT = 256
"""Lines of a history between two heartbeats."""
LINE_BYTES = 1 << 25
"""What is read of a line at most; more is no record anyway."""
BLOCK_BYTES = 1 << 16
"""What is read at a time where lines are read many at a time."""


class Source(Protocol):
    """A history as lines, which can be read more than once."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def lines(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """The lines; `heartbeat` hears now and then how many bytes are read."""
        ...

    def blocks(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """The same lines, many at a time; `heartbeat` hears before each block how many bytes are read."""
        ...


@attrs.frozen
class FileSource:
    """A file."""

    name: str

    @property
    def size(self) -> int:
        """Of the file, now."""
        return os.path.getsize(self.name)

    def lines(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """A bounded number of bytes at a time."""
        number = 0
        with open(self.name, "rb") as file:
            while line := file.readline(LINE_BYTES):
                number += 1
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if not number % LINES_A_BEAT:
                    heartbeat(file.tell())
                yield line

    def blocks(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """A bounded number of bytes at a time."""
        with open(self.name, "rb") as file:
            for number, block in enumerate(whole_lines(file)):
                heartbeat(file.tell())
                yield block if number else block.removeprefix(codecs.BOM_UTF8)


def whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """What is left of a file, in blocks that end with a line. One that the file ends in, or that is too long for a record and
    cut, is a block of its own."""
    while block := file.read(BLOCK_BYTES):
        if not block.endswith(b"\n"):
            block += file.readline(LINE_BYTES)
            cut = block.rfind(b"\n") + 1
            if 0 < cut < len(block):
                yield block[:cut]
                block = block[cut:]
        yield block


@attrs.frozen
class MemorySource:
    """Lines in memory."""

    kept: tuple[bytes, ...]
    name: str = "history"

    @classmethod
    def of(cls, records: Iterable[Any], name: str = "history") -> MemorySource:
        """Of records of refold, of maps as JSON has them, or of lines of text. Raises `UsageError` for anything else."""
        return cls(tuple(line_of(number, record) for number, record in enumerate(records, start=1)), name)

    @property
    def size(self) -> int:
        """Of all lines."""
        return sum(map(len, self.kept))

    def lines(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """All of them."""
        done = 0
        for number, line in enumerate(self.kept, start=1):
            done += len(line)
            if not number % LINES_A_BEAT:
                heartbeat(done)
            yield line

    def blocks(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """Some lines at a time. A line break within a record is as good as a blank."""
        done = 0
        for start in range(0, len(self.kept), LINES_A_BEAT):
            block = b"".join(
                line[:-1].replace(b"\n", b" ") + line[-1:] for line in self.kept[start : start + LINES_A_BEAT]
            )
            done += len(block)
            heartbeat(done)
            yield block


def line_of(number: int, record: Any) -> bytes:
    """One record as a line."""
    if isinstance(record, str):
        return record.removesuffix("\n").encode("utf-8", "surrogatepass") + b"\n"
    if isinstance(record, bytes):
        return record.removesuffix(b"\n") + b"\n"
    try:
        if isinstance(record, Record | Stored):
            return to_line(record)
        if isinstance(record, Mapping):
            return json.dumps(dict(record)).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise UsageError(f"record {number} of the history cannot be written as JSON: {error}") from error
    raise UsageError(
        f"record {number} of the history is a {type(record).__name__}; expected records of refold, maps or lines of text"
    )


def head_of(source: Source, bytes_max: int = HEAD_BYTES) -> str:
    """The first lines."""
    head = b""
    for line in source.lines():
        head += line
        if len(head) >= bytes_max:
            break
    return head[:bytes_max].decode("utf-8", "replace")


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
        raise MalformedPlan(f'{path}: this is not a refold plan: expected an object with "refold": "plan"')
    return document
