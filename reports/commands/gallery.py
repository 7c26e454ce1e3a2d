"""``refold gallery``: does the harness find the known bugs of real releases, and does it leave the fixed ones in peace?"""

from __future__ import annotations

import difflib
import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from refold.gallery.environment import cache_folder
from refold.gallery.rows import ROWS, Row, chosen
from refold.gallery.trial import NOT_RUN, verified
from refold.model.errors import UsageError
from refold.reports.commands import outcome
from refold.reports.commands.cli import Time
from refold.reports.documents.console import console
from refold.reports.documents.files import ready
from refold.reports.documents.tables import Column, print_table
from refold.reports.pages.assets import template
from refold.reports.words.references import parts
from refold.search.failure import report_dir as default_report_dir
from refold.search.whole import write

SECONDS = 30.0
"""How long each row is searched."""


class WithRows(click.Command):
    """A command whose help ends with the names that it takes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each pair with its rows."""
        pairs: dict[str, list[str]] = {}
        for row in ROWS.values():
            pairs.setdefault(row.pair, []).append(f"{row.name} ({row.expected})")
        with formatter.section("Names, by pair"):
            for pair, names in pairs.items():
                formatter.write(f"{' ' * formatter.current_indent}{pair}\n")
                for name in names:
                    formatter.write(f"{' ' * formatter.current_indent}  {name}\n")


@click.command(cls=WithRows, short_help="Run refold on releases with and without a known bug.")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option(
    "--seconds",
    type=Time(0, min_open=True, max=86_400),
    default=SECONDS,
    show_default=True,
    metavar="S",
    help="Search each row for S seconds.",
)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0),
    multiple=True,
    default=(1,),
    show_default=True,
    metavar="N",
    help="Search each row with this seed. Repeatable.",
)
@click.option(
    "--resume", is_flag=True, help="Keep earlier results from the report directory, and run only the missing rows."
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Write the page and the reports to the folder gallery in this directory (default: .refold).",
)
@click.option(
    "--cache-dir", metavar="DIR", help="Keep virtual environments in this directory (default: ~/.cache/refold/gallery)."
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def gallery(
    names: tuple[str, ...],
    seconds: float,
    seeds: tuple[int, ...],
    resume: bool,
    report_dir: str | None,
    cache_dir: str | None,
    as_json: bool,
) -> None:
    """Run refold on releases with a known bug, and on releases or settings of the same software without that bug.

    \b
    Examples:
      refold gallery                               all rows
      refold gallery eventsourcing-notifications   the rows of one pair
      refold gallery --seconds 120 --json          longer, with output for a script
      refold gallery --seed 1 --seed 2 --resume    two seeds, keeping earlier results

    refold uses pip to install each release in its own virtual environment, and keeps the environment for later runs. If a release cannot
    be installed, its row is listed as not run.

    Exit codes: 0 all verdicts as expected, 1 some verdicts not as expected, 2 usage or environment error.
    """
    with outcome.sentences(report_dir):
        trials = [(row, seed) for seed in dict.fromkeys(seeds) for row in rows_of(names)]
        folder = pathlib.Path(report_dir or default_report_dir()) / "gallery"
        ready(folder)
        cache = pathlib.Path(cache_dir) if cache_dir else cache_folder()
        cache.mkdir(parents=True, exist_ok=True)
        known = kept(folder, seconds) if resume else {}
        done = gather(trials, known, cache.resolve(), folder, seconds, quiet=as_json)
        if as_json:
            outcome.print_json({"rows": done})
        else:
            with outcome.speaking():
                show(done)
                click.echo(f"page with plans and pictures: {folder / 'gallery.html'}")
        if any(wrong(row) for row in done):
            sys.exit(outcome.FINDINGS)
        if len(done) < len(trials):
            outcome.fail(
                f"interrupted after {len(done)} of {len(trials)} rows; their results are in {folder / 'gallery.json'}, and --resume"
                " continues from there"
            )
        sys.exit(outcome.ENVIRONMENT if any(row["verdict"] == NOT_RUN for row in done) else outcome.HELD)


def rows_of(names: Sequence[str]) -> list[Row]:
    """The rows that are meant. Raises `UsageError`."""
    try:
        return chosen(names)
    except KeyError as error:
        name = str(error.args[0])
        known = [*dict.fromkeys(row.pair for row in ROWS.values()), *ROWS]
        close = difflib.get_close_matches(name, known, n=3)
        hint = f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
        raise UsageError(
            f"the gallery has no row or pair {name!r}{hint}; “refold gallery --help” lists them all"
        ) from None


def kept(folder: pathlib.Path, seconds: float) -> dict[tuple[str, int], dict[str, Any]]:
    """The results of a former gallery that was asked for the same time, by name and seed; not those of rows that could not be run. Raises
    `UsageError`."""
    file = folder / "gallery.json"
    if not file.exists():
        return {}
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        return {
            (row["name"], row["seed"]): row
            for row in rows
            if row["verdict"] != NOT_RUN and row["seconds_asked"] == seconds
        }
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"--resume: {file} was not written by “refold gallery”; remove it, or leave out --resume"
        ) from None


