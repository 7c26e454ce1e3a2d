"""``refold zoo``: does the harness find the bugs that it claims to find?"""

from __future__ import annotations

import difflib
import json
import os
import pathlib
import signal
import statistics
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from typing import Any
from urllib.parse import quote

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from refold.model.errors import UsageError
from refold.properties.result import Counterexample
from refold.reports.commands import outcome
from refold.reports.documents.console import console
from refold.reports.documents.files import ready
from refold.reports.documents.html import html_report
from refold.reports.documents.tables import Column, print_table
from refold.reports.pages.assets import template
from refold.reports.words.diagnosis import diagnosis_json
from refold.reports.words.explained import explain
from refold.reports.words.references import parts
from refold.search.campaign import Budget, Campaign
from refold.search.failure import report_dir as default_report_dir
from refold.search.failure import save_plan, slug
from refold.search.objects.application_check import application_named
from refold.search.objects.locations import broken_part
from refold.search.objects.provenance import replay_command
from refold.search.whole import write
from refold.systems.broken import BROKEN
from refold.systems.parent import die_with_parent

SECONDS_MAX = 30.0
"""How long one broken system is searched with one seed; said in the help, and of a system in which nothing was found."""


class WithNames(click.Command):
    """A command whose help ends with the names that it takes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The broken systems, by the guarantee that each breaks (the first, if several). Names are never cut at a hyphen."""
        by_guarantee: dict[str, list[str]] = {}
        for name, system in BROKEN.items():
            by_guarantee.setdefault(system.guarantee.partition("/")[0], []).append(name)
        with formatter.section("Names, by the guarantee that the system breaks"):
            for guarantee, names in by_guarantee.items():
                start = " " * formatter.current_indent + guarantee.ljust(9)
                wrapped = textwrap.wrap(
                    ", ".join(names),
                    formatter.width,
                    initial_indent=start,
                    subsequent_indent=" " * len(start),
                    break_on_hyphens=False,
                    break_long_words=False,
                )
                formatter.write("\n".join(wrapped) + "\n")


@click.command(cls=WithNames, short_help="Run refold on deliberately broken systems.")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    metavar="N",
    help="Use this seed; with --seeds, start with it.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Search each system with N consecutive seeds, and show the median CPU time.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default=True,
    metavar="N",
    help="Run N processes in parallel.",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write zoo.html, zoo.json and the plans to the folder zoo in this directory (default: .refold).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def zoo(names: tuple[str, ...], seed: int, seeds: int, jobs: int, report_dir: str | None, as_json: bool) -> None:
    """Run refold on deliberately broken systems, each named after a real bug, and show which of the bugs it finds.

    \b
    Examples:
      refold zoo                                   all broken systems
      refold zoo ack-before-fsync lost-wakeup      only these two
      refold zoo --seeds 5 --json                  five seeds each, with output for a script
      refold verify --system ack-before-fsync      one of them, with a full report

    refold searches each system for up to 30 s per seed. If it finds nothing in that time, the bug counts as missed.

    Exit codes: 0 all found, 1 some missed, 2 usage or environment error.
    """
    with outcome.sentences(report_dir):
        for name in names:
            if name not in BROKEN:
                raise UsageError(
                    f"there is no broken system {name!r}{resembling(name)}; “refold zoo --help” lists them all"
                )
        chosen = list(dict.fromkeys(names)) or list(BROKEN)
        folder = pathlib.Path(report_dir or default_report_dir()) / "zoo"
        ready(folder)
        rows = gather(chosen, [seed + n for n in range(seeds)], jobs, str(folder), quiet=as_json)
        missing = [name for name in chosen if not any(row["name"] == name and row["found"] for row in rows)]
        write(folder / "zoo.json", json.dumps({"rows": rows}, indent=1) + "\n")
        write(folder / "zoo.html", page(rows))
        if as_json:
            outcome.print_json({"rows": rows})
        else:
            with outcome.speaking():
                show(rows)
                click.echo(f"page with the plans: {folder / 'zoo.html'}")
        for row in rows:
            for error in row["errors"]:
                outcome.complain(error)
        if len(rows) < len(chosen):
            outcome.fail("the search ended early; the results so far are above")
        sys.exit(outcome.FINDINGS if missing else outcome.HELD)


def resembling(name: str) -> str:
    """“ (did you mean … or …?)”, if broken systems have names like it: up to three."""
    close = difflib.get_close_matches(name, BROKEN, n=3)
    close += [other for other in BROKEN if name and name in other and other not in close][: 3 - len(close)]
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def gather(names: list[str], seeds: list[int], jobs: int, folder: str, quiet: bool) -> list[dict[str, Any]]:
    """All rows, in the order of `names`; those that are done if interrupted, or if a process was killed."""
    errors = Console(stderr=True)
    trials: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=errors,
        transient=True,
        disable=quiet or not errors.is_terminal,
    ) as bar:
        task = bar.add_task("zoo", total=len(names) * len(seeds))
        try:
            for trial in trials_of([(name, seed, folder) for name in names for seed in seeds], jobs):
                trials[trial["name"]].append(trial)
                bar.advance(task)
        except KeyboardInterrupt:
            bar.stop()
        except BrokenProcessPool:
            bar.stop()
            outcome.complain(
                "a search process was killed, perhaps because memory ran out; “--jobs 1” needs the least memory"
            )
    return [summary(name, done) for name, done in trials.items() if len(done) == len(seeds)]


