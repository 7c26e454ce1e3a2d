"""A reader for the part of EDN that histories are written in: maps with nothing deep in them, in a vector, list or row.

It reads in pieces, so that a file may be of any size; it counts lines, so that an error has a place; it keeps its own
stack, so that nesting cannot exhaust Python's. Tags are dropped, their values kept. Vectors and lists become tuples,
sets frozensets, nested maps tuples of pairs, keywords strings with their colon, nil None.
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from refold.properties.linearizability.error import HistoryError

__all__ = ["edn_maps", "edn_value"]

_DEPTH_MAX = 64
_TOKEN_LENGTH_MAX = 1 << 16
_DIGITS_MAX = 1000
_TOKEN = re.compile(
    r"""[\s,]+|;[^\n]*(?:\n|\Z)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<open>\#?\{|[\[(])|(?P<close>[\])}])|(?P<discard>\#_)"""
    r"""|(?P<atom>\\.[^\s,;"\[\](){}]*|[^\s,;"\[\](){}\\]+)""",
    re.DOTALL,
)
_INTEGER = re.compile(r"[+-]?\d+N?\Z")
_FLOAT = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?M?\Z")
_NAMES: dict[str, Hashable] = {"nil": None, "true": True, "false": False}
_CLOSES = {"{": "}", "#{": "}", "[": "]", "(": ")"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def edn_maps(pieces: Iterable[str], file: str) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Each map at the top, or directly in a vector or list at the top, with the line that it starts on."""
    for line, value in _values(pieces, file, into=True):
        if not isinstance(value, dict):
            raise HistoryError(file, line, "expected a map, found something else", "write one map per event")
        yield line, value


def edn_value(text: str, file: str, line: int) -> tuple[Any, bool]:
    """The first value of a text, and whether more follows."""
    values = _values([text], file, into=False, line_first=line)
    for _, value in values:
        more = next(values, None) is not None
        return _frozen(value), more
    raise HistoryError(file, line, "the value is missing", "write nil where there is none")


def _values(pieces: Iterable[str], file: str, into: bool, line_first: int = 1) -> Iterator[tuple[int, Any]]:
    """Values at the top, or, with `into`, one level into a vector or list; maps of that level as dicts."""
    stack: list[tuple[str, list[Any], int]] = []
    discards: list[int] = []
    line = line_first
    for line, kind, text in _tokens(pieces, file, line_first):
        if kind == "open":
            if len(stack) == _DEPTH_MAX:
                raise HistoryError(
                    file, line, f"nested more than {_DEPTH_MAX} deep", "histories are flat: remove the nesting"
                )
            stack.append((text, [], line))
            continue
        if kind == "discard":
            discards.append(len(stack))
            continue
        if kind == "close":
            if not stack or _CLOSES[stack[-1][0]] != text:
                raise HistoryError(file, line, f"unexpected {text!r}", "close what was opened, and nothing else")
            opened, items, start = stack.pop()
            if into and not stack and opened in "[(":
                continue
            value = _closed(opened, items, file, start)
        else:
            start, value = line, _atom(kind, text, file, line)
        if value is _TAG:
            continue
        if discards and discards[-1] == len(stack):
            discards.pop()
        elif not stack or (into and len(stack) == 1 and stack[0][0] in "[("):
            yield start, value
        else:
            stack[-1][1].append(_frozen(value))
    if stack:
        opened, _, start = stack[-1]
        raise HistoryError(
            file, line, f"the file ends inside the {opened!r} of line {start}", "the file was cut: complete it"
        )


def _tokens(pieces: Iterable[str], file: str, line: int) -> Iterator[tuple[int, str, str]]:
    rest = ""
    for piece, last in _with_last(pieces):
        text = rest + piece
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not last and (match is None or (match.end() == len(text) and match.lastgroup not in ("open", "close"))):
                break
            if match is None:
                raise HistoryError(file, line, f"unreadable text {text[position : position + 20]!r}", "write EDN")
            if match.lastgroup is not None:
                yield line, match.lastgroup, match.group()
            line += match.group().count("\n")
            position = match.end()
        rest = text[position:]
        if len(rest) > _TOKEN_LENGTH_MAX:
            raise HistoryError(file, line, "a word or string of more than 64 KiB", "shorten it")


def _with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    for piece in pieces:
        yield piece, False
    yield "", True


class _Tag:
    """Stands for a tag, which is dropped."""


_TAG = _Tag()


def _atom(kind: str, text: str, file: str, line: int) -> Any:
    if kind == "string":
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1], flags=re.DOTALL)
    if text in _NAMES:
        return _NAMES[text]
    if _INTEGER.match(text):
        if len(text) > _DIGITS_MAX:
            raise HistoryError(file, line, f"a number of more than {_DIGITS_MAX} digits", "shorten it")
        return int(text.rstrip("N"))
    if len(text) <= _DIGITS_MAX and _FLOAT.match(text):
        return float(text.rstrip("M"))
    return _TAG if text[0] == "#" and len(text) > 1 else text


def _closed(opened: str, items: list[Any], file: str, line: int) -> Any:
    if opened == "{":
        if len(items) % 2:
            raise HistoryError(file, line, "a map with a key that has no value", "give each key one value")
        return dict(zip(items[::2], items[1::2], strict=True))
    return frozenset(items) if opened == "#{" else tuple(items)


def _frozen(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, dict) else value
