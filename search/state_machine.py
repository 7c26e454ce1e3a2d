"""Hypothesis state machines: the harness as a test of your own suite.

`machine(application, system)` makes a `RuleBasedStateMachine` class; its `TestCase` is what pytest collects. Subclass the
class to add rules and invariants of your own. Three rules run a burst, a piece of tape that holds many actions in one draw, which is
twenty times as fast as drawing each of them; beside them there is one rule per kind of action.
"""

from __future__ import annotations

import base64
import functools
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from hypothesis import event, note, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from refold.model.action import (
    Abort,
    Action,
    Append,
    AppendUnheard,
    Begin,
    Commit,
    Crash,
    CrashAt,
    CutPower,
    Deliver,
    Fail,
    Prepare,
    Redeliver,
    Restart,
    Retry,
    Submit,
    TakeSnapshot,
)
from refold.model.application import Application
from refold.model.tape import Menu, Plan
from refold.properties.result import Counterexample
from refold.properties.suite import checker
from refold.search import failure
from refold.search.capabilities import not_checked
from refold.search.failure import GuaranteeBroken
from refold.search.objects.given import application_given, system_given
from refold.search.objects.provenance import Origin, running_test
from refold.search.profiles import fitting, standard
from refold.search.regression import held, stored_plan
from refold.search.run import BrokenApplication, execute, fault_of, reproducer, undisturbed
from refold.search.shrink import Shrinker
from refold.search.vacuous import counts, vacuous
from refold.systems.port import DeploymentPort, SystemPort
from refold.systems.user.errors import let_through, told

SHORT, MIDDLE, LONG = BURSTS = (32, 128, 512)
"""Words per burst. Hypothesis gives up on a run that draws more than 8,192 bytes, so not longer."""

tallies: dict[type, dict[str, Any]] = {}
"""Machine class -> what its runs amounted to: ``runs``, ``steps``, ``counts``, and ``not_checked``, texts; read (and taken away) by the
pytest plugin."""


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


def one_of(*kinds: type[Action]) -> st.SearchStrategy[Action]:
    """An action of these kinds, out of the menu of the machine that is running."""
    return st.runner().flatmap(lambda machine: machine.choices(kinds))


def quietly(test: Callable[[Any], None]) -> Callable[[Any], None]:
    """The test, with settings that suit tapes and the garbage collector at rest; one that passes because nothing happened in any of its
    runs fails."""

    @functools.wraps(test)
    def run(self: Any) -> None:
        __tracebackhide__ = True
        cls = type(self).refold_machine
        cls.test = running_test()
        plan = os.environ.get("REFOLD_REPLAY")
        if plan:
            return replay(cls, plan)
        self.settings = standard() if self.settings is cls.standard_settings else fitting(self.settings)
        with undisturbed():
            test(self)
        return prove(cls)

    return run


def replay(cls: type[EventSourcedMachine], path: str) -> None:
    """The plan in this file instead of a search; raises `GuaranteeBroken`."""
    __tracebackhide__ = True
    application, system, _ = prepared(cls)
    plan, anomaly = stored_plan(path, application, system)
    run = execute(system, application, plan, whole=True)
    count(cls, counts(Counter(map(type, run.history))), run.steps)
    held(run, plan, anomaly, Origin.of(application, cls.system, cls.test, called(cls)).replay(path), application)


def prove(cls: type[EventSourcedMachine]) -> None:
    """Raise `GuaranteeBroken` if the runs of this machine have appended and delivered nothing at all (A17)."""
    tally = tallies.get(cls)
    if tally is None:
        return
    __tracebackhide__ = True
    empty = vacuous(tally["counts"], 0, ())
    if empty is not None:
        application = prepared(cls)[0]
        command = Origin.of(application, cls.system, cls.test, called(cls)).search()
        raise GuaranteeBroken(Counterexample((), (empty,), (), tally["runs"], 0.0), command, application)


def called(cls: type[EventSourcedMachine]) -> str | None:
    """What the user calls the application, if he does not just give it."""
    return cls.application if isinstance(cls.application, str) else None


