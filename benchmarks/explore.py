"""What `refold explore` saves against a plain enumeration, and what it finds of the catalogue.

Without `--rows`, one scope is explored in both ways, breadth first, judged by all properties. The plain side recognises no state and leaves
no plan out, so its number of actions grows with the plans and not with the states. Printed are the actions that each side performed up to
the same length of plans, its actions a CPU second, and what it found.

With `--rows`, each broken system of tier 1 is searched by `refold verify` first. If the shrunk plan fits into two clients, three commands,
two deliveries out of order and one crash, with no more of anything else than it needs, that scope is explored. The plan must be one of the
scope's, and exploring must find one that is no longer. Exit code 1 if a row is not found in time, or only by a longer plan.

    python benchmarks/explore.py [--system NAME] [--length N]
    python benchmarks/explore.py --rows [NAME ...] [--seconds N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import attrs

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.budgets import BUDGETS
from refold.model.examples.inventory import Inventory
from refold.reports.commands.verify import application_for
from refold.search.campaign import Budget, Campaign
from refold.search.explore.explorer import Explorer
from refold.search.explore.scope import Scope, ScopeLimits, Spent, costs, smallest, who
from refold.systems.broken import BROKEN
from refold.systems.registry import resolve

ROOM = ScopeLimits(clients=2, commands=3, reordered=2, crashes=1)
"""What the rows have to fit into. Of anything else a scope has what the plan of `refold verify` uses."""

MORE = tuple(name for name in BUDGETS if name not in ("commands", "crashes", "reordered", "power_cuts"))
"""What a scope has as often as a plan uses it. A loss of power is one of the crashes."""

KEYS, VALUES = 3, 9
"""Keys and commands of an application to choose from, at most."""


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


def scope_around(plan: tuple[Action, ...], application: Application) -> ScopeLimits | None:
    """The scope of a row; None if its plan does not fit into one."""
    used = Counter(cost for action in plan for cost in costs(action, ROOM))
    sent = {action.command for action in plan if hasattr(action, "command")}  # type: ignore[attr-defined]
    choices = [(values, keys) for values in range(1, VALUES + 1) for keys in range(1, KEYS + 1)]
    fitting = [one for one in choices if sent <= set(smallest(application, *one))]
    acting = {who(action) for action in plan} - {""}
    if not plan or not fitting or len(acting) > ROOM.clients:
        return None
    values, keys = fitting[0]
    limits = attrs.evolve(ROOM, values=values, keys=keys, **{name: used[name] for name in MORE})
    return limits if all(used[name] <= (getattr(limits, name) or 0) for name in BUDGETS) else None


def contains(scope: Scope, plan: tuple[Action, ...]) -> bool:
    """Whether a scope that leaves nothing out has this plan."""
    spent: Spent | None = Spent()
    for action in plan:
        if spent is None or action not in scope.alphabet:
            return False
        spent = scope.after(spent, action)
    return spent is not None


def row(name: str, seconds: float) -> tuple[str, bool]:
    """A broken system, in a line; and whether it is as it should be."""
    broken = BROKEN[name]
    application = application_for(broken.application)
    searched = Campaign(broken.system(), application, 1, Budget(seconds=None, examples=400, distinct=1)).run()
    plan = min([one.plan for one in searched.counterexamples], key=len, default=())
    limits = scope_around(plan, application)
    if limits is None or not contains(Scope(broken.system(), application, limits, together=True), plan):
        return f"{name:32} does not fit: verify has a plan of {len(plan)} actions", True
    more = {name: getattr(limits, name) for name in (*MORE, "values", "keys") if getattr(limits, name)}
    explorer = Explorer(broken.system(), application, limits)
    started = time.process_time()
    explorer.go_on(time.monotonic() + seconds)
    spent = time.process_time() - started
    found = min(map(len, explorer.progress.found.values()), default=None)
    good = found is not None and found <= len(plan)
    told = f"{found} actions" if found is not None else f"nothing up to {explorer.progress.length} actions"
    apart = "" if explorer.scope.aspects else ", none told apart"
    return (
        f"{name:32} verify {len(plan)}, explore {told}; {explorer.progress.transitions:,} actions, {spent:.1f} CPU s; {more}{apart}"
        f"{'' if good else '  <-- not as it should be'}"
    ), good


def rows(names: list[str], seconds: float) -> int:
    """All rows of tier 1, or these."""
    chosen = names or [name for name, broken in BROKEN.items() if broken.tier == 1]
    bad = 0
    for name in chosen:
        line, good = row(name, seconds)
        print(line, flush=True)
        bad += not good
    print(f"{len(chosen)} rows, {bad} not as they should be")
    return 1 if bad else 0


def main() -> None:
    """Both sides, at every length, or the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", default="reference")
    parser.add_argument("--length", type=int, default=4, help="the longest plans (default 4)")
    parser.add_argument("--rows", nargs="*", metavar="NAME", help="rows of the catalogue (default: all of tier 1)")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each row, at most (default 600)")
    options = parser.parse_args()
    if options.rows is not None:
        sys.exit(rows(options.rows, options.seconds))
    limits = ScopeLimits(clients=2, commands=2, values=1, crashes=0, reordered=0)
    for length in range(1, options.length + 1):
        for plain in (False, True):
            print(
                f"length {length}: {explored(options.system, attrs.evolve(limits, length=length), plain)}", flush=True
            )


if __name__ == "__main__":
    main()
