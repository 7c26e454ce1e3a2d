"""One compare-and-set register of integers, a word a field: `c ID CLIENT KIND A B`, `e ID CLIENT OK HASVALUE VALUE UNKNOWN`."""

import re
from collections.abc import Iterator
from typing import IO, Any

from refold.properties.linearizability.error import HistoryError
from refold.properties.linearizability.histories.record import Record
from refold.properties.linearizability.histories.text import lines
from refold.properties.linearizability.value import brief

__all__ = ["register"]

_REGISTER_CALLS = {"r": "read", "w": "write", "s": "cas"}


def register(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of a file."""
    open_calls: dict[str, str] = {}
    for line, text in lines(file, name):
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
