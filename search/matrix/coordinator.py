"""The coordinator of a campaign: gives shards to processes, takes what they come to, and writes it down before anything else."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

import attrs

from refold.properties.result import Counterexample
from refold.search.matrix.cells import Cell
from refold.search.matrix.child import Child
from refold.search.matrix.shard import Shard, ShardResult
from refold.search.matrix.store import Store
from refold.search.signals import held_back
from refold.search.workers import ended_by

SHARD_SECONDS = 5.0
"""How long a process works on a shard, about."""

FIRST_RUNS = 32
"""Runs of the first shard of a cell, whose speed nobody knows."""

MOST_RUNS = 20_000
"""More runs a shard never has."""

GRACE, GRACE_SECONDS = 0.15, 2.0
"""The share of its time, or at least the seconds, by which a campaign may overrun to shrink what it has found."""

TOLD_EVERY = 0.5
"""Seconds between two standings."""

DEATHS = 5
"""A single run that has ended so many processes is given up."""

About = Callable[[Cell, int, Counterexample, bool], dict[str, Any]]
"""What reports will say of a find: from its cell, the number of its run, and whether it is shrunk."""


@attrs.frozen
class Standing:
    """Where the campaign is: seconds at work, runs, steps and finds in all, and what is under way."""

    seconds: float
    runs: int
    steps: int
    found: int
    working: int


class Coordinator:
    """Works on a campaign until `seconds` of work are over, or every cell has had `runs` runs (None: no such limit).

    `about` describes finds, `told` is called with the standing a few times a second, `saved` after each shard that was written down.
    `silent` seconds without a sign of life end a process. Raises `KeyboardInterrupt` when it is interrupted; all that is done is in the
    store then.
    """

    def __init__(
        self,
        store: Store,
        *,
        jobs: int,
        seconds: float | None,
        runs: int | None,
        about: About,
        told: Callable[[Standing], None] = lambda standing: None,
        saved: Callable[[], None] = lambda: None,
        silent: float = 60.0,
    ) -> None:
        self.store = store
        self.jobs = jobs
        self.seconds = seconds
        self.runs = runs
        self.about = about
        self.told = told
        self.saved = saved
        self.silent = silent
        self.cells = store.cells
        self.children: list[Child] = []
        self.before = store.seconds
        self.started = time.monotonic()
        self.last = 0.0
        self.waiting = store.open_shards()

    @property
    def now(self) -> float:
        """Seconds of work, those of earlier sittings included."""
        return self.before + time.monotonic() - self.started

    def work(self) -> None:
        """Until it is over."""
        try:
            while True:
                self.give()
                if not self.children:
                    return
                self.receive()
                self.tell()
        finally:
            for child in self.children:
                child.end()
            self.children.clear()
            self.store.worked(self.now)

    def over(self) -> bool:
        """Whether its time is spent."""
        return self.seconds is not None and self.now >= self.seconds

    def give(self) -> None:
        """Every process has something to do."""
        while len(self.children) < self.jobs and not self.over():
            shard = self.next_shard()
            if shard is None:
                return
            known = self.store.known_below(self.cells.index(shard.cell), shard.first)
            left = None if self.seconds is None else max(self.seconds - self.now, 0.1)
            self.children.append(Child.begin(attrs.evolve(shard, known=known), left))

    def next_shard(self) -> Shard | None:
        """One that was begun before; else the next of the cell that had the least time."""
        while self.waiting:
            shard = self.waiting.pop(0)
            if self.runs is None or shard.first < self.runs:
                return shard
        at_work = {child.shard.cell for child in self.children}
        states = [(state.seconds, number, state) for number, state in enumerate(self.store.states())]
        for _, number, state in sorted(states, key=lambda one: (one[2].cell in at_work, one[:2])):
            if state.trouble:
                continue
            first = self.store.frontier(number)
            stop = first + self.size(state.runs, state.seconds, first)
            stop = min(stop, self.runs) if self.runs is not None else stop
            if first < stop:
                return Shard(self.store.new_shard(number, first, stop), state.cell, self.store.seed, first, stop)
        return None

    def size(self, runs: int, seconds: float, first: int) -> int:
        """How many runs the next shard of a cell has, by the time that its runs took."""
        if not runs or not seconds:
            return FIRST_RUNS if not first else max(FIRST_RUNS, first)
        left = SHARD_SECONDS if self.seconds is None else min(SHARD_SECONDS, max(self.seconds - self.now, 0.5))
        return max(1, min(MOST_RUNS, round(runs / seconds * left)))

    def receive(self) -> None:
        """Wait a moment for somebody to say something."""
        pipes = {child.pipe: child for child in self.children}
        for pipe in wait(list(pipes), timeout=0.1):
            self.listen(pipes[pipe])  # type: ignore[index]
        for child in list(self.children):
            if time.monotonic() - child.heard > self.silent:
                self.lost(child, f"nothing was heard of it for {self.silent:g} s")
            elif self.seconds is not None and self.now > self.seconds + max(GRACE_SECONDS, GRACE * self.seconds):
                child.end()  # it shrinks, or a run takes long: the find is written down, and the shard stays open
                self.children.remove(child)

    def listen(self, child: Child) -> None:
        """Take what a process says."""
        try:
            what, *rest = pickle.loads(child.pipe.recv_bytes())
        except (EOFError, OSError):
            self.lost(child)
            return
        child.heard = time.monotonic()
        if what == "alive":
            child.runs, child.steps = rest
            return
        if what == "seen":
            self.seen(child.shard, *rest)
            return
        self.children.remove(child)
        child.end()
        self.keep(child.shard, rest[0])

    def seen(self, shard: Shard, run: int, find: Counterexample) -> None:
        """Write down a find that is not shrunk yet."""
        with held_back() as held:
            about = self.about(shard.cell, run, find, False)
            self.store.found(self.cells.index(shard.cell), find.finding.signature, run, about)
        held.let_in()

    def keep(self, shard: Shard, result: ShardResult) -> None:
        """Write down what a shard came to. Ctrl-C waits until that is done."""
        with held_back() as held:
            abouts = [self.about(shard.cell, run, find, True) for run, find in result.found]
            self.store.done(shard, self.cells.index(shard.cell), result, abouts, self.now)
            self.saved()
        held.let_in()

    def lost(self, child: Child, why: str = "") -> None:
        """A process died, or says nothing any more: others will make its runs."""
        self.children.remove(child)
        code = child.end()
        self.store.died(
            child.shard,
            self.cells.index(child.shard.cell),
            f"its process ended {DEATHS} times, the last time {why or ended_by(code)}",
            DEATHS,
        )
        given = {one.shard.number for one in self.children}
        self.waiting = [shard for shard in self.store.open_shards() if shard.number not in given]

    def tell(self) -> None:
        """Say where it is, now and then."""
        if time.monotonic() - self.last < TOLD_EVERY:
            return
        self.last = time.monotonic()
        states = self.store.states()
        self.told(
            Standing(
                self.now,
                sum(state.runs for state in states) + sum(child.runs for child in self.children),
                sum(state.steps for state in states) + sum(child.steps for child in self.children),
                len(self.store.finds()),
                len(self.children),
            )
        )
