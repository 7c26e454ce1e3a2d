"""``refold compare``: nine strategies for conditional updates, the same workload, the same faults."""

from __future__ import annotations

import json
import pathlib

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from refold.reports.commands import outcome
from refold.reports.documents.comparison import comparison_html, comparison_json, print_comparison
from refold.reports.documents.files import ready
from refold.search.failure import report_dir as default_report_dir
from refold.search.strategies.comparison import STEPS, Row
from refold.search.strategies.comparison import compare as compare_strategies
from refold.search.whole import write


@click.command(short_help="Compare the safety and cost of conditional-update strategies.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    metavar="N",
    help="Use this seed for the workload and the faults.",
)
@click.option(
    "--steps",
    type=click.IntRange(100, 10_000_000),
    default=STEPS,
    show_default=True,
    metavar="N",
    help="Send N commands with each strategy.",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write comparison.html and comparison.json to the folder compare in this directory (default: .refold).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def compare(seed: int, steps: int, report_dir: str | None, as_json: bool) -> None:
    """Compare strategies for conditional updates: under which faults each one is safe, and what it costs.

    Time is simulated, so the same seed gives the same figures on every machine. The last line of the output is the path of the page with
    the diagram.

    \b
    Examples:
      refold compare                                          nine strategies, ten thousand commands each
      refold compare --seed 7 --steps 50000                   a different and larger workload
      refold compare --json | jq '.rows[] | [.strategy, .violations, .latency_median]'
      refold verify --system 'reference?strategy=lock'        search one strategy for a counterexample

    Exit codes: 0 compared, 2 usage or environment error.
    """
    with outcome.sentences(report_dir):
        page = pathlib.Path(report_dir or default_report_dir()) / "compare" / "comparison.html"
        ready(page.parent)
        rows = run(seed, steps)
        document = comparison_json(rows, seed=seed, steps=steps, report=str(page))
        write(page, comparison_html(rows, seed=seed, steps=steps))
        write(page.with_suffix(".json"), json.dumps(document, indent=1) + "\n")
        if as_json:
            outcome.print_json(document)
        else:
            with outcome.speaking():
                print_comparison(rows)
                click.echo(f"picture: {page}")


def run(seed: int, steps: int) -> list[Row]:
    """The rows, with progress on standard error."""
    console = Console(stderr=True)
    said: set[str] = set()
    with Bar(
        TextColumn("{task.description}"), BarColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("compare", total=None)

        def progress(done: int, of: int, what: str) -> None:
            bar.update(task, completed=done, total=of, description=what)
            strategy = what.partition(",")[0]
            if strategy and strategy not in said and not console.is_terminal:
                said.add(strategy)
                outcome.complain(f"comparing {strategy} ({done} of {of} runs done)")

        return compare_strategies(seed, steps, progress=progress)
