"""A campaign: run after run of generated plans on one system, until something breaks or the budget is spent."""

from __future__ import annotations

import gc
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.situations import never_reached
from refold.model.errors import UsageError
from refold.model.tape import Plan
from refold.properties.result import Counterexample, Nearest, Result
from refold.properties.suite import checked_on
from refold.search.capabilities import not_checked
from refold.search.outcome import Outcome, Runner
from refold.search.run import Reproducer, Run, execute
from refold.search.shrink import Shrinker, one_more
from refold.search.signals import HeldInterrupt, held_back, undropped
from refold.search.staleness import Staleness
from refold.search.tapes import tape
from refold.search.vacuous import PATIENCE, contested, counts, have_work, vacuous
from refold.search.workers import WorkerProcesses, why_not
from refold.systems.port import SystemPort, stand_down

SAMPLES = 16
"""The first runs, of which the liveliest becomes the sample history. They are made in one process, and for a
second at least, whatever the budget:
so what is shown of a search depends on the seed alone, but for systems that are very slow."""

GRACE = 0.15
"""The share of its budget by which a search may overrun, to shrink what it has found."""

GRACE_SECONDS = 1.0
"""The same in seconds, at least."""


REPLAYED = 8
"""Those of the first runs that are replayed in other processes: the ones with the most events, in which many
states can be seen."""


@attrs.frozen
class Progress:
    """Where a campaign is: runs and steps so far, the share of its budget that is spent (0 to 1), anomalies found."""

    examples: int
    steps: int
    spent: float
    found: int


@attrs.frozen
class Budget:
    """When to stop: after this many wall-clock `seconds`, or after this many `examples`, or at whichever comes first; and after
    `distinct` different anomalies.

    The wall clock only ends the search; what is found in run n depends on the seed alone.
    """

    seconds: float | None = 10.0
    examples: int | None = None
    distinct: int = 4

    def exhausted(self, seconds: float) -> bool:
        """Whether even the extra time beyond the budget is over. Once it is, all work that is still under way ends."""
        return self.seconds is not None and seconds > self.seconds + max(GRACE * self.seconds, GRACE_SECONDS)

    def spent(self, seconds: float, examples: int) -> float:
        """The share of the budget that is spent, 0 to 1."""
        shares = [0.0]
        if self.seconds is not None:
            shares.append(seconds / self.seconds if self.seconds else 1.0)
        if self.examples is not None:
            shares.append(examples / self.examples if self.examples else 1.0)
        return min(max(shares), 1.0)


class OutOfTime(Exception):
    """The budget ends the shrinking; the shortest plan so far is kept."""


def never_comes(found: Counterexample) -> bool:
    """Whether it says that something never happens: often because of what went wrong before, so this is told last."""
    return found.findings[0].guarantee == "LIVE"


