"""CPU time to a shrunk plan: refold's campaign against a conventional state machine, on the same systems with the same properties.

The conventional machine is what one writes with Hypothesis alone: one rule per kind of action, its arguments drawn one by one, all
properties on, Hypothesis's own shrinking. Both sides search the broken systems; each gets `--limit` CPU seconds per system and
seed. Printed: the geometric mean of the ratio over the systems that both find, and how many each finds; on standard error every
trial when it is done.

    python benchmarks/finding.py [NAME ...] [--seeds N] [--limit SECONDS] [--jobs N] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from refold.model.action import Action
from refold.model.application import Application
from refold.properties.suite import checker
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import application_named
from refold.systems.broken import BROKEN
from refold.systems.port import SystemPort


class OutOfTime(BaseException):
    """The limit is reached; not an Exception, so that Hypothesis lets it through."""


class Found(AssertionError):
    """A property found something."""


def conventional(system: SystemPort, application: Application, deadline: float) -> type[RuleBasedStateMachine]:
    """One rule per kind of action; `smallest` of the class is the length of the shortest failing run so far."""
    kinds: dict[type[Action], list[Action]] = defaultdict(list)
    for action in dict.fromkeys(system.menu(application).actions()):
        kinds[type(action)].append(action)

    class Conventional(RuleBasedStateMachine):
        smallest: int | None = None

        def __init__(self) -> None:
            super().__init__()
            if time.process_time() > deadline:
                raise OutOfTime
            self.judge = checker(application)
            self.deployment = system.open(application, self.judge.recorder([]))
            self.performed = 0

        def check(self) -> None:
            if self.judge.findings:
                Conventional.smallest = self.performed
                raise Found(self.judge.findings[0].anomaly)

        def teardown(self) -> None:
            try:
                if not self.judge.findings:
                    self.deployment.settle()
                    self.judge.finish()
                    self.check()
            finally:
                self.deployment.close()

    for kind, actions in kinds.items():

        def body(self: Conventional, action: Action) -> None:
            self.performed += self.deployment.perform(action)
            self.check()

        body.__name__ = kind.__name__.lower()
        setattr(Conventional, body.__name__, rule(action=st.sampled_from(actions))(body))
    return Conventional


def trial(name: str, number: int, limit: float) -> dict[str, Any]:
    """Both sides on one broken system with one seed."""
    broken = BROKEN[name]
    application = application_named(broken.application)
    system = broken.system()
    started = time.process_time()
    campaign = Campaign(system, application, number, Budget(seconds=4 * limit, distinct=1))
    campaign.search()
    ours = time.process_time() - started
    found = campaign.counterexamples[0] if campaign.counterexamples else None

    started = time.process_time()
    machine = conventional(system, application, started + limit)
    quiet = settings(
        max_examples=1_000_000,
        stateful_step_count=50,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            run_state_machine_as_test(seed(number)(machine), settings=quiet)
    except (Exception, OutOfTime):
        pass  # what counts is whether `smallest` was set, also if shrinking ran out of time
    theirs = time.process_time() - started
    smallest: int | None = machine.smallest  # type: ignore[attr-defined]
    return {
        "name": name,
        "seed": number,
        "refold_found": found is not None,
        "refold_seconds": ours,
        "refold_actions": None if found is None else len(found.plan),
        "conventional_found": smallest is not None,
        "conventional_seconds": theirs,
        "conventional_actions": smallest,
    }


def main() -> None:
    """Run all trials, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=30.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.names or list(BROKEN)
    tasks = [(name, number, options.limit) for name in names for number in range(1, options.seeds + 1)]
    trials = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for one in pool.map(trial, *zip(*tasks, strict=True)):
            trials.append(one)
            print(f"{len(trials)} of {len(tasks)}: {json.dumps(one)}", file=sys.stderr, flush=True)
    rows = []
    for name in names:
        mine = [one for one in trials if one["name"] == name]
        both = all(one["refold_found"] and one["conventional_found"] for one in mine)
        ours, theirs = (
            statistics.median(one[f"{side}_seconds"] for one in mine) for side in ("refold", "conventional")
        )
        rows.append(
            {
                "name": name,
                "refold_found": all(one["refold_found"] for one in mine),
                "conventional_found": all(one["conventional_found"] for one in mine),
                "refold_seconds": ours,
                "conventional_seconds": theirs,
                "ratio": theirs / ours if both else None,
                "refold_actions": max((one["refold_actions"] or 0) for one in mine),
                "conventional_actions": max((one["conventional_actions"] or 0) for one in mine),
            }
        )
    ratios = [row["ratio"] for row in rows if row["ratio"]]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
    if options.json:
        print(json.dumps({"rows": rows, "geometric_mean": mean}))
        return
    for row in rows:
        ratio = f"{row['ratio']:8.1f} times" if row["ratio"] else "             "
        print(
            f"{row['name']:34} refold {row['refold_seconds']:7.3f} s ({row['refold_actions']:2} actions)"
            f"   conventional {row['conventional_seconds']:7.2f} s ({row['conventional_actions']:2}) {ratio}"
            f"{'' if row['conventional_found'] else '  not found by the conventional machine'}"
        )
    print(
        f"found: refold {sum(row['refold_found'] for row in rows)}, conventional {sum(row['conventional_found'] for row in rows)}"
        f" of {len(rows)}; geometric mean over {len(ratios)} that both find: {mean or 0:.1f} times"
    )


if __name__ == "__main__":
    main()
