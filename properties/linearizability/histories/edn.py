"""A reader for the part of EDN that histories are written in: maps with nothing deep in them, in a vector, list or row.

It reads in pieces, such as lines, so that a file may be of any size; it counts lines, so that an error has a place; it keeps its own
stack, so that nesting cannot exhaust Python's. Tags are dropped, their values kept. Vectors and lists become tuples,
sets frozensets, nested maps tuples of pairs, keywords strings with their colon, nil None.
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from typing import IO, Any

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record, record_of
from refold.properties.linearizability.histories.text import pieces

__all__ = ["edn", "edn_maps", "edn_value"]

_FIELDS = frozenset({":process", ":type", ":f", ":value", ":key"})
_DEPTH_MAX = 64
_TOKEN_LENGTH_MAX = 1 << 16
_DIGITS_MAX = 1000
_TOKEN = re.compile(
    r"""[\s,]+|;[^\n]*(?:\n|\Z)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<open>\#?\{|[\[(])|(?P<close>[\])}])|(?P<discard>\#_)"""
    r"""|(?P<atom>\\.[^\s,;"\[\](){}]*|[^\s,;"\[\](){}\\]+)""",
    re.DOTALL,
)
_FLAT = r"[^{}\[\]()\"#;\\\n]*"
_ONE_MAP = re.compile(rf"[\s,]*\{{({_FLAT})(?:\[({_FLAT})\]({_FLAT}))?\}}[ \t\r,]*\n")
"""A line with one map, of words and at most one vector of words."""
_VECTOR = object()
_INTEGER = re.compile(r"[+-]?\d+N?\Z")
_FLOAT = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?M?\Z")
_NAMES: dict[str, Hashable] = {"nil": None, "true": True, "false": False}
_CLOSES = {"{": "}", "#{": "}", "[": "]", "(": ")"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def edn(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file."""
    names: dict[tuple[Any, Any], tuple[str, str]] = {}
    for line, fields in edn_maps((text for _, text in pieces(file, name)), name, _FIELDS):
        said = fields.get(":type"), fields.get(":f")
        process = fields.get(":process")
        known = names.get(said)
        if known is None or type(process) is not int or ":rebalance-log" in fields:
            record = record_of(name, line, fields, ":", lambda value: value)
            names[said] = record.type, record.f
            yield record
        else:
            yield Record(line, process, known[0], known[1], fields.get(":value"), fields.get(":key"))


def edn_maps(pieces: Iterable[str], file: str, wanted: frozenset[str]) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Each map at the top, or directly in a vector or list at the top, with the line that it starts on.

    Of a map there are the wanted keys at least.

    Most histories have one flat map a line; such a line is read in one go, every other one token by token.
    """
    reader = _Reader(file, into=True)
    match, values = _ONE_MAP.fullmatch, _Atoms(file, wanted)
    for piece in pieces:
        if reader.between_values:
            flat = match(piece)
            if flat is not None:
                values.line = line = reader.line
                reader.line += 1
                yield line, values.of(*flat.groups())
                continue
        for line, value in reader.feed(piece):
            yield line, _map(line, value, file)
    for line, value in reader.end():
        yield line, _map(line, value, file)


def edn_value(text: str, file: str, line: int) -> tuple[Any, bool]:
    """The first value of a text, and whether more follows."""
    reader = _Reader(file, into=False, line=line)
    values = [*reader.feed(text), *reader.end()]
    if not values:
        raise HistoryError(file, line, "the value is missing", "write nil where there is none")
    return _frozen(values[0][1]), len(values) > 1


def _map(line: int, value: Any, file: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise HistoryError(file, line, "expected a map, found something else", "write one map per event")
    return value


class _Atoms:
    """The words of flat maps, as values; those that were seen are known, up to a number of them."""

    def __init__(self, file: str, wanted: frozenset[str]) -> None:
        self.file = file
        self.line = 0
        self._wanted = sorted(wanted)
        self._known: dict[str, Any] = {}
        self._vectors: dict[str, tuple[Any, ...]] = {}

    def of(self, before: str, vector: str | None, behind: str | None) -> dict[Any, Any]:
        """A map from the text in its braces: what is before a vector in it, the vector if there is one, what is behind."""
        words: list[Any] = before.replace(",", " ").split()
        if vector is not None:
            words.append(_VECTOR)
            words += (behind or "").replace(",", " ").split()
        if len(words) % 2:
            raise HistoryError(self.file, self.line, "a map with a key that has no value", "give each key one value")
        known, value = self._known, self._value
        fields = dict(zip(words[::2], words[1::2], strict=True))
        for name in self._wanted:
            word = fields.get(name)
            if word in known:
                fields[name] = known[word]
            elif word is None:
                continue
            elif word is _VECTOR:
                fields[name] = self._vector(vector or "")
            else:
                fields[name] = value(word)
        return fields

    def _vector(self, text: str) -> tuple[Any, ...]:
        known = self._vectors.get(text)
        if known is None:
            if len(self._vectors) > 10_000:
                self._vectors.clear()
            items = text.replace(",", " ").split()
            known = self._vectors[text] = tuple([self._value(item) for item in items])
        return known

    def _value(self, word: str) -> Any:
        known = self._known
        if len(known) > 10_000:
            known.clear()
        value = known[word] = _atom("atom", word, self.file, self.line)
        return value


class _Reader:
    """Values at the top, or, with `into`, one level into a vector or list; maps of that level as dicts.

    It is fed pieces of text, and gives the values that end in each, with the lines that they start on.
    """

    def __init__(self, file: str, into: bool, line: int = 1) -> None:
        self.line = line
        self._file = file
        self._into = into
        self._stack: list[tuple[str, list[Any], int]] = []
        self._discards: list[int] = []
        self._rest = ""

    @property
    def between_values(self) -> bool:
        """Whether the next character begins a value of those that are given out, or stands before one."""
        stack = self._stack
        return not self._rest and not self._discards and (not stack or (len(stack) == 1 and stack[0][0] in "[("))

    def feed(self, piece: str) -> Iterator[tuple[int, Any]]:
        """The values that end in a piece."""
        yield from self._read(piece, last=False)

    def end(self) -> Iterator[tuple[int, Any]]:
        """The values that the end of the text ends."""
        yield from self._read("", last=True)
        if self._stack:
            opened, _, start = self._stack[-1]
            what = f"the file ends inside the {opened!r} of line {start}"
            raise HistoryError(self._file, self.line, what, "the file was cut: complete it")

    def _read(self, piece: str, last: bool) -> Iterator[tuple[int, Any]]:
        file, into, stack, discards = self._file, self._into, self._stack, self._discards
        for line, kind, text in self._tokens(piece, last):
            if kind == "open":
                if len(stack) == _DEPTH_MAX:
                    what = f"nested more than {_DEPTH_MAX} deep"
                    raise HistoryError(file, line, what, "histories are flat: remove the nesting")
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

    def _tokens(self, piece: str, last: bool) -> Iterator[tuple[int, str, str]]:
        text = self._rest + piece
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not last and (match is None or (match.end() == len(text) and self._may_go_on(match))):
                break
            if match is None:
                found = text[position : position + 20]
                raise HistoryError(self._file, self.line, f"unreadable text {found!r}", "write EDN")
            line, position = self.line, match.end()
            self.line += match.group().count("\n")
            if match.lastgroup is not None:
                yield line, match.lastgroup, match.group()
        self._rest = text[position:]
        if len(self._rest) > _TOKEN_LENGTH_MAX:
            raise HistoryError(self._file, self.line, "a word or string of more than 64 KiB", "shorten it")

    @staticmethod
    def _may_go_on(match: re.Match[str]) -> bool:
        """Whether more text might make the last token of a piece longer."""
        comment = match.lastgroup is None and ";" in match.group() and not match.group().endswith("\n")
        return comment or match.lastgroup in ("string", "atom")


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
