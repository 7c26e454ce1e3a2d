"""What Jepsen prints: the log of a test, of yesterday or today, and the operations alone, as in its `history.txt`.

An operation is process, type, operation and value, separated by blanks; in a log it follows `jepsen.util`. The value is
EDN. Whatever else a log holds is left out.
"""

import re
from collections.abc import Iterator
from typing import IO, Any

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.edn import edn_value
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.histories.text import lines
from refold.properties.linearizability.value import brief

__all__ = ["is_jepsen_log", "jepsen_log"]

_PREFIX = r"jepsen\.util\b[\s:-]*(?:\[[^\]]*\]\s*)?"
_OPERATION = r"(?P<process>\S+)\s+:(?P<type>\w+)\s+:(?P<f>\S+)\s+(?P<value>.*\S)\s*\Z"
_IN_LOG = re.compile(_PREFIX + _OPERATION)
_ALONE = re.compile(r"\s*" + _OPERATION)
_LOOKS_LIKE_ONE = re.compile(rf"{_PREFIX}\S+\s+:\w")
_LINE_OF_A_LOG = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|INFO\b|WARN|ERROR\b|DEBUG\b|TRACE\b).*\bjepsen\.")
_LOOKS_LIKE_ONE_ALONE = re.compile(r"\s*(?:\d+|:?nemesis)\s+:(?:invoke|ok|fail|info)\s+:\S")


def is_jepsen_log(head: list[str]) -> bool:
    """Whether the first lines of a file have an operation in one of these forms, whatever stands before it."""
    return any(_LOOKS_LIKE_ONE_ALONE.match(text) or _LINE_OF_A_LOG.match(text) for text in head)


def jepsen_log(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file."""
    values: dict[str, Any] = {}
    alone = False
    for line, text in lines(file, name):
        if "jepsen.util" in text:
            match = _IN_LOG.search(text)
            if match is None and not _LOOKS_LIKE_ONE.search(text):
                continue
        elif alone or _LOOKS_LIKE_ONE_ALONE.match(text):
            alone = True
            match = _ALONE.match(text)
            if match is None and not text.strip():
                continue
        else:
            continue
        if match is None:
            what = "not a line of a Jepsen log"
            raise HistoryError(name, line, what, "write jepsen.util - PROCESS :invoke|:ok|:fail|:info :F VALUE")
        yield _record(match, values, name, line)


def _record(match: re.Match[str], values: dict[str, Any], name: str, line: int) -> Record:
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
    return Record(line, int(process) if client else process, match["type"], match["f"], value, client=client)
