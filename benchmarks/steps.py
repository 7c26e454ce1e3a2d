"""Steps per CPU second with all properties on, against a bare `RuleBasedStateMachine`, in one run.

The bare machine has twelve empty rules that draw two small integers each: what Hypothesis costs when the model costs nothing. The other
side is refold: Hypothesis draws tapes, the reference system performs their actions, every property folds every record. A step is an
action that was performed, here as everywhere: skipped ones do not count, and neither do the turns that consumers and other background
workers take while a run settles. The ratio that counts those too stands beside it, because they are work of the same kind.
Also printed: the cost of recording and checking on top of the reference system alone. Ratios only mean something within one run; the
sides take turns.

    python benchmarks/steps.py [--json] [--rounds N]
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from refold.model.application import Application
from refold.properties.suite import checker
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import undisturbed
from refold.search.state_machine import EventSourcedMachine, machine, searches
from refold.systems.reference import Reference

WORDS = 1500
"""Length of a burst on refold's side; longer ones are no faster, because streams grow with them."""

RUNS = 64
"""Bursts per measurement."""

QUIET = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}


def bare() -> type[RuleBasedStateMachine]:
    """Twelve empty rules of two small integers."""

    class Bare(RuleBasedStateMachine):
        steps = 0

    for n in range(12):

        def body(self: Bare, a: int, b: int) -> None:
            Bare.steps += 1

        body.__name__ = f"rule{n}"
        setattr(Bare, body.__name__, rule(a=st.integers(0, 3), b=st.integers(0, 3))(body))
    return Bare


def bare_rate(number: int) -> float:
    """Steps a second of the bare machine."""
    cls = bare()
    started = time.process_time()
    run_state_machine_as_test(seed(number)(cls), settings=settings(max_examples=60, stateful_step_count=50, **QUIET))
    return float(cls.steps) / (time.process_time() - started)  # type: ignore[attr-defined]


def burst_rate(application: Application, number: int) -> tuple[float, float]:
    """Steps a second when Hypothesis draws one tape per run, all properties on; and steps and turns of settling a second."""
    system = Reference()
    menu = system.menu(application)
    steps = turns = 0

    @seed(number)
    @settings(max_examples=RUNS, **QUIET)
    @given(st.binary(min_size=menu.length(WORDS), max_size=menu.length(WORDS)))
    def run(tape: bytes) -> None:
        nonlocal steps, turns
        judge = checker(application)
        deployment = system.open(application, judge.recorder([]))
        for action in menu.decode(tape):
            steps += deployment.perform(action)
        deployment.settle()
        deployment.close()
        turns += deployment.turns
        assert not judge.finish()

    started = time.process_time()
    with undisturbed():
        run()
    seconds = time.process_time() - started
    return steps / seconds, (steps + turns) / seconds


def machine_rate(application: str, number: int) -> float:
    """Actions performed a second in the test as users get it, from Hypothesis's first example to the last."""
    cls: type[EventSourcedMachine] = seed(number)(machine(application))
    case: Any = cls.TestCase
    case.settings = settings(max_examples=RUNS, database=None, print_blob=False)
    started = time.process_time()
    case("runTest").runTest()
    return float(searches.pop(cls).books.steps) / (time.process_time() - started)


def cost(application: Application, number: int) -> tuple[float, float]:
    """Microseconds per performed action: the system alone, and with recording and checking."""
    system = Reference()
    menu = system.menu(application)
    generator = random.Random(number)
    plans = [menu.decode(generator.randbytes(menu.length(WORDS))) for _ in range(RUNS)]

    def drive(emit_of: Callable[[], Callable[[object], None]]) -> float:
        steps = 0
        started = time.process_time()
        for plan in plans:
            deployment = system.open(application, emit_of())
            for action in plan:
                steps += deployment.perform(action)
            deployment.settle()
            deployment.close()
        return (time.process_time() - started) / steps * 1e6

    with undisturbed():
        return drive(lambda: lambda record: None), drive(lambda: checker(application).recorder([]))


def main() -> None:
    """Measure in turns; print medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    bare_rate(0)
    gc.freeze()
    results = {}
    for name, cls in EXAMPLES.items():
        application = cls()
        rows = []
        for number in range(options.rounds):
            base, (burst, settled), whole = (
                bare_rate(number),
                burst_rate(application, number),
                machine_rate(name, number),
            )
            alone, checked = cost(application, number)
            ratios = (burst / base, settled / base)
            rows.append((base, burst, *ratios, whole, whole / base, alone, checked, (checked - alone) / alone))
        columns = (
            "bare",
            "burst",
            "ratio",
            "ratio_with_settling",
            "machine",
            "machine_ratio",
            "us_alone",
            "us_checked",
            "overhead",
        )
        results[name] = {column: statistics.median(row[n] for row in rows) for n, column in enumerate(columns)}
    if options.json:
        print(json.dumps(results))
        return
    for name, found in results.items():
        print(
            f"{name}: bare machine {found['bare']:,.0f} steps/s; tapes {found['burst']:,.0f} steps/s with all properties on:"
            f" {found['ratio']:.1f} times ({found['ratio_with_settling']:.1f} times with the turns of settling);\n"
            f"    a test made by machine() {found['machine']:,.0f} ({found['machine_ratio']:.1f} times)\n"
            f"    reference system alone {found['us_alone']:.2f} us/step, recorded and checked {found['us_checked']:.2f} us/step:"
            f" {found['overhead']:.0%} on top"
        )


if __name__ == "__main__":
    main()
