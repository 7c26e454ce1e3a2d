"""A campaign: run after run of generated plans on one system, until something breaks or the budget is spent."""

from __future__ import annotations

import gc
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.declarations.count import Tally
from refold.model.event import Stored
from refold.model.parts.reading.query import Answered
from refold.model.tape import Plan
from refold.properties.result import Counterexample, Result
from refold.properties.suite import checked_on
from refold.search.capabilities import not_checked
from refold.search.run import Run, execute, reproducer
from refold.search.shrink import Shrinker
from refold.search.signals import Waiting, held_back
from refold.search.staleness import Staleness, measure
from refold.search.vacuous import COUNTED, PATIENCE, contested, vacuous
from refold.systems.port import SystemPort

LENGTHS = (48, 96, 192, 384)
"""Actions per plan, in turn: short plans break simple things and shrink fast, long ones go deep."""

SAMPLES = 16
"""The first runs, of which the liveliest becomes the sample history; they are run whatever the budget: it depends on the seed alone."""


REPLAYED = 8
"""Those of the first runs that are replayed in other processes: the ones with the most events, in which many states can be seen."""


@attrs.frozen
class Progress:
    """Where a campaign is: runs and steps so far, the share of its budget that is spent (0 to 1), anomalies found."""

    examples: int
    steps: int
    spent: float
    found: int


@attrs.frozen
class Budget:
    """When to stop: after so many wall-clock `seconds`, or after so many `examples`, or both; and after `distinct` different anomalies.

    The wall clock only ends the search; what is found in run n depends on the seed alone.
    """

    seconds: float | None = 10.0
    examples: int | None = None
    distinct: int = 4

    def spent(self, seconds: float, examples: int) -> float:
        """The share of the budget that is spent, 0 to 1."""
        shares = [0.0]
        if self.seconds is not None:
            shares.append(seconds / self.seconds if self.seconds else 1.0)
        if self.examples is not None:
            shares.append(examples / self.examples if self.examples else 1.0)
        return min(max(shares), 1.0)


