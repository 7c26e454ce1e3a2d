"""The second replay: at the end of a campaign some of its histories are folded once more, in other processes (A12)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.record import Declined, Prepared, Step
from refold.model.tape import Plan
from refold.properties.property import Finding
from refold.properties.result import Counterexample, Result
from refold.search.determinism.in_other_processes import (
    Unreplayable,
    replay_all_in_other_processes,
    replay_in_other_processes,
)
from refold.search.run import execute
from refold.search.shrink import Shrinker
from refold.systems.port import SystemPort

SECONDS_TO_SHRINK = 1.0


def replayed_again(result: Result, system: SystemPort, application: Application) -> Result:
    """The result of a campaign after one more check: some of its histories are folded in other processes. What cannot be is named as not
    checked."""
    why = "no run held, so there is no history to replay"
    if result.sample:
        try:
            differing = replay_all_in_other_processes(application, result.samples or (result.sample,))
            if differing is None:
                return result
            found = shortest(result, *differing, system, application)
            return attrs.evolve(result, counterexamples=(*result.counterexamples, found))
        except Unreplayable as error:
            why = str(error)
    return attrs.evolve(result, not_checked=(*result.not_checked, f"replays in other processes: {why}"))


def shortest(
    result: Result, history: Sequence[Any], finding: Finding, system: SystemPort, application: Application
) -> Counterexample:
    """A short plan that puts the same events into the log, up to the one after which the folds differ (or leads to the decision that
    differs); found without processes."""
    enough = time.monotonic() + SECONDS_TO_SHRINK
    until = history[: finding.number]
    wanted, decided = facts(until), decision(until[-1])

    def reproduces(plan: Plan) -> Plan | None:
        if time.monotonic() > enough:
            return None
        run = execute(system, application, plan)
        same = facts(run.history)[: len(wanted)] == wanted
        if decided is not None:
            same = same and any(decision(record) == decided for record in run.history)
        return tuple(run.performed) if same else None

    plan: Plan = tuple([record.action for record in until if type(record) is Step])
    if reproduces(plan) is not None:
        plan = Shrinker(system.menu(application), reproduces).shrink(plan)
        shown = tuple(execute(system, application, plan, whole=True).history)
        again = replay_in_other_processes(application, shown)
        if again is not None:
            return Counterexample(plan, (again,), shown, result.examples, 0.0)
    return Counterexample(plan, (finding,), tuple(history), result.examples, 0.0)


def decision(record: Any) -> tuple[Any, ...] | None:
    """Which decision this is: the command, and what it was made on; None for other records."""
    if isinstance(record, Prepared | Declined):
        return record.command, record.source, record.stream, record.seen
    return None


def facts(history: Iterable[Any]) -> list[tuple[str, Any]]:
    """What is in the log, whoever put it there."""
    return [(record.type, record.data) for record in history if type(record) is Stored]
