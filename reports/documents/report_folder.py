"""The folder of a report: the page, the same as data, a history, and the graphs of wrong decisions."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from refold.properties.result import Result
from refold.reports.documents.files import write, write_history
from refold.reports.documents.html import html_report
from refold.reports.documents.json_report import result_json
from refold.search.failure import slug

REPORT = "report.html"
"""The page; everything else lies beside it."""


def write_report(
    result: Result, folder: pathlib.Path, plans: Sequence[str], replays: Sequence[str], diagnosis: Any
) -> dict[str, Any]:
    """Write report.html, report.json, history.jsonl and the graphs; returns what report.json holds."""
    history = result.counterexamples[0].history if result.counterexamples else result.sample
    if history:
        write_history(folder / "history.jsonl", history)
    write_graphs(result, folder / "graphs")
    report = folder / REPORT
    document = result_json(result, plans=plans, replays=replays, report=str(report), diagnosis=diagnosis)
    write(report, html_report(result, plans=plans, replays=replays, diagnosis=diagnosis))
    write(folder / "report.json", json.dumps(document, indent=1, default=str) + "\n")
    return document


def write_graphs(result: Result, folder: pathlib.Path) -> None:
    """The evidence of each decision that was wrong, as graphs; the library for them is imported when there is one."""
    for number, example in enumerate(result.counterexamples, 1):
        if example.finding.guarantee != "CAS":
            continue
        from refold.properties.updates.evidence_graph import evidence_graph
        from refold.reports.pictures.graph_files import write_graph

        graph = evidence_graph(example.history, example.finding)
        if graph is not None and graph.cycle:
            write_graph(graph, folder, f"{number}-{slug(example.finding.anomaly)}")
