"""The second replay: at the end of a campaign one of its histories is folded once more, in other processes (A12)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.record import Step
from refold.model.tape import Plan
from refold.properties.elsewhere import Unreplayable, replay_elsewhere
from refold.properties.property import Finding
from refold.properties.result import Counterexample, Result
from refold.properties.run import execute
from refold.properties.shrink import Shrinker
from refold.systems.port import SystemPort

SECONDS_TO_SHRINK = 1.0


def replayed_again(result: Result, system: SystemPort, application: Application) -> Result:
    """The result of a campaign after one more check: its sample is folded in other processes. What cannot be is named as not checked."""
    why = "no run held, so there is no history to replay"
    if result.sample:
        try:
            finding = replay_elsewhere(application, result.sample)
            if finding is None:
                return result
            found = shortest(result, finding, system, application)
            return attrs.evolve(result, counterexamples=(*result.counterexamples, found))
        except Unreplayable as error:
            why = str(error)
    return attrs.evolve(result, not_checked=(*result.not_checked, f"replays in other processes: {why}"))


def shortest(result: Result, finding: Finding, system: SystemPort, application: Application) -> Counterexample:
    """A short plan that puts the same events into the log, up to the one after which the folds differ; found without processes."""
    enough = time.monotonic() + SECONDS_TO_SHRINK
    until = result.sample[: finding.number]
    wanted = facts(until)

    def reproduces(plan: Plan) -> Plan | None:
        if time.monotonic() > enough:
            return None
        run = execute(system, application, plan)
        return tuple(run.performed) if facts(run.history)[: len(wanted)] == wanted else None

    plan: Plan = tuple([record.action for record in until if type(record) is Step])
    if reproduces(plan) is not None:
        plan = Shrinker(system.menu(application), reproduces).shrink(plan)
        history = tuple(execute(system, application, plan, whole=True).history)
        again = replay_elsewhere(application, history)
        if again is not None:
            return Counterexample(plan, (again,), history, result.examples, 0.0)
    return Counterexample(plan, (finding,), result.sample, result.examples, 0.0)


def facts(history: Iterable[Any]) -> list[tuple[str, Any]]:
    """What is in the log, whoever put it there."""
    return [(record.type, record.data) for record in history if type(record) is Stored]
