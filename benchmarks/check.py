"""Records per second of `refold check` on one core, and its peak memory, against the length of the history.

Histories are generated (a correct system: appends by three clients, an authoritative store and an index that follow) and never held in
memory. Each length is checked in a process of its own, so that peak memory is its own. `--application` also decides every command again.

    python benchmarks/check.py [--records 100000 1000000 10000000] [--application] [--json]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from refold.model.documents.history import to_line
from refold.model.event import NewEvent, Stored
from refold.model.examples.inventory import Inventory, Restock, Restocked
from refold.model.expectation import ANY
from refold.model.record import HISTORY_VERSION, Acknowledged, Applied, CheckpointSaved, ConsumerSpec, Opened, Prepared

CLIENTS = ("alice", "bob", "carol")
KEYS = 1000


def lines(records: int, application: str) -> Iterator[bytes]:
    """A history of about so many records, six per append, that names an application: `inventory`, or none."""
    specs = (
        ConsumerSpec(name="store", projection="states", atomic=True),
        ConsumerSpec(name="totals", projection="totals"),
    )
    yield to_line(Opened(HISTORY_VERSION, "generated", application, CLIENTS, specs))
    versions = [0] * KEYS
    stock = [0] * KEYS
    for n in range(1, records // 6 + 1):
        client, key = CLIENTS[n % 3], n * 7919 % KEYS
        item, op = f"item-{key}", f"{client}-{n}"
        versions[key] += 1
        stock[key] += 1
        event = Restocked(item, 1)
        yield to_line(
            Prepared(
                client,
                op,
                Restock(item, 1),
                "store",
                item,
                versions[key] - 1,
                ANY,
                (NewEvent(f"{op}/0", "Restocked", event),),
            )
        )
        yield to_line(Stored(n, item, versions[key], f"{op}/0", "Restocked", event))
        yield to_line(Acknowledged(client, op, (n,)))
        yield to_line(Applied("store", n, {item: (versions[key], stock[key])}))
        yield to_line(Applied("totals", n, {item: versions[key]}))
        yield to_line(CheckpointSaved("totals", n))


def one(path: str, application: bool) -> dict[str, float]:
    """Check one file in this process."""
    from refold.reports.commands.check import FileJudge

    judge = FileJudge("refold", Inventory() if application else None)
    started = time.process_time()
    result = judge.judge(path, lambda share: None)
    seconds = time.process_time() - started
    assert (result["verdict"], result["application"]) == ("held", "inventory" if application else None), result
    return {
        "records": result["records"],
        "seconds_cpu": seconds,
        "records_per_second": result["records"] / seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Generate, check in a child, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--application", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.application)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for records in options.records:
            path = pathlib.Path(folder) / "history.jsonl"
            with path.open("wb") as file:
                file.writelines(lines(records, "inventory" if options.application else ""))
            command = [
                sys.executable,
                __file__,
                "--one",
                str(path),
                *(["--application"] if options.application else []),
            ]
            rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
            path.unlink()
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(
            f"{row['records']:>12,.0f} records: {row['records_per_second']:>10,.0f} a second, peak {row['peak_mib']:.0f} MiB"
        )


if __name__ == "__main__":
    main()
