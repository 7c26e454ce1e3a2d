"""Memory of `refold check` while it reads a history that is generated as it is read, and is never in a file.

A correct system: three clients append to `--streams` streams, an authoritative store and an index follow, a consumer saves its
checkpoint. What is resident is printed after 10 %, 50 % and all of the records. It exits with 1 if from 10 % on more than `--growth` MiB
are added for each million records: that would be 100 times as much for 10^8.

    python benchmarks/memory.py [--records 10000000] [--streams 1000] [--application] [--growth 1]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator

import attrs

from refold.model.documents.history import to_line
from refold.model.examples.inventory import Inventory
from refold.model.record import HISTORY_VERSION, ConsumerSpec, Opened
from refold.search.stored.history import StoredHistory

CLIENTS = ("alice", "bob", "carol")
APPENDS_A_BLOCK = 100
RECORDS_AN_APPEND = 6
SPECS = (
    ConsumerSpec(name="store", projection="states", atomic=True),
    ConsumerSpec(name="totals", projection="totals"),
)
MARKS = (0.1, 0.5, 1.0)


def resident() -> float:
    """MiB of this process that are in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@attrs.frozen
class Generated:
    """A history of so many appends, of six records each. `heard` is called with the records so far where a block of them begins."""

    appends: int
    streams: int
    application: str
    heard: Callable[[int], None]
    name: str = "generated"

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self.appends * 620

    def opened(self) -> bytes:
        """The first line."""
        return to_line(Opened(HISTORY_VERSION, "generated", self.application, CLIENTS, SPECS))

    def lines(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """One by one."""
        for block in self.blocks():
            yield from block.splitlines(keepends=True)

    def blocks(self, heartbeat: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
        """Six hundred at a time."""
        yield self.opened()
        versions = [0] * self.streams
        for first in range(1, self.appends + 1, APPENDS_A_BLOCK):
            self.heard(first * RECORDS_AN_APPEND)
            heartbeat(first * 620)
            numbers = range(first, min(first + APPENDS_A_BLOCK, self.appends + 1))
            yield "".join([append(n, n * 7919 % self.streams, versions) for n in numbers]).encode()


def append(n: int, key: int, versions: list[int]) -> str:
    """The records of append `n`, which adds one item to the stock of a key."""
    client, item, before = CLIENTS[n % 3], f"item-{key}", versions[key]
    versions[key] = version = before + 1
    op, data = f"{client}-{n}", f'{{"item":"{item}","count":1}}'
    return (
        f'{{"kind":"prepared","client":"{client}","op":"{op}","command":{{"Restock":{data}}},"source":"store","stream":"{item}",'
        f'"seen":{before},"expected":{{"expect":"any"}},"events":[{{"id":"{op}/0","type":"Restocked","data":{data}}}]}}\n'
        f'{{"kind":"event","position":{n},"stream":"{item}","version":{version},"id":"{op}/0","type":"Restocked","data":{data}}}\n'
        f'{{"kind":"acknowledged","client":"{client}","op":"{op}","positions":[{n}]}}\n'
        f'{{"kind":"applied","consumer":"store","position":{n},"writes":{{"{item}":[{version},{version}]}}}}\n'
        f'{{"kind":"applied","consumer":"totals","position":{n},"writes":{{"{item}":{version}}}}}\n'
        f'{{"kind":"checkpoint","consumer":"totals","position":{n}}}\n'
    )


def main() -> int:
    """Generate, check, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--application", action="store_true")
    parser.add_argument("--growth", type=float, default=1.0)
    options = parser.parse_args()
    marks = [(round(mark * options.records), mark) for mark in MARKS]
    seen: list[float] = []

    def heard(records: int) -> None:
        while len(seen) < len(marks) - 1 and records >= marks[len(seen)][0]:
            told(records)

    def told(records: int) -> None:
        seen.append(resident())
        print(
            f"{records:>12,} records: {seen[-1]:6.1f} MiB resident, {time.process_time():,.0f} s of CPU time",
            flush=True,
        )

    name = "inventory" if options.application else ""
    source = Generated(options.records // RECORDS_AN_APPEND, options.streams, name, heard)
    judged = StoredHistory(source, Inventory() if options.application else None).judged()
    told(judged.records)
    if (judged.verdict, judged.error) != ("held", None):
        print(f"the history is {judged.verdict}: {judged.error or judged.findings}")
        return 1
    per_million = (seen[-1] - seen[0]) / ((marks[-1][0] - marks[0][0]) / 1e6)
    print(
        f"{per_million:+.2f} MiB for each million records; 10^8 would take {seen[-1] + 100 * max(per_million, 0):,.0f} MiB"
    )
    return int(per_million > options.growth)


if __name__ == "__main__":
    sys.exit(main())
