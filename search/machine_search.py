"""What a machine's test does: the plans that are stored for it, then examples of Hypothesis until its budget is spent.

An example of a machine without rules of its own is one tape, and so one run of the campaign's distribution; a failing one is shrunk as a
plan, once, and Hypothesis has nothing left to shrink. With rules of one's own an example is a run of Hypothesis's state machine. Why
there are two kinds: docs/decisions/0017-pytest-searches-like-verify.md.
"""

from __future__ import annotations

import base64
import functools
import itertools
import os
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.internal.conjecture import providers
from hypothesis.stateful import run_state_machine_as_test

from refold.model.application import Application
from refold.model.tape import HEADER, Menu, Plan
from refold.properties.result import Counterexample
from refold.search import failure
from refold.search.campaign import LENGTHS, Campaign, campaign_tape
from refold.search.capabilities import not_checked
from refold.search.failure import Broken
from refold.search.objects.application_check import application_named, christen, trial
from refold.search.objects.object_names import name_of
from refold.search.objects.provenance import Origin, running_test
from refold.search.profiles import budget, fitting
from refold.search.regression import held, stored_plan, stored_plans
from refold.search.rounds import Clock, Rounds
from refold.search.run import Run, execute, undisturbed
from refold.search.shrink import Shrinker
from refold.search.vacuous import PATIENCE, contested, counts, vacuous
from refold.systems.port import SystemPort
from refold.systems.registry import resolve
from refold.systems.user.adopt import adopt

ROUND = 250
"""Tapes in a round. Those that are left when the time is over are drawn for nothing, which takes a twentieth of a second."""

STEPWISE = 50
"""Runs of a state machine in a round, at most; the clock is read between rounds."""

SEED = 16
"""Bytes from which a tape is grown."""

ENOUGH = 500
"""Runs after which every kind of fault that the system can suffer must have happened."""


class Tape(bytes):
    """A tape whose repr is short: Hypothesis prints it when a test fails, and what it says can be pasted back."""

    def __repr__(self) -> str:
        return f"Tape.unpack({base64.b85encode(zlib.compress(self, 9)).decode()!r})"

    @classmethod
    def unpack(cls, text: str) -> Tape:
        """The inverse of the repr."""
        return cls(zlib.decompress(base64.b85decode(text)))


def tapes(words: int) -> st.SearchStrategy[Tape]:
    """Tapes of so many words, each drawn in one go."""
    length = Menu.length(words)
    return st.binary(min_size=length, max_size=length).map(Tape)


def whole(words: int) -> st.SearchStrategy[Tape]:
    """The same, with all families of the core in every run."""
    length = Menu.length(words) - 1
    return st.binary(min_size=length, max_size=length).map(lambda rest: Tape(b"\0" + rest))


def burst_tapes() -> st.SearchStrategy[Tape]:
    """The lengths of a campaign's tapes in equal parts, half of the tapes with all families of the core; drawn byte by byte, so that
    Hypothesis can shrink them where rules of the user's take part."""
    return st.sampled_from([make(words) for words in LENGTHS for make in (tapes, whole)]).flatmap(lambda tape: tape)


def campaign_tapes(menu: Menu) -> st.SearchStrategy[Tape]:
    """Tapes as a campaign draws them. Hypothesis draws their seed, which is quicker, and enough where it need not shrink them."""

    def grown(seed: bytes) -> Tape:
        generator = random.Random(seed)
        return Tape(campaign_tape(menu, generator, generator.randrange(2 * len(LENGTHS))))

    return st.binary(min_size=SEED, max_size=SEED).map(grown)


def spare_hypothesis() -> None:
    """Hypothesis draws constants that occur in local modules, for which it parses them all: in a checkout also those of refold, which takes
    a third of a second. A tape has none."""
    seen = getattr(providers, "_seen_modules", None)
    if isinstance(seen, set):
        seen.update(id(module) for name, module in list(sys.modules.items()) if name.startswith("refold."))


