"""What a machine's test does: the plans that are stored for it, then examples of Hypothesis until its budget is spent.

An example of a machine without rules of its own is one tape, and so one run of the campaign's distribution; a failing one is shrunk as a
plan, once, and Hypothesis has nothing left to shrink. With rules of one's own an example is a run of Hypothesis's state machine. Why
there are two kinds: docs/decisions/0017-pytest-searches-like-verify.md.
"""

from __future__ import annotations

import gc
import itertools
import math
import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

from hypothesis import Phase, event, given, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from refold.model.declarations.situations import never_reached
from refold.model.tape import Plan
from refold.properties.result import Counterexample
from refold.properties.suite import checked_on
from refold.search import failure
from refold.search.campaign import Budget, Campaign
from refold.search.capabilities import not_checked
from refold.search.failure import Broken
from refold.search.objects.provenance import running_test
from refold.search.outcome import Outcome
from refold.search.profiles import budget, fitting
from refold.search.regression import held, stored_plan, stored_plans
from refold.search.run import BrokenApplication, Run, execute, undisturbed
from refold.search.shrink import Shrinker
from refold.search.signals import undropped
from refold.search.testing.draws import campaign_tapes, spare_hypothesis
from refold.search.testing.rounds import Clock, Rounds, failures_in_one_line, growing, without_shrinking
from refold.search.testing.subject import called, prepared
from refold.search.testing.user_errors import (
    Another,
    OutOfPatience,
    of_the_user,
    origin_of,
    with_plan,
)
from refold.search.vacuous import PATIENCE, contested, have_work, vacuous
from refold.systems.port import stand_down

TAPE_NOTE = "Failing test case: guarantees("
"""How Hypothesis begins to say which tape failed, where the plan says it better."""

ROUND = 250
"""Tapes in a round. Those that are left when the time is over are drawn for nothing, which takes a twentieth of a second."""

SHRINKING = 10.0
"""Seconds that Hypothesis may shrink what a rule of the user's raised."""

ENOUGH = 500
"""Runs after which every kind of fault that the system can suffer must have happened."""


