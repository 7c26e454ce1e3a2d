"""One run: a plan on a system, its history, and what the properties say about it."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any, TypeVar

import attrs

from refold.model.action import Action
from refold.model.application import Application, Refusal
from refold.model.datastore import write
from refold.model.declarations.situations import begin_run, distances_of_this_run, of_this_run
from refold.model.errors import DidNotRecover, UsageError
from refold.model.event import Stored
from refold.model.record import Opened
from refold.model.tape import Plan
from refold.properties.property import Evidence, Finding
from refold.properties.suite import checker
from refold.systems.port import DeploymentPort, SystemPort
from refold.systems.user.errors import AdapterError, let_through, told

T = TypeVar("T")


class BrokenApplication(Exception):
    """The application under test raised, or returned nonsense: usage, not a finding. The message is one sentence."""


@attrs.define
class Run:
    """What one run did. `performed` are the plan's actions that were enabled, up to the action that led to the first
    finding."""

    performed: list[Action]
    skipped: int
    history: list[Any]
    findings: list[Finding]
    settled: bool
    observations: dict[str, int] = attrs.field(factory=dict)
    given_up: tuple[str, ...] = ()
    """What could not be checked because something had to be forgotten, in words."""
    situations: dict[str, bool] = attrs.field(factory=dict)
    """Each situation that was passed to `sometimes` in the run -> whether it was reached."""
    distances: dict[str, float] = attrs.field(factory=dict)
    """How close the run came to each situation that was passed to `sometimes` with a distance."""

    @property
    def steps(self) -> int:
        """Actions that were performed."""
        return len(self.performed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let the garbage collector rest for the length of a run: runs make many objects, none of them cyclic, and it would look at all of
    them again and again (a tenth of the time)."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, before[1], before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def execute(system: SystemPort, application: Application, plan: Sequence[Action], *, whole: bool = False) -> Run:
    """Run `plan` on a new deployment of `system`, and judge it by all properties.

    The run ends at the first finding, or after settling; if `whole` is true, it continues to the end of the plan, for a
    full report. Raises `BrokenApplication` if the application's own code fails.
    """
    begin_run()
    judge = checker(application)
    findings = judge.findings
    history: list[Any] = []
    performed: list[Action] = []
    keep = performed.append
    settled = False
    deployment = None
    under_way: Action | None = None
    try:
        with undisturbed():
            deployment = system.open(application, judge.recorder(history))
            perform = deployment.perform
            for under_way in plan:
                if perform(under_way):
                    keep(under_way)
                    if findings and not whole:
                        break
            else:
                under_way = None
                deployment.settle()
                settled = True
    except BaseException as error:
        let_through(error)
        if under_way is not None:
            keep(under_way)  # it was begun, and a plan without it would not come to this
        attribute(error, system, application, plan, history, findings)
    finally:
        if deployment is not None:
            close(deployment, failing=sys.exc_info()[1] is not None)
    if settled:
        try:
            judge.finish()
        except BaseException as error:
            let_through(error)
            if not isinstance(error, AdapterError) and (fault := fault_of(error, application)) is not None:
                raise BrokenApplication(fault) from error
            raise
    return Run(
        performed,
        len(plan) - len(performed),
        history,
        judge.distinct(),
        settled,
        judge.observations(),
        judge.given_up(),
        of_this_run(),
        distances_of_this_run(),
    )


def close(deployment: DeploymentPort, *, failing: bool) -> None:
    """Give everything back. If the run is `failing` already, the user's own close() may fail for the same reason, and is not heard."""
    try:
        deployment.close()
    except (AdapterError, UsageError):
        if not failing:
            raise


def attribute(
    error: BaseException,
    system: SystemPort,
    application: Application,
    plan: Sequence[Action],
    history: Sequence[Any],
    findings: list[Finding],
) -> None:
    """Whose error it is that ended a run, to be called while it is handled. If an innocent application choked on what the system gave it,
    that is a finding; a log that did not come back has been told in the history. Everything else is raised: a mistake of the user's as a
    sentence (`BrokenApplication`, `UsageError`), any other error as it is."""
    if isinstance(error, DidNotRecover) and findings:
        return
    if isinstance(error, AdapterError):
        raise error
    if (fault := faulty_property(error, application)) is not None:
        raise BrokenApplication(fault) from error
    blame = blamed(error, application)
    if blame is None:
        if (fault := faulty_part(error, system)) is not None:
            raise UsageError(fault) from error
        if not isinstance(error, Exception):
            raise BrokenApplication(f"{system.name}: its code raised {told(error)}") from error
        raise error
    if not findings:
        if not innocent(application, history, plan):
            raise BrokenApplication(blame) from error
        findings.append(corrupted(history, blame))


