"""``refold verify`` and ``refold replay``: run plans on systems and report."""

from __future__ import annotations

import json
import pathlib
import re
import secrets
import sys
import time
from collections import Counter
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from refold.model.application import Application
from refold.model.plan import MalformedPlan, check_document, check_names, plan_from_json, short
from refold.properties.applications import application_named, shipped, trial
from refold.properties.campaign import Budget, Campaign, Progress, not_checked
from refold.properties.diagnosis import ranked
from refold.properties.elsewhere import ANOMALY
from refold.properties.evidence import evidence_graph
from refold.properties.failure import PlanFile, application_spec, replay_command
from refold.properties.result import Counterexample, Result
from refold.properties.run import execute
from refold.properties.second_replay import replayed_again
from refold.properties.suite import checked_on
from refold.properties.vacuous import counts
from refold.reports import outcome
from refold.reports.files import default_report_dir, read_plan_document, slug, write, write_history
from refold.reports.graph_files import write_graph
from refold.reports.guarantees import replayed
from refold.reports.html import html_report
from refold.reports.json_report import result_json
from refold.reports.terminal import print_result
from refold.systems.broken import BROKEN
from refold.systems.port import SystemPort
from refold.systems.registry import consumer_names, resolve

DEFAULT_SECONDS = 10.0


def application_for(name: str | None, system: str) -> Application:
    """The application asked for, else the one that suits the system."""
    if name is None:
        name = BROKEN[system].application if system in BROKEN else "inventory"
    with outcome.time_limit(f"application {name!r}"):
        application = application_named(name)
        trial(application)
    return application


