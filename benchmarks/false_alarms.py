"""False alarms: many steps on correct systems of every role, with all faults on; every accusation is a defect of the harness.

The work goes in slices: a campaign of some runs on one example, with a seed of its own. Each slice is a line of the kept file as soon as it
is over, so that a search may be ended at any time (Ctrl-C) and goes on later where it was. A slice is repeated by its example, seed and
number of runs.

    python benchmarks/false_alarms.py [--keep FILE] [--steps N] [--seconds S] [--slice S] [--servers]
        [--without TEXT] [TEXT ...]

`TEXT` takes the examples whose role or name has it, `--without` leaves out those of a role (``model``, whose steps are the cheapest).
`--slice` is about how many seconds of processor one slice may use.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Iterable
from typing import Any

import attrs
from correct_examples import Example, every_example

from refold.search.campaign import Budget, Campaign

RUNS_FIRST = 5
"""Of the first slice of an example, which tells how many a slice may have."""


@attrs.define
class Tally:
    """What is known of one example."""

    slices: int = 0
    runs: int = 0
    steps: int = 0
    cpu: float = 0.0
    accusations: int = 0

    def add(self, line: dict[str, Any]) -> None:
        """One slice."""
        self.slices += 1
        self.runs += line["runs"]
        self.steps += line["steps"]
        self.cpu += line["cpu"]
        self.accusations += bool(line["found"])


def kept(path: pathlib.Path | None) -> list[dict[str, Any]]:
    """The slices of a file. A last line without an end, of a slice that was being written, is left out."""
    if path is None or not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]


def runs_of(tally: Tally, seconds: float) -> int:
    """How many runs the next slice has."""
    if not tally.runs:
        return RUNS_FIRST
    return max(1, min(4 * tally.runs, int(seconds * tally.runs / max(tally.cpu, 0.001))))


def slice_of(example: Example, seed: int, runs: int) -> dict[str, Any]:
    """One campaign. What it raises is an accusation too: a correct system is refused."""
    started = time.process_time()
    campaign = None
    try:
        budget = Budget(seconds=None, examples=runs, distinct=1)
        campaign = Campaign(example.system(), example.application(), seed, budget)
        result = campaign.run()
        found = [str(one.finding) for one in result.counterexamples]
    except Exception as error:
        found = [f"{type(error).__name__}: {error}"]
    return {
        "example": example.key,
        "seed": seed,
        "runs": runs,
        "steps": campaign.steps if campaign is not None else 0,
        "cpu": round(time.process_time() - started, 4),
        "found": found,
    }


def report(examples: Iterable[Example], tallies: dict[str, Tally]) -> int:
    """A line for each example, and the total. Returns the number of accusations."""
    listed = [(one.key, tallies[one.key]) for one in examples]
    for key, tally in sorted(listed):
        said = f", {tally.accusations} ACCUSATIONS" if tally.accusations else ""
        print(f"{tally.steps:>12,} steps {tally.runs:>9,} runs {tally.cpu:>8,.0f} s  {key}{said}")
    alarms = sum(tally.accusations for _, tally in listed)
    idle = sum(not tally.steps for _, tally in listed)
    steps, cpu = sum(tally.steps for _, tally in listed), sum(tally.cpu for _, tally in listed)
    roles = {key.partition("/")[0] for key, tally in listed if tally.steps}
    print(
        f"{steps:,} steps, {cpu:,.0f} s of processor, {len(roles)} roles, {len(listed)} examples ({idle} not begun):"
        f" {alarms} false alarms",
        flush=True,
    )
    return alarms


def main() -> None:
    """Slices, in turns, until the steps or the seconds are over; then the report, whatever ended it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", nargs="*")
    parser.add_argument("--without", default="")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--slice", type=float, default=3.0)
    parser.add_argument("--servers", action="store_true")
    options = parser.parse_args()
    examples = [
        one
        for one in every_example()
        if (options.servers or not one.server)
        and one.role != options.without
        and all(text in one.key for text in options.texts)
    ]
    tallies = {one.key: Tally() for one in examples}
    for line in kept(options.keep):
        if line["example"] in tallies:
            tallies[line["example"]].add(line)
    until = time.monotonic() + options.seconds
    try:
        while examples and sum(one.steps for one in tallies.values()) < options.steps and time.monotonic() < until:
            # whoever has used least is next, so that every role gets its share however slow it is
            one = min(examples, key=lambda one: tallies[one.key].cpu)
            tally = tallies[one.key]
            line = slice_of(one, tally.slices + 1, runs_of(tally, options.slice))
            tally.add(line)
            if options.keep is not None:
                with options.keep.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            if line["found"]:
                print(f"FALSE ALARM: {json.dumps(line)}", flush=True)
    except KeyboardInterrupt:
        print("ended early", flush=True)
    sys.exit(1 if report(examples, tallies) else 0)


if __name__ == "__main__":
    main()
