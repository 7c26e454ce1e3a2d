"""Logs on real servers: steps a second without faults, and cycles of SIGKILL and recovery, and of power cuts and recovery, a minute.

A step is an action that was performed, with all properties on; plans are generated, and those of their actions left out that make
something fail or stand still. A cycle is SIGKILL for the server with all its processes, or a cut of its power, then its start, and the
first request that it answers. The power of SQLite's machine is cut in the file system below it, and a cycle ends with the log opened.

Beside each rate stands the CPU time, of refold, of the keeper and of the server, for 1,000 steps or 100 cycles: on a busy machine it says
more than the rate.

    python benchmarks/real.py [SYSTEM …] [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from refold.model.action import Abort, AppendUnheard, Begin, Commit, Crash, CrashAt, CutPower, Fail, Restart, Submit
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory, Restock
from refold.model.parts.outages import CutConnection, PauseServer, StopServer
from refold.search.run import execute
from refold.search.tapes import tape
from refold.systems.registry import resolve
from refold.systems.servers import keeper
from refold.systems.servers.server import Server

FAULTS = (Abort, AppendUnheard, Begin, Commit, Crash, CrashAt, CutConnection, Fail, PauseServer, StopServer)
SEED = 1


@attrs.frozen
class Rate:
    """How often something was done, in how many seconds, with how many seconds of CPU time."""

    count: int
    seconds: float
    cpu_seconds: float

    def told(self, what: str, per_seconds: int, cpu_for: int) -> str:
        """In words: the rate for so many seconds, the CPU time for so many of them."""
        rate = self.count * per_seconds / self.seconds
        return (
            f"{rate:,.0f} {what} ({self.cpu_seconds * cpu_for / max(self.count, 1):.2f} s of CPU time for {cpu_for:,})"
        )


class Watch:
    """Begins when it is made; `server` None where nothing but this process works."""

    def __init__(self, server: Server | None) -> None:
        self.server = server
        self.began = time.perf_counter(), self.cpu()

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.began[0]

    def rate(self, count: int) -> Rate:
        """What was done since the beginning."""
        return Rate(count, self.seconds(), self.cpu() - self.began[1])

    def cpu(self) -> float:
        """Seconds of CPU time so far: of this process, and of the keeper with its servers, alive and buried, and their children."""
        used = time.process_time()
        if self.server is None or self.server.keeper is None:
            return used
        ticks = os.sysconf("SC_CLK_TCK")
        for pid in keeper.family(self.server.keeper.process.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                used += sum(map(int, fields[11:15])) / ticks
        return used


def steps(system: Any, seconds: float) -> Rate:
    """Steps without faults; the first start is not counted."""
    application = Inventory()
    menu = system.menu(application)
    execute(system, application, ())
    done, number, watch = 0, 0, Watch(system.ours())
    while watch.seconds() < seconds:
        plan = [action for action in menu.decode(tape(SEED, number, menu)) if not isinstance(action, FAULTS)]
        done += execute(system, application, plan).steps
        number += 1
    return watch.rate(done)


def cycles(server: Server, seconds: float, die: Callable[[], object]) -> Rate:
    """Deaths and recoveries of the server."""
    server.up()
    done, watch = 0, Watch(server)
    while watch.seconds() < seconds:
        die()
        server.up()
        done += 1
    return watch.rate(done)


def power_cuts(name: str, seconds: float) -> Rate:
    """Power cuts and recoveries of the same server on a disk of refold's. Raises `SystemUnavailable`."""
    system: Any = resolve(f"{name}{'&' if '?' in name else '?'}crash=power")
    try:
        server = system.ours()
        return cycles(server, seconds, lambda: server.cut_power("drop"))
    finally:
        system.dismiss()


def sqlite_power_cuts(seconds: float) -> Rate:
    """The same for a log in SQLite that is opened, appended to once, and cut off."""
    system: Any = resolve("sqlite?crash=power")
    application = Inventory()
    cycle = (Submit("alice", Restock("bolt", 1)), CutPower("log", "drop"), Restart("log"))
    done, watch = 0, Watch(None)
    while watch.seconds() < seconds:
        execute(system, application, cycle * 10)
        done += 10
    return watch.rate(done)


def measured(name: str, seconds: float) -> dict[str, Rate]:
    """All rates of a system. Raises `SystemUnavailable`."""
    if name == "sqlite":
        return {"power cuts and recoveries a second": sqlite_power_cuts(seconds)}
    system: Any = resolve(name)
    try:
        found = {"steps a second without faults": steps(system, seconds)}
        server = system.ours()
        found["kills and recoveries a minute"] = cycles(server, seconds, server.kill)
        with contextlib.suppress(SystemUnavailable):  # no such disks here
            found["power cuts and recoveries a minute"] = power_cuts(name, seconds)
        return found
    finally:
        system.dismiss()


def units(what: str) -> tuple[int, int]:
    """For how many seconds a rate is told, and for how many of them the CPU time."""
    return (60 if what.endswith("minute") else 1), (1_000 if what.endswith("faults") else 100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Steps a second and recoveries a minute on real servers.")
    parser.add_argument(
        "systems", nargs="*", default=["postgres", "redis", "nats", "umadb", "sqlite"], metavar="SYSTEM"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each figure is measured")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for name in asked.systems:
        try:
            rates = measured(name, asked.seconds)
        except SystemUnavailable as error:
            print(error, file=sys.stderr)
            continue
        figures[name] = {what: attrs.asdict(rate) for what, rate in rates.items()}
        if not asked.json:
            print(f"{name}, load {os.getloadavg()[0]:.1f}:")
            for what, rate in rates.items():
                print(f"  {rate.told(what, *units(what))}")
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
