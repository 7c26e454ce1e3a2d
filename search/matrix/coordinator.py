"""The coordinator of a campaign: gives shards to processes, takes what they come to, and writes it down before anything else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs

from refold.properties.result import Counterexample
from refold.search.matrix.cells import Cell
from refold.search.matrix.executor import Alive, Died, Done, Executor, FirstSeen, Said
from refold.search.matrix.shard import Shard, ShardResult
from refold.search.matrix.store import CampaignStore
from refold.search.signals import held_back

SHARD_SECONDS = 5.0
"""How long a process works on a shard, about."""

FIRST_RUNS = 32
"""Runs of the first shard of a cell, whose speed nobody knows."""

MOST_RUNS = 20_000
"""More runs a shard never has."""

GRACE, GRACE_SECONDS = 0.15, 2.0
"""The share of its time, or at least the seconds, by which a campaign may overrun to shrink what it has found."""

TOLD_EVERY = 0.5
"""Seconds between two statuses."""

DEATHS = 5
"""A single run that has ended so many processes is given up."""

About = Callable[[Cell, int, Counterexample, bool], dict[str, Any]]
"""What reports will say of a find: from its cell, the number of its run, and whether it is shrunk."""


@attrs.frozen
class CampaignStatus:
    """Where the campaign is: seconds at work, runs, steps and finds in all, and what is under way."""

    seconds: float
    runs: int
    steps: int
    found: int
    working: int


class Coordinator:
    """Works on a campaign until `seconds` of work are over, or every cell has had `runs` runs (None: no such limit).

    `about` describes finds, `told` is called with the status a few times a second, `saved` after each shard that was written down.
    Raises `KeyboardInterrupt` when it is interrupted; all that is done is in the store then.
    """

    def __init__(
        self,
        store: CampaignStore,
        executor: Executor,
        *,
        seconds: float | None,
        runs: int | None,
        about: About,
        told: Callable[[CampaignStatus], None] = lambda status: None,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.executor = executor
        self.seconds = seconds
        self.runs = runs
        self.about = about
        self.told = told
        self.saved = saved
        self.cells = store.cells
        self.given: dict[int, Shard] = {}
        self.alive: dict[int, Alive] = {}
        self.before = store.seconds
        self.started = time.monotonic()
        self.last = 0.0
        store.try_again()
        self.waiting = store.open_shards()

    @property
    def now(self) -> float:
        """Seconds of work, those of earlier sittings included."""
        return self.before + time.monotonic() - self.started

    def work(self) -> None:
        """Until it is over."""
        try:
            while self.give():
                for shard, said in self.executor.hear():
                    self.take(shard, said)
                self.give_up()
                self.tell()
        finally:
            try:
                self.store.worked(self.now)
            finally:
                self.executor.close()

    def over(self) -> bool:
        """Whether its time is spent."""
        return self.seconds is not None and self.now >= self.seconds

    def give(self) -> bool:
        """Everybody has something to do; returns whether anything is under way, or will be."""
        room = self.executor.room()
        while not self.over():
            if room < 1:
                return bool(self.given) or self.left()
            shard = self.next_shard()
            if shard is None:
                break
            room -= 1
            known = self.store.known_below(self.cells.index(shard.cell), shard.first)
            self.given[shard.number] = attrs.evolve(shard, known=known)
            left = None if self.seconds is None else max(self.seconds - self.now, 0.1)
            self.executor.give(self.given[shard.number], left)
        return bool(self.given)

    def left(self) -> bool:
        """Whether there is a shard to be given."""
        firsts = [shard.first for shard in self.waiting]
        firsts += [self.store.frontier(number) for number, state in enumerate(self.store.states()) if not state.trouble]
        return any(self.runs is None or first < self.runs for first in firsts)

    def next_shard(self) -> Shard | None:
        """One that was begun before; else the next of the cell that had the least time."""
        while self.waiting:
            shard = self.waiting.pop(0)
            if self.runs is None or shard.first < self.runs:
                return shard
        at_work = {shard.cell for shard in self.given.values()}
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

    def take(self, shard: Shard, said: Said) -> None:
        """What was heard about a shard."""
        if isinstance(said, Alive):
            self.alive[shard.number] = said
        elif isinstance(said, FirstSeen):
            self.seen(shard, said)
        elif shard.number in self.given:
            del self.given[shard.number]
            self.alive.pop(shard.number, None)
            if isinstance(said, Done):
                self.keep(shard, said.result)
            else:
                self.lost(shard, said)

    def give_up(self) -> None:
        """Time is over, and what is still under way shrinks, or has a run that takes long: finds are written down, its shard stays open."""
        if self.seconds is None or self.now <= self.seconds + max(GRACE_SECONDS, GRACE * self.seconds):
            return
        for shard in self.given.values():
            self.executor.drop(shard)
        self.given.clear()

    def seen(self, shard: Shard, said: FirstSeen) -> None:
        """Write down a find that is not shrunk yet."""
        cell, signature = self.cells.index(shard.cell), said.find.finding.signature
        with held_back() as held:
            if self.store.keeps(cell, signature, said.run):
                self.store.found(cell, signature, said.run, self.about(shard.cell, said.run, said.find, False))
        held.let_in()

    def keep(self, shard: Shard, result: ShardResult) -> None:
        """Write down what a shard came to. Ctrl-C waits until that is done. Only what is kept is described: descriptions are files, and
        that of a later run would take the place of the first one's."""
        cell = self.cells.index(shard.cell)
        with held_back() as held:
            kept = tuple(
                (run, find) for run, find in result.found if self.store.keeps(cell, find.finding.signature, run)
            )
            abouts = [self.about(shard.cell, run, find, True) for run, find in kept]
            self.store.done(shard, cell, attrs.evolve(result, found=kept), abouts, self.now)
            self.saved()
        held.let_in()

    def lost(self, shard: Shard, said: Died) -> None:
        """Others will make its runs."""
        why = f"its process ended {DEATHS} times, the last time {said.why}"
        self.store.died(shard, self.cells.index(shard.cell), why, DEATHS)
        self.waiting = [shard for shard in self.store.open_shards() if shard.number not in self.given]

    def tell(self) -> None:
        """Say where it is, now and then."""
        if time.monotonic() - self.last < TOLD_EVERY:
            return
        self.last = time.monotonic()
        states = self.store.states()
        self.told(
            CampaignStatus(
                self.now,
                sum(state.runs for state in states) + sum(one.runs for one in self.alive.values()),
                sum(state.steps for state in states) + sum(one.steps for one in self.alive.values()),
                self.store.found_so_far(),
                len(self.given),
            )
        )