class MachineSearch:
    """One test of a machine. `books` keep what its runs came to, as those of a campaign; `notes` are sentences for whoever ran it."""

    def __init__(self, cls: type[Any], chosen: settings | None = None) -> None:
        self.cls = cls
        self.chosen = fitting(chosen or settings())
        self.clock = Clock(budget(chosen or settings()))
        self.application, self.system, self.menu = prepared(cls)
        self.file = failure.PlanFile(
            self.application, cls.system, failure.report_dir(), test=cls.test, called=called(cls)
        )
        self.plans: dict[tuple[str, str], str] = {}
        self.books = Campaign(self.system, self.application, seen=self.file.found, found=self.keep)
        self.books.started = self.clock.started
        self.rounds = Rounds(self.clock, self.chosen, self.place, getattr(cls, "_hypothesis_internal_use_seed", None))
        self.notes: list[str] = []
        self.failed: dict[bytes, BaseException] = {}
        self.allowed: list[Plan] = []
        """Once something is found and shrunk, only what led to it is run again."""
        self.plan: Plan = ()
        """Of the run that failed last."""
        self.trying = False

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
            shrunk = self.shrunk(self.plan, error)
            try:
                self.attempt(shrunk)
            except Exception as again:
                again.add_note("\n".join(self.recipe(shrunk)))
                raise again from None
            raise

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
                return self.plan if origin_of(other) == wanted else None
            return None

        return Shrinker(self.menu, reproduces).shrink(plan) if reproduces(plan) is not None else plan

    def recipe(self, plan: Plan) -> list[str]:
        """The actions of a plan that broke a rule of the user's."""
        said = failure.words()
        return said.plan(Counterexample(plan, (), (), 0, 0.0))

    def count(self, run: Run) -> None:
        """Add a run to the books, and tell Hypothesis's statistics what happened in it. A search in which nothing ever happens ends."""
        self.books.count(run)
        for name, number in counts_of(run).items():
            event(f"{name}: {'none' if not number else 'some' if number < 10 else 'many'}")
        if self.books.examples == PATIENCE and vacuous(counts(self.books.kinds), 0, ()) is not None:
            self.clock.stopped = True

    def convict(self, run: Run) -> NoReturn:
        """Shrink what a run shows, once, and raise `Broken`."""
        __tracebackhide__ = True
        if self.trying:
            raise Another
        signature = run.findings[0].signature
        self.allowed.append(tuple(run.performed))
        self.books.report(run)
        raise self.broken(signature)

    def broken(self, signature: tuple[str, str]) -> Broken:
        """The failure for an anomaly that is in the books."""
        self.books.tell()
        for counterexample in self.books.counterexamples:
            if counterexample.finding.signature == signature:
                plan = self.plans[signature]
                return Broken(counterexample, self.file.origin.replay(plan), self.books.result(), plan)
        raise LookupError(signature)

    # -- the whole test --------------------------------------------------------------------------------------------------------------

    def search(self) -> None:
        """Raise what is found, with nothing of Hypothesis's around it."""
        __tracebackhide__ = True
        found: BaseException | None = None
        try:
            with undisturbed():
                self.stored()
                self.generated()
            self.prove()
        except Broken as error:
            found = error
        except Flaky as error:
            found = next(iter(getattr(error, "exceptions", ())), error)
        if found is not None:
            if isinstance(found, Broken):
                failure.keep_page(found, self.cls.test)
            raise told_apart(found).with_traceback(None) from found.__cause__

    def stored(self) -> None:
        """The plans that an earlier search kept for this test; those that hold by now are told, and so are those that cannot be run."""
        for path, plan, trouble in stored_plans(self.cls.test, self.application, self.system):
            if plan is None:
                self.notes.append(f"stored plan {path} was not run: {trouble}")
                continue
            run = execute(self.system, self.application, plan)
            self.books.count(run)
            if run.findings:
                self.convict(run)
            self.notes.append(f"stored plan {path} holds now; delete it, or keep it as a test (refold replay --emit-test)")

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
        test = settings(chosen, phases=[phase for phase in chosen.phases if phase.name != "shrink"])(prepare(guarantees))
        test._hypothesis_internal_use_reproduce_failure = again  # type: ignore[attr-defined]
        test()

    def machines(self, chosen: settings, prepare: Callable[[Any], Any]) -> None:
        """One round of Hypothesis's state machines."""
        __tracebackhide__ = True
        try:
            run_state_machine_as_test(prepare(lambda: self.cls()), settings=chosen)
        except Exception as error:
            if not isinstance(error, Broken | Flaky):
                error.add_note("\n".join(self.recipe(self.plan)))
            raise

    def prove(self) -> None:
        """Raise `Broken` if what must happen did not: events and deliveries always, every fault in a search of some length."""
        __tracebackhide__ = True
        if not self.books.examples:
            return
        long = self.books.examples >= ENOUGH and not self.cls.has_own_rules()
        steps, capabilities = (self.books.steps, self.system.capabilities) if long else (0, frozenset())
        empty = vacuous(
            counts(self.books.kinds), steps, capabilities, conflicts=long and contested(self.application)
        )
        if empty is not None:
            counterexample = Counterexample((), (empty,), self.books.sample, self.books.examples, 0.0)
            self.books.counterexamples.append(counterexample)
            self.books.tell()
            raise Broken(counterexample, self.file.origin.search(), self.books.result())

    def tally(self) -> dict[str, Any]:
        """What the runs came to, for a line in a summary."""
        return {
            "runs": self.books.examples,
            "steps": self.books.steps,
            "counts": counts(self.books.kinds),
            "not_checked": list(not_checked(self.system)),
            "notes": list(self.notes),
        }


