"""The folder of a report: the page, the same as data, a history, and the graphs of wrong decisions."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from refold.model.application import Application
from refold.properties.result import Result
from refold.reports.documents.files import write, write_history
from refold.reports.documents.html import html_report
from refold.reports.documents.json_report import result_json
from refold.reports.pictures.graph_files import write_graph
from refold.reports.words.explained import Explained
from refold.search.failure import slug

REPORT = "report.html"
"""The page; everything else lies beside it."""


def write_report(
    result: Result,
    explained: Sequence[Explained],
    folder: pathlib.Path,
    application: Application | None = None,
    *,
    recorded: bool = False,
) -> dict[str, Any]:
    """Write report.html, report.json, history.jsonl and the graphs; returns what report.json holds. A history that was `recorded` before
    is not written again."""
    history = result.counterexamples[0].history if result.counterexamples else result.sample
    if history and not recorded:
        write_history(folder / "history.jsonl", history)
    for number, each in enumerate(explained, 1):
        if each.graph is not None:
            write_graph(each.graph, folder / "graphs", f"{number}-{slug(each.finding.anomaly)}")
    report = folder / REPORT
    document = result_json(result, explained, report=str(report))
    write(report, html_report(result, explained, application))
    write(folder / "report.json", json.dumps(document, indent=1, default=str) + "\n")
    return document
