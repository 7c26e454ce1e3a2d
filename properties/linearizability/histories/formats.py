"""Histories from anywhere: the line formats, what tells them apart, and how each becomes records.

`minimal` is JSON lines that any language can write; `jepsen-log` is what Jepsen prints; `edn` is what Jepsen and
Knossos store; `register` is one word per field. Histories of refold itself are recognised here and read elsewhere.
"""

import codecs
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.edn import edn_maps, edn_value
from refold.properties.linearizability.histories.record import Record, history_of
from refold.properties.linearizability.operation import History
from refold.properties.linearizability.value import brief, frozen

__all__ = ["FORMATS", "read_operations", "sniff"]

_LINE_LENGTH_MAX = 1 << 20
_DEPTH_MAX = 64
_LINES_SNIFFED = 200
_JEPSEN_LOG = re.compile(r"jepsen\.util\b[\s-]*(?P<process>\S+)\s+:(?P<type>\w+)\s+:(?P<f>\S+)\s+(?P<value>.*\S)\s*\Z")
_EDN_FIELDS = frozenset({":process", ":type", ":f", ":value", ":key"})
_REGISTER = re.compile(r"[ce] -?\d+ \S+ \S+ \S+ \S+")
_REGISTER_CALLS = {"r": "read", "w": "write", "s": "cas"}


def sniff(lines: Iterable[str]) -> str | None:
    """The format that the first lines of a file are in: one of `FORMATS`, `refold`, or None."""
    for line, _ in zip(lines, range(_LINES_SNIFFED), strict=False):
        text = line.lstrip("\ufeff").strip()
        if not text or text.startswith(";"):
            continue
        if "jepsen.util" in text:
            return "jepsen-log"
        if _REGISTER.match(text):
            return "register"
        if re.match(r'\{\s*"', text):
            return "minimal" if re.search(r'"type"\s*:\s*"(invoke|ok|fail|info)"', text) else "refold"
        if re.match(r"[\[(#{]|\{\s*:", text):
            return "edn"
    return None


def read_operations(source: str | os.PathLike[str] | Iterable[str], format: str = "auto") -> tuple[str, History]:
    """The format and the operations of a file, or of the lines given; `HistoryError` if they cannot be read."""
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        try:
            with Path(source).open("rb") as file:
                return _read(file, name, format)
        except OSError as error:
            raise HistoryError(name, None, error.strerror or "unreadable", "check the path") from None
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in source)
    return _read(io.BytesIO(text.encode("utf-8", "surrogatepass")), "history", format)


def _read(file: IO[bytes], name: str, format: str) -> tuple[str, History]:
    if format == "auto":
        head = file.read(1 << 16)
        file.seek(0)
        found = sniff(head.decode("utf-8", "replace").splitlines())
        if found is None or found not in FORMATS:
            what = "the format is not recognised" if found is None else "this is a history of refold's own format"
            raise HistoryError(name, 1, what, f"name one of {', '.join(sorted(FORMATS))}")
        format = found
    elif format not in FORMATS:
        raise HistoryError(name, None, f"unknown format {format!r}", f"name one of {', '.join(sorted(FORMATS))}")
    return format, history_of(FORMATS[format](file, name), name)


