"""``refold conformance``: the assertions A1 to A17 of the established test kits, for real logs."""

from __future__ import annotations

import pathlib
import secrets
import shlex
import sys

import click
from rich.console import Console

from refold.model.application import Application
from refold.properties.conformance import BROKEN, Assessment, standings
from refold.properties.result import Result
from refold.reports.commands import completion, outcome
from refold.reports.commands.cli import Time
from refold.reports.commands.verify import application_for
from refold.reports.documents.conformance import Table, document, markdown, section
from refold.reports.documents.files import ready
from refold.search.campaign import Budget, Campaign
from refold.search.verification import searched
from refold.search.whole import write
from refold.systems.documented import documented
from refold.systems.port import SystemPort
from refold.systems.registry import application_suiting

SECONDS = 20.0
HEAD = """# Conformance of real logs

A1 to A17 are assertions that the test kits of established event stores make. For each log that comes with refold, this page gives a
verdict on each assertion: *held* (with what happened in the search), *broken* (with a plan that shows it), *documented otherwise* (the
system's own documentation says that the setting does not promise it), or *not checked*. The plan is the shortest that was found;
`refold verify --system NAME --seed SEED` finds it again.

This page was written by this command:

```sh
{command}
```
"""


@click.command(short_help="Show which of the assertions A1 to A17 hold for event logs.")
@click.argument("systems", nargs=-1, required=True, metavar="SYSTEM…", shell_complete=completion.systems)
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
@click.option("--write", "page", metavar="FILE", help="Write the tables to this file, as a Markdown page.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def conformance(
    systems: tuple[str, ...],
    application: str | None,
    seconds: float | None,
    examples: int | None,
    seed: int | None,
    page: str | None,
    as_json: bool,
) -> None:
    """Search each system, and show which of the assertions A1 to A17 of established test kits hold for it.

    An assertion counts as held only if the search produced the situation that it is about, such as a retry, a crash or a loaded snapshot.
    If an assertion is broken, but the system's own documentation says that the setting does not guarantee it, the verdict is 'documented
    otherwise', and the plan is shown.

    \b
    Examples:
      refold conformance sqlite
      refold conformance 'postgres?crash=power' 'redis?crash=power' --seconds 60
      refold conformance sqlite --write conformance.md

    Exit codes: 0 nothing broken, 1 something broken, 2 usage or environment error.
    """
    with outcome.sentences(), outcome.aside():
        if seconds is None and examples is None:
            seconds = SECONDS
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        subjects = [(name, *subject(name, application)) for name in systems]
        if page is not None and not pathlib.Path(page).is_char_device():
            ready(pathlib.Path(page).parent)
        tables: list[Table] = []
        for name, system, rules in subjects:
            campaign = Campaign(system, rules, seed, Budget(seconds, examples))
            result = searched(campaign, outcome.time_limit(f"system {name!r}"))
            tables.append((result, standings(result, documented(name))))
            if not as_json:
                tell(*tables[-1])
            if result.trouble:
                outcome.complain(result.trouble)
            elif result.interrupted:
                outcome.complain(f"interrupted while searching system {name!r}, {len(tables)} of {len(systems)}")
                break
        if page is not None:
            made_by = command(systems, application, seconds, examples, seed)
            write(pathlib.Path(page), markdown(tables, HEAD.format(command=made_by)))
        if as_json:
            outcome.print_json({"systems": [document(*table) for table in tables]})
        sys.exit(ending(tables))


def subject(name: str, application: str | None) -> tuple[SystemPort, Application]:
    """A system, and what it is used for."""
    system = outcome.system_called(name)
    return system, application_for(application or application_suiting(name, system))


def tell(result: Result, rows: tuple[Assessment, ...]) -> None:
    """One system for a reader."""
    with outcome.speaking():
        if not Console().is_terminal:
            click.echo("\n".join(section(result, rows)))
            return
        click.echo(f"{result.system} with application {result.application}, seed {result.seed}")
        for row in rows:
            click.echo(f"  {row.assertion.code:4} {row.verdict:21} {row.assertion.what}")
            if row.found is not None:
                click.echo(f"       {row.note}".rstrip())
                for number, action in enumerate(row.found.plan, 1):
                    click.echo(f"       {number}. {action}")


def command(
    systems: tuple[str, ...], application: str | None, seconds: float | None, examples: int | None, seed: int
) -> str:
    """How the page is made again."""
    options = {"application": application, "seconds": seconds and f"{seconds:g}", "examples": examples, "seed": seed}
    given = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["refold", "conformance", *systems, *given])


def ending(tables: list[Table]) -> int:
    """The exit code."""
    if any(row.verdict == BROKEN for _, rows in tables for row in rows):
        return outcome.FINDINGS
    if any(result.trouble or result.interrupted for result, _ in tables):
        return outcome.ENVIRONMENT
    return outcome.HELD
