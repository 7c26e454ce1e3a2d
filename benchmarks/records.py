"""What a record costs: attrs, msgspec Struct, NamedTuple, plain tuple.

Nanoseconds to make one record of three fields, to make it through keyword arguments, to compare two, to write it as JSON and to
read it back (all through msgspec, which reads and writes all four), and the bytes that it takes. The figures are in
docs/decisions/0002-records-are-structs.md.

    python benchmarks/records.py [--json]
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import attrs
import msgspec

NUMBER = 100_000
ROUNDS = 9


@attrs.frozen
class AttrsFrozen:
    """The default of this project for values: frozen, with slots."""

    consumer: str
    position: int
    writes: dict[str, Any]


@attrs.define
class AttrsMutable:
    """What attrs costs without the guard against assignment."""

    consumer: str
    position: int
    writes: dict[str, Any]


class Struct(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="applied"):
    """What records are: frozen, not tracked by the garbage collector, tagged."""

    consumer: str
    position: int
    writes: dict[str, Any]


class Named(NamedTuple):
    """The standard library's."""

    consumer: str
    position: int
    writes: dict[str, Any]


CLASSES: dict[str, Any] = {
    "attrs.frozen": AttrsFrozen,
    "attrs.define": AttrsMutable,
    "msgspec.Struct": Struct,
    "NamedTuple": Named,
}


def nanoseconds(body: Callable[[], object]) -> float:
    """Median cost of one call, without the cost of calling nothing."""
    repeat = range(NUMBER)

    def once(function: Callable[[], object]) -> float:
        started = time.perf_counter_ns()
        for _ in repeat:
            function()
        return (time.perf_counter_ns() - started) / NUMBER

    return statistics.median(once(body) - once(lambda: None) for _ in range(ROUNDS))


def kept(make: Callable[[], object]) -> float:
    """Nanoseconds per record when a hundred thousand are made and kept, as in a history; the garbage collector looks at some kinds."""

    def once() -> float:
        gc.collect()
        started = time.perf_counter_ns()
        records = [make() for _ in range(NUMBER)]
        spent = (time.perf_counter_ns() - started) / NUMBER
        assert records
        return spent

    return statistics.median(once() for _ in range(ROUNDS))


def measure(cls: Any) -> dict[str, float]:
    """One row."""
    writes = {"bolt": 3}
    one, other = cls("index", 7, writes), cls("index", 7, writes)
    line = msgspec.json.encode(one)
    decode = msgspec.json.Decoder(cls).decode
    encode = msgspec.json.Encoder().encode
    return {
        "make": nanoseconds(lambda: cls("index", 7, writes)),
        "make and keep": kept(lambda: cls("index", 7, writes)),
        "compare": nanoseconds(lambda: one == other),
        "write": nanoseconds(lambda: encode(one)),
        "read": nanoseconds(lambda: decode(line)),
        "bytes": sys.getsizeof(one),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = {name: measure(cls) for name, cls in CLASSES.items()}
    if options.json:
        print(json.dumps(rows))
        return
    columns = list(next(iter(rows.values())))
    print(f"| | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(f'{row[column]:.0f}' for column in columns)} |")


if __name__ == "__main__":
    main()
