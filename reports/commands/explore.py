"""``refold explore``: every plan of a small scope, breadth first, with a certificate of what was seen."""

from __future__ import annotations

import json
import math
import pathlib
import sys
import time
from collections import Counter
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TextColumn

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.model.words import counted
from refold.properties.result import Counterexample, Result
from refold.properties.suite import checked_on
from refold.reports.commands import completion, outcome
from refold.reports.commands.verify import application_for, processes, publish
from refold.reports.documents.files import ready
from refold.reports.words.values import duration, inert
from refold.search.capabilities import not_checked
from refold.search.explore.certificate import Certificate, certificate, text
from refold.search.explore.explorer import Explorer, Progress
from refold.search.explore.outlook import outlook
from refold.search.explore.scope import ScopeLimits
from refold.search.explore.stored import load, save
from refold.search.failure import PlanFile
from refold.search.failure import report_dir as default_report_dir
from refold.search.run import execute
from refold.search.signals import held_back
from refold.search.vacuous import counts
from refold.search.whole import write
from refold.systems.port import SystemPort
from refold.systems.registry import application_suiting, own_application

STATE = "explore.state"
CERTIFICATE = "certificate.json"
TASTE = 2.0
"""Seconds after which is told how long it will take; it is told again each time that it has taken four times as long."""

SAVED = 20.0
"""Seconds between two writings of the state."""

FAR = 20
"""If the most that it may take is more than so many times the least, nobody knows the most."""

LARGE = 500
"""With so many actions in the first levels a scope is large; with fewer, the machine is slow."""

NUMBER = click.IntRange(0, 99)


@click.command(short_help="Run every plan within a small scope, shortest first.")
@click.option(
    "--system",
    "name",
    default="reference",
    metavar="NAME",
    shell_complete=completion.systems,
    help="Explore this system (default: reference). It must be deterministic: the same plan must always give the same history.",
)
@click.option(
    "--application",
    metavar="NAME",
    shell_complete=completion.applications,
    help="Use this application: accounts, courses, inventory, rota, MODULE:OBJECT or FILE.py:OBJECT (default: depends on the"
    " system, usually inventory).",
)
@click.option(
    "--clients", type=click.IntRange(1, 99), default=2, metavar="N", help="Let at most N clients act (default: 2)."
)
@click.option(
    "--commands", type=click.IntRange(1, 99), default=2, metavar="N", help="Send at most N commands (default: 2)."
)
@click.option(
    "--values",
    type=click.IntRange(1, 999),
    default=2,
    metavar="N",
    help="Choose from N different commands (default: 2).",
)
@click.option(
    "--keys", type=click.IntRange(1, 99), default=1, metavar="N", help="Use N keys in these commands (default: 1)."
)
@click.option("--crashes", type=NUMBER, default=1, metavar="N", help="Inject at most N crashes (default: 1).")
@click.option(
    "--power-cuts",
    type=NUMBER,
    metavar="N",
    help="Inject at most N power cuts, counted separately (default: each counts as a crash).",
)
@click.option(
    "--reordered",
    "--deliveries-out-of-order",
    "reordered",
    type=NUMBER,
    default=1,
    metavar="N",
    help="Deliver at most N events out of order (default: 1).",
)
@click.option("--redelivered", type=NUMBER, default=0, metavar="N", help="Deliver at most N events again (default: 0).")
@click.option(
    "--unanswered", type=NUMBER, default=0, metavar="N", help="Lose the answers to at most N appends (default: 0)."
)
@click.option(
    "--slow",
    type=NUMBER,
    default=0,
    metavar="N",
    help="Let at most N appends take their position early and commit late (default: 0).",
)
@click.option(
    "--snapshots", type=NUMBER, default=0, metavar="N", help="Take at most N snapshots on demand (default: 0)."
)
@click.option(
    "--failures",
    type=NUMBER,
    default=0,
    metavar="N",
    help="Inject at most N failures of handlers and disks (default: 0).",
)
@click.option(
    "--length", type=NUMBER, default=0, metavar="N", help="Limit plans to N actions (default: 0, which means no limit)."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    metavar="S",
    help="Stop after S seconds; to resume, run the same command again (default: no limit).",
)
@click.option("--keep-going", is_flag=True, help="After the first finding, continue and look for other anomalies.")
@click.option("--fresh", is_flag=True, help="Start from the beginning instead of resuming an earlier exploration.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Explore with N processes (default: one for each core; for a system of your own, one, unless it sets 'parallel = True').",
)
@click.option(
    "--state", metavar="FILE", help="Save the progress in this file (default: explore.state in the report directory)."
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write certificate.json, report.html and plans/ to this directory (default: .refold).",
)
@click.option("-v", "--verbose", is_flag=True, help="Print all details of each finding, and figures for each level.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def explore(
    name: str,
    application: str | None,
    seconds: float | None,
    keep_going: bool,
    fresh: bool,
    jobs: int | None,
    state: str | None,
    report_dir: str | None,
    verbose: bool,
    as_json: bool,
    **bounds: Any,
) -> None:
    """Run every plan within a small scope, shortest first.

    The scope limits the clients, commands and faults of each plan. If a plan breaks a guarantee, refold reports the shortest such plan.
    It also writes a certificate that says what was explored. To stop the exploration, press Ctrl-C; to resume it, run the same command
    again.

    \b
    Examples:
      refold explore                                        two clients, two commands, one crash, one event out of order
      refold explore --commands 3 --crashes 0               more commands, no crashes
      refold explore --system lost-wakeup                   a broken system, to see the shortest plan
      refold explore --application shop.py:Shop --seconds 600
                                                            your own decider, for ten minutes

    Exit codes: 0 no findings, 1 findings, 2 usage or environment error, or interrupted.
    """
    folder = pathlib.Path(report_dir or default_report_dir())
    with outcome.sentences(str(folder)), outcome.aside(), outcome.unlogged():
        if seconds is not None and not math.isfinite(seconds):
            raise UsageError(f"--seconds {seconds} is not a length of time; write a finite number of seconds")
        system = outcome.system_called(name)
        called = application or application_suiting(name, system)
        subject = application_for(called)
        ready(folder)
        exploration = Exploration(
            system,
            name,
            subject,
            application if own_application(system) is None else called,
            ScopeLimits(**bounds),
            folder,
            pathlib.Path(state) if state else folder / STATE,
            processes(system, jobs),
            keep_going,
        )
        if not fresh:
            exploration.resume(quiet=as_json)
        exploration.run(seconds, quiet=as_json)
        with held_back():
            document = exploration.publish(quiet=as_json, verbose=verbose)
            if as_json:
                outcome.print_json(document)
            if exploration.explorer.progress.found:
                sys.exit(outcome.FINDINGS)
            sys.exit(outcome.ENVIRONMENT if exploration.interrupted else outcome.HELD)


