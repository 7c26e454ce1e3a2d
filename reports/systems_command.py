"""``refold systems``: what can be verified here, with which options."""

from __future__ import annotations

from typing import Any

import click

from refold.model.plan import short
from refold.reports import outcome
from refold.systems.port import SystemUnavailable
from refold.systems.registry import KNOWN


@click.command(short_help="List the systems that refold can drive.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output and nothing else.")
def systems(as_json: bool) -> None:
    """List the systems that refold can drive, what they can do and the options of their names.

    \b
    Examples:
      refold systems
      refold verify --system 'sqlite?journal=delete&crash=kill'
    """
    with outcome.sentences():
        rows = [row(name) for name in KNOWN]
        if as_json:
            outcome.print_json({"systems": rows})
            return
        for entry in rows:
            state = f"available {entry['version']}".strip() if entry["available"] else "not available"
            click.echo(f"{entry['name']}: {entry['what']} ({state})")
            if entry["needs"]:
                click.echo(f"    needs: {entry['needs']}")
            click.echo(f"    can: {', '.join(entry['capabilities'])}")
            for name, option in entry["options"].items():
                click.echo(f"    {name} = {' | '.join(option['allowed'])}   (default: {option['default']})")


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
        option: {"allowed": list(allowed), "default": default} for option, (allowed, default) in known.options().items()
    }
    return {
        "name": name,
        "what": known.what,
        "available": available,
        "version": version,
        "needs": needs,
        "capabilities": capabilities,
        "options": options,
    }