def count(cls: type[EventSourcedMachine], happened: dict[str, int], steps: int) -> None:
    """Add a run to the tally of its machine."""
    unseen = list(not_checked(prepared(cls)[1]))
    tally = tallies.setdefault(
        cls, {"runs": 0, "steps": 0, "counts": dict.fromkeys(happened, 0), "not_checked": unseen}
    )
    tally["runs"] += 1
    tally["steps"] += steps
    for name, number in happened.items():
        tally["counts"][name] += number


class EventSourcedMachine(RuleBasedStateMachine):
    """The base of all machines. Set `application` (an instance, a class or a name) and `system` (a name or an object) in a subclass.

    For your own rules: `self.perform(action)` does one action and checks; `self.records` is the history so far;
    `self.deployment` is the running system.
    """

    application: ClassVar[Any] = "inventory"
    system: ClassVar[Any] = "reference"
    standard_settings: ClassVar[settings]
    """What `TestCase.settings` is until the user chooses others."""
    test: ClassVar[str] = ""
    """The pytest test that runs this machine."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.TestCase.settings = cls.standard_settings = standard()
        cls.TestCase.refold_machine = cls  # type: ignore[attr-defined]
        cls.TestCase.runTest = quietly(cls.TestCase.runTest)  # type: ignore[method-assign,assignment]

    def __init__(self) -> None:
        super().__init__()
        self.subject, self.port, self.menu = prepared(type(self))
        self.checker = checker(self.subject)
        self.records: list[Any] = []
        self.plan: list[Action] = []
        with self.errors():
            self.deployment: DeploymentPort = self.port.open(self.subject, self.checker.recorder(self.records))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Hypothesis takes only an `Exception` for a failure of the test: what else the code under test raises becomes one."""
        try:
            yield
        except Exception:
            raise
        except BaseException as error:
            let_through(error)
            raise BrokenApplication(
                fault_of(error, self.subject) or f"{self.port.name}: its code raised {told(error)}"
            ) from error

    def choices(self, kinds: tuple[type[Action], ...]) -> st.SearchStrategy[Action]:
        """The menu's actions of these kinds; if the system has none of them, something that is always possible."""
        return chosen(type(self), kinds)

    def perform(self, action: Action) -> bool:
        """Do one action; raises `GuaranteeBroken` if a property finds something."""
        with self.errors():
            done = self.deployment.perform(action)
        if done:
            self.plan.append(action)
        if self.checker.findings:
            self.fail()
        return done

    @initialize(tape=st.sampled_from(BURSTS).flatmap(tapes))
    def first_burst(self, tape: bytes) -> None:
        """Every run begins with a burst: drawn one by one, actions take long to get anywhere."""
        self.play(tape)

    @rule(tape=tapes(SHORT))
    def short_burst(self, tape: bytes) -> None:
        """Some actions in one draw."""
        self.play(tape)

    @rule(tape=tapes(MIDDLE))
    def burst(self, tape: bytes) -> None:
        """Many actions in one draw."""
        self.play(tape)

    @rule(tape=tapes(LONG))
    def long_burst(self, tape: bytes) -> None:
        """Very many actions in one draw."""
        self.play(tape)

    def play(self, tape: bytes) -> None:
        """Perform the actions on a tape."""
        perform, keep, findings = self.deployment.perform, self.plan.append, self.checker.findings
        with self.errors():
            for action in self.menu.decode(tape):
                if perform(action):
                    keep(action)
                    if findings:
                        break
        if findings:
            self.fail()

    @rule(action=one_of(Submit))
    def submit(self, action: Action) -> None:
        """A client does a whole command."""
        self.perform(action)

    @rule(action=one_of(Prepare, Append, AppendUnheard, Retry))
    def client_step(self, action: Action) -> None:
        """A client does one part of a command."""
        self.perform(action)

    @rule(action=one_of(Begin, Commit, Abort))
    def slow_append(self, action: Action) -> None:
        """A slow append goes on."""
        self.perform(action)

    @rule(action=one_of(Deliver, Redeliver, Fail))
    def deliver(self, action: Action) -> None:
        """A consumer receives something."""
        self.perform(action)

    @rule(action=one_of(TakeSnapshot))
    def snapshot(self, action: Action) -> None:
        """A consumer takes a snapshot."""
        self.perform(action)

    @rule(action=one_of(Crash, CrashAt, Restart, CutPower))
    def fault(self, action: Action) -> None:
        """Something dies or comes back."""
        self.perform(action)

    def teardown(self) -> None:
        """Faults stop; everything must converge; then the books are closed."""
        try:
            if not self.checker.findings:
                with self.errors():
                    self.deployment.settle()
                    self.checker.finish()
                if self.checker.findings:
                    self.fail()
                self.leave_traces()
        finally:
            self.deployment.close()

    def leave_traces(self) -> None:
        """Events and targets for ``--hypothesis-show-statistics``."""
        kinds = Counter(map(type, self.records))
        happened = counts(kinds)
        count(type(self), happened, len(self.plan))
        for name, number in happened.items():
            event(f"{name}: {'none' if not number else 'some' if number < 10 else 'many'}")
        target(float(len(kinds)), label="kinds of records in one run")

    def fail(self) -> None:
        """Shrink the plan (once per anomaly) and raise."""
        counterexample, command = explained(type(self), self, tuple(self.plan))
        note(command)
        raise GuaranteeBroken(counterexample, command, self.subject)


