"""JSON that any language can write: one object a line, or all of them in one array."""

import json
import re
from collections.abc import Iterator
from typing import IO, Any

import msgspec

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record, record_of
from refold.properties.linearizability.histories.text import DEPTH_MAX, depth, lines, pieces
from refold.properties.linearizability.value import frozen

__all__ = ["minimal"]

_OBJECT_LENGTH_MAX = 1 << 18
_BETWEEN = re.compile(r"\s*")


def minimal(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file."""
    start = file.tell()
    head = file.read(1 << 12).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(start)
    for line, fields in _in_array(file, name) if head.startswith(b"[") else _in_lines(file, name):
        if not isinstance(fields, dict):
            raise HistoryError(name, line, "not a JSON object", 'write {"process":…,"type":…,"f":…,"value":…}')
        yield record_of(name, line, fields, "", frozen)


def _in_lines(file: IO[bytes], name: str) -> Iterator[tuple[int, Any]]:
    decoder = msgspec.json.Decoder()
    for line, text in lines(file, name):
        if text.isspace():
            continue
        _check_depth(name, line, text)
        try:
            yield line, decoder.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise HistoryError(name, line, f"not JSON ({error})", "write one JSON object a line") from None


def _in_array(file: IO[bytes], name: str) -> Iterator[tuple[int, Any]]:
    """The members of the array, one by one, with the line that each begins on."""
    source = pieces(file, name)
    decoder = json.JSONDecoder(parse_constant=_refused)
    text, position, line, expected = next(source)[1], 0, 1, "["
    while True:
        gap = _BETWEEN.match(text, position)
        line += text.count("\n", position, gap.end() if gap else position)
        position = gap.end() if gap else position
        if position == len(text):
            more = next(source, None)
            if more is None:
                break
            text, position = more[1], 0
            continue
        if expected == "value":
            value, begin, end, text = _value(decoder, text, position, source, name, line)
            yield line, value
            line += text.count("\n", begin, end)
            position, expected = end, ",]"
            continue
        found = text[position]
        if found not in expected or expected == "":
            what = f"unexpected {found!r}" if expected else f"{found!r} after the end of the array"
            raise HistoryError(name, line, what, "write one array of JSON objects, with commas in between")
        position += 1
        if found == "[" and text[position:].lstrip().startswith("]"):
            position = text.index("]", position) + 1
            found = "]"
        expected = "" if found == "]" else "value"
    if expected:
        raise HistoryError(name, line, "the file ends inside the array", "the file was cut: complete it")


def _value(
    decoder: json.JSONDecoder, text: str, position: int, source: Iterator[tuple[int, str]], name: str, line: int
) -> tuple[Any, int, int, str]:
    """The value at a position of a text, where it begins and ends, and the text, with as much more as that took."""
    while True:
        try:
            value, end = decoder.raw_decode(text, position)
            _check_depth(name, line, text[position:end])
            return value, position, end, text
        except json.JSONDecodeError as reason:
            error = reason
        except (RecursionError, ValueError) as reason:
            raise HistoryError(name, line, f"not JSON ({_short(reason)})", "write an array of JSON objects") from None
        more = next(source, None) if len(text) - position <= _OBJECT_LENGTH_MAX else None
        if more is None:
            raise HistoryError(
                name, line, f"not JSON ({_short(error)})", "write an array of JSON objects, of 256 KiB at most each"
            )
        text, position = text[position:] + more[1], 0


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _short(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error).partition(":")[0].lower()


def _check_depth(name: str, line: int, text: str) -> None:
    if len(text) > DEPTH_MAX and depth(text) > DEPTH_MAX:
        raise HistoryError(name, line, f"nested more than {DEPTH_MAX} deep", "histories are flat: remove the nesting")
