"""Logs on real servers: steps a second without faults, and cycles of SIGKILL and recovery, and of power cuts and recovery, a minute.

A step is an action that was performed, with all properties on; plans are generated, and those of their actions left out that make
something fail or stand still. A cycle is SIGKILL for the server with all its processes, or a cut of its power, then its start, and the
first request that it answers.

    python benchmarks/real.py [SYSTEM …] [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

from refold.model.action import Abort, AppendUnheard, Begin, Commit, Crash, CrashAt, Fail
from refold.model.errors import SystemUnavailable
from refold.model.examples.inventory import Inventory
from refold.model.parts.outages import CutConnection, PauseServer, StopServer
from refold.search.run import execute
from refold.search.tapes import tape
from refold.systems.registry import resolve

FAULTS = (Abort, AppendUnheard, Begin, Commit, Crash, CrashAt, CutConnection, Fail, PauseServer, StopServer)
SEED = 1


def steps_per_second(system: Any, seconds: float) -> float:
    """Steps a second without faults; the first start is not counted."""
    application = Inventory()
    menu = system.menu(application)
    execute(system, application, ())
    done, number, begun = 0, 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        plan = [action for action in menu.decode(tape(SEED, number, menu)) if not isinstance(action, FAULTS)]
        done += execute(system, application, plan).steps
        number += 1
    return done / (time.perf_counter() - begun)


def cycles_per_minute(server: Any, seconds: float, die: Callable[[], object]) -> float:
    """Deaths and recoveries of the server a minute."""
    server.up()
    done, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        die()
        server.up()
        done += 1
    return 60 * done / (time.perf_counter() - begun)


def power_cuts_per_minute(name: str, seconds: float) -> float:
    """Power cuts and recoveries a minute, of the same server on a disk of refold's."""
    system: Any = resolve(f"{name}{'&' if '?' in name else '?'}crash=power")
    try:
        server = system.ours()
        return cycles_per_minute(server, seconds, lambda: server.cut_power("drop"))
    finally:
        system.dismiss()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Steps a second and recoveries a minute on real servers.")
    parser.add_argument("systems", nargs="*", default=["postgres", "redis", "nats", "umadb"], metavar="SYSTEM")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each figure is measured")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    figures: dict[str, dict[str, int]] = {}
    for name in asked.systems:
        try:
            system: Any = resolve(name)
        except SystemUnavailable as error:
            print(error)
            continue
        try:
            figures[name] = {
                "steps_per_second": round(steps_per_second(system, asked.seconds)),
                "recoveries_per_minute": round(cycles_per_minute(system.ours(), asked.seconds, system.ours().kill)),
            }
            with contextlib.suppress(SystemUnavailable):  # no such disks here
                figures[name]["power_cuts_per_minute"] = round(power_cuts_per_minute(name, asked.seconds))
        finally:
            system.dismiss()
        if not asked.json:
            found = figures[name]
            print(
                f"{name}: {found['steps_per_second']:,} steps a second without faults,"
                f" {found['recoveries_per_minute']:,} kills and recoveries a minute,"
                f" {found.get('power_cuts_per_minute', 0):,} power cuts and recoveries a minute"
            )
    if asked.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
