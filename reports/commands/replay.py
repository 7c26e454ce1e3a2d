"""``refold replay``: run stored plans again and report."""

from __future__ import annotations

import json
import pathlib
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import click

from refold.model.application import Application
from refold.model.documents.plan import MalformedPlan, check_document, check_names, plan_from_json
from refold.model.errors import UsageError
from refold.model.tape import Plan
from refold.model.words import short
from refold.properties.result import Counterexample, Result
from refold.properties.suite import checked_on
from refold.reports.commands import outcome
from refold.reports.commands.verify import application_for, publish, suiting, together
from refold.reports.documents.files import default_report_dir, read_plan_document
from refold.reports.words.guarantees import replayed
from refold.search.capabilities import not_checked
from refold.search.determinism.campaign_end import replayed_again
from refold.search.determinism.in_other_processes import ANOMALY
from refold.search.failure import slug
from refold.search.objects.provenance import named
from refold.search.run import execute
from refold.search.vacuous import counts
from refold.systems.port import SystemPort
from refold.systems.registry import consumer_names, resolve


@click.command(short_help="Run stored plans again, here or on another system.")
@click.argument("plans", nargs=-1, required=True, metavar="PLAN…", type=click.Path(exists=True, dir_okay=False))
@click.option("--system", metavar="NAME", help="Run it on another system than the one it was found on.")
@click.option("--application", metavar="NAME", help="Decide with another application than the plan names.")
@click.option("--report-dir", metavar="DIR", help="Where the report goes (default: .refold).")
@click.option("--emit-test", is_flag=True, help="Print a pytest test that runs this plan, and do nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")
def replay(
    plans: tuple[str, ...],
    system: str | None,
    application: str | None,
    report_dir: str | None,
    emit_test: bool,
    as_json: bool,
) -> None:
    """Run a plan again, here or on another system; of several plans, each.

    \b
    Examples:
      refold replay .refold/plans/oversold-1a2b3c4d.json
      refold replay .refold/plans/*.json                  all that was ever found here
      refold replay plan.json --system sqlite             does the real log do it too?
      refold replay plan.json --emit-test > test_bug.py   a regression test

    Exit code: 0 held, 1 findings, 2 usage or environment.
    """
    folder = pathlib.Path(report_dir or default_report_dir())
    with outcome.sentences(str(folder)), outcome.aside():
        stored = [StoredPlan.read(plan, system, application) for plan in plans]
        if emit_test:
            with outcome.speaking():
                click.echo(test_source(stored))
            return
        several = len(stored) > 1
        outputs = []
        for plan in stored:
            outputs.append(plan.run(folder / slug(pathlib.Path(plan.path).stem) if several else folder, as_json))
        if as_json:
            outcome.print_json(together(outputs) if several else outputs[0])
        broken = any(output["verdict"] == "broken" for output in outputs)
        sys.exit(outcome.FINDINGS if broken else outcome.HELD)


@attrs.frozen
class StoredPlan:
    """A plan out of a file, with everything that it needs."""

    path: str
    document: dict[str, Any]
    system_name: str
    system: SystemPort
    application_name: str
    application: Application
    actions: Plan

    @classmethod
    def read(cls, path: str, system: str | None, application: str | None) -> StoredPlan:
        """The plan in a file, for this system and application or else for those that it names; raises `MalformedPlan`, `UsageError`."""
        document = read_plan_document(path)
        try:
            check_document(document)
            check_about(document)
            system_name = named(path, document, "system", system) or "reference"
            application_name = named(path, document, "application", application) or suiting(system_name)
            port = resolve(system_name)
            subject = application_for(application_name)
            actions = plan_from_json(document, subject)
            check_names(actions, port.clients, consumer_names(port))
        except (MalformedPlan, UsageError) as error:
            raise type(error)(f"{path}: {error}") from None
        return cls(path, document, system_name, port, application_name, subject, actions)

    @property
    def anomaly(self) -> str:
        """What it was kept for."""
        return str(self.document.get("anomaly") or "")

    def run(self, folder: pathlib.Path, quiet: bool) -> dict[str, Any]:
        """Run it, report; returns the JSON object."""
        result = self.result()
        found = bool(result.counterexamples)
        note = "" if found else replayed(result, self.anomaly)
        return publish(result, self.application, folder, [self.path] if found else [], quiet, note)

    def result(self) -> Result:
        """What comes of it."""
        started = time.perf_counter()
        with outcome.time_limit(f"system {self.system_name!r}"):
            run = execute(self.system, self.application, self.actions, whole=True)
        found: tuple[Counterexample, ...] = ()
        if run.findings:
            findings = tuple(sorted(run.findings, key=lambda finding: finding.anomaly != self.anomaly))
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
            counts=counts(kinds),
            counterexamples=found,
            not_checked=not_checked(self.system),
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


def test_source(plans: Sequence[StoredPlan]) -> str:
    """Regression tests as Python source, one for each plan."""
    names = ", ".join(slug(pathlib.Path(plan.path).name) for plan in plans)
    what = "Regression test" if len(plans) == 1 else "Regression tests"
    head = f'"""{what} made by refold from {names}."""\n\nimport json\n\nfrom refold import must_hold\n'
    return head + "".join(test_functions(plans))


def test_functions(plans: Sequence[StoredPlan]) -> Iterator[str]:
    """A test for each plan; those for the same anomaly are numbered."""
    many = Counter(plan.anomaly for plan in plans)
    told: Counter[str] = Counter()
    for plan in plans:
        told[plan.anomaly] += 1
        number = f"_{told[plan.anomaly]}" if many[plan.anomaly] > 1 else ""
        constant = "PLAN" if len(plans) == 1 else f"PLAN_{told.total()}"
        name = re.sub(r"\W", "_", slug(plan.anomaly or "plan"))
        actions = json.dumps(plan.document["actions"], indent=4)
        where = ", elsewhere=True" if plan.anomaly == ANOMALY else ""
        yield (
            "\n" * (told.total() > 1)
            + f'''
{constant} = json.loads(r"""{{"refold": "plan", "version": 1, "actions": {actions}}}""")


def test_{name}_does_not_happen{number}() -> None:
    must_hold({constant}, application={plan.application_name!r}, system={plan.system_name!r}{where})
'''
        )
