"""Which schedule next: do searches that learn from earlier runs, or prefer some actors to others, find the broken systems sooner?

Each way of searching runs plan after plan on every broken system with every seed until something is found (nothing is shrunk).

``random``     what a campaign does: every tape is drawn anew
``corpus``     tapes that reached something new (a kind of record after another kind, twice as many of a kind in one run) are kept; every
               second tape is one of them with a part overwritten, cut out, repeated, or joined to a part of another
``speeds``     every actor (client, consumer, log) has a speed of its own in each run: of a slow one's actions most are left out
``priorities`` actors are in order of priority, which changes at a few places of the plan; between them the actions of the last actor are
               left out (after Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, 2010)

Printed: geometric means over the systems of medians over the seeds, and the searches that ended without a find. Runs depend on the seeds
alone; CPU time means something only within one run of this script. The figures are in docs/decisions/0010-search.md.

    python benchmarks/search.py [NAME ...] [--seeds N] [--way WAY]... [--systems FILE.py] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from refold.model.action import Action
from refold.model.tape import HEADER, Menu, Plan
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import Run, execute
from refold.search.tapes import LENGTHS
from refold.systems.broken import BROKEN
from refold.systems.user.module import load_file

SECONDS_MAX = 10.0
"""CPU seconds after which a search that has found nothing is given up; it counts with what it has spent."""

KEPT = 256
"""Tapes that a corpus holds; the oldest goes first."""


class Random:
    """Draws every plan anew, as a campaign does."""

    def __init__(self, menu: Menu, generator: random.Random) -> None:
        self.menu = menu
        self.random = generator
        self.lengths = itertools.cycle([length for length in LENGTHS for _ in range(2)])
        self.whole = itertools.cycle((False, True))

    def tape(self) -> bytes:
        """One more tape."""
        tape = self.random.randbytes(self.menu.length(next(self.lengths)))
        return b"\0" + tape[1:] if next(self.whole) else tape

    def plan(self) -> Plan:
        """One more plan."""
        return self.menu.decode(self.tape())

    def learn(self, run: Run) -> None:
        """What became of the last plan."""


class Corpus(Random):
    """Keeps tapes that reached something new, and changes them."""

    def __init__(self, menu: Menu, generator: random.Random) -> None:
        super().__init__(menu, generator)
        self.kept: list[bytes] = []
        self.seen: set[Any] = set()
        self.last = b""

    def plan(self) -> Plan:
        """A new tape, or one of those kept with a change."""
        self.last = self.changed() if self.kept and self.random.getrandbits(1) else self.tape()
        return self.menu.decode(self.last)

    def changed(self) -> bytes:
        """One of those kept, with one to four changes."""
        pick, index = self.random.choice, self.random.randrange
        tape = bytearray(pick(self.kept))
        for _ in range(1 << index(3)):
            start = HEADER + index(len(tape) - HEADER)
            stop = min(start + (1 << index(6)), len(tape))
            way = index(4)
            if way == 0:
                tape[start:stop] = self.random.randbytes(stop - start)
            elif way == 1 and len(tape) - HEADER > 2 * (stop - start):
                del tape[start:stop]
            elif way == 2:
                tape[start:start] = tape[start:stop]
            else:
                other = pick(self.kept)
                tape[start:] = other[min(start, len(other)) :]
        return bytes(tape[: self.menu.length(LENGTHS[-1])])

    def learn(self, run: Run) -> None:
        """Keep the tape if its run showed something that none did before."""
        kinds = [type(record) for record in run.history]
        reached: set[Any] = set(itertools.pairwise(kinds))
        reached.update((kind, count.bit_length()) for kind, count in Counter(kinds).items())
        if not reached <= self.seen:
            self.seen |= reached
            self.kept.append(self.last)
            del self.kept[:-KEPT]


def actor(action: Action) -> str:
    """Whose turn an action is."""
    for role in ("client", "consumer", "process"):
        name = getattr(action, role, None)
        if name is not None:
            return str(name)
    return type(action).__name__


class Speeds(Random):
    """Every actor has its own speed in each run."""

    def plan(self) -> Plan:
        """The plan without most of what the slow ones do."""
        speeds: dict[str, float] = {}
        draw, pick = self.random.random, self.random.choice
        plan = []
        for action in super().plan():
            who = actor(action)
            if who not in speeds:
                speeds[who] = pick((1.0, 1.0, 1.0, 0.3, 0.05))
            if draw() < speeds[who]:
                plan.append(action)
        return tuple(plan)


class Priorities(Random):
    """Actors have priorities, which change at a few places."""

    def plan(self) -> Plan:
        """The plan without what the last of the actors does between two changes."""
        plan = super().plan()
        actors = sorted({actor(action) for action in plan})
        places = {self.random.randrange(len(plan) or 1) for _ in range(3)}
        last = self.random.choice(actors) if actors else ""
        kept = []
        for place, action in enumerate(plan):
            if place in places:
                last = self.random.choice(actors)
            if actor(action) != last:
                kept.append(action)
        return tuple(kept)


WAYS: dict[str, Callable[[Menu, random.Random], Random]] = {
    "random": Random,
    "corpus": Corpus,
    "speeds": Speeds,
    "priorities": Priorities,
}


def search(system: Any, application: Any, way: str, seed: int) -> tuple[bool, int, float]:
    """Whether something was found, after how many runs and CPU seconds."""
    searcher = WAYS[way](system.menu(application), random.Random(seed))
    started = time.process_time()
    for runs in itertools.count(1):
        run = execute(system, application, searcher.plan())
        seconds = time.process_time() - started
        if run.findings or seconds >= SECONDS_MAX:
            return bool(run.findings), runs, seconds
        searcher.learn(run)
    raise AssertionError("unreachable")


def subjects(names: list[str], file: str | None) -> Iterator[tuple[str, Any, Any]]:
    """Name, system and application: the broken systems of refold, or all systems that a file holds."""
    if file is None:
        for name in names or BROKEN:
            if name != "vacuous-scenario":
                yield name, BROKEN[name].system(), EXAMPLES[BROKEN[name].application]()
        return
    for name, found in vars(load_file(file)).items():
        if hasattr(found, "menu") and not isinstance(found, type) and (not names or name in names):
            yield name, found, EXAMPLES["inventory"]()


def main() -> None:
    """Search everything in every way, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--way", action="append", choices=list(WAYS))
    parser.add_argument("--systems", metavar="FILE.py")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    if not options.json:
        print("| way | runs | CPU ms | slowest system (median) | worst search | missed |\n|---|--:|--:|---|--:|--:|")
    for way in options.way or WAYS:
        medians = {}
        missed = total = 0
        worst = 0.0
        for name, system, application in subjects(options.names, options.systems):
            done = [search(system, application, way, seed) for seed in range(options.seeds)]
            missed, total = missed + sum(not found for found, _, _ in done), total + len(done)
            worst = max(worst, *(seconds for _, _, seconds in done))
            medians[name] = [statistics.median(one[column] for one in done) for column in (1, 2)]
        runs, seconds = (statistics.geometric_mean([max(row[n], 1e-5) for row in medians.values()]) for n in (0, 1))
        slowest = max(medians, key=lambda name: medians[name][1])
        rows.append({"way": way, "runs": runs, "seconds": seconds, "missed": missed, "of": total, "systems": medians})
        if not options.json:
            print(
                f"| {way} | {runs:.2f} | {seconds * 1000:.2f} | {slowest}, {medians[slowest][1] * 1000:.0f} ms |"
                f" {worst * 1000:.0f} ms | {missed} of {total} |",
                flush=True,
            )
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
