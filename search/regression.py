"""A stored plan as a test: what `refold replay --emit-test` writes, and machines under `--refold-replay`."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from typing import Any

from refold.model.application import Application
from refold.model.documents.plan import MalformedPlan, check_names, plan_from_json
from refold.model.tape import Plan
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.search.determinism.in_other_processes import replay_in_other_processes
from refold.search.failure import Broken, report_dir, save_plan
from refold.search.objects.application_check import application_named
from refold.search.objects.provenance import replay_command
from refold.search.run import Run, execute
from refold.search.vacuous import idle
from refold.systems.port import SystemPort
from refold.systems.registry import consumer_names, resolve


def must_hold(document: dict[str, Any], *, application: str, system: str, elsewhere: bool = False) -> None:
    """Run the plan in `document`; with `elsewhere`, also fold its events in other processes. Raises `Broken` if
    something is found, and writes the plan to a file, so that the command in the message can replay it."""
    __tracebackhide__ = True
    subject = application_named(application)
    plan = plan_from_json(document, subject)
    port = resolve(system)
    run = execute(port, subject, plan, whole=True)
    findings = shown(run)
    if elsewhere and not findings and (finding := replay_in_other_processes(subject, run.history)) is not None:
        findings = (finding,)
    if findings:
        counterexample = Counterexample(plan, findings, tuple(run.history), 1, 0.0)
        path = save_plan(counterexample, subject, system, report_dir())
        raise Broken(counterexample, replay_command(path), application=subject, system=port)


def shown(run: Run) -> tuple[Finding, ...]:
    """What the run of a stored plan shows; one in which no action was possible is vacuous."""
    nothing = idle(run.steps)
    return tuple(run.findings) or (() if nothing is None else (nothing,))


def stored_plan(path: str, application: Application, system: SystemPort) -> tuple[Plan, str]:
    """The plan in a file, for these two, and the anomaly that it was kept for; raises `MalformedPlan` with the file's name."""
    try:
        document = json.loads(pathlib.Path(path).read_bytes())
        plan = plan_from_json(document, application)
        check_names(plan, system.clients, consumer_names(system))
    except (ValueError, RecursionError) as error:
        raise MalformedPlan(f"{path}: {error}") from None
    return plan, str(document.get("anomaly") or "")


def held(run: Run, plan: Plan, anomaly: str, command: str, application: Application, system: SystemPort) -> None:
    """Raise `Broken` if the run of a stored plan shows anything, first what the plan was kept for."""
    __tracebackhide__ = True
    if found := shown(run):
        findings = tuple(sorted(found, key=lambda finding: finding.anomaly != anomaly))
        example = Counterexample(plan, findings, tuple(run.history), 1, 0.0)
        raise Broken(example, command, application=application, system=system)


def stored_plans(test: str, application: Application, system: SystemPort) -> Iterator[tuple[str, Plan | None, str]]:
    """The plans in the report directory that were found by this test: the file, the plan, and why there is none if it cannot be run."""
    for path in sorted(pathlib.Path(report_dir(), "plans").glob("*.json")):
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue  # whose it is cannot be seen; replaying it says what is wrong with it
        if not isinstance(document, dict) or not same_test(str(document.get("test") or ""), test):
            continue
        try:
            plan, _ = stored_plan(str(path), application, system)
        except MalformedPlan as error:
            yield str(path), None, str(error).removeprefix(f"{path}: ")
        else:
            yield str(path), plan, ""


def same_test(one: str, other: str) -> bool:
    """Whether two tests are one, seen from two working directories perhaps: FILE::CLASS, whatever the method is called."""
    names = sorted((one.rpartition("::")[0], other.rpartition("::")[0]), key=len)
    return bool(names[0]) and (names[0] == names[1] or names[1].endswith(f"/{names[0]}"))
