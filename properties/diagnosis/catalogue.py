"""The catalogue of real bugs in event-sourced systems, as data: one row per class of bug that was reported in public.

A row's name is the name of the broken system that reproduces it and of the diagnosis that a report gives. The rows are kept in
`catalogue.json` next to this file; `docs/reference/catalogue.md` is generated from them.
"""

from __future__ import annotations

import functools
import pathlib

import attrs
import msgspec

from refold.properties.guarantees import GUARANTEES, HARNESS

FILE = pathlib.Path(__file__).with_name("catalogue.json")


@attrs.frozen
class Row:
    """One class of bug: `what` goes wrong, the codes of the `guarantees` that it breaks (the main one first), the shortest
    `scenario`, public `references` (repository#issue, release notes or a published analysis), the community's `fix`, and the
    `tier` (1: must be found; 2: found next; 3: later)."""

    name: str
    what: str
    guarantees: tuple[str, ...]
    scenario: str
    references: tuple[str, ...]
    fix: str
    tier: int


@functools.cache
def catalogue() -> dict[str, Row]:
    """All rows by name, in the order of the file."""
    return {row.name: row for row in msgspec.json.decode(FILE.read_bytes(), type=list[Row])}


def markdown() -> str:
    """The catalogue as a page of documentation."""
    rows = catalogue().values()
    lines = [
        "# The catalogue",
        "",
        "This page lists classes of bugs that were reported in public. The name of a row is also the name of the broken system that",
        "reproduces the bug, and of the diagnosis that a report gives. The page is generated from `properties/diagnosis/catalogue.json` by",
        "`python benchmarks/catalogue.py`.",
        "",
        "Bugs of tier 1 must be found first, those of tier 2 next, and those of tier 3 later. The codes of the guarantees:",
        "",
        *(f"- **{code}**: {words}" for code, words in (GUARANTEES | HARNESS).items()),
        "",
        "| name | what goes wrong | guarantees | shortest scenario | public references | usual fix | tier |",
        "|---|---|---|---|---|---|--:|",
    ]
    for row in rows:
        cells = (
            f"`{row.name}`",
            row.what,
            ", ".join(row.guarantees),
            row.scenario,
            "; ".join(row.references),
            row.fix,
            str(row.tier),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
