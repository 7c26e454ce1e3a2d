"""``refold campaign``: many systems and applications, for hours, on all cores; it can be interrupted and goes on where it was."""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from refold.model.application import Application
from refold.model.documents.plan import MalformedPlan
from refold.model.errors import UsageError
from refold.properties.result import Counterexample, Result
from refold.reports.commands import completion, outcome
from refold.reports.commands.cli import Time
from refold.reports.documents.campaign_page import Overview, campaign_html, campaign_json, print_campaign
from refold.reports.documents.files import ready
from refold.reports.documents.html import html_report
from refold.reports.words.explained import explain
from refold.reports.words.values import duration
from refold.search.failure import NEAREST, PlanFile, slug
from refold.search.failure import report_dir as default_report_dir
from refold.search.matrix.cells import Cell, matrix
from refold.search.matrix.cluster import Cluster
from refold.search.matrix.coordinator import CampaignStatus, Coordinator
from refold.search.matrix.executor import Executor, LocalProcesses
from refold.search.matrix.store import CampaignStore
from refold.search.matrix.tasks import refuse_jobs
from refold.search.objects.application_check import trial
from refold.search.objects.provenance import replay_command
from refold.search.stored.files import read_plan_document
from refold.search.tapes import tape
from refold.search.whole import write
from refold.systems.port import SystemPort

MINUTES_MAX = 525_600 * 100
"""A hundred years."""

WRITING_SHARE = 20
"""The page of a campaign is written again after a shard if that costs no more than this part of the time."""


