"""Hypothesis state machines: the harness as a test of your own suite.

`machine(application, system)` makes a `RuleBasedStateMachine` class; its `TestCase` is what pytest collects. Subclass the class to add
rules and invariants of your own. A machine without rules of its own runs whole plans, as `refold verify` does. One with rules begins
each run with such a plan; then come its rules, short pieces of tape, and one rule per kind of action.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from refold.model.action import CORE_ACTIONS, Action, Submit
from refold.model.tape import Plan
from refold.properties.suite import checker
from refold.search.failure import GuaranteeBroken
from refold.search.profiles import standard
from refold.search.run import Run, attribute
from refold.search.testing.draws import Tape, burst_tapes, spare_hypothesis, tapes
from refold.search.testing.machine_search import MachineSearch, search, searches, searching
from refold.search.testing.subject import prepared
from refold.systems.port import DeploymentPort
from refold.systems.user.errors import OURS, let_through

__all__ = ["EventSourcedMachine", "GuaranteeBroken", "Tape", "machine", "prepared", "searches"]

SHORT = 32
"""Words in a piece of tape between rules."""

MARKS = ("hypothesis_stateful_rule", "hypothesis_stateful_initialize_rule", "hypothesis_stateful_invariant")
"""Attributes by which Hypothesis knows rules, initializers and invariants."""

SAYS_WHAT = {"application", "system", "settings", "standard_settings", "test"}
"""Attributes of a machine class that say what is run; whatever else a subclass defines takes part in its runs, but for what Hypothesis's
decorators leave there."""


def one_of(*kinds: type[Action]) -> st.SearchStrategy[Action]:
    """An action of these kinds, out of the menu of the machine that is running."""
    return st.runner().flatmap(lambda machine: machine.choices(kinds))


def kinds(rule: str) -> list[type[Action]]:
    """The kinds of actions that this rule of the machine draws: they say so themselves."""
    return [kind for kind in CORE_ACTIONS.values() if kind.rule == rule]


def test_of(cls: type[EventSourcedMachine]) -> Callable[[Any], None]:
    """The method of its `TestCase`."""

    def test_holds(self: Any) -> None:
        """Whether every guarantee holds."""
        __tracebackhide__ = True
        search(type(self).refold_machine, standard() if self.settings is cls.standard_settings else self.settings)

    file, line = where_it_is_written()
    place = (lambda: None).__code__.replace(co_filename=file, co_firstlineno=line)
    test_holds.place_as = FunctionType(place, {})  # type: ignore[attr-defined]
    test_holds.is_hypothesis_test = True  # type: ignore[attr-defined]
    test_holds._hypothesis_state_machine_class = cls  # type: ignore[attr-defined]
    return test_holds


def where_it_is_written() -> tuple[str, int]:
    """File and line of the user's code that is running now, for pytest: the test is where the machine is made."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


