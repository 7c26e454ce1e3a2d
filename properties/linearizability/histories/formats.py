"""Histories from anywhere: the formats, what tells them apart, and how each becomes records.

`minimal` is JSON that any language can write; `jepsen-log` is what Jepsen prints; `edn` is what Jepsen and Knossos store;
`register` is one word per field; `otlp` is what collectors of OpenTelemetry write. Histories of refold itself are
recognised here and read elsewhere.
"""

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Literal

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.edn import edn
from refold.properties.linearizability.histories.jepsen_log import is_jepsen_log, jepsen_log
from refold.properties.linearizability.histories.keys import apart, together
from refold.properties.linearizability.histories.minimal import minimal
from refold.properties.linearizability.histories.otlp import otlp
from refold.properties.linearizability.histories.record import Record, history_of
from refold.properties.linearizability.histories.register import register
from refold.properties.linearizability.operation import History

__all__ = ["FORMATS", "Keys", "read_operations", "read_records", "sniff"]

HEAD_BYTES = 1 << 18
"""What is looked at of a file to see its format."""
_REGISTER = re.compile(r"[ce] -?\d+ \S+ \S+ \S+ \S+")
_CLOUD_EVENT = re.compile(r'"specversion"\s*:\s*"')
_WITH_POSITIONS = {
    "cloudevents": "this is a stream of CloudEvents",
    "refold": "this is a history of refold's own format",
}
"""Formats that are recognised here and read elsewhere."""
_TYPE = re.compile(r'"type"\s*:\s*"(invoke|ok|fail|info)"')

Keys = Literal["auto", "one", "independent"]
"""Whether values are pairs of a key and a value: no, yes, or refuse to judge where they seem to be."""


def sniff(lines: Iterable[str]) -> str | None:
    """The format that the first lines of a file are in: one of `FORMATS`, `refold`, `cloudevents`, or None."""
    head = list(islice(lines, 10_000))
    for line in head:
        text = line.lstrip("\ufeff").strip()
        if not text or text.startswith(";"):
            continue
        if _REGISTER.match(text):
            return "register"
        if text.startswith("{") and any('"resourceSpans"' in other for other in head):
            return "otlp"
        if _is_cloud_event(text, head):
            return "cloudevents"
        if re.match(r'\{\s*"', text):
            return "minimal" if _TYPE.search(text) else "refold"
        break
    if is_jepsen_log(head):
        return "jepsen-log"
    start = re.sub(r"^(?:\s+|;.*\n)+", "", "\n".join(head).lstrip("\ufeff"))
    if re.match(r'\[\s*(?:\{\s*"|\]\s*\Z)', start):
        return "minimal"
    return "edn" if re.match(r"[\[(#{]|\{\s*:", start) else None


def _is_cloud_event(text: str, head: list[str]) -> bool:
    """Whether the first line, or the first object if that has lines of its own, is a CloudEvent."""
    if re.fullmatch(r"[\[\s{]+", text):
        return any(_CLOUD_EVENT.search(other) for other in head[:100])
    return bool(re.match(r"\[?\s*\{", text) and _CLOUD_EVENT.search(text) and not _TYPE.search(text))


def read_operations(
    source: str | os.PathLike[str] | Iterable[str], format: str = "auto", keys: Keys = "auto"
) -> tuple[str, History]:
    """The format and the operations of a file, or of the lines given; `HistoryError` if they cannot be read."""
    with _opened(source) as (file, name):
        found = _format(file, name, format)
        return found, history_of(_records(file, name, found, keys), name)


def read_records(path: str | os.PathLike[str], format: str = "auto", keys: Keys = "auto") -> tuple[str, list[Record]]:
    """The format and the records of a file, one for each line of it that says something; `HistoryError` likewise."""
    with _opened(path) as (file, name):
        found = _format(file, name, format)
        return found, list(_records(file, name, found, keys))


@contextmanager
def _opened(source: str | os.PathLike[str] | Iterable[str]) -> Iterator[tuple[IO[bytes], str]]:
    """A file, or lines as one, and what it is called."""
    if not isinstance(source, str | os.PathLike):
        text = "".join(line if line.endswith("\n") else f"{line}\n" for line in source)
        yield io.BytesIO(text.encode("utf-8", "surrogatepass")), "history"
        return
    name = os.fspath(source)
    try:
        with Path(source).open("rb") as file:
            yield file, name
    except OSError as error:
        raise HistoryError(name, None, error.strerror or "unreadable", "check the path") from None


def _format(file: IO[bytes], name: str, format: str) -> str:
    if format == "auto":
        head = file.read(HEAD_BYTES)
        file.seek(0)
        found = sniff(head.decode("utf-8", "replace").splitlines())
        if found is None or found not in FORMATS:
            what = _WITH_POSITIONS.get(found or "", "the format is not recognised")
            raise HistoryError(name, 1, what, f"name one of {', '.join(sorted(FORMATS))}")
        return found
    if format not in FORMATS:
        raise HistoryError(name, None, f"unknown format {format!r}", f"name one of {', '.join(sorted(FORMATS))}")
    return format


def _records(file: IO[bytes], name: str, format: str, keys: Keys) -> Iterator[Record]:
    records = FORMATS[format](file, name)
    if keys == "one":
        return records
    return apart(records, name) if keys == "independent" else together(records, name)


FORMATS: dict[str, Callable[[IO[bytes], str], Iterator[Record]]] = {
    "edn": edn,
    "jepsen-log": jepsen_log,
    "minimal": minimal,
    "otlp": otlp,
    "register": register,
}
"""What reads each format."""
