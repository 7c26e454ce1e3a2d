"""How bytes choose actions: which way finds the broken systems first?

Each variant changes one choice of `model/tape.py` or `search/campaign.py` and searches every broken system with every
seed until something is found (nothing is shrunk). Printed: the median over the seeds of runs, performed actions and CPU
time, as geometric means over the systems, and the slowest system. Runs and actions depend on the seeds alone; CPU time means
something only within one run of this script. The figures are in docs/decisions/0003-tape.md.

    python benchmarks/tape.py [--seeds N] [--json] [--variant NAME]...
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from refold.model.action import Action, Append, Crash, CrashAt, CutPower, Deliver, Redeliver
from refold.model.application import Application
from refold.model.tape import FAMILIES, PICKS, Group, Menu, Plan
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.search.tapes import LENGTHS
from refold.systems.broken import BROKEN, BrokenSystem
from refold.systems.deployment import Deployment
from refold.systems.reference import Reference

RUNS_MAX = 2_000
SECONDS_MAX = 10.0
"""A search that has found nothing after so many runs or CPU seconds is given up and counts with what it has spent."""

Swarm = Callable[[random.Random], int]
BITS = len(FAMILIES)


def even(generator: random.Random) -> int:
    """Every family of the core is left out of half of the runs."""
    return generator.getrandbits(BITS)


def seldom(generator: random.Random) -> int:
    """Every family of the core is left out of a quarter of the runs."""
    return generator.getrandbits(BITS) & generator.getrandbits(BITS)


def sometimes(generator: random.Random) -> int:
    """Half of the runs have every family of the core; of the other half every family is left out of one half."""
    return generator.getrandbits(BITS) if generator.getrandbits(1) else 0


def never(generator: random.Random) -> int:
    """No swarm: every family of the core is in every run."""
    return 0


MORE_CRASHES: dict[tuple[str, type], int] = {
    ("", Append): 8,
    ("reorder", Deliver): 12,
    ("duplicate", Redeliver): 10,
    ("consumer-crash", Crash): 5,
    ("consumer-crash", CrashAt): 6,
    ("log-crash", Crash): 2,
    ("log-crash", CrashAt): 2,
    ("log-crash", CutPower): 2,
}
"""The weights that the tape had first, where they differ from now."""


@attrs.frozen
class Variant:
    """One way to make plans.

    `weights`: ``model`` (those of the tape), ``crashes`` (`MORE_CRASHES`), ``kinds`` (every kind of action alike), ``actions`` (every
    action alike). `words`: whether a byte may be more than one action. `dialects`: whether runs differ in the actions they speak of.
    """

    name: str
    weights: str = "model"
    swarm: Swarm = sometimes
    lengths: tuple[int, ...] = LENGTHS
    resample: bool = False
    words: bool = True
    dialects: bool = True


VARIANTS = (
    Variant("as it is"),
    Variant("only enabled actions", resample=True),
    Variant("more crashes", weights="crashes"),
    Variant("uniform over kinds", weights="kinds"),
    Variant("uniform over actions", weights="actions"),
    Variant("no words", words=False),
    Variant("one dialect", dialects=False),
    Variant("no swarm", swarm=never),
    Variant("swarm leaves out a quarter", swarm=seldom),
    Variant("swarm in all runs", swarm=even),
    Variant("fixed length 24", lengths=(24,)),
    Variant("fixed length 50", lengths=(50,)),
    Variant("fixed length 400", lengths=(400,)),
    Variant("lengths 12 to 192", lengths=(12, 24, 48, 96, 192)),
    Variant("lengths 24 to 192", lengths=(24, 48, 96, 192)),
)


@attrs.define
class Search:
    """What one search took."""

    found: bool
    runs: int
    actions: int
    skipped: int
    seconds: float


class Resampling:
    """A system whose deployments draw again until an action is enabled."""

    def __init__(self, system: Reference, draw: Iterator[Action]) -> None:
        self.system = system
        self.draw = draw

    def open(self, application: Application, emit: Any) -> Deployment:
        """A deployment that ignores the actions of its plan."""
        deployment = self.system.open(application, emit)
        original = deployment.perform
        deployment.perform = lambda _: any(original(action) for action in itertools.islice(self.draw, 200))  # type: ignore[method-assign]
        return deployment


def weighted(menu: Menu, variant: Variant) -> Menu:
    """The menu with other weights, or without words of several actions."""

    def weight(group: Group) -> int:
        family, before, words = group
        if variant.weights == "crashes":
            return MORE_CRASHES.get((family, type(words[0][0])), before)
        return {"model": before, "kinds": 1, "actions": len(words)}[variant.weights]

    groups = [group for group in menu.groups if variant.words or len(group[2][0]) == 1]
    menu.groups = [(group[0], weight(group), group[2]) for group in groups]
    return menu


def header(variant: Variant, generator: random.Random) -> bytes:
    """The header of one tape."""
    swarm, dialect = variant.swarm(generator), generator.getrandbits(8)
    return bytes([swarm, dialect if variant.dialects else 0]) + generator.randbytes(PICKS)


def endless(menu: Menu, generator: random.Random, beginning: bytes) -> Iterator[Action]:
    """Actions for ever."""
    while True:
        yield from menu.decode(beginning + generator.randbytes(512))


def search(broken: BrokenSystem, variant: Variant, seed: int) -> Search:
    """Run after run until something is found."""
    application = EXAMPLES[broken.application]()
    system = broken.system()
    menu = weighted(system.menu(application), variant)
    generator = random.Random(seed)
    result = Search(False, 0, 0, 0, 0.0)
    started = time.process_time()
    for length in itertools.cycle(variant.lengths):
        beginning = header(variant, generator)
        plan: Plan
        driven: Any = system
        if variant.resample:
            draw = endless(menu, generator, beginning)
            driven, plan = Resampling(system, draw), tuple(itertools.islice(draw, length))
        else:
            plan = menu.decode(beginning + generator.randbytes(length))
        run = execute(driven, application, plan)
        result.runs += 1
        result.actions += run.steps
        result.skipped += run.skipped
        result.found = bool(run.findings)
        result.seconds = time.process_time() - started
        if result.found or result.runs >= RUNS_MAX or result.seconds >= SECONDS_MAX:
            return result
    raise AssertionError("unreachable")


def measure(variant: Variant, seeds: int) -> dict[str, Any]:
    """One row of the table: geometric means over the systems of medians over the seeds."""
    systems = {}
    share = []
    for name, broken in BROKEN.items():
        done = [search(broken, variant, seed) for seed in range(seeds)]
        share.append(sum(one.skipped for one in done) / max(sum(one.skipped + one.actions for one in done), 1))
        systems[name] = {
            "missed": sum(not one.found for one in done),
            "runs": statistics.median(one.runs for one in done),
            "actions": statistics.median(one.actions for one in done),
            "milliseconds": 1000 * statistics.median(one.seconds for one in done),
            "milliseconds_max": 1000 * max(one.seconds for one in done),
        }
    means = {
        column: statistics.geometric_mean([max(row[column], 0.01) for row in systems.values()])
        for column in ("runs", "actions", "milliseconds")
    }
    slowest = max(systems, key=lambda name: systems[name]["milliseconds"])
    return {
        "variant": variant.name,
        **means,
        "missed": sum(row["missed"] for row in systems.values()),
        "slowest": slowest,
        "slowest_milliseconds": systems[slowest]["milliseconds"],
        "worst_milliseconds": max(row["milliseconds_max"] for row in systems.values()),
        "skipped": statistics.mean(share),
        "systems": systems,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--variant", action="append", choices=[variant.name for variant in VARIANTS])
    options = parser.parse_args()
    search(next(iter(BROKEN.values())), VARIANTS[0], 0)
    rows = []
    if not options.json:
        print("| variant | runs | actions | CPU ms | slowest system (median) | worst search | skipped | missed |")
        print("|---|---|---|---|---|---|---|---|")
    for variant in VARIANTS:
        if options.variant and variant.name not in options.variant:
            continue
        row = measure(variant, options.seeds)
        rows.append(row)
        if not options.json:
            print(
                f"| {row['variant']} | {row['runs']:.2f} | {row['actions']:.0f} | {row['milliseconds']:.2f} |"
                f" {row['slowest']}, {row['slowest_milliseconds']:.1f} ms | {row['worst_milliseconds']:.0f} ms |"
                f" {row['skipped']:.0%} | {row['missed']} |",
                flush=True,
            )
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
