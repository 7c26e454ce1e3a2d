"""What SQLite databases were used for: which of them somebody outside of the gate has asked, and whether they may have changed since then.

To look at a log or at rows is to call the user's code, which often opens a connection, asks, and closes it again. Where the answer comes
out of database files, and nothing was written, it is the same answer, and nobody has to ask once more.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

writes = 0
"""Statements that were not mere queries, and ends of transactions, in this process so far."""
_asked: set[str] | None = None


def wrote() -> None:
    """Somebody has done what may change a database."""
    global writes
    writes += 1


def asks(path: str) -> None:
    """Code outside of the gate has sent a statement to this database; "" if it is in memory."""
    if _asked is not None:
        _asked.add(path)


@contextlib.contextmanager
def asked() -> Iterator[set[str]]:
    """Note which databases are asked meanwhile."""
    global _asked
    outer, _asked = _asked, set()
    try:
        yield _asked
    finally:
        _asked = outer


class Unchanged:
    """Whether what was looked at must still be as it was. Nobody knows that unless each look came to a file: what is in memory changes
    without anybody's writing."""

    def __init__(self) -> None:
        self._files: tuple[str, ...] = ()
        self._then: object = None

    def looked(self, *looks: set[str]) -> None:
        """Each of these looks asked these databases."""
        known = all(files and "" not in files for files in looks)
        self._files = tuple(sorted(set().union(*looks))) if known else ()
        self._then = _state(self._files)

    def forget(self) -> None:
        """Nobody knows now."""
        self._files = ()

    def __bool__(self) -> bool:
        return bool(self._files) and self._then == _state(self._files)


def _state(files: Sequence[str]) -> object:
    """Another one after each write of this process, and, as far as the file system tells, of others."""
    return writes, [_of_file(name) for path in files for name in (path, f"{path}-wal")]


def _of_file(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