def gather(
    trials: Sequence[tuple[Row, int]],
    known: Mapping[tuple[str, int], dict[str, Any]],
    cache: pathlib.Path,
    folder: pathlib.Path,
    seconds: float,
    quiet: bool,
) -> list[dict[str, Any]]:
    """One row after another, each with its seed; those that are done, if interrupted. Page and JSON are written after each, and hold what
    is known from before as well."""
    done: list[dict[str, Any]] = []
    left = dict(known)
    record(folder, [*left.values()])
    for row, seed in trials:
        found = left.pop((row.name, seed), None)
        if found is None:
            try:
                found = verified(row, cache, folder / f"{row.name}-{seed}", seconds, seed)
            except KeyboardInterrupt:
                break
            if not quiet:
                outcome.mention(told(found))
        done.append(found)
        record(folder, [*done, *left.values()])
    return done


def record(folder: pathlib.Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write what there is."""
    write(folder / "gallery.json", json.dumps({"rows": rows}, indent=1) + "\n")
    write(folder / "gallery.html", page(rows, folder))


def wrong(row: dict[str, Any]) -> bool:
    """Whether it was run, and came out otherwise than expected."""
    return row["verdict"] != NOT_RUN and not row["right"]


def told(row: dict[str, Any]) -> str:
    """One row in a line."""
    if row["verdict"] == NOT_RUN:
        return f"{row['name']}, seed {row['seed']}: not run: {row['why']}"
    found = f" ({row['anomaly']}, {row['actions']} actions)" if row["anomaly"] else ""
    other = "" if row["right"] else f"; expected: {row['expected']}"
    return f"{row['name']}, seed {row['seed']}: {row['verdict']}{found}, {row['seconds']:g} s{other}"


def show(rows: Sequence[dict[str, Any]]) -> None:
    """The table for a reader."""
    columns = [
        Column("row", [row["name"] for row in rows]),
        Column("version", [row["version"] for row in rows], rank=3),
        Column("verdict", [verdict(row) for row in rows]),
        Column("anomaly", [row["anomaly"] or "" for row in rows], rank=1),
        Column("actions", [str(row["actions"] or "") for row in rows], rank=4, right=True),
        Column("seconds", [f"{row['seconds']:.0f}" for row in rows], rank=2, right=True),
    ]
    if len({row["seed"] for row in rows}) > 1:
        columns.insert(1, Column("seed", [str(row["seed"]) for row in rows], right=True))
    left_out = print_table(console(), "gallery", columns)
    click.echo()
    if left_out:
        click.echo(f"left out at this width: {', '.join(left_out)}")
    for row in rows:
        if row["verdict"] == NOT_RUN:
            click.echo(told(row))
    right = sum(row["right"] for row in rows)
    click.echo(f"{right} of {len(rows)} as expected")


def verdict(row: dict[str, Any]) -> str:
    """In words."""
    return str(row["verdict"]) if row["right"] or row["verdict"] == NOT_RUN else f"{row['verdict']}, WRONG"


def page(rows: Sequence[dict[str, Any]], folder: pathlib.Path) -> str:
    """All rows as one HTML file, which links to the report of each."""
    return template("documents/gallery.html").render(
        rows=rows,
        parts=parts,
        verdict=verdict,
        place=lambda path: quote(os.path.relpath(path, folder)),
        right=sum(row["right"] for row in rows),
    )