@click.command(short_help="Search many systems for hours on all cores; can be resumed.")
@click.option(
    "--system",
    "systems",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.systems,
    help="Search this system (default: reference). Repeatable.",
)
@click.option(
    "--application",
    "applications",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.applications,
    help="Use this application with every system (default: depends on the system, usually inventory). Repeatable.",
)
@click.option(
    "--minutes",
    type=Time(0, MINUTES_MAX),
    metavar="M",
    help="Search for M minutes in total (default: 60, or no limit with --runs).",
)
@click.option(
    "--seconds",
    type=Time(0, MINUTES_MAX * 60),
    metavar="S",
    help="Search for S seconds in total, instead of --minutes.",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    metavar="N",
    help="Stop after N runs of every system with every application (default: no limit).",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Use this seed; the same seed gives the same plans (default: a random one, which is printed).",
)
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Search with N processes (default: one for each core)."
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Search on the workers of this Dask cluster: tcp://HOST:8786, or 'local' to start a cluster on this machine.",
)
@click.option(
    "--state",
    metavar="FILE",
    help="Store the campaign in this file (default: campaign.sqlite in the report directory).",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write campaign.html, campaign.json, plans/ and finds/ to this directory (default: .refold/campaign).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def campaign(
    systems: tuple[str, ...],
    applications: tuple[str, ...],
    minutes: float | None,
    seconds: float | None,
    runs: int | None,
    seed: int | None,
    jobs: int | None,
    cluster: str | None,
    state: str | None,
    report_dir: str | None,
    as_json: bool,
) -> None:
    """Search every system with every application for hours, a few seconds each in turn.

    All progress is saved in one file. To resume a campaign that was interrupted or has ended, run the same command again; --minutes,
    --seconds and --runs count from the beginning of the campaign. The findings depend on the seed, not on the number of processes or
    interruptions. The page campaign.html shows the progress while the campaign runs.

    \b
    Examples:
      refold campaign --system reference --system sqlite --application inventory --application accounts
      refold campaign --system tests/systems.py:Shop --minutes 480     eight hours
      refold campaign --system my_log.py:MyLog --runs 100000           a fixed number of runs
      refold campaign --cluster tcp://10.0.0.5:8786 --minutes 480      on several machines

    Exit codes: 0 held, 1 findings, 2 usage or environment error.
    """
    folder = pathlib.Path(report_dir) if report_dir else pathlib.Path(default_report_dir()) / "campaign"
    with outcome.sentences(str(folder)), outcome.aside(), outcome.unlogged():
        if minutes is not None and seconds is not None:
            raise UsageError("--minutes and --seconds both set the total time; use only one of them")
        if minutes is not None:
            seconds = minutes * 60
        if seconds is None and runs is None:
            seconds = 3600.0
        ready(folder)
        store = opened(pathlib.Path(state) if state else folder / "campaign.sqlite", systems, applications, seed)
        try:
            work = Work(store, folder)
            coordinator = Coordinator(
                store,
                executor(cluster, jobs),
                seconds=seconds,
                runs=runs,
                about=work.about,
                saved=work.saved,
            )
            interrupted = searched(coordinator, as_json)
            if not interrupted:
                work.tidy()
            overview = work.written(working=False, interrupted=interrupted)
            if as_json:
                outcome.print_json(work.document(overview, interrupted))
            else:
                with outcome.speaking():
                    print_campaign(overview)
                    click.echo(f"page: {work.page}")
            sys.exit(ended(overview, interrupted))
        finally:
            store.close()


def executor(cluster: str | None, jobs: int | None) -> Executor:
    """Who makes the runs."""
    if cluster is not None:
        refuse_jobs(cluster, jobs)
        return Cluster(cluster, jobs, outcome.patience(), outcome.complain)
    return LocalProcesses(jobs or len(os.sched_getaffinity(0)), outcome.patience())


def opened(
    path: pathlib.Path, systems: tuple[str, ...], applications: tuple[str, ...], seed: int | None
) -> CampaignStore:
    """The file of the campaign, new or as it was left; raises `UsageError` if it is that of another one."""
    cells = matrix(systems or ("reference",), applications)
    store = CampaignStore(path)
    try:
        if store.new:
            store.begin(cells, secrets.randbelow(1 << 32) if seed is None else seed)
        elif systems or applications:
            same_as_before(store, cells)
        if seed is not None and seed != store.seed:
            raise UsageError(
                f"{path} was started with seed {store.seed}, not {seed}; leave out --seed, or choose another file with --state"
            )
        return store
    except BaseException:
        store.close()
        raise


def same_as_before(store: CampaignStore, cells: list[Cell]) -> None:
    """A campaign goes on with the cells that it was begun with."""
    if store.cells != cells:
        before = "; ".join(map(str, store.cells))
        raise UsageError(
            f"{store.path} contains a campaign of other systems or applications ({before}); leave out --system and --application to"
            " resume it, or choose another file with --state"
        )


def searched(coordinator: Coordinator, quiet: bool) -> bool:
    """Work, with a line of progress on standard error; returns whether it was interrupted."""
    errors = Console(stderr=True)
    silent = quiet or not errors.is_terminal
    with Bar(TextColumn("{task.description}"), console=errors, transient=True, disable=silent) as bar:
        task = bar.add_task("campaign")

        def told(status: CampaignStatus) -> None:
            words = (
                f"{duration(status.seconds)}: {status.runs:,} runs, {status.steps:,} steps, {status.found} found,"
                f" {status.working} processes"
            )
            bar.update(task, description=words)

        coordinator.told = told
        try:
            coordinator.work()
        except KeyboardInterrupt:
            return True
    return False


def ended(overview: Overview, interrupted: bool) -> int:
    """The exit code; what went wrong is said first."""
    for trouble in overview.troubles:
        outcome.complain(trouble)
    if interrupted:
        outcome.complain("interrupted; to resume, run the same command again")
    if overview.causes:
        return outcome.FINDINGS
    return outcome.ENVIRONMENT if interrupted or overview.troubles else outcome.HELD


class Seldom:
    """Does something again and again, but spends at most one part in `share` of the time with it: what takes longer each time, because
    there is more to say, comes less often. `clock` gives seconds."""

    def __init__(self, work: Callable[[], object], share: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.work = work
        self.share = share
        self.clock = clock
        self.due = clock()

    def __call__(self) -> None:
        """Do it, if it is time."""
        begun = self.clock()
        if begun < self.due:
            return
        self.work()
        ended = self.clock()
        self.due = ended + (ended - begun) * (self.share - 1)


def seed_of(plan: pathlib.Path) -> int | None:
    """The seed that a stored plan names; None if it names none, or cannot be read."""
    try:
        return read_plan_document(str(plan)).get("seed")
    except (MalformedPlan, UsageError, OSError):
        return None


class Work:
    """The files of a campaign: its page, and for every find a plan and a page of its own."""

    def __init__(self, store: CampaignStore, folder: pathlib.Path) -> None:
        self.store = store
        self.folder = folder
        self.page = folder / "campaign.html"
        self.objects: dict[Cell, tuple[SystemPort, Application]] = {}
        self.plans: dict[tuple[Cell, int], PlanFile] = {}
        self.saved = Seldom(lambda: self.written(working=True), WRITING_SHARE)
        for cell in store.cells:
            self.objects[cell] = cell.objects()
            with outcome.time_limit(f"application {cell.application!r}"):
                trial(self.objects[cell][1])

    def about(self, cell: Cell, run: int, found: Counterexample, shrunk: bool) -> dict[str, Any]:
        """Write the plan and the page of a find; returns what the campaign says of it. The shrunk plan takes the place of the first one."""
        system, application = self.objects[cell]
        file = self.plans.setdefault(
            (cell, run),
            PlanFile(application, cell.system, str(self.folder), called=cell.application, seed=self.store.seed),
        )
        if shrunk:
            plan = file.shrunk(found)
        else:
            file.found(found)
            plan = str(file.document(found)[0])
        said = explain(found, application, system=system, plan_file=plan, replay=replay_command(plan))
        result = Result(
            system.name,
            application.name,
            self.store.seed,
            examples=run + 1,
            steps=0,
            skipped=0,
            seconds=0.0,
            counts={},
            counterexamples=(found,),
        )
        page = f"finds/{slug(f'{cell.system}-{cell.application}-{found.finding.anomaly}')}.html"
        write(self.folder / page, html_report(result, [said], application))
        return {
            "headline": said.explanation.headline,
            "cause": said.diagnoses[0].row.name if said.diagnoses else "",
            "actions": len(found.plan),
            "minimal": shrunk and found.minimal,
            "plan": plan,
            "replay": replay_command(plan),
            "page": page,
        }

    def tidy(self) -> None:
        """Take away the plans of this campaign that belong to no find: it had been killed while it shrank them."""
        named = {pathlib.Path(find.about["plan"]) for find in self.store.finds()}
        for path in sorted((self.folder / "plans").glob("*.json")):
            if path not in named and not path.name.startswith(NEAREST) and seed_of(path) == self.store.seed:
                path.unlink(missing_ok=True)

    def written(self, working: bool, interrupted: bool = False) -> Overview:
        """The page and the document as they are now."""
        overview = Overview.of(self.store, working, {} if working else self.near_plans())
        write(self.page, campaign_html(overview))
        write(self.folder / "campaign.json", json.dumps(self.document(overview, interrupted), indent=1) + "\n")
        return overview

    def near_plans(self) -> dict[tuple[Cell, str], str]:
        """Write the plans that came nearest to what was never reached."""
        return {
            (state.cell, name): self.near_plan(state.cell, name, *near)
            for state in self.store.states()
            for name, near in state.nearest.items()
        }

    def near_plan(self, cell: Cell, situation: str, distance: float, run: int) -> str:
        """Write one; returns its path."""
        system, application = self.objects[cell]
        menu = system.menu(application)
        file = PlanFile(application, cell.system, str(self.folder), called=cell.application, seed=self.store.seed)
        return file.nearest(situation, tuple(menu.decode(tape(self.store.seed, run, menu))), distance)

    def document(self, overview: Overview, interrupted: bool) -> dict[str, Any]:
        """For scripts."""
        return campaign_json(overview, str(self.page), interrupted)