@click.command(short_help="Crash, duplicate and reorder a system; check its promises.")
@click.option(
    "--system", "systems", multiple=True, metavar="NAME", help="What to verify (default: reference); may be repeated."
)
@click.option("--application", metavar="NAME", help="accounts, inventory, rota, or MODULE:OBJECT (default: inventory).")
@click.option(
    "--seconds", type=click.FloatRange(0), help=f"How long to search each system (default: {DEFAULT_SECONDS:g})."
)
@click.option("--examples", type=click.IntRange(1), help="Stop after so many runs.")
@click.option(
    "--seed", type=click.IntRange(0), help="Search the same plans again (default: a fresh one, which is printed)."
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Where report.html, report.json, history.jsonl, plans/ and graphs/ go (default: .refold).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")
def verify(
    systems: tuple[str, ...],
    application: str | None,
    seconds: float | None,
    examples: int | None,
    seed: int | None,
    report_dir: str | None,
    as_json: bool,
) -> None:
    """Crash, duplicate and reorder a system, and check what it promises.

    \b
    Examples:
      refold verify                                        the reference model, 10 seconds
      refold verify --system sqlite --seconds 30           a real event log in SQLite files
      refold verify --system 'sqlite?synchronous=off'      ... that does not sync: convicted
      refold verify --application tests/test_shop.py:Shop  your own decider
      refold verify --system my_log.py:MyLog --json        your own log

    Exit code: 0 held, 1 findings, 2 usage or environment.
    """
    folder = report_dir or default_report_dir()
    with outcome.sentences(folder):
        if seconds is None and examples is None:
            seconds = DEFAULT_SECONDS
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        names = systems or ("reference",)
        resolved = [(name, resolve(name)) for name in names]
        applications = {name: application_for(application, name) for name in names}
        outputs, troubles = [], []
        for name, system in resolved:
            place = pathlib.Path(folder) / slug(name) if len(names) > 1 else pathlib.Path(folder)
            campaign = Verification(system, name, applications[name], seed, Budget(seconds, examples), place)
            outputs.append(campaign.run(quiet=as_json))
            troubles.extend(campaign.trouble)
            if campaign.interrupted:
                break
        if as_json:
            outcome.print_json(outputs[0] if len(names) == 1 else together(outputs))
        for trouble in troubles:
            outcome.complain(trouble)
        if any(output["verdict"] == "broken" for output in outputs):
            sys.exit(outcome.FINDINGS)
        sys.exit(outcome.ENVIRONMENT if troubles or any(output["interrupted"] for output in outputs) else outcome.HELD)


def together(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Several systems in one object: the worst verdict on top, each system in `results`."""
    worst = next((output for output in outputs if output["verdict"] == "broken"), outputs[0])
    return {**worst, "results": outputs}


class Verification:
    """One system's campaign with its files and its progress bar."""

    def __init__(
        self, system: SystemPort, name: str, application: Application, seed: int, budget: Budget, folder: pathlib.Path
    ) -> None:
        self.name = name
        self.application = application
        self.folder = folder
        self.plans: list[str] = []
        self.trouble: list[str] = []
        self.file = PlanFile(application, name, str(folder), seed=seed)
        self.campaign = Campaign(system, application, seed, budget, seen=self.file.found, found=self.keep)
        self.interrupted = False

    def keep(self, counterexample: Counterexample) -> None:
        """The shrunk plan takes the place of the one that is on disk since it was found."""
        self.plans.append(self.file.shrunk(counterexample))

    def run(self, quiet: bool) -> dict[str, Any]:
        """Search, write the files, print; returns the JSON object."""
        result = self.search(quiet)
        self.interrupted = result.interrupted
        if not shipped(self.application) and not result.interrupted:
            result = self.elsewhere(result)
        return publish(result, self.folder, self.plans, quiet)

    def elsewhere(self, result: Result) -> Result:
        """A user's own application, whose code nobody here has read, must fold the same in other processes."""
        known = len(result.counterexamples)
        try:
            result = replayed_again(result, self.campaign.system, self.application)
        except KeyboardInterrupt:
            self.interrupted = True
            return attrs.evolve(result, interrupted=True)
        except outcome.SENTENCES as error:
            self.trouble.append(str(error))
            return attrs.evolve(result, trouble=str(error))
        for counterexample in result.counterexamples[known:]:
            self.keep(counterexample)
        return result

    def search(self, quiet: bool) -> Result:
        """The campaign under a progress bar on standard error."""
        campaign = self.campaign
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[what]}"),
            TimeRemainingColumn(),
        )
        with (
            Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar,
            outcome.time_limit(f"system {self.name!r}") as alive,
        ):
            task = bar.add_task(self.name, total=1.0, what="")

            def progress(now: Progress) -> None:
                alive()
                bar.update(
                    task, completed=now.spent, what=f"{now.examples:,} runs, {now.steps:,} steps, {now.found} found"
                )

            campaign.progress = progress
            try:
                return campaign.run()
            except (Exception, outcome.NoAnswer) as error:
                told = outcome.as_sentence(error)
                if told is None or campaign.examples == 0:
                    raise
                self.trouble.append(told)
                campaign.interrupted = True
                where = f"{told} (in run {campaign.examples + 1} of seed {campaign.seed})"
                return attrs.evolve(campaign.result(), trouble=where)


