"""False alarms: many steps on correct systems, with all faults on; every finding is a bug of the harness.

Runs the reference system in all of its correct settings on all example applications, in turns, until so many steps were performed.

    python benchmarks/false_alarms.py [--steps N] [--seed N] [--jobs N] [SYSTEM ...]
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from refold.model.errors import UsageError
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES, application_named
from refold.systems.registry import correct_systems, resolve

BATCH = 1_000
"""Runs per task."""


def goes_together(system: str, application: str) -> bool:
    """Whether this system runs this application: some strategies know no conditions over tags."""
    try:
        Campaign(resolve(system), application_named(application), 0, Budget(seconds=None, examples=1)).run()
    except UsageError:
        return False
    return True


def batch(system: str, application: str, seed: int) -> tuple[str, str, int, str]:
    """One campaign: steps, and what was found, if anything."""
    campaign = Campaign(
        resolve(system), application_named(application), seed, Budget(seconds=None, examples=BATCH, distinct=1)
    )
    result = campaign.run()
    found = "" if not result.counterexamples else str(result.counterexamples[0].finding)
    return system, application, result.steps, found


def main() -> None:
    """Run batches until the steps are done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("systems", nargs="*")
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    systems = options.systems or correct_systems()
    pairs = [(one, application) for one in systems for application in EXAMPLES if goes_together(one, application)]
    done: dict[tuple[str, str], int] = dict.fromkeys(pairs, 0)
    alarms = 0
    seed = options.seed
    with ProcessPoolExecutor(options.jobs) as pool:
        while sum(done.values()) < options.steps:
            for system, application, steps, found in pool.map(
                batch, *zip(*[(*pair, seed) for pair in pairs], strict=True)
            ):
                done[system, application] += steps
                if found:
                    alarms += 1
                    print(f"FALSE ALARM: {system} with {application}, seed {seed}: {found}", flush=True)
            seed += 1
    for (system, application), steps in done.items():
        print(f"{system:40} {application:12} {steps:>12,} steps")
    print(f"{sum(done.values()):,} steps, {alarms} false alarms")
    sys.exit(1 if alarms else 0)


if __name__ == "__main__":
    main()
