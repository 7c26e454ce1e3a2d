"""``refold verify``: search systems for broken guarantees and report."""

from __future__ import annotations

import datetime
import os
import pathlib
import secrets
import sys
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.properties.result import Counterexample, Result
from refold.reports.ci.announced import announced
from refold.reports.ci.report_document import ReportDocument
from refold.reports.commands import completion, outcome
from refold.reports.commands.cli import Time
from refold.reports.documents.files import ready
from refold.reports.documents.json_report import result_json
from refold.reports.documents.report_folder import places, write_report
from refold.reports.documents.terminal import print_result
from refold.reports.runs.directory import PAGE, keep
from refold.reports.words.explained import explain_result
from refold.search.campaign import Budget, Campaign, Progress
from refold.search.failure import PlanFile
from refold.search.failure import report_dir as default_report_dir
from refold.search.objects.application_check import application_named, trial
from refold.search.objects.provenance import replay_command
from refold.search.signals import held_back
from refold.search.verification import SECONDS, to_the_end
from refold.systems.port import SystemPort
from refold.systems.programs.system import PREFIX
from refold.systems.registry import application_suiting, own_application


def application_for(name: str) -> Application:
    """The application of this name, which keeps the rules of the game."""
    with outcome.time_limit(f"application {name!r}"):
        application = application_named(name)
        trial(application)
    return application


