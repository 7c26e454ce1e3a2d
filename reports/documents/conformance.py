"""The table of a system's conformance, in Markdown: for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from refold.properties.conformance import Assessment
from refold.properties.result import Result
from refold.systems.registry import KNOWN

Table = tuple[Result, tuple[Assessment, ...]]


def plan_line(standing: Assessment) -> str:
    """The actions that break an assertion, on one line."""
    assert standing.found is not None
    actions = "; ".join([f"{number}. {action}" for number, action in enumerate(standing.found.plan, 1)])
    return f"{standing.found.finding.anomaly}: {actions}"


def remark(standing: Assessment) -> str:
    """What there is to say about a verdict."""
    if standing.found is None:
        return standing.note
    return "; ".join([part for part in (standing.note, plan_line(standing)) if part])


def markdown(tables: Iterable[Table], head: str) -> str:
    """The page: a table for each system."""
    return "\n".join([head, *[line for table in tables for line in section(*table)]])


def section(result: Result, rows: Sequence[Assessment]) -> list[str]:
    """One system."""
    lines = [
        f"## {result.system}",
        "",
        f"{version(result.system)}Application {result.application}, {result.examples:,} runs, {result.steps:,} steps, seed {result.seed}.",
        "",
        "| | assertion | verdict | seen |",
        "|---|---|---|---|",
    ]
    for row in rows:
        cells = (row.assertion.code, row.assertion.what, row.verdict, remark(row))
        lines.append("| " + " | ".join([" ".join(cell.replace("|", "\\|").split()) for cell in cells]) + " |")
    return [*lines, ""]


def version(system: str) -> str:
    """That of what a system of refold's runs on."""
    known = KNOWN.get(system.partition("?")[0])
    found = known.needs()[0] if known is not None else ""
    return f"Version {found}. " if found else ""


def document(result: Result, rows: Sequence[Assessment]) -> dict[str, Any]:
    """The same as data."""
    return {
        "system": result.system,
        "application": result.application,
        "seed": result.seed,
        "examples": result.examples,
        "interrupted": result.interrupted,
        "trouble": result.trouble,
        "steps": result.steps,
        "counts": {name: number for name, number in result.counts.items() if number},
        "assertions": [
            {
                "code": row.assertion.code,
                "what": row.assertion.what,
                "verdict": row.verdict,
                "note": row.note,
                "anomaly": row.found.finding.anomaly if row.found else "",
                "plan": [str(action) for action in row.found.plan] if row.found else [],
            }
            for row in rows
        ],
    }