def trials_of(tasks: list[tuple[str, int, str]], jobs: int) -> Iterator[dict[str, Any]]:
    """One trial per task, as they finish; each in a process of its own kind, so that one hog does not stop the rest."""
    if jobs == 1 or len(tasks) == 1:
        for task in tasks:
            yield trial(*task)
        return
    others = set(active_children())
    with ProcessPoolExecutor(min(jobs, len(tasks)), initializer=searcher) as pool:
        pending: set[Future[dict[str, Any]]] = {pool.submit(trial, *task) for task in tasks}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - others:
                process.kill()
            raise


def searcher() -> None:
    """In a process of its own, which the one that started it ends: Ctrl-C is for that one."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def trial(name: str, seed: int, folder: str) -> dict[str, Any]:
    """Search one broken system with one seed until something is found and shrunk."""
    system = BROKEN[name]
    application = application_named(system.application)
    started = time.process_time()
    campaign = Campaign(system.system(), application, seed, Budget(seconds=SECONDS_MAX, distinct=1))
    try:
        with outcome.time_limit(f"system {name!r}") as alive:
            campaign.progress = lambda progress: alive()
            campaign.search()
    except (Exception, outcome.NoAnswer) as error:
        why = outcome.as_sentence(error) or f"{type(error).__name__}: {error}"
        trouble = f"{name}, seed {seed}: {why}"
        return {
            "name": name,
            "seed": seed,
            "found": False,
            "seconds_cpu": time.process_time() - started,
            "error": trouble,
        }
    seconds = time.process_time() - started
    found: Counterexample | None = campaign.counterexamples[0] if campaign.counterexamples else None
    if found is None:
        return {"name": name, "seed": seed, "found": False, "seconds_cpu": seconds}
    plan = save_plan(found, application, name, folder, seed=seed) if found.plan else ""
    replay = replay_command(plan) if plan else ""
    told = explain(found, application, plan_file=plan, replay=replay)
    told = attrs.evolve(told, place=broken_part(system.system()))
    report = pathlib.Path(folder) / "pages" / f"{slug(name)}-{seed}.html"
    write(report, html_report(campaign.result(), [told], application))
    return {
        "name": name,
        "seed": seed,
        "found": True,
        "anomaly": found.finding.anomaly,
        "headline": told.explanation.headline,
        "explanation": [f"{heading}: {line}" for heading, line in told.explanation.lines()],
        "guarantee": found.finding.guarantee,
        "seconds_cpu": seconds,
        "actions": len(found.plan),
        "plan": told.plan_file or None,
        "report": str(report),
        "sentences": [item.sentence for item in told.plan],
        "properties": sorted({finding.judge for finding in found.findings}),
        "diagnosis": diagnosis_json(told.diagnoses),
    }


def summary(name: str, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the result: the trial with the median CPU time stands for the row; found means found with every seed."""
    system = BROKEN[name]
    trials.sort(key=lambda one: one["seconds_cpu"])
    typical = next((one for one in trials[(len(trials) - 1) // 2 :] if one["found"]), trials[-1])
    return {
        "name": name,
        "application": system.application,
        "tier": system.tier,
        "guarantee": typical.get("guarantee", system.guarantee),
        "guarantee_expected": system.guarantee,
        "found": all(one["found"] for one in trials),
        "anomaly": typical.get("anomaly"),
        "headline": typical.get("headline", ""),
        "explanation": typical.get("explanation", []),
        "diagnosis": typical.get("diagnosis", []),
        "seconds_cpu": round(statistics.median(one["seconds_cpu"] for one in trials), 4),
        "seconds_cpu_max": round(max(one["seconds_cpu"] for one in trials), 4),
        "actions": typical.get("actions"),
        "actions_max": max((one.get("actions", 0) for one in trials), default=0),
        "plan": typical.get("plan"),
        "report": typical.get("report"),
        "sentences": typical.get("sentences", []),
        "properties": typical.get("properties", []),
        "seeds": [one["seed"] for one in trials],
        "errors": [one["error"] for one in trials if "error" in one],
        "reference": system.reference,
    }


def verdict(row: dict[str, Any]) -> str:
    """Whether it was found, in words."""
    if row["found"]:
        return "found"
    return "failed" if row["errors"] else f"not found within {SECONDS_MAX:g} s"


def span(seeds: list[int]) -> str:
    """``3``, ``1, 2``; ``1 to 40`` for many, which follow each other."""
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 3 else ", ".join(map(str, seeds))


def page(rows: list[dict[str, Any]]) -> str:
    """The table as one HTML file, with the plans."""
    seeds = sorted({seed for row in rows for seed in row["seeds"]})
    return template("documents/zoo.html").render(
        rows=rows,
        parts=parts,
        verdict=verdict,
        page_of=lambda report: quote(f"pages/{pathlib.Path(report).name}"),
        found=sum(row["found"] for row in rows),
        seeds=span(seeds),
    )


def show(rows: list[dict[str, Any]]) -> None:
    """The table for a reader. Names are whole at every width; what does not fit is in the page."""
    columns = [
        Column("system", [row["name"] for row in rows]),
        Column("tier", [str(row["tier"]) for row in rows], rank=5, right=True),
        Column("found", ["found" if row["found"] else "MISSED" for row in rows]),
        Column("anomaly", [row["anomaly"] or "" for row in rows], rank=1),
        Column("guarantee", [row["guarantee"] for row in rows], rank=4),
        Column("CPU s", [f"{row['seconds_cpu']:.2f}" for row in rows], rank=2, right=True),
        Column("actions", [str(row["actions"] or "") for row in rows], rank=3, right=True),
    ]
    left_out = print_table(console(), "broken systems", columns)
    click.echo()
    if left_out:
        click.echo(f"left out at this width: {', '.join(left_out)}")
    for row in rows:
        if not row["found"]:
            click.echo(f"{row['name']}: {verdict(row)}")
    found = sum(row["found"] for row in rows)
    click.echo(f"{found} of {len(rows)} found")