def innocent(application: Application, history: Sequence[Any], plan: Sequence[Action]) -> bool:
    """Whether the application folds the true log, and decides every command on every state of it, also those of the plan, without an error:
    then what it choked on is the system's doing."""
    states: dict[str, Any] = {}
    commands = [*application.commands(), *(action.command for action in plan if hasattr(action, "command"))]
    rows: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {}
    try:
        for command in commands:
            decides(application, command, application.initial(application.key(command)))
        for record in history:
            if type(record) is Opened:
                used = {spec.projection for spec in record.consumers}
                own = {name: {} for name in used if not hasattr(Application, name)}
            elif type(record) is Stored:
                key = application.key(record.data)
                state = states[key] if key in states else application.initial(key)
                states[key] = after = application.evolve(state, record.data)
                for command in commands:
                    if application.key(command) == key:
                        decides(application, command, after)
                write(rows, application.view(record.data, rows))
                for name, table in own.items():
                    write(table, application.projection(name)(record, table))
    except BaseException as error:
        let_through(error)
        return False
    return True


def decides(application: Application, command: Any, state: Any) -> None:
    """Decide, whatever comes of it; an exception that is no refusal is raised."""
    if not application.decides:
        return
    with suppress(Refusal):
        tuple(application.decide(command, state))


def corrupted(history: Sequence[Any], blame: str) -> Finding:
    """The finding for a handler that raised on what the system gave it."""
    return Finding(
        anomaly="handler-raised",
        guarantee="REPL",
        judge="replay",
        where="application",
        number=len(history),
        expected="rows and events that the true log could have led to",
        actual=blame,
        evidence=(Evidence(len(history), history[-1], "is the last thing that happened"),) if history else (),
    )


def codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """The name of each function of a class, with its code and that of all functions that it makes: a projection may be one that
    `projection` returns."""
    for name, member in vars(cls).items():
        made = [getattr(member, "__code__", None)]
        while made:
            code = made.pop()
            if isinstance(code, CodeType):
                yield name, code
                made.extend(code.co_consts)


def first_raised_in(error: BaseException, code: Mapping[Any, T]) -> tuple[T, str] | None:
    """What `code` says of the outermost function in it that `error` came through, and the line there; None if it came through none."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if (found := code.get(frame.f_code)) is not None:
            return found, f"line {line} of {frame.f_code.co_filename}"
    return None


def blamed(error: BaseException, application: Application) -> str | None:
    """One sentence about the application's function in which `error` was raised; None if it was not raised there."""
    code = {
        inner: name
        for cls in type(application).__mro__
        if cls is not object and cls.__module__ != Application.__module__
        for name, inner in codes(cls)
    }
    found = first_raised_in(error, code)
    if found is None:
        return None
    return (
        f"application {application.name or type(application).__name__!r}: {found[0]}() raised"
        f" {told(error)};"
        " it must return for every command and event that its own decide() can produce,"
        " and say no by raising Refusal"
    )


def faulty_part(error: BaseException, system: SystemPort) -> str | None:
    """One sentence about the user's own part of the reference system in which `error` was raised; None if it was not raised there."""
    code = {
        inner: (part, f"{cls.__name__}.{name}")
        for part, replacement in getattr(system, "parts", {}).items()
        for cls in getattr(replacement, "__mro__", ())
        if not cls.__module__.startswith("refold.") and cls is not object
        for name, inner in codes(cls)
    }
    found = first_raised_in(error, code)
    if found is None:
        return None
    (part, name), place = found
    return f"system {system.name!r}: its part {part!r} raised {type(error).__name__}: {error} in {name}() ({place})"


def faulty_property(error: BaseException, application: Application) -> str | None:
    """One sentence about the application's own property in which `error` was raised; None if it was not raised there."""
    code = {inner: f"{cls.__name__}.{name}" for cls in application.properties for name, inner in codes(cls)}
    found = first_raised_in(error, code)
    if found is None:
        return None
    return (
        f"property {found[0]}() raised {told(error)};"
        " it must return a finding or None for every record, whatever else is wrong in the history"
    )


def fault_of(error: BaseException, application: Application) -> str | None:
    """One sentence about the application's own code in which `error` was raised; None if it was not raised there."""
    return faulty_property(error, application) or blamed(error, application)


VAGUE = ("watched-consumers", "replayed-state-differs")
"""The property that may know better on a shorter plan, and its anomaly that is left where nothing better is known."""


class Reproducer:
    """What shrinking asks: runs a plan; the actions performed until this very anomaly, or None if it does not show.

    Rows that differ from the replay, and nobody knows why, may be those of several mistakes at once. A shorter plan that shows why, by the
    same property at the same place, is then taken for the same, unless that anomaly is `known` already; from then on it is the `signature`.
    """

    def __init__(
        self, system: SystemPort, application: Application, shown: Finding, known: Collection[object] = ()
    ) -> None:
        self.system = system
        self.application = application
        self.shown = shown
        self.known = known
        self.signature = shown.signature

    def __call__(self, plan: Plan) -> Plan | None:
        run = execute(self.system, self.application, plan)
        if not run.findings:
            return None
        found = run.findings[0]
        if self.says_why(found):
            self.signature = found.signature
        return tuple(run.performed) if found.signature == self.signature else None

    def says_why(self, found: Finding) -> bool:
        """Whether this is what the vague finding comes from."""
        shown = self.shown
        return (
            self.signature == shown.signature != found.signature
            and (shown.judge, shown.anomaly) == VAGUE
            and (found.judge, found.where) == (shown.judge, shown.where)
            and found.signature not in self.known
        )
