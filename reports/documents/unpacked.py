"""Files as they come: standard input, and what is compressed, are put into a plain file first, because files are read more than once."""

from __future__ import annotations

import gzip
import importlib
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from refold.model.errors import UsageError

STANDARD_INPUT = "-"
GZIP, ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""What compressed files begin with."""


@contextmanager
def unpacked(file: str) -> Iterator[str]:
    """The path of a plain file with the same content, for as long as it is needed; a plain file itself, or a folder, as it is."""
    if file == STANDARD_INPUT:
        with _scratch(sys.stdin.buffer, file) as path, unpacked(path) as plain:
            yield plain
        return
    magic = b""
    if not os.path.isdir(file):
        with open(file, "rb") as packed:
            magic = packed.read(4)
    if not magic.startswith((GZIP, ZSTANDARD)):
        yield file
        return
    with open(file, "rb") as packed, _reader(packed, magic, file) as content, _scratch(content, file) as path:
        yield path


@contextmanager
def _scratch(content: Any, file: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "history")
        with open(path, "wb") as plain:
            try:
                shutil.copyfileobj(content, plain, 1 << 20)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise UsageError(f"{file}: it is compressed, and damaged or cut off ({error})") from None
            except Exception as error:
                if type(error).__name__ not in ("ZstdError",):
                    raise
                raise UsageError(f"{file}: it is compressed, and damaged or cut off ({error})") from None
        yield path


def _reader(packed: IO[bytes], magic: bytes, file: str) -> Any:
    if magic.startswith(GZIP):
        return gzip.GzipFile(fileobj=packed)
    for module in ("compression.zstd", "zstandard"):
        try:
            return importlib.import_module(module).open(packed, "rb")
        except ImportError:
            continue
    raise UsageError(
        f"{file}: compressed by Zstandard, which needs Python 3.14 or `pip install zstandard`; or unpack it first"
    )
