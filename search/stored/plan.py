"""A stored plan that is read with everything that it needs, and `replay`, which runs it again. `search/failure.py` writes them."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs

from refold.model.action import Action
from refold.model.application import Application
from refold.model.declarations.situations import never_reached
from refold.model.documents.plan import MalformedPlan, check_document, check_names, plan_from_json
from refold.model.errors import UsageError
from refold.model.tape import Plan
from refold.model.words import short
from refold.properties.result import Counterexample, Result
from refold.properties.suite import checked_on
from refold.search.capabilities import not_checked, unjudged
from refold.search.determinism.campaign_end import replayed_again
from refold.search.determinism.in_other_processes import ANOMALY
from refold.search.objects.given import application_given, system_given
from refold.search.objects.provenance import named
from refold.search.run import execute
from refold.search.stored.files import read_plan_document
from refold.search.vacuous import counts, idle
from refold.systems.port import SystemPort, stand_down
from refold.systems.registry import application_suiting, consumer_names, own_application


def replay(
    plan: str | os.PathLike[str] | Mapping[str, Any] | Sequence[Action],
    *,
    application: Application | type[Application] | str | None = None,
    system: Any = None,
) -> Result:
    """Run a plan again, as `refold replay` does, but print nothing. Violations are in the `counterexamples` of the
    result.

    `plan` is the path of a stored plan, the document that is in one, or a sequence of actions. `application` and `system` are objects,
    classes or names; by default, they are those that the plan names.

    Raises `MalformedPlan` and `UsageError` (both are `ValueError`), `SystemUnavailable`, `OSError`, and `BrokenApplication` if the
    application's own code fails, with a sentence that says what is wrong.
    """
    return StoredPlan.of(plan, system, application).result()


@attrs.frozen
class StoredPlan:
    """A plan, and what it is run on. `path` is where it was read from, or what messages call it."""

    path: str
    document: dict[str, Any]
    system_name: str
    system: SystemPort
    application_name: str
    application: Application
    actions: Plan

    @classmethod
    def of(
        cls,
        plan: Any,
        system: Any = None,
        application: Any = None,
        load: Callable[[Any], Application] = application_given,
    ) -> StoredPlan:
        """A plan from a file, a document or actions, for this system and application or else for those that it names; `load` makes the
        application. Raises `MalformedPlan`, `UsageError`."""
        if isinstance(plan, str | os.PathLike):
            path = os.fspath(plan)
            document: Any = read_plan_document(path)
        elif isinstance(plan, Mapping):
            path, document = "plan", dict(plan)
        elif isinstance(plan, Sequence) and all(isinstance(action, Action) for action in plan):
            path, document = "plan", None
        else:
            raise UsageError(
                f"{short(plan)} is no plan; expected a path, the document of a plan, or a sequence of actions"
            )
        try:
            if document is not None:
                check_document(document)
                check_about(document)
            about = document or {}
            given = system or named(path, about, "system", None) or "reference"
            port = system_given(given)
            name = application or named(path, about, "application", None)
            own = own_application(port) if name is None else None
            name = name or application_suiting(port.name)
            subject = own or load(name)
            actions = tuple(plan) if document is None else plan_from_json(document, subject)
            check_names(actions, port.clients, consumer_names(port))
        except (MalformedPlan, UsageError) as error:
            raise type(error)(f"{path}: {error}") from None
        names = (given if isinstance(given, str) else port.name, name if isinstance(name, str) else subject.name)
        return cls(path, about, names[0], port, names[1], subject, actions)

    @property
    def anomaly(self) -> str:
        """What it was kept for."""
        return str(self.document.get("anomaly") or "")

    def result(self, watch: Callable[[str], AbstractContextManager[Any]] = nullcontext) -> Result:
        """What comes of it. `watch` makes the context in which the system, so called, is run."""
        started = time.perf_counter()
        with watch(f"system {self.system_name!r}"):
            try:
                run = execute(self.system, self.application, self.actions, whole=True)
            finally:
                stand_down(self.system)
        found: tuple[Counterexample, ...] = ()
        shown = run.findings or [finding for finding in (idle(run.steps),) if finding is not None]
        if shown:
            findings = tuple(sorted(shown, key=lambda finding: finding.anomaly != self.anomaly))
            found = (Counterexample(self.actions, findings, tuple(run.history), 1, 0.0),)
        kinds = Counter(map(type, run.history))
        result = Result(
            system=self.system.name,
            application=self.application.name,
            seed=int(self.document.get("seed") or 0),
            examples=1,
            steps=run.steps,
            skipped=run.skipped,
            seconds=time.perf_counter() - started,
            counts=counts(run.history, run.performed),
            counterexamples=found,
            not_checked=(
                *never_reached(run.situations, {name: (distance, 0) for name, distance in run.distances.items()}),
                *(unjudged(self.application) if self.application.replayed else not_checked(self.system)),
                *run.given_up,
            ),
            situations={name: int(reached) for name, reached in run.situations.items()},
            checked=checked_on(self.application, self.system.capabilities, kinds),
            sample=tuple(run.history),
        )
        if self.anomaly == ANOMALY and not found:
            return replayed_again(result, self.system, self.application)
        return result


def check_about(document: dict[str, Any]) -> None:
    """Whether the fields around the actions are what a replay can use; raises `MalformedPlan`."""
    for field, kind, words in (("system", str, "a name"), ("application", str, "a name"), ("seed", int, "a number")):
        value = document.get(field)
        if value is not None and not isinstance(value, kind):
            raise MalformedPlan(f"{field} is {short(value)}, expected {words}")
