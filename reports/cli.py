"""The command ``refold``."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click

COMMANDS = {
    "verify": "refold.reports.verify_command:verify",
    "replay": "refold.reports.verify_command:replay",
    "check": "refold.reports.check_command:check",
    "zoo": "refold.reports.zoo_command:zoo",
    "compare": "refold.reports.compare_command:compare",
    "systems": "refold.reports.systems_command:systems",
}
"""Command -> where it is; imported when it is asked for, so that the others do not pay for it."""


class Commands(click.Group):
    """A group that imports its commands when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.command(cls=Commands)
@click.version_option(version("refold"), prog_name="refold")
def main() -> None:
    """Verify event-sourced systems: crash, duplicate and reorder them, and check what they promise.

    \b
    Start here:
      refold verify                    the reference model: what a verdict looks like
      refold verify --system sqlite    a real event log
      refold zoo                       does it find real bugs?
    """
