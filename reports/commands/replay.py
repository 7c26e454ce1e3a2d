"""``refold replay``: run stored plans again and report."""

from __future__ import annotations

import json
import pathlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from refold.reports.ci.report_document import ReportDocument
from refold.reports.commands import outcome
from refold.reports.commands.verify import application_for, ending, publish, together
from refold.reports.documents.report_folder import places
from refold.reports.words.guarantees import replayed
from refold.search.determinism.in_other_processes import ANOMALY
from refold.search.failure import report_dir as default_report_dir
from refold.search.failure import slug
from refold.search.stored.plan import StoredPlan


@click.command(short_help="Run stored plans again, on the same or another system.")
@click.argument("plans", nargs=-1, required=True, metavar="PLAN…", type=click.Path(exists=True, dir_okay=False))
@click.option("--system", metavar="NAME", help="Run the plans on this system instead of the one that they name.")
@click.option("--application", metavar="NAME", help="Use this application instead of the one that the plans name.")
@click.option(
    "--seconds",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="Give up on a plan that has not finished after S seconds (default: 60).",
)
@click.option("--report-dir", metavar="DIR", help="Write the report to this directory (default: .refold).")
@click.option("--emit-test", is_flag=True, help="Print a pytest test for each plan instead of running the plans.")
@click.option("-v", "--verbose", is_flag=True, help="Print all details of each finding, and all counts.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def replay(
    plans: tuple[str, ...],
    system: str | None,
    application: str | None,
    seconds: float | None,
    report_dir: str | None,
    emit_test: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Run stored plans again, on the system on which they were found or on another one.

    \b
    Examples:
      refold replay .refold/plans/oversold-1a2b3c4d.json
      refold replay .refold/plans/*.json                  all plans that were found so far
      refold replay plan.json --system sqlite             does a real log fail too?
      refold replay plan.json --emit-test > test_bug.py   a regression test

    If a plan does not finish in time, refold gives up on it and says where it got stuck (exit code 2). If none of its actions is possible
    on the system, the plan proves nothing and is reported as vacuous-run.

    Exit codes: 0 held, 1 findings, 2 usage or environment error.
    """
    folder = pathlib.Path(report_dir or default_report_dir())
    with outcome.sentences(str(folder)), outcome.aside():
        stored = [StoredPlan.of(plan, system, application, application_for) for plan in plans]
        if emit_test:
            with outcome.speaking():
                click.echo(test_source(stored))
            return
        several = len(stored) > 1
        outputs = []
        for plan, place in zip(stored, places(folder, [pathlib.Path(plan).stem for plan in plans]), strict=True):
            outputs.append(told(plan, place, as_json, verbose, seconds))
        if as_json:
            outcome.print_json(together(outputs) if several else outputs[0])
        sys.exit(ending(outputs))


def told(
    plan: StoredPlan, folder: pathlib.Path, quiet: bool, verbose: bool, seconds: float | None = None
) -> ReportDocument:
    """Run it, report; returns the JSON object."""
    result = plan.result(lambda system: outcome.time_limit(f"{system}, with {plan.path},", seconds))
    found = bool(result.counterexamples)
    note = "" if found else replayed(result, plan.anomaly)
    return publish(
        result, plan.application, folder, [plan.path] if found else [], quiet, note, verbose, system=plan.system
    )


def test_source(plans: Sequence[StoredPlan]) -> str:
    """Regression tests as Python source, one for each plan."""
    names = ", ".join(slug(pathlib.Path(plan.path).name) for plan in plans)
    what = "Regression test" if len(plans) == 1 else "Regression tests"
    head = f'"""{what} made by refold from {names}."""\n\nimport json\n\nfrom refold import must_hold\n'
    return head + "".join(test_functions(plans))


def test_functions(plans: Sequence[StoredPlan]) -> Iterator[str]:
    """A test for each plan; those for the same anomaly are numbered."""
    many = Counter(plan.anomaly for plan in plans)
    numbers: Counter[str] = Counter()
    for plan in plans:
        numbers[plan.anomaly] += 1
        number = f"_{numbers[plan.anomaly]}" if many[plan.anomaly] > 1 else ""
        constant = "PLAN" if len(plans) == 1 else f"PLAN_{numbers.total()}"
        name = re.sub(r"\W", "_", slug(plan.anomaly or "plan"))
        actions = json.dumps(plan.document["actions"], indent=4)
        where = ", elsewhere=True" if plan.anomaly == ANOMALY else ""
        yield (
            "\n" * (numbers.total() > 1)
            + f'''
{constant} = json.loads(r"""{{"refold": "plan", "version": 1, "actions": {actions}}}""")


def test_{name}_does_not_happen{number}() -> None:
    must_hold({constant}, application={plan.application_name!r}, system={plan.system_name!r}{where})
'''
        )
