"""``refold new``: a skeleton that runs."""

from __future__ import annotations

import pathlib
import shlex

import click

from refold.reports.commands import outcome
from refold.reports.skeletons.project import Project
from refold.reports.skeletons.skeletons import KINDS, module_of
from refold.search.whole import write


@click.command(short_help="Write a skeleton: application, system, consumer or property.")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    help="Write it to this directory (default: the directory with the tests of this project).",
)
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def new(kind: str, name: str, folder: str | None, as_json: bool) -> None:
    """Write a skeleton with a test, which runs as it is. Then replace it piece by piece with your own code.

    \b
    Examples:
      refold new application orders    commands, events, rules
      refold new system order-log      an event log with refold's interface
      refold new consumer order-index  a projection
      refold new property no-gaps      something that must always hold

    refold does not overwrite an existing file.

    Exit codes: 0 written, 2 usage or environment error.
    """
    with outcome.sentences():
        place = pathlib.Path(folder) if folder is not None else relative(Project.of(pathlib.Path.cwd()).tests)
        path, text = module_of(kind, name, place)
        if path.exists():
            outcome.fail(f"{path} already exists; choose another name, or remove it")
        write(path, text)
        if as_json:
            outcome.print_json({"written": [str(path)]})
        else:
            click.echo(f"written: {path}\nrun it: pytest {shlex.quote(str(path))}")


def relative(path: pathlib.Path) -> pathlib.Path:
    """As seen from the working directory."""
    return path.relative_to(pathlib.Path.cwd()) if path.is_relative_to(pathlib.Path.cwd()) else path