class Campaign:
    """Searches one system for broken guarantees.

    `jobs` processes perform the runs; what is found does not depend on the number of processes. `tapes` provides the
    caller's own tapes; the search then uses one process. `seen` is called with every counterexample before it is
    shrunk, `found` after that, and `progress` from time to time. If the first finding occurs in run n, the search
    continues up to run 2n + 50, to find other kinds of anomalies.
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
        jobs: int = 1,
    ) -> None:
        self.system = system
        self.application = application
        self.seed = seed
        self.budget = budget or Budget()
        self.seen = seen
        self.found = found
        self.progress = progress
        if not application.decides and not getattr(system, "executes", False):
            raise UsageError(
                f"system {system.name!r} brings clients that decide, and application {application.name!r} has no decide();"
                " take a system of your own that executes commands: service(client) or execute(command), and read()"
            )
        self.menu = system.menu(application)
        self.tapes = tapes
        self.jobs = jobs
        self.watch: Callable[[], None] = lambda: None
        """Called by the worker processes before each run: whoever limits its time may start the clock there."""
        self.kinds: Counter[type[Any]] = Counter()
        self.happened: Counter[str] = Counter(counts((), ()))
        self.observations: Counter[str] = Counter()
        self.given_up: dict[str, None] = {}
        self.situations = dict.fromkeys(application.situations, 0)
        self.nearest: dict[str, Nearest] = {}
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

    def run(self) -> Result:
        """Search. Ctrl-C ends the search early and loses nothing."""
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        try:
            with undropped():
                self.search()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            gc.unfreeze()
            stand_down(self.system)
        return self.result()

    def search(self) -> None:
        """Perform one run after another. If nothing was found, but something that must happen never happened, this
        becomes the finding of the search."""
        self.run_all()
        conflicts = contested(self.application)
        consumers = have_work(self.system.consumers)
        empty = vacuous(self.happened, self.steps, self.system.capabilities, consumers=consumers, conflicts=conflicts)
        if empty is not None and not self.counterexamples:
            self.counterexamples.append(Counterexample((), (empty,), self.sample, self.examples, 0.0))

    def run_all(self) -> None:
        """Perform one run after another, until the budget is spent or there is another reason to stop (see `over`)."""
        self.started = self.told = time.perf_counter()
        stop_at: int | None = None
        for outcome in self.outcomes():
            self.count(outcome)
            if outcome.signature is not None:
                self.report(outcome)
                if stop_at is None:
                    stop_at = 2 * self.examples + 50
            self.tell()
            if self.over(stop_at):
                return

    def outcomes(self) -> Iterator[Outcome]:
        """The outcomes of all runs, in the order of their numbers. This process performs the first runs; worker
        processes, if they are allowed, perform the others."""
        if self.tapes is not None:
            for number, tape in enumerate(self.tapes()):
                yield Outcome.of(number, execute(self.system, self.application, self.menu.decode(tape)), keep=True)
            return
        make = Runner(self.system, self.application, self.seed, SAMPLES)
        alone = why_not(self.jobs) != "" or (self.budget.examples or SAMPLES * 2) <= SAMPLES
        if alone:
            yield from map(make, itertools.count())
        yield from map(make, range(SAMPLES))
        with WorkerProcesses(make, self.jobs, SAMPLES, self.watch) as workers:
            yield from workers.outcomes()

    def tell(self) -> None:
        """Look at the clock, and call `progress` if it has not been called for a while. The search also does this
        between the runs of shrinking."""
        now = time.perf_counter()
        self.seconds = now - self.started
        if now - self.told > 0.1:
            self.told = now
            self.progress(Progress(self.examples, self.steps, self.spent(), len(self.counterexamples)))

    def spent(self) -> float:
        """The share of the budget that is spent."""
        return self.budget.spent(self.seconds, self.examples)

    def over(self, stop_at: int | None) -> bool:
        """Whether to stop the search; `stop_at` is the run after which a search with a finding ends."""
        if len(self.counterexamples) >= self.budget.distinct:
            return True
        if stop_at is not None and self.examples >= stop_at:
            return True
        if (
            self.examples == PATIENCE
            and vacuous(self.happened, 0, (), consumers=have_work(self.system.consumers)) is not None
        ):
            return True
        enough = self.budget.examples if self.budget.examples is not None else SAMPLES
        sampled = self.examples >= min(SAMPLES, enough) or self.budget.exhausted(self.seconds)
        return sampled and self.spent() >= 1.0

    def count(self, outcome: Outcome) -> None:
        """Add one run to the counts."""
        self.examples += 1
        self.steps += outcome.steps
        self.skipped += outcome.skipped
        self.kinds += outcome.kinds
        self.happened.update(outcome.counts)
        self.observations.update(outcome.observations)
        self.given_up.update(dict.fromkeys(outcome.given_up))
        for name, reached in outcome.situations.items():
            self.situations[name] = self.situations.get(name, 0) + reached
        for name, distance in outcome.distances.items():
            if name not in self.nearest or distance < self.nearest[name].distance:
                self.nearest[name] = Nearest(distance, outcome.number, self.plan(outcome))
        if outcome.staleness is not None:
            self.staleness += outcome.staleness
        if self.examples <= SAMPLES and outcome.signature is None and outcome.run is not None:
            history = tuple(outcome.run.history)
            self.eventful.append((outcome.events, history))
            self.eventful.sort(key=lambda pair: -pair[0])
            del self.eventful[REPLAYED:]
            if len(history) < 400 and len(outcome.kinds) > self.liveliest:
                self.liveliest, self.sample = len(outcome.kinds), history

    def plan(self, outcome: Outcome) -> tuple[Action, ...]:
        """What a run did or, if the run itself was not kept, what it was meant to do."""
        if outcome.run is not None:
            return tuple(outcome.run.performed)
        return tuple(self.menu.decode(tape(self.seed, outcome.number, self.menu)))

    def report(self, outcome: Outcome) -> None:
        """Shrink a failing run, unless its anomaly is already known. If the user presses Ctrl-C, or if the system
        becomes unavailable in the meantime, the shrinking ends, and the shortest plan so far is kept."""
        signature, run = outcome.signature, outcome.run
        if signature is None or run is None or signature in self.signatures:
            return
        with held_back() as waiting:
            self.signatures.add(signature)
            as_found = Counterexample(tuple(run.performed), tuple(run.findings), tuple(run.history), self.examples, 0.0)
            self.seen(as_found)
            try:
                run = self.asked_once_more(as_found, waiting) or run
            except BaseException:  # whatever it is, it comes after the find
                self.keep(as_found)
                raise
            if run.findings[0].signature in self.signatures - {signature}:
                return
            counterexample, stopped = self.shrunk(run, waiting)
            self.keep(counterexample)
            if stopped is not None:
                raise stopped
            waiting.let_in()

    def keep(self, counterexample: Counterexample) -> None:
        """Add a counterexample to the result, and call `found`."""
        self.counterexamples.append(counterexample)
        self.found(counterexample)

    def asked_once_more(self, found: Counterexample, waiting: HeldInterrupt) -> Run | None:
        """If a consumer never reached the end, repeat the plan with one more command. Returns the run in which the consumer
        handles that event: it has lost the ones before, and this is the finding. Returns None if there is no such run."""
        for plan in one_more(self.menu, found):
            waiting.let_in()
            self.tell()
            if self.budget.exhausted(self.seconds):
                break
            run = execute(self.system, self.application, plan)
            if run.findings and run.findings[0].guarantee != found.finding.guarantee:
                return run
        return None

    def shrunk(self, run: Run, waiting: HeldInterrupt) -> tuple[Counterexample, BaseException | None]:
        """The shortest plan that shows the first anomaly of the run, and what stopped the shrinking early, if anything."""
        started = time.process_time()
        reproduces = Reproducer(self.system, self.application, run.findings[0], self.signatures)
        best, stopped = tuple(run.performed), None
        minimal = False

        def remembering(candidate: Plan) -> Plan | None:
            nonlocal best
            waiting.let_in()
            self.tell()
            if self.budget.exhausted(self.seconds):
                raise OutOfTime
            found = reproduces(candidate)
            if found is not None and len(found) < len(best):
                best = found
            return found

        try:
            shrinker = Shrinker(self.menu, remembering)
            best = shrinker.shrink(best)
            minimal = shrinker.finished
        except OutOfTime:
            pass
        except BaseException as error:  # whatever it is, it comes after the find
            stopped = error
        final, signature = run, reproduces.signature
        if stopped is None or isinstance(stopped, KeyboardInterrupt):
            try:
                final = execute(self.system, self.application, best, whole=True)
            except BaseException as error:
                stopped = error
        if final is run or not any(finding.signature == signature for finding in final.findings):
            best, final, minimal = tuple(run.performed), run, False  # not reproducible: show what was seen, unshrunk
            signature = run.findings[0].signature
        self.signatures.add(signature)
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
        """The result of the search so far."""
        nearest = {name: near for name, near in self.nearest.items() if not self.situations[name]}
        return Result(
            system=self.system.name,
            application=self.application.name,
            seed=self.seed,
            examples=self.examples,
            steps=self.steps,
            skipped=self.skipped,
            seconds=self.seconds,
            counts={
                **{kind: n for kind, n in self.happened.items() if n or not self.application.replayed},
                **self.observations,
                **(self.staleness.counts() if self.staleness.answers else {}),
            },
            counterexamples=tuple(sorted(self.counterexamples, key=never_comes)),
            not_checked=(
                *never_reached(self.situations, {name: (near.distance, near.run) for name, near in nearest.items()}),
                *not_checked(self.system, self.application),
                *self.given_up,
            ),
            situations=dict(self.situations),
            nearest=nearest,
            checked=checked_on(self.application, self.system.capabilities, self.kinds),
            sample=self.sample,
            samples=tuple(history for _, history in reversed(self.eventful)),
            interrupted=self.interrupted,
        )
