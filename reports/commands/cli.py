"""The command ``refold``."""

from __future__ import annotations

import atexit
import difflib
import functools
import io
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from refold.search.signals import undropped

COMMANDS = {
    "verify": "refold.reports.commands.verify:verify",
    "explore": "refold.reports.commands.explore:explore",
    "campaign": "refold.reports.commands.campaign:campaign",
    "replay": "refold.reports.commands.replay:replay",
    "check": "refold.reports.commands.check:check",
    "zoo": "refold.reports.commands.zoo:zoo",
    "gallery": "refold.reports.commands.gallery:gallery",
    "conformance": "refold.reports.commands.conformance:conformance",
    "compare": "refold.reports.commands.compare:compare",
    "systems": "refold.reports.commands.systems:systems",
    "init": "refold.reports.skeletons.init:init",
    "new": "refold.reports.skeletons.new:new",
    "completion": "refold.reports.commands.completion:completion",
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """With a suggestion, if there is no such command."""
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and close:
            ctx.fail(f"No such command {args[0]!r}; did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Exit code 1 means findings and nothing else: not an interruption, however early, and not that nobody reads the output."""
        for stream in ("stdout", "stderr"):
            file = getattr(sys, stream)
            if file is None:  # closed by whoever started this
                setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
            elif isinstance(file, io.TextIOWrapper):
                file.reconfigure(errors="backslashreplace")  # a code page that lacks characters
        if sys.stdin is None:
            sys.stdin = open(os.devnull)  # noqa: SIM115
        output = sys.stdout
        before = signal.getsignal(signal.SIGTERM)
        held = threading.current_thread() is threading.main_thread()
        program = not args and "args" not in kwargs
        if held:
            signal.signal(
                signal.SIGTERM, signal.default_int_handler
            )  # a time-out in CI: as Ctrl-C, what was found is kept
        try:
            with undropped():
                code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            said((meant(error) if isinstance(error, click.UsageError) else error).show)
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            said(functools.partial(click.echo, "refold: interrupted", err=True))
            code = 2
        except SystemExit:
            if sys.stdout is output:
                raise
            code = 0  # click has put a stream that forgets in its place: nobody reads on
        finally:
            if held and program:
                atexit.register(deaf)
            elif held:
                signal.signal(signal.SIGTERM, before)
        sys.exit(code if isinstance(code, int) else 0)


def meant(error: click.UsageError) -> click.UsageError:
    """The error, with what to write instead where the name of a system stands alone behind a command that takes it as an option."""
    options = [] if error.ctx is None else [name for param in error.ctx.command.params for name in param.opts]
    stray = re.fullmatch(r"Got unexpected extra argument \((.+)\)", error.message)
    if stray is None or "--system" not in options:
        return error
    return click.UsageError(f"{error.message}. Did you mean '--system {stray[1]}'?", error.ctx)


def said(say: Callable[[], None]) -> None:
    """Say it on standard error. That nobody reads it does not change the exit code."""
    try:
        say()
    except BrokenPipeError:
        from refold.reports.commands.outcome import deafen

        deafen(sys.stderr)


def deaf() -> None:
    """All is said: a signal that comes now, while Python shuts down, does not change the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class Time(click.FloatRange):
    """A length of time: a number, and an end to it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Neither `nan`, which every range holds, nor `inf`."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a length of time; write a finite number", param, ctx)
        return found


@click.command(cls=Commands)
@click.version_option(version("refold"), prog_name="refold")
def main() -> None:
    """Verify event-sourced systems: inject crashes, lost replies, duplicates and reorderings, and check their guarantees.

    \b
    Start here:
      refold verify                    verify the reference model, to see what a verdict looks like
      refold verify --system sqlite    verify a real event log
      refold zoo                       see which known bugs refold finds
    """
