"""``refold systems``: what can be verified here, with which options."""

from __future__ import annotations

from typing import Any

import click

from refold.model.declarations.capability import Ability
from refold.model.errors import SystemUnavailable
from refold.model.parts.extensions import OWN
from refold.model.strategies.strategy import STRATEGIES
from refold.model.words import short
from refold.reports.commands import outcome
from refold.search.capabilities import CAPABILITIES
from refold.systems.registry import KNOWN
from refold.systems.variants import VARIANTS

KNOWN_WORDS: dict[str, Ability] = {
    **{str(name): words for name, words in CAPABILITIES.items()},
    **{part.name: part.ability() for part in OWN},
}
"""Name of a capability -> its words, also of those that only systems of a user's own code have."""


@click.command(short_help="List the systems that refold can verify.")
@click.option("--all", "everything", is_flag=True, help="Also describe each capability and each option value.")
@click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object to standard output.")
def systems(everything: bool, as_json: bool) -> None:
    """List the systems that refold can verify, with their capabilities and options.

    \b
    Examples:
      refold systems
      refold systems --all
      refold verify --system 'sqlite?journal=delete&crash=kill'
    """
    with outcome.sentences():
        rows = [row(name) for name in KNOWN]
        if as_json:
            outcome.print_json({"systems": rows})
            return
        with outcome.speaking():
            for entry in rows:
                tell(entry, everything)
            if not everything:
                click.echo("“refold systems --all” describes each of these")


def tell(entry: dict[str, Any], everything: bool) -> None:
    """One system for a reader."""
    state = f"available {entry['version']}".strip() if entry["available"] else "not available"
    click.echo(f"{entry['name']}: {entry['what']} ({state})")
    if entry["needs"]:
        click.echo(f"    needs: {entry['needs']}")
    if everything:
        explain("can:", entry["capability_texts"])
    else:
        click.echo(f"    can: {', '.join(entry['capabilities'])}")
    for name, option in entry["options"].items():
        if everything and option["texts"]:
            explain(f"{name} =   (default: {option['default']})", option["texts"])
        else:
            click.echo(f"    {name} = {' | '.join(option['allowed'])}   (default: {option['default']})")


def explain(title: str, texts: dict[str, str]) -> None:
    """Names and what they are, one a line."""
    click.echo(f"    {title}")
    width = max(map(len, texts), default=0)
    for name, text in texts.items():
        click.echo(f"        {name.ljust(width)}  {text}")


def value_texts(option: str) -> dict[str, str]:
    """What the values of an option are, where names do not say it."""
    if option == "with":
        return {name: " ".join(variant.docs.split()) for name, variant in VARIANTS.items()}
    if option == "strategy":
        return {name: strategy.what for name, strategy in STRATEGIES.items()}
    return {}


def row(name: str) -> dict[str, Any]:
    """One system."""
    known = KNOWN[name]
    available, capabilities, needs, version = True, [], "", ""
    try:
        version, needs = known.needs()
        capabilities = sorted(known.make({}).capabilities)
    except (SystemUnavailable, ImportError) as error:
        available, needs = False, short(str(error), 200)
    options = {
        option: {"allowed": list(allowed), "default": default, "texts": value_texts(option)}
        for option, (allowed, default) in known.options().items()
    }
    return {
        "name": name,
        "what": known.what,
        "available": available,
        "version": version,
        "needs": needs,
        "capabilities": capabilities,
        "capability_texts": {name: words.what for name, words in KNOWN_WORDS.items() if name in capabilities},
        "options": options,
    }