class Campaign:
    """Searches one system for broken guarantees.

    `tapes` gives the tapes; the default draws them from a generator seeded with `seed`. `seen` is called with every counterexample
    before it is shrunk, `found` after that, `progress` now and then. After the first find the search goes on as long again, for
    anomalies of other kinds.
    """

    def __init__(
        self,
        system: SystemPort,
        application: Application,
        seed: int = 0,
        budget: Budget | None = None,
        *,
        seen: Callable[[Counterexample], None] = lambda counterexample: None,
        found: Callable[[Counterexample], None] = lambda counterexample: None,
        progress: Callable[[Progress], None] = lambda progress: None,
        tapes: Callable[[], Iterator[bytes]] | None = None,
    ) -> None:
        self.system = system
        self.application = application
        self.seed = seed
        self.budget = budget or Budget()
        self.seen = seen
        self.found = found
        self.progress = progress
        self.menu = system.menu(application)
        self.tapes = tapes or self.seeded
        self.kinds: Counter[type[Any]] = Counter()
        self.tally = Tally(COUNTED)
        self.observations: Counter[str] = Counter()
        self.staleness = Staleness()
        self.examples = 0
        self.steps = 0
        self.skipped = 0
        self.seconds = 0.0
        self.started = self.told = 0.0
        self.counterexamples: list[Counterexample] = []
        self.signatures: set[tuple[str, str]] = set()
        self.sample: tuple[Any, ...] = ()
        self.liveliest = -1
        self.eventful: list[tuple[int, tuple[Any, ...]]] = []
        self.interrupted = False

    def seeded(self) -> Iterator[bytes]:
        """Tapes from a generator of its own."""
        generator = random.Random(self.seed)
        while True:
            for length in LENGTHS:
                yield generator.randbytes(self.menu.length(length))
                tape = generator.randbytes(self.menu.length(length))
                yield b"\0" + tape[1:]  # every second run has all families of the core: see docs/decisions/0003-tape.md

    def run(self) -> Result:
        """Search. Ctrl-C ends the search early and loses nothing."""
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        try:
            self.search()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            gc.unfreeze()
        return self.result()

    def search(self) -> None:
        """Run after run; a search in which something that must happen never did ends with that as its find."""
        self.run_all()
        conflicts = contested(self.application)
        empty = vacuous(self.tally.totals(), self.steps, self.system.capabilities, conflicts=conflicts)
        if empty is not None and not self.counterexamples:
            self.counterexamples.append(Counterexample((), (empty,), self.sample, self.examples, 0.0))

    def run_all(self) -> None:
        """Run after run, until the budget is spent or it is clear that there is nothing more to see."""
        self.started = self.told = time.perf_counter()
        stop_at: int | None = None
        for tape in self.tapes():
            run = execute(self.system, self.application, self.menu.decode(tape))
            self.count(run)
            if run.findings:
                self.report(run)
                if stop_at is None:
                    stop_at = 2 * self.examples + 50
            self.tell()
            if self.over(stop_at):
                return

    def tell(self) -> None:
        """Look at the clock, and call `progress` if it was not called for a while; also between the runs of shrinking."""
        now = time.perf_counter()
        self.seconds = now - self.started
        if now - self.told > 0.1:
            self.told = now
            self.progress(Progress(self.examples, self.steps, self.spent(), len(self.counterexamples)))

    def spent(self) -> float:
        """The share of the budget that is spent."""
        return self.budget.spent(self.seconds, self.examples)

    def over(self, stop_at: int | None) -> bool:
        """Whether to stop."""
        if len(self.counterexamples) >= self.budget.distinct:
            return True
        if stop_at is not None and self.examples >= stop_at:
            return True
        if self.examples == PATIENCE and vacuous(self.tally.totals(), 0, ()) is not None:
            return True
        enough = self.budget.examples if self.budget.examples is not None else SAMPLES
        return self.examples >= min(SAMPLES, enough) and self.spent() >= 1.0

    def count(self, run: Run) -> None:
        """Add one run to the books."""
        self.examples += 1
        self.steps += run.steps
        self.skipped += run.skipped
        kinds = Counter(map(type, run.history))
        self.kinds += kinds
        self.tally.run(run.history, run.performed)
        self.observations.update(run.observations)
        if Answered in kinds:
            self.staleness += measure(run.history)
        if self.examples <= SAMPLES and not run.findings:
            self.eventful.append((kinds[Stored], tuple(run.history)))
            self.eventful.sort(key=lambda pair: -pair[0])
            del self.eventful[REPLAYED:]
        if self.examples <= SAMPLES and not run.findings and len(run.history) < 400:
            lively = len(kinds)
            if lively > self.liveliest:
                self.liveliest, self.sample = lively, tuple(run.history)

    def report(self, run: Run) -> None:
        """Shrink a failing run, unless its anomaly is known already. Ctrl-C ends the shrinking, and so does a system that is
        lost meanwhile; what it has come to is kept."""
        signature = run.findings[0].signature
        if signature in self.signatures:
            return
        with held_back() as waiting:
            self.signatures.add(signature)
            self.seen(Counterexample(tuple(run.performed), tuple(run.findings), tuple(run.history), self.examples, 0.0))
            counterexample, stopped = self.shrunk(run, waiting)
            self.counterexamples.append(counterexample)
            self.found(counterexample)
            if stopped is not None:
                raise stopped
            waiting.let_in()

    def shrunk(self, run: Run, waiting: Waiting) -> tuple[Counterexample, BaseException | None]:
        """The shortest plan that shows the first anomaly of the run, and what stopped the shrinking before its end."""
        signature = run.findings[0].signature
        started = time.process_time()
        reproduces, best, stopped = reproducer(self.system, self.application, signature), tuple(run.performed), None
        minimal = False

        def remembering(candidate: Plan) -> Plan | None:
            nonlocal best
            waiting.let_in()
            self.tell()
            found = reproduces(candidate)
            if found is not None and len(found) < len(best):
                best = found
            return found

        try:
            shrinker = Shrinker(self.menu, remembering)
            best = shrinker.shrink(best)
            minimal = shrinker.finished
        except BaseException as error:  # whatever it is, it comes after the find
            stopped = error
        final = run
        if stopped is None or isinstance(stopped, KeyboardInterrupt):
            try:
                final = execute(self.system, self.application, best, whole=True)
            except BaseException as error:
                stopped = error
        if final is run or not any(finding.signature == signature for finding in final.findings):
            best, final, minimal = tuple(run.performed), run, False  # not reproducible: show what was seen, unshrunk
        counterexample = Counterexample(
            plan=best,
            findings=tuple(sorted(final.findings, key=lambda finding: finding.signature != signature)),
            history=tuple(final.history),
            found_at=self.examples,
            seconds_cpu=time.process_time() - started,
            minimal=minimal,
        )
        return counterexample, stopped

    def result(self) -> Result:
        """What there is to report so far."""
        return Result(
            system=self.system.name,
            application=self.application.name,
            seed=self.seed,
            examples=self.examples,
            steps=self.steps,
            skipped=self.skipped,
            seconds=self.seconds,
            counts={
                **self.tally.totals(),
                **self.observations,
                **(self.staleness.counts() if self.staleness.answers else {}),
            },
            counterexamples=tuple(self.counterexamples),
            not_checked=not_checked(self.system),
            checked=checked_on(self.application, self.system.capabilities, self.kinds),
            sample=self.sample,
            samples=tuple(history for _, history in reversed(self.eventful)),
            interrupted=self.interrupted,
        )
