"""``refold completion``: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from refold.reports.commands import outcome

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print a completion script for your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a shell script that completes commands, options, and the names of systems and applications.

    \b
    Examples:
      refold completion bash > ~/.local/share/bash-completion/completions/refold
      refold completion zsh > ~/.zfunc/_refold
      refold completion fish > ~/.config/fish/completions/refold.fish
    """
    found = get_completion_class(shell)
    if found is None:
        outcome.fail(f"there is no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "refold", "_REFOLD_COMPLETE").source())


def systems(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of systems, the broken ones of the zoo last; and files, for one of the user's own."""
    from refold.systems.broken import BROKEN
    from refold.systems.registry import KNOWN

    return [CompletionItem(name) for name in (*KNOWN, *BROKEN) if name.startswith(incomplete)] or files(incomplete)


def applications(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of applications, and files."""
    from refold.search.objects.application_check import EXAMPLES

    return [CompletionItem(name) for name in EXAMPLES if name.startswith(incomplete)] or files(incomplete)


def files(incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the name of a file."""
    return [CompletionItem(incomplete, type="file")]
