"""What `refold explore` saves against a plain enumeration of the same scope, in one run.

Both run every plan breadth first and judge it with all properties. The plain side recognises no state and leaves no plan out, so its number
of actions grows with the plans and not with the states. Printed are the actions that each side performed up to the same length of plans,
its actions a CPU second, and what it found.

    python benchmarks/explore.py [--system NAME] [--length N]
"""

from __future__ import annotations

import argparse
import time

import attrs

from refold.model.examples.inventory import Inventory
from refold.search.explore.explorer import Explorer
from refold.search.explore.scope import ScopeLimits
from refold.systems.registry import resolve


def explored(system: str, limits: ScopeLimits, plain: bool) -> str:
    """One side, in a line."""
    explorer = Explorer(resolve(system), Inventory(), limits, plain=plain)
    started = time.process_time()
    explorer.go_on()
    seconds = time.process_time() - started
    progress = explorer.progress
    found = {anomaly: len(plan) for (anomaly, _), plan in progress.found.items()}
    side = "plain" if plain else "explore"
    rate = progress.transitions / seconds
    return f"{side:8} {progress.transitions:>9,} actions {seconds:>8.1f} s {rate:>7,.0f} actions/s  found: {found or 'nothing'}"


def main() -> None:
    """Both sides, at every length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="reference")
    parser.add_argument("--length", type=int, default=4, help="the longest plans (default 4)")
    options = parser.parse_args()
    limits = ScopeLimits(clients=2, commands=2, values=1, crashes=0, reordered=0)
    for length in range(1, options.length + 1):
        for plain in (False, True):
            print(
                f"length {length}: {explored(options.system, attrs.evolve(limits, length=length), plain)}", flush=True
            )


if __name__ == "__main__":
    main()