class MachineSearch:
    """One test of a machine. `books` keep what its runs came to, as those of a campaign; `notes` are sentences for whoever ran it."""

    def __init__(self, cls: Any, chosen: settings | None = None) -> None:
        __tracebackhide__ = True
        self.cls = cls
        self.chosen = fitting(chosen or settings())
        self.clock = Clock(budget(chosen or settings()))
        try:
            self.application, self.system, self.menu = prepared(cls)
        except BrokenApplication as error:
            raise error.with_traceback(None) from error.__cause__  # its cause shows the user's own line
        self.file = failure.PlanFile(
            self.application, cls.system, failure.report_dir(), test=cls.test, called=called(cls)
        )
        self.plans: dict[tuple[str, str], str] = {}
        self.books = Campaign(
            self.system, self.application, budget=Budget(seconds=None), seen=self.file.found, found=self.keep
        )
        self.books.started = self.clock.started
        self.rounds = Rounds(self.clock, self.chosen, self.place, getattr(cls, "_hypothesis_internal_use_seed", None))
        self.notes: list[str] = []
        self.failed: dict[bytes, BaseException] = {}
        self.last: tuple[Plan, BaseException] | None = None
        """The plan of the run that a rule or an invariant of the user's failed last, and what it raised."""
        self.best: tuple[Plan, BaseException] | None = None
        """The shortest of them since Hypothesis began to shrink."""
        self.patience = math.inf
        """When its shrinking ends, on the clock of `time.perf_counter`."""
        self.interrupted = False
        self.meant = 0
        """Runs whose plan had anything in it; the simplest example of Hypothesis has not."""
        self.trying = False
        """Shrinking: what is run now counts for nothing."""

    @property
    def place(self) -> bytes:
        """In Hypothesis's database: the test, else what it tests."""
        names = (self.cls.test.rpartition("::")[0], self.application.name, self.system.name)
        return " ".join([self.cls.__qualname__, *names]).encode()

    def keep(self, counterexample: Counterexample) -> None:
        """The shrunk plan takes the place of the one that is on disk since it was found."""
        self.plans[counterexample.finding.signature] = self.file.shrunk(counterexample)

    # -- one run ---------------------------------------------------------------------------------------------------------------------

    def example(self, tape: bytes) -> None:
        """One tape, run and judged; raises what it raised before, if it was run before."""
        __tracebackhide__ = True
        if (known := self.failed.get(tape)) is not None:
            raise known
        self.rounds.latest = tape
        if self.clock.over():
            return
        try:
            self.run(self.menu.decode(tape))
        except Exception as error:
            self.failed[tape] = error
            raise

    def run(self, plan: Plan) -> None:
        """Run a plan; raises `Broken`, or what rules of the user's game raise."""
        __tracebackhide__ = True
        if self.cls.as_a_campaign():
            self.count(run := execute(self.system, self.application, plan))
            if run.findings:
                self.convict(run)
        else:
            self.by_machine(plan)

    def by_machine(self, plan: Plan) -> None:
        """The plan in a machine of the class, with its invariants between the actions; what they raise comes with the shrunk plan."""
        __tracebackhide__ = True
        try:
            self.cls.performs(plan)
        except Broken:
            raise
        except Exception as error:
            shrunk = self.shrunk(plan, error)
            try:
                self.attempt(shrunk)
            except Exception as again:
                if origin_of(again) == origin_of(error):
                    raise with_plan(again, shrunk) from again.__cause__
            raise with_plan(error, plan) from error.__cause__

    def attempt(self, plan: Plan) -> None:
        """Run a plan in a machine, counted by nobody."""
        __tracebackhide__ = True
        self.trying = True
        try:
            self.cls.performs(plan)
        finally:
            self.trying = False

    def shrunk(self, plan: Plan, error: Exception) -> Plan:
        """The shortest plan that raises the same in the same place."""
        wanted = origin_of(error)

        def reproduces(candidate: Plan) -> Plan | None:
            try:
                self.attempt(candidate)
            except Exception as other:
                return self.last[0] if self.last is not None and origin_of(other) == wanted else None
            return None

        performed = reproduces(plan)
        return plan if performed is None else Shrinker(self.menu, reproduces).shrink(performed)

    def failing(self, plan: Plan, error: BaseException) -> None:
        """A machine's run ended with this error, which is no property's. Ends the shrinking of Hypothesis when it takes too long."""
        self.last = plan, error
        if self.patience < math.inf and (self.best is None or len(plan) <= len(self.best[0])):
            self.best = self.last

    def patiently(self) -> None:
        """Called by every machine when it begins; raises `OutOfPatience` when Hypothesis has shrunk for long enough."""
        if time.perf_counter() > self.patience:
            raise OutOfPatience

    def book(self, run: Run) -> Outcome:
        """Add a run to the books."""
        outcome = Outcome.of(self.books.examples, run, keep=True)
        self.books.count(outcome)
        return outcome

    def count(self, run: Run) -> None:
        """Add a run to the books, and tell Hypothesis's statistics what happened in it. A search in which nothing ever happens ends."""
        outcome = self.book(run)
        self.meant += bool(run.performed or run.skipped)
        for name, number in outcome.counts.items():
            event(f"{name}: {'none' if not number else 'some' if number < 10 else 'many'}")
        if (
            self.books.examples == PATIENCE
            and vacuous(self.books.happened, 0, (), have_work(self.system.consumers)) is not None
        ):
            self.clock.stopped = True

    def convict(self, run: Run) -> NoReturn:
        """Shrink what a run shows, once, and raise `Broken`."""
        __tracebackhide__ = True
        if self.trying:
            raise Another
        signature = run.findings[0].signature
        self.books.report(Outcome.of(self.books.examples, run, keep=True))
        raise self.broken(signature)

    def broken(self, signature: tuple[str, str]) -> Broken:
        """The failure for an anomaly that is in the books."""
        self.books.tell()
        for counterexample in self.books.counterexamples:
            if counterexample.finding.signature == signature:
                plan = self.plans[signature]
                command = self.file.origin.replay(plan)
                return Broken(counterexample, command, self.books.result(), plan, self.application, self.system)
        raise LookupError(signature)

    # -- the whole test --------------------------------------------------------------------------------------------------------------

    def search(self) -> None:
        """Raise what is found, with nothing of Hypothesis's around it."""
        __tracebackhide__ = True
        found: BaseException
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        try:
            with undropped(), undisturbed():
                self.stored()
                self.generated()
            self.prove()
            return
        except KeyboardInterrupt:
            self.interrupted = True
            raise
        except Flaky as error:
            found = next(iter(getattr(error, "exceptions", ())), error)
        except Exception as error:
            found = error
        finally:
            gc.unfreeze()
            stand_down(self.system)
        notes = list(getattr(found, "__notes__", ()))
        if isinstance(found, Broken):
            found.aside, found.__notes__ = notes, []
        elif notes:
            found.__notes__ = [note for note in notes if not note.startswith(TAPE_NOTE)]
        if not failure.whole_traces():
            found.__traceback__ = None if isinstance(found, Broken) else of_the_user(found.__traceback__)
        raise found from found.__cause__

    def stored(self) -> None:
        """The plans that an earlier search kept for this test; those that hold by now are told, and so are those that cannot be run."""
        for path, plan, trouble in stored_plans(self.cls.test, self.application, self.system):
            if plan is None:
                self.notes.append(f"stored plan {path} was not run: {trouble}")
                continue
            run = execute(self.system, self.application, plan)
            self.book(run)
            if run.findings:
                self.convict(run)
            self.notes.append(
                f"stored plan {path} holds now; delete it, or keep it as a test (refold replay --emit-test)"
            )

    def generated(self) -> None:
        """Hypothesis: tapes, or machines if there are rules of the user's own."""
        __tracebackhide__ = True
        spare_hypothesis()
        if self.cls.has_own_rules():
            self.rounds.run(growing(), self.machines)
        else:
            self.rounds.run(itertools.repeat(ROUND), self.tapes)

    def tapes(self, chosen: settings, prepare: Callable[[Any], Any]) -> None:
        """One round of tapes. The plan is shrunk when it is found, so Hypothesis need not shrink the tape."""
        __tracebackhide__ = True

        @given(campaign_tapes(self.menu))
        def guarantees(tape: bytes) -> None:
            __tracebackhide__ = True
            self.example(tape)

        again = getattr(self.cls, "_hypothesis_internal_use_reproduce_failure", None)
        test = without_shrinking(chosen)(prepare(guarantees))
        test._hypothesis_internal_use_reproduce_failure = again
        with failures_in_one_line():
            test()

    def machines(self, chosen: settings, prepare: Callable[[Any], Any]) -> None:
        """One round of Hypothesis's state machines. What properties find is shrunk as a plan when it is found; what breaks a rule of the
        user's is shrunk by Hypothesis, who alone knows how to run it again."""
        __tracebackhide__ = True

        def made() -> Any:
            return self.cls()

        try:
            run_state_machine_as_test(prepare(made), settings=without_shrinking(chosen))
        except (Broken, Flaky):
            raise
        except Exception as error:
            first = self.last
            if Phase.shrink in chosen.phases:
                self.shrink_by_hypothesis(prepare(made), chosen)
            raise with_plan(error, first[0] if first is not None else ()) from error.__cause__

    def shrink_by_hypothesis(self, made: Any, chosen: settings) -> None:
        """The same round again, which fails in the same way, with shrinking; raises what the smallest example raises."""
        __tracebackhide__ = True
        self.trying, self.patience = True, time.perf_counter() + SHRINKING
        try:
            run_state_machine_as_test(made, settings=chosen)
        except (Another, Flaky):
            return
        except OutOfPatience:
            if self.best is not None and isinstance(self.best[1], Exception):
                raise with_plan(self.best[1], self.best[0]) from self.best[1].__cause__
        except Exception as error:
            raise with_plan(error, self.last[0] if self.last is not None else ()) from error.__cause__
        finally:
            self.trying, self.patience = False, math.inf

    def prove(self) -> None:
        """Raise `Broken` if something was found and nobody was told, or if what must happen did not: events and deliveries always, every
        fault in a search of some length."""
        __tracebackhide__ = True
        if self.books.counterexamples:  # in a run that Hypothesis gave up
            raise self.broken(self.books.counterexamples[0].finding.signature)
        if not self.meant:
            return
        long = self.books.examples >= ENOUGH and not self.cls.has_own_rules()
        steps, capabilities = (self.books.steps, self.system.capabilities) if long else (0, frozenset())
        empty = vacuous(
            self.books.happened,
            steps,
            capabilities,
            consumers=have_work(self.system.consumers),
            conflicts=long and contested(self.application),
        )
        if empty is not None:
            counterexample = Counterexample((), (empty,), self.books.sample, self.books.examples, 0.0)
            self.books.counterexamples.append(counterexample)
            self.books.tell()
            raise Broken(
                counterexample,
                self.file.origin.search(),
                self.books.result(),
                application=self.application,
                system=self.system,
            )

    def tally(self) -> dict[str, Any]:
        """What the runs came to, for a line in a summary."""
        return {
            "runs": self.books.examples,
            "steps": self.books.steps,
            "counts": dict(self.books.happened),
            "not_checked": [*never_reached(self.books.situations), *not_checked(self.system)],
            "checked": [
                list(pair) for pair in checked_on(self.application, self.system.capabilities, self.books.kinds)
            ],
            "notes": list(self.notes),
        }