def _pieces(file: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
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


def _lines(file: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    for line, text in _pieces(file, name):
        if len(text) > _LINE_LENGTH_MAX // 4:
            raise HistoryError(name, line, "a line of more than 256 KiB", "write one event a line")
        yield line, text


def _minimal(file: IO[bytes], name: str) -> Iterator[Record]:
    decoder = msgspec.json.Decoder()
    for line, text in _lines(file, name):
        if text.isspace():
            continue
        if len(text) > _DEPTH_MAX and _depth(text) > _DEPTH_MAX:
            raise HistoryError(
                name, line, f"nested more than {_DEPTH_MAX} deep", "histories are flat: remove the nesting"
            )
        try:
            fields = decoder.decode(text)
        except (msgspec.DecodeError, ValueError) as error:
            raise HistoryError(name, line, f"not JSON ({error})", "write one JSON object a line") from None
        if not isinstance(fields, dict):
            raise HistoryError(name, line, "not a JSON object", 'write {"process":…,"type":…,"f":…,"value":…}')
        yield _record(name, line, fields, "", frozen)


def _depth(text: str) -> int:
    """How deep brackets nest at most; those in strings count too, which is good enough to refuse the absurd."""
    depth = deepest = 0
    for character in re.findall(r"[\[\]{}]", text):
        depth += 1 if character in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _edn(file: IO[bytes], name: str) -> Iterator[Record]:
    names: dict[tuple[Any, Any], tuple[str, str]] = {}
    for line, fields in edn_maps((text for _, text in _pieces(file, name)), name, _EDN_FIELDS):
        said = fields.get(":type"), fields.get(":f")
        process = fields.get(":process")
        known = names.get(said)
        if known is None or type(process) is not int:
            record = _record(name, line, fields, ":", lambda value: value)
            names[said] = record.type, record.f
            yield record
        else:
            yield Record(line, process, known[0], known[1], fields.get(":value"), fields.get(":key"))


def _record(name: str, line: int, fields: dict[Any, Any], mark: str, freeze: Callable[[Any], Any]) -> Record:
    """A record from the fields of a map; names start with `mark`, and so do the names that are values."""
    missing = [field for field in ("process", "type", "f") if mark + field not in fields]
    if missing:
        raise HistoryError(
            name, line, f"no {mark}{missing[0]}", f"give each event {mark}process, {mark}type and {mark}f"
        )
    process, type_, f = (fields[mark + field] for field in ("process", "type", "f"))
    if isinstance(process, float | bool) or not isinstance(process, int | str):
        raise HistoryError(name, line, f"process {brief(process)}", "use an integer or a name")
    for field, value in (("type", type_), ("f", f)):
        if not isinstance(value, str) or not value.startswith(mark):
            raise HistoryError(
                name, line, f"{mark}{field} is {brief(value)}", f"use a name such as {mark}invoke or {mark}read"
            )
    client = process != "nemesis" and not (mark and isinstance(process, str) and process.startswith(mark))
    value, key = fields.get(f"{mark}value"), fields.get(f"{mark}key")
    return Record(
        line, process, type_.removeprefix(mark), f.removeprefix(mark), freeze(value), freeze(key), client=client
    )


def _jepsen_log(file: IO[bytes], name: str) -> Iterator[Record]:
    values: dict[str, Any] = {}
    for line, text in _lines(file, name):
        if "jepsen.util" not in text:
            continue
        match = _JEPSEN_LOG.search(text)
        if match is None:
            what = "not a line of a Jepsen log"
            raise HistoryError(name, line, what, "write jepsen.util - PROCESS :invoke|:ok|:fail|:info :F VALUE")
        process, told = match["process"], match["value"]
        if told not in values:
            if len(values) > 10_000:
                values.clear()
            values[told] = edn_value(told, name, line)
        value, more = values[told]
        if more and match["type"] in ("invoke", "ok"):
            raise HistoryError(name, line, f"more than one value in {brief(told)}", "write one value")
        client = not process.startswith(":") and process != "nemesis"
        if client and not (process.isascii() and process.isdigit() and len(process) < 100):
            raise HistoryError(name, line, f"process {brief(process)}", "use an integer")
        yield Record(line, int(process) if client else process, match["type"], match["f"], value, client=client)


def _register(file: IO[bytes], name: str) -> Iterator[Record]:
    open_calls: dict[str, str] = {}
    for line, text in _lines(file, name):
        words = text.split()
        if not words:
            continue
        try:
            if words[0] == "c":
                _, call, client, kind, first, second = words
                f = open_calls[call] = _REGISTER_CALLS[kind]
                value: Any = None if f == "read" else _number(first)
                if f == "cas":
                    value = (value, _number(second))
                yield Record(line, _number(client), "invoke", f, value, call=call)
            elif words[0] == "e":
                _, call, client, ok, has_value, told, unknown = words
                f = open_calls.pop(call, "call")
                end = "info" if _flag(unknown) else "ok" if _flag(ok) else "fail"
                result = _number(told) if f == "read" and _flag(has_value) else None
                yield Record(line, _number(client), end, f, result, call=call)
            else:
                raise ValueError("neither a call (c) nor a return (e)")
        except (ValueError, KeyError) as error:
            what = f"not a line of the register format ({brief(str(error), 80)})"
            remedy = "write `c ID CLIENT KIND A B` or `e ID CLIENT OK HASVALUE VALUE UNKNOWN`"
            raise HistoryError(name, line, what, remedy) from None


def _number(word: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,1000}", word):
        raise ValueError(f"{word[:20]} is not a number")
    return int(word)


def _flag(word: str) -> bool:
    if word not in ("0", "1"):
        raise ValueError(f"{word[:20]} is not 0 or 1")
    return word == "1"


FORMATS: dict[str, Callable[[IO[bytes], str], Iterator[Record]]] = {
    "edn": _edn,
    "jepsen-log": _jepsen_log,
    "minimal": _minimal,
    "register": _register,
}
"""What reads each format."""