class Exploration:
    """One scope with its files and its progress line."""

    def __init__(
        self,
        system: SystemPort,
        name: str,
        application: Application,
        called: str | None,
        bounds: ScopeLimits,
        folder: pathlib.Path,
        state: pathlib.Path,
        jobs: int,
        keep_going: bool,
    ) -> None:
        self.system = system
        self.name = name
        self.application = application
        self.folder = folder
        self.state = state
        """Where it goes on from."""
        self.file = PlanFile(application, name, str(folder), called=called)
        self.explorer = Explorer(system, application, bounds, jobs=jobs, keep_going=keep_going)
        check_repeatable(self.explorer)
        self.interrupted = False
        self.saved = time.monotonic()
        self.told_at = TASTE

    def resume(self, quiet: bool) -> None:
        """Go on where an earlier exploration of this scope was stopped."""
        if load(self.explorer, self.state) and not quiet:
            states = self.explorer.progress.states
            click.echo(f"refold: resuming with {counted(states, 'state')} from {self.state}", err=True)

    def run(self, seconds: float | None, quiet: bool) -> None:
        """Explore, and keep where it stands."""
        explorer = self.explorer
        until = math.inf if seconds is None else time.monotonic() + seconds
        console = Console(stderr=True)
        shown = not quiet and console.is_terminal
        with Bar(
            TextColumn("{task.description}"), console=console, transient=True, auto_refresh=False, disable=not shown
        ) as bar:
            task = bar.add_task("", total=None)

            def told(progress: Progress) -> None:
                bar.update(task, description=line(progress), refresh=True)
                if not quiet and progress.seconds > self.told_at and (said := forecast(progress)):
                    self.told_at = 4 * progress.seconds
                    click.echo(f"refold: {said}", err=True)
                if time.monotonic() - self.saved > SAVED:
                    save(explorer, self.state)
                    self.saved = time.monotonic()

            explorer.told = told
            try:
                explorer.go_on(until)
            except KeyboardInterrupt:
                self.interrupted = True
        if explorer.ended:
            self.state.unlink(missing_ok=True)
        else:
            save(explorer, self.state)

    def publish(self, quiet: bool, verbose: bool) -> dict[str, Any]:
        """Write the files and print; returns the JSON object."""
        explorer = self.explorer
        of = certificate(explorer)
        found = tuple(explorer.counterexamples())
        plans = [self.file.shrunk(counterexample) for counterexample in found]
        document: dict[str, Any] = {
            "verdict": "broken" if found else "held" if of.complete else "unfinished",
            "interrupted": self.interrupted,
            "bounds": attrs.asdict(of.bounds),
            "states": of.states,
            "transitions": of.transitions,
            "depth": of.length,
            "pruned": {"known": of.known, "left_out": of.left_out},
            "seconds": of.seconds,
            "findings": [],
            "certificate": of.document(),
            "levels": [attrs.asdict(level) for level in explorer.progress.levels],
        }
        if found:
            report = publish(
                self.result(found), self.application, self.folder, plans, quiet, verbose=verbose, system=self.system
            )
            document |= {"findings": report["findings"], "report": report}
        write(self.folder / CERTIFICATE, json.dumps(document, indent=1, default=str) + "\n")
        if not quiet:
            with outcome.speaking():
                self.show(of, verbose)
        return document

    def show(self, of: Certificate, verbose: bool) -> None:
        """The certificate, in lines."""
        for one in text(of):
            click.echo(inert(one))
        if verbose:
            for level in self.explorer.progress.levels:
                click.echo(
                    f"plans of {counted(level.length, 'action')}: {counted(level.states, 'new state')},"
                    f" {counted(level.transitions, 'action')}, {level.seconds:.1f} s"
                )
        if not self.explorer.ended:
            click.echo(f"to resume from {self.state}, run the same command again")
        click.echo(f"certificate: {self.folder / CERTIFICATE}")

    def result(self, found: tuple[Counterexample, ...]) -> Result:
        """What reports are made of."""
        progress = self.explorer.progress
        kinds = {type(record) for counterexample in found for record in counterexample.history}
        total: Counter[str] = Counter()
        for counterexample in found:
            total.update(counts(counterexample.history, counterexample.plan))
        return Result(
            system=self.system.name,
            application=self.application.name,
            seed=None,
            examples=progress.transitions,
            steps=progress.transitions,
            skipped=0,
            seconds=progress.seconds,
            counts=dict(total),
            counterexamples=found,
            not_checked=not_checked(self.system, self.application),
            checked=checked_on(self.application, self.system.capabilities, kinds),
        )