def replay(cls: type[Any], path: str) -> None:
    """The plan in this file instead of a search; raises `Broken`."""
    __tracebackhide__ = True
    search = searches[cls] = MachineSearch(cls)
    plan, anomaly = stored_plan(path, search.application, search.system)
    run = execute(search.system, search.application, plan, whole=True)
    search.book(run)
    try:
        held(run, plan, anomaly, search.file.origin.replay(path), search.application, search.system)
    except Broken as error:
        search.books.counterexamples.append(error.counterexample)
        search.books.tell()
        error.result, error.plan = search.books.result(), path
        raise


searches: dict[type, MachineSearch] = {}
"""Class of machines -> its search, under way or over; the pytest plugin takes away those that it has told of."""


def searching(cls: type[Any]) -> MachineSearch:
    """The search that a machine of this class is part of; a new one where Hypothesis runs the class by itself."""
    search = searches.get(cls)
    if search is None:
        search = searches[cls] = MachineSearch(cls)
    return search


def search(cls: type[Any], chosen: settings) -> None:
    """The whole test of a machine; raises `Broken`, or what the user's own rules and invariants raise."""
    __tracebackhide__ = True
    cls.test = running_test()
    if plan := os.environ.get("REFOLD_REPLAY"):
        return replay(cls, plan)
    searches[cls] = found = MachineSearch(cls, chosen)
    return found.search()