@functools.cache
def prepared(cls: type[EventSourcedMachine]) -> tuple[Application, SystemPort, Menu]:
    """What all runs of one machine share."""
    application, system = application_given(cls.application), system_given(cls.system)
    return application, system, system.menu(application)


@functools.cache
def chosen(cls: type[EventSourcedMachine], kinds: tuple[type[Action], ...]) -> st.SearchStrategy[Action]:
    """What `EventSourcedMachine.choices` answers, made once per class of machines."""
    actions = prepared(cls)[2].actions()
    found = [action for action in actions if isinstance(action, kinds)]
    return st.sampled_from(found or [action for action in actions if isinstance(action, Submit)])


_explained: dict[tuple[type, tuple[str, str]], tuple[Counterexample, str]] = {}


def explained(cls: type[EventSourcedMachine], machine: EventSourcedMachine, plan: Plan) -> tuple[Counterexample, str]:
    """The shrunk counterexample for this anomaly, and the command that replays it.

    Hypothesis runs a failing test many times while it shrinks the draws; the plan is shrunk at the first of them and remembered.
    """
    finding = machine.checker.findings[0]
    known = _explained.get((cls, finding.signature))
    if known is not None:
        return known
    application, system, menu = machine.subject, machine.port, machine.menu

    reproduces = reproducer(system, application, finding.signature)
    findings, history = tuple(machine.checker.distinct()), tuple(machine.records)
    file = failure.PlanFile(application, cls.system, failure.report_dir(), test=cls.test, called=called(cls))
    file.found(Counterexample(plan, findings, history, 0, 0.0))
    minimal = False
    if reproduces(plan) is not None:
        shrinker = Shrinker(menu, reproduces)
        plan = shrinker.shrink(plan)
        minimal = shrinker.finished
        run = execute(system, application, plan, whole=True)
        findings = tuple(sorted(run.findings, key=lambda other: other.signature != finding.signature))
        history = tuple(run.history)
    counterexample = Counterexample(plan, findings, history, 0, 0.0, minimal)
    _explained[cls, finding.signature] = result = counterexample, file.origin.replay(file.shrunk(counterexample))
    return result


def machine(application: Any, system: Any = "reference") -> type[EventSourcedMachine]:
    """A machine class for `application` (instance, class or name) on `system` (name or object); its `TestCase` is the test."""
    cls = application if isinstance(application, type) else type(application)
    name = application if isinstance(application, str) else getattr(application, "name", "") or cls.__name__
    title = re.sub(r"\W", "", str(name).title())
    return type(f"{title}Machine", (EventSourcedMachine,), {"application": application, "system": system})