@click.command(short_help="Search a system for violations of its guarantees.")
@click.option(
    "--system",
    "systems",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.systems,
    help="Verify this system (default: reference). Repeatable.",
)
@click.option(
    "--command",
    "commands",
    multiple=True,
    metavar="COMMAND",
    help="Run this command and verify it as an event log, exchanging lines of JSON with it. Repeatable.",
)
@click.option(
    "--application",
    metavar="NAME",
    shell_complete=completion.applications,
    help="Use this application: accounts, courses, inventory, rota, MODULE:OBJECT or FILE.py:OBJECT (default: depends on the"
    " system, usually inventory).",
)
@click.option(
    "--seconds",
    type=Time(0),
    metavar="S",
    help=f"Search each system for S seconds (default: {SECONDS:g}, or no limit with --examples).",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    metavar="N",
    help="Stop after N runs of each system (default: no limit).",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Use this seed; the same seed gives the same plans (default: a random one, which is printed).",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write report.html, report.json, history.jsonl, plans/ and graphs/ to this directory (default: .refold).",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Search with N processes (default: one for each core; for a system of your own, one, unless it sets 'parallel = True').",
)
@click.option("-v", "--verbose", is_flag=True, help="Print all details of each finding, and all counts.")
@click.option(
    "--history",
    metavar="FILE",
    help="Do not search. Check that the application can still read the events in this history, recorded by an earlier version.",
)
@click.option(
    "--decisions",
    is_flag=True,
    help="With --history: count each decision that the application would now make differently as a finding.",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def verify(
    systems: tuple[str, ...],
    commands: tuple[str, ...],
    application: str | None,
    seconds: float | None,
    examples: int | None,
    seed: int | None,
    report_dir: str | None,
    jobs: int | None,
    verbose: bool,
    history: str | None,
    decisions: bool,
    as_json: bool,
) -> None:
    """Search a system for violations of its guarantees while injecting crashes, lost replies, duplicates and reorderings.

    \b
    Examples:
      refold verify                                        the reference model, for 10 seconds
      refold verify --system sqlite --seconds 30           a real event log, stored in SQLite files
      refold verify --system 'sqlite?synchronous=off'      the same log without fsync: broken
      refold verify --application tests/test_shop.py:Shop  your own decider
      refold verify --system my_log.py:MyLog --json        your own log
      refold verify --command 'node log.js'                your own log, in another language
      refold verify --application new.py:Shop --history old.jsonl
                                                           events stored by an earlier version

    Exit codes: 0 held, 1 findings, 2 usage or environment error.
    """
    folder = report_dir or default_report_dir()
    with outcome.sentences(folder), outcome.aside(), outcome.unlogged():
        if decisions and history is None:
            raise UsageError("--decisions needs --history")
        if history is not None:
            searching = {
                "--system": systems,
                "--command": commands,
                "--seconds": seconds,
                "--examples": examples,
                "--seed": seed,
                "--jobs": jobs,
            }
            sys.exit(old_data(history, application, folder, decisions, as_json, searching))
        if seconds is None and examples is None:
            seconds = SECONDS
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        names = (*systems, *(PREFIX + command for command in commands)) or ("reference",)
        resolved = [(name, outcome.system_called(name)) for name in names]
        called = {name: application or application_suiting(name, system) for name, system in resolved}
        applications = {name: application_for(called[name]) for name in names}
        ready(folder)
        earlier = pathlib.Path(folder) / PAGE
        outputs, troubles = [], []
        for (name, system), place in zip(resolved, places(pathlib.Path(folder), names), strict=True):
            campaign = Verification(
                system,
                name,
                applications[name],
                seed,
                Budget(seconds, examples),
                place,
                application if own_application(system) is None else called[name],
                len(names) == 1,
                jobs,
                str(earlier) if earlier.is_file() else "",
            )
            outputs.append(campaign.run(quiet=as_json, verbose=verbose))
            troubles.extend(campaign.trouble)
            if campaign.interrupted:
                break
        with held_back():  # the search is over: how it ended is what the exit code says
            remember(pathlib.Path(folder), outputs)
            if as_json:
                outcome.print_json(outputs[0] if len(names) == 1 else together(outputs))
            for trouble in troubles:
                outcome.complain(trouble)
            if len(outputs) < len(names) or troubles or any(output["interrupted"] for output in outputs):
                sys.exit(outcome.FINDINGS if found(outputs) else outcome.ENVIRONMENT)
            sys.exit(ending(outputs))


def found(outputs: list[ReportDocument]) -> bool:
    """Whether anything was."""
    return any(output["verdict"] == "broken" for output in outputs)


def ending(outputs: list[ReportDocument]) -> int:
    """The exit code of runs that went to their end. A report that could not be written takes nothing from what was found."""
    if found(outputs):
        return outcome.FINDINGS
    return outcome.HELD if all(output["report"] for output in outputs) else outcome.ENVIRONMENT


def remember(folder: pathlib.Path, outputs: list[ReportDocument]) -> None:
    """Keep what these searches found beside what earlier ones in the same directory did. A directory that has no more room costs no
    verdict."""
    at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    try:
        keep(folder, outputs, at, outcome.complain)
    except OSError as error:
        outcome.complain(f"this search could not be added to {folder / PAGE}: {error.strerror}")


def old_data(
    history: str, application: str | None, folder: str, decisions: bool, as_json: bool, searching: dict[str, Any]
) -> int:
    """The exit code for the events that a former version recorded; `searching` are the options of a search, which there is none of."""
    if application is None:
        raise UsageError(
            "--history contains the events of an earlier version; name the application that must read them with --application"
        )
    given = [name for name, value in searching.items() if value not in (None, ())]
    if given:
        raise UsageError(
            f"with --history, refold does not search, so {' and '.join(given)} would have no effect; leave it out"
        )
    subject = application_for(application)
    ready(folder)
    from refold.reports.commands.old_data import verify_file  # brings the judging of files, which a search does without

    document = verify_file(history, subject, pathlib.Path(folder), decisions, as_json)
    if as_json:
        outcome.print_json(document)
    return outcome.FINDINGS if document["verdict"] == "broken" else outcome.HELD


def processes(system: SystemPort, jobs: int | None) -> int:
    """How many processes search: as many as the user says; else all cores, if the runs of this system are known to share nothing."""
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if getattr(system, "parallel", False) else 1


def together(outputs: list[ReportDocument]) -> ReportDocument:
    """Several systems in one object: the worst ending on top, each system in `results`."""
    worst = max(
        outputs, key=lambda output: (output["verdict"] == "broken", bool(output["trouble"]), output["interrupted"])
    )
    return {**worst, "results": outputs}


class Verification:
    """One system's campaign with its files and its progress bar; trouble before anything was run is only raised if it is `alone`. `earlier`
    is the page of earlier searches, if there were any."""

    def __init__(
        self,
        system: SystemPort,
        name: str,
        application: Application,
        seed: int,
        budget: Budget,
        folder: pathlib.Path,
        called: str | None,
        alone: bool = True,
        jobs: int | None = None,
        earlier: str = "",
    ) -> None:
        self.name = name
        self.earlier = earlier
        self.alone = alone
        self.application = application
        self.folder = folder
        self.plans: dict[tuple[str, str], str] = {}
        """The signature of a finding -> the file of its plan: findings are not told in the order in which they were found."""
        self.trouble: list[str] = []
        self.file = PlanFile(application, name, str(folder), called=called, seed=seed)
        self.campaign = Campaign(
            system, application, seed, budget, seen=self.note, found=self.keep, jobs=processes(system, jobs)
        )
        self.interrupted = False

    def note(self, counterexample: Counterexample) -> None:
        """Write the plan as it was found. Where there is no room for it, the search goes on: the finding is told all the same."""
        try:
            self.file.found(counterexample)
        except OSError as error:
            self.lacks(error)

    def keep(self, counterexample: Counterexample) -> None:
        """The shrunk plan takes the place of the one that is on disk since it was found."""
        try:
            path = self.file.shrunk(counterexample)
        except OSError as error:
            self.lacks(error)
            path = str(self.file.unshrunk or "")
        self.plans[counterexample.finding.signature] = path

    def lacks(self, error: OSError) -> None:
        """Something was not written; it is said once."""
        told = f"a plan could not be written to {self.file.folder}: {error.strerror}"
        if told not in self.trouble:
            self.trouble.append(told)

    def run(self, quiet: bool, verbose: bool = False) -> ReportDocument:
        """Search, write the files, print; returns the JSON object."""
        result = self.search(quiet)
        self.interrupted = result.interrupted and not result.trouble
        result = self.with_nearest(self.in_other_processes(result))
        with held_back() as waiting:
            output = publish(
                result,
                self.application,
                self.folder,
                [self.plans.get(one.finding.signature, "") for one in result.counterexamples],
                quiet,
                verbose=verbose,
                system=self.campaign.system,
                earlier=self.earlier,
            )
        self.interrupted |= waiting.came
        return output

    def with_nearest(self, result: Result) -> Result:
        """Write the plans that came nearest to what was never reached."""
        nearest = dict(result.nearest)
        try:
            for name, near in nearest.items():
                nearest[name] = attrs.evolve(near, file=self.file.nearest(name, near.plan, near.distance))
        except OSError as error:
            self.lacks(error)
        return attrs.evolve(result, nearest=nearest)

    def in_other_processes(self, result: Result) -> Result:
        """What is checked at the end, in other processes."""
        known = len(result.counterexamples)
        try:
            result = to_the_end(result, self.campaign.system, self.application)
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
            Bar(
                *columns, console=console, transient=True, auto_refresh=False, disable=quiet or not console.is_terminal
            ) as bar,
            outcome.time_limit(f"system {self.name!r}") as alive,
        ):
            task = bar.add_task(self.name, total=1.0, what="")

            def progress(now: Progress) -> None:
                alive()
                bar.update(
                    task,
                    completed=now.spent,
                    what=f"{now.examples:,} runs, {now.steps:,} steps, {now.found} found",
                    refresh=True,  # a thread that does so could not be forked
                )

            campaign.progress, campaign.watch = progress, alive
            try:
                return campaign.run()
            except (Exception, outcome.NoAnswer) as error:
                told = outcome.as_sentence(error)
                if told is None or (self.alone and not campaign.examples):
                    raise
                self.trouble.append(told)
                campaign.interrupted = True
                where = f"{told} (in run {campaign.examples + 1} of seed {campaign.seed})"
                return attrs.evolve(campaign.result(), trouble=where)


def publish(
    result: Result,
    application: Application,
    folder: pathlib.Path,
    plans: list[str],
    quiet: bool,
    note: str = "",
    verbose: bool = False,
    *,
    system: SystemPort,
    earlier: str = "",
) -> ReportDocument:
    """Write the files of the report, and print it, with `note` on top, unless quiet; in CI, announce it. What cannot be written is
    complained of, and then the document names no report."""
    replays = [replay_command(plan) if plan else "" for plan in plans]
    explained = explain_result(result, application, plans, replays, system=system)
    try:
        document = write_report(result, explained, folder, application)
    except (OSError, UsageError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        outcome.complain(f"the report could not be written completely to {folder}: {why}")
        document = result_json(result, explained, report=None)
    announce(document)
    if not quiet:
        with outcome.speaking():
            print_result(result, explained, report=document["report"], note=note, verbose=verbose, earlier=earlier)
    return document


def announce(document: ReportDocument) -> None:
    """Have a CI job show it; on standard error, which belongs to no script."""
    for line in announced(document):
        outcome.mention(line)