def publish(result: Result, folder: pathlib.Path, plans: list[str], quiet: bool, note: str = "") -> dict[str, Any]:
    """Write report.html, report.json and history.jsonl, and print the report, with `note` on top, unless quiet."""
    replays = [replay_command(plan) for plan in plans]
    report = folder / "report.html"
    history = result.counterexamples[0].history if result.counterexamples else result.sample
    if history:
        write_history(folder / "history.jsonl", history)
    diagnosis = ranked(result.counterexamples)
    for number, example in enumerate(result.counterexamples, 1):
        graph = evidence_graph(example.history, example.finding) if example.finding.guarantee == "CAS" else None
        if graph is not None and graph.cycle:
            write_graph(graph, folder / "graphs", f"{number}-{slug(example.finding.anomaly)}")
    document = result_json(result, plans=plans, replays=replays, report=str(report), diagnosis=diagnosis)
    write(report, html_report(result, plans=plans, replays=replays, diagnosis=diagnosis))
    write(folder / "report.json", json.dumps(document, indent=1, default=str) + "\n")
    if not quiet:
        print_result(result, plans=plans, replays=replays, report=str(report), diagnosis=diagnosis, note=note)
    return document


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False))
@click.option("--system", metavar="NAME", help="Run it on another system than the one it was found on.")
@click.option("--application", metavar="NAME", help="Decide with another application than the plan names.")
@click.option("--report-dir", metavar="DIR", help="Where the report goes (default: .refold).")
@click.option("--emit-test", is_flag=True, help="Print a pytest test that runs this plan, and do nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")
def replay(
    plan: str, system: str | None, application: str | None, report_dir: str | None, emit_test: bool, as_json: bool
) -> None:
    """Run one plan again, here or on another system.

    \b
    Examples:
      refold replay .refold/plans/oversold-1a2b3c4d.json
      refold replay plan.json --system sqlite             does the real log do it too?
      refold replay plan.json --emit-test > test_bug.py   a regression test

    Exit code: 0 held, 1 findings, 2 usage or environment.
    """
    folder = pathlib.Path(report_dir or default_report_dir())
    with outcome.sentences(str(folder)):
        document = read_plan_document(plan)
        try:
            check_document(document)
            check_about(document)
            system_name = system or document.get("system") or "reference"
            port = resolve(system_name)
            subject = application_for(application or document.get("application"), system_name)
            actions = plan_from_json(document, subject)
            check_names(actions, port.clients, consumer_names(port))
        except MalformedPlan as error:
            raise MalformedPlan(f"{plan}: {error}") from None
        if emit_test:
            click.echo(test_source(plan, system_name, application_spec(subject), document))
            return
        started = time.perf_counter()
        with outcome.time_limit(f"system {system_name!r}"):
            run = execute(port, subject, actions, whole=True)
        found: tuple[Counterexample, ...] = ()
        if run.findings:
            wanted = document.get("anomaly")
            findings = tuple(sorted(run.findings, key=lambda finding: finding.anomaly != wanted))
            found = (Counterexample(actions, findings, tuple(run.history), 1, 0.0),)
        kinds = Counter(map(type, run.history))
        result = Result(
            system=port.name,
            application=subject.name,
            seed=int(document.get("seed") or 0),
            examples=1,
            steps=run.steps,
            skipped=run.skipped,
            seconds=time.perf_counter() - started,
            counts=counts(kinds),
            counterexamples=found,
            not_checked=not_checked(port),
            checked=checked_on(subject, port.capabilities, kinds),
            sample=tuple(run.history),
        )
        if document.get("anomaly") == ANOMALY and not found:
            result = replayed_again(result, port, subject)
            found = result.counterexamples
        note = "" if found else replayed(result, str(document.get("anomaly") or ""))
        output = publish(result, folder, [plan] if found else [], as_json, note)
        if as_json:
            outcome.print_json(output)
        sys.exit(outcome.FINDINGS if found else outcome.HELD)


def check_about(document: dict[str, Any]) -> None:
    """Whether the fields around the actions are what a replay can use; raises `MalformedPlan`."""
    for field, kind, words in (("system", str, "a name"), ("application", str, "a name"), ("seed", int, "a number")):
        value = document.get(field)
        if value is not None and not isinstance(value, kind):
            raise MalformedPlan(f"{field} is {short(value)}, expected {words}")


def test_source(plan: str, system: str, application: str, document: dict[str, Any]) -> str:
    """A regression test as Python source."""
    name = re.sub(r"\W", "_", slug(str(document.get("anomaly") or "plan")))
    actions = json.dumps(document["actions"], indent=4)
    where = ", elsewhere=True" if document.get("anomaly") == ANOMALY else ""
    return f'''"""Regression test made by refold from {slug(pathlib.Path(plan).name)}."""

import json

from refold.properties.regression import must_hold

PLAN = json.loads(r"""{{"refold": "plan", "version": 1, "actions": {actions}}}""")


def test_{name}_does_not_happen() -> None:
    must_hold(PLAN, application={application!r}, system={system!r}{where})
'''
