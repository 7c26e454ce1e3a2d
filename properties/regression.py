"""A stored plan as a test: what `refold replay --emit-test` writes calls this."""

from __future__ import annotations

from typing import Any

from refold.model.plan import plan_from_json
from refold.properties.applications import application_named
from refold.properties.elsewhere import replay_elsewhere
from refold.properties.failure import GuaranteeBroken, replay_command, report_dir, save_plan
from refold.properties.result import Counterexample
from refold.properties.run import execute
from refold.systems.registry import resolve


def must_hold(document: dict[str, Any], *, application: str, system: str, elsewhere: bool = False) -> None:
    """Run the plan in `document`, and with `elsewhere` fold its events in other processes too; raises `GuaranteeBroken`, with the plan in a
    file for the command that replays it."""
    __tracebackhide__ = True
    subject = application_named(application)
    plan = plan_from_json(document, subject)
    run = execute(resolve(system), subject, plan, whole=True)
    findings = tuple(run.findings)
    if elsewhere and not findings and (finding := replay_elsewhere(subject, run.history)) is not None:
        findings = (finding,)
    if findings:
        counterexample = Counterexample(plan, findings, tuple(run.history), 1, 0.0)
        path = save_plan(counterexample, subject, system, report_dir())
        raise GuaranteeBroken(counterexample, replay_command(path))