class EventSourcedMachine(RuleBasedStateMachine):
    """The base of all machines. In a subclass, set `application` (an instance, a class or a name) and `system` (a name or an object).

    For your own rules: `self.perform(action)` performs one action and checks the properties; `self.records` is the
    history so far; `self.deployment` is the running system.
    """

    application: ClassVar[Any] = "inventory"
    system: ClassVar[Any] = "reference"
    standard_settings: ClassVar[settings]
    """The value of `TestCase.settings` until the user chooses other settings."""
    test: ClassVar[str] = ""
    """The pytest test that runs this machine."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        spare_hypothesis()
        case: Any = cls.TestCase
        case.settings = cls.standard_settings = standard()
        case.refold_machine = cls
        case.runTest = case.test_holds = test_of(cls)

    def __init__(self) -> None:
        super().__init__()
        self.around = sys.exc_info()[1]
        """What is being handled while this runs, which has nothing to do with it."""
        self.searching: MachineSearch = searching(type(self))
        self.searching.patiently()
        self.subject, self.port, self.menu = prepared(type(self))
        self.checker = checker(self.subject)
        self.records: list[Any] = []
        self.plan: list[Action] = []
        with self.errors():
            self.deployment: DeploymentPort = self.port.open(self.subject, self.checker.recorder(self.records))

    @classmethod
    def added(cls) -> Iterator[tuple[str, Any]]:
        """The names and values that subclasses of this class define."""
        for base in cls.__mro__[: cls.__mro__.index(EventSourcedMachine)]:
            for name, value in vars(base).items():
                if name not in SAYS_WHAT and not name.startswith("_hypothesis_"):
                    yield name, value

    @classmethod
    def has_own_rules(cls) -> bool:
        """Whether Hypothesis has to choose what happens, because a subclass has rules or initializers."""
        return any(hasattr(value, mark) for _, value in cls.added() for mark in MARKS[:2])

    @classmethod
    def as_a_campaign(cls) -> bool:
        """Whether the test performs the same runs as a campaign, which call no methods of a subclass."""
        return not any(callable(value) for _, value in cls.added())

    @classmethod
    def performs(cls, plan: Plan) -> None:
        """Run this plan from beginning to end. Raises `Broken`, and whatever the user's own rules raise."""
        __tracebackhide__ = True
        running = cls()
        try:
            running.play(plan)
        finally:
            running.teardown()

    @contextmanager
    def errors(self, under_way: Action | None = None) -> Iterator[None]:
        """Report exceptions of the code under test in the same way as `refold verify` does. This is needed because
        Hypothesis treats only an `Exception` as a failure."""
        try:
            yield
        except BaseException as error:
            let_through(error)
            if under_way is not None:
                self.plan.append(under_way)  # it was begun, and a plan without it would not come to this
            attribute(error, self.port, self.subject, self.plan, self.records, self.checker.findings)

    def choices(self, kinds: tuple[type[Action], ...]) -> st.SearchStrategy[Action]:
        """The menu's actions of these kinds; if the system has none of them, an action that is always possible."""
        return chosen(type(self), kinds)

    def perform(self, action: Action) -> bool:
        """Perform one action; raises `Broken` if a property finds something."""
        __tracebackhide__ = True
        done = False
        with self.errors(action):
            done = self.deployment.perform(action)
        if done:
            self.plan.append(action)
        if self.checker.findings:
            self.fail()
        return done

    def look(self) -> None:
        """Check the invariants of subclasses between two actions; Hypothesis checks them only between two rules."""
        __tracebackhide__ = True
        pending = [one for one in getattr(self, "_initialize_rules_to_run", ()) if one.function is not FIRST]
        for invariant in invariants(type(self)):
            if (invariant.check_during_init or not pending) and all(holds(self) for holds in invariant.preconditions):
                invariant.function(self)

    @initialize(tape=burst_tapes())
    def first_burst(self, tape: bytes) -> None:
        """Every run begins with a plan like those of campaigns, because actions that are drawn one by one take a long
        time to reach an interesting state."""
        self.searching.rounds.latest = tape
        self.play(self.menu.decode(tape))

    @rule(tape=tapes(SHORT))
    def short_burst(self, tape: bytes) -> None:
        """Draw several actions at once and perform them."""
        self.play(self.menu.decode(tape))

    def play(self, plan: Plan) -> None:
        """Perform the actions of a plan, and check the invariants after each."""
        __tracebackhide__ = True
        looks = bool(invariants(type(self)))
        for action in plan:
            if self.perform(action) and looks:
                self.look()

    @rule(action=one_of(*kinds("submit")))
    def submit(self, action: Action) -> None:
        """A client carries out a whole command."""
        self.perform(action)

    @rule(action=one_of(*kinds("client_step")))
    def client_step(self, action: Action) -> None:
        """A client carries out one part of a command."""
        self.perform(action)

    @rule(action=one_of(*kinds("slow_append")))
    def slow_append(self, action: Action) -> None:
        """A slow append continues."""
        self.perform(action)

    @rule(action=one_of(*kinds("deliver")))
    def deliver(self, action: Action) -> None:
        """A consumer receives a message."""
        self.perform(action)

    @rule(action=one_of(*kinds("snapshot")))
    def snapshot(self, action: Action) -> None:
        """A consumer takes a snapshot."""
        self.perform(action)

    @rule(action=one_of(*kinds("fault")))
    def fault(self, action: Action) -> None:
        """A fault occurs, or something recovers."""
        self.perform(action)

    def teardown(self) -> None:
        """Faults stop and everything must converge; then the last findings are collected. After a failure, nothing is judged."""
        __tracebackhide__ = True
        try:
            error = sys.exc_info()[1]
            if error is self.around or error is None or type(error).__module__.startswith("hypothesis."):
                self.settle()  # also when Hypothesis gave the run up: it has happened
            elif not self.checker.findings:
                self.searching.failing(tuple(self.plan), error)
                self.counted(settled=False)
        finally:
            self.deployment.close()

    def settle(self) -> None:
        """The end of a run; raises `Broken` if a property finds something during settling."""
        __tracebackhide__ = True
        with self.errors():
            self.deployment.settle()
            self.checker.finish()
        if self.checker.findings:
            self.fail()
        self.counted(settled=True)

    def counted(self, settled: bool) -> None:
        """Add this run to the counts of the search."""
        if not self.searching.trying:
            self.searching.count(self.run(settled))

    def run(self, settled: bool) -> Run:
        """This run as data."""
        observed = self.checker.observations()
        return Run(list(self.plan), 0, list(self.records), list(self.checker.distinct()), settled, observed)

    def fail(self) -> None:
        """Raise `Broken`, with the shrunk plan."""
        __tracebackhide__ = True
        self.counted(settled=False)
        self.searching.convict(self.run(settled=False))


FIRST = EventSourcedMachine.first_burst.hypothesis_stateful_initialize_rule.function  # type: ignore[attr-defined]


@functools.cache
def invariants(cls: type[EventSourcedMachine]) -> tuple[Any, ...]:
    """The invariants that subclasses have, each once."""
    named = {name: getattr(getattr(cls, name, None), MARKS[2], None) for name, _ in cls.added()}
    return tuple(invariant for invariant in named.values() if invariant is not None)


@functools.cache
def chosen(cls: type[EventSourcedMachine], kinds: tuple[type[Action], ...]) -> st.SearchStrategy[Action]:
    """What `EventSourcedMachine.choices` answers, made once per class of machines."""
    actions = prepared(cls)[2].actions()
    found = [action for action in actions if isinstance(action, kinds)]
    return st.sampled_from(found or [action for action in actions if isinstance(action, Submit)])


def machine(application: Any, system: Any = "reference") -> type[EventSourcedMachine]:
    """A machine class for `application` (instance, class or name) on `system` (name or object); its `TestCase` is the test."""
    cls = application if isinstance(application, type) else type(application)
    name = re.split(r"\W+", application) if isinstance(application, str) else [cls.__name__]
    title = "".join(part[:1].upper() + part[1:] for part in name)
    return type(f"{title}Machine", (EventSourcedMachine,), {"application": application, "system": system})
