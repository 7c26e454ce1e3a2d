"""The text of a file, in lines or pieces of long ones, each with its number; what is no UTF-8, or too long, is said."""

import codecs
import re
from collections.abc import Iterator
from typing import IO

from refold.properties.linearizability.error import HistoryError

__all__ = ["DEPTH_MAX", "depth", "lines", "pieces"]

DEPTH_MAX = 64
"""Levels of nesting in JSON."""
_LINE_LENGTH_MAX = 1 << 20


def pieces(file: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    """The text with the number of the line it is on, in lines or pieces of long ones."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    line, whole = 1, False
    while raw := file.readline(_LINE_LENGTH_MAX):
        ends = raw.endswith(b"\n")
        try:
            yield line, raw.decode() if whole and ends else decoder.decode(raw)
        except UnicodeDecodeError as error:
            raise HistoryError(
                name, line, f"byte {error.object[error.start]:#04x} is not UTF-8", "write UTF-8"
            ) from None
        line += ends
        whole = ends
    if decoder.getstate()[0]:
        raise HistoryError(name, line, "the file ends in the middle of a character", "the file was cut: complete it")


def lines(file: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers."""
    for line, text in pieces(file, name):
        if len(text) > _LINE_LENGTH_MAX // 4:
            raise HistoryError(name, line, "a line of more than 256 KiB", "write one event a line")
        yield line, text


def depth(text: str) -> int:
    """How deep brackets nest at most; those in strings count too, which is good enough to refuse the absurd."""
    level = deepest = 0
    for character in re.findall(r"[\[\]{}]", text):
        level += 1 if character in "[{" else -1
        deepest = max(deepest, level)
    return deepest