def check_repeatable(explorer: Explorer) -> None:
    """Raises `UsageError` if the same plan does not come to the same history twice."""
    plan = explorer.scope.alphabet[:24]
    one, other = (execute(explorer.system, explorer.application, plan).history for _ in range(2))
    if list(map(repr, one)) != list(map(repr, other)):
        raise UsageError(
            f"system {explorer.system.name!r} gives different histories when the same plan runs twice, so it cannot be explored; search"
            " it with refold verify"
        )


def line(progress: Progress) -> str:
    """Where it stands."""
    level = progress.levels[-1]
    seconds = max(progress.seconds, 0.001)
    return (
        f"plans of {counted(level.length, 'action')}: {len(progress.frontier):,} states to expand; {progress.states:,} states in total,"
        f" {progress.transitions / seconds:,.0f} actions per second, {len(progress.found)} found"
    )


def forecast(progress: Progress) -> str:
    """How long it will take, if growth goes on slowing down as it does in the last levels; "" while nobody knows."""
    seen = outlook(progress.levels[:-1] if progress.frontier else progress.levels)
    if seen is None and progress.transitions < LARGE:
        return ""
    if seen is None:
        return "the first levels of this scope are already large; --seconds limits the time, and the same command resumes the exploration"
    level = progress.levels[-1]
    gone = level.seconds if progress.frontier else 0.0
    least, most = max(seen.least - gone, 0.0), max(seen.most - gone, 1.0)
    told = f"the rest of this scope will take another {duration(least)} to {duration(most)}"
    if most > FAR * max(least, 1.0):
        told = f"the rest of this scope will take {duration(least)} or far more"
    return f"{told}: the last level is {seen.growth:.1f} times as large as the one before"