class Another(Exception):
    """While a plan is shrunk for one failure, it showed another one."""


def growing() -> Iterator[int]:
    """Sizes of rounds, a tenth of what was before, so that the clock is read often enough."""
    done = 0
    while True:
        size = min(max(done // 10, 5), STEPWISE)
        done += size
        yield size


def counts_of(run: Run) -> dict[str, int]:
    """What happened in a run."""
    return counts(Counter(map(type, run.history)))


def origin_of(error: BaseException) -> tuple[type, str, int]:
    """What an error is, and where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return type(error), *place


def told_apart(error: BaseException) -> BaseException:
    """The error without what Hypothesis added to it; `Broken` keeps that aside."""
    notes = list(getattr(error, "__notes__", ()))
    if isinstance(error, Broken):
        error.aside, error.__notes__ = notes, []
    return error


def called(cls: type[Any]) -> str | None:
    """What the user calls the application, if he does not just give it."""
    return cls.application if isinstance(cls.application, str) else None


def replay(cls: type[Any], path: str) -> None:
    """The plan in this file instead of a search; raises `Broken`."""
    __tracebackhide__ = True
    search = searches[cls] = MachineSearch(cls)
    plan, anomaly = stored_plan(path, search.application, search.system)
    run = execute(search.system, search.application, plan, whole=True)
    search.books.count(run)
    try:
        held(run, plan, anomaly, search.file.origin.replay(path))
    except Broken as error:
        search.books.counterexamples.append(error.counterexample)
        search.books.tell()
        error.result, error.plan = search.books.result(), path
        failure.keep_page(error, cls.test)
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


@functools.cache
def prepared(cls: type[Any]) -> tuple[Application, SystemPort, Menu]:
    """What all runs of one machine share."""
    application = cls.application
    if isinstance(application, str):
        application = application_named(application)
    elif isinstance(application, type):
        application = application()
    christen(application, type(application).__name__)
    trial(application)
    system: SystemPort
    if isinstance(cls.system, str):
        system = resolve(cls.system)
    else:
        found = cls.system
        makes = isinstance(found, type) or not hasattr(found, "open")
        name = name_of(found) if makes else None  # a system that is there already bears its own
        system = adopt(name or str(getattr(found, "__name__", type(found).__name__)), found)
    return application, system, system.menu(application)
