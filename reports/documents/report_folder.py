"""The folder of a report: the page, the same as data and for CI systems, a history, and pictures and graphs as files."""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from refold.model.application import Application
from refold.properties.result import Result
from refold.reports.ci.quality import code_quality
from refold.reports.ci.report_document import ReportDocument
from refold.reports.ci.sarif import sarif
from refold.reports.ci.summary import summary
from refold.reports.documents.files import write_history
from refold.reports.documents.html import html_report
from refold.reports.documents.json_report import result_json
from refold.reports.pictures.alone import pictures
from refold.reports.pictures.graph_files import write_graph
from refold.reports.words.explained import Explained
from refold.search.failure import slug
from refold.search.whole import write

REPORT = "report.html"
"""The page; everything else lies beside it."""


def places(folder: pathlib.Path, names: Sequence[str]) -> list[pathlib.Path]:
    """The folder of the report of each: this one if there is only one, else folders in it, named after them, no two the same."""
    if len(names) == 1:
        return [folder]
    taken: list[str] = []
    for name in map(slug, names):
        others = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        taken.append(next(other for other in others if other not in taken))
    return [folder / name for name in taken]


def write_report(
    result: Result,
    explained: Sequence[Explained],
    folder: pathlib.Path,
    application: Application | None = None,
    *,
    recorded: bool = False,
) -> ReportDocument:
    """Write report.html, report.json, report.sarif, code-quality.json, summary.md, history.jsonl, pictures and graphs; returns what
    report.json holds. A history that was `recorded` before is not written again."""
    history = result.counterexamples[0].history if result.counterexamples else result.sample
    if history and not recorded:
        write_history(folder / "history.jsonl", history)
    for number, each in enumerate(explained, 1):
        stem = f"{number}-{slug(each.finding.anomaly)}"
        if each.graph is not None:
            write_graph(each.graph, folder / "graphs", stem)
        for kind, svg in pictures(each):
            write(folder / "graphs" / f"{stem}-{kind}.svg", svg)
    report = folder / REPORT
    document = result_json(result, explained, report=str(report))
    write(report, html_report(result, explained, application))
    write(folder / "report.json", as_json(document))
    write(folder / "report.sarif", as_json(sarif(document, version("refold"))))
    write(folder / "code-quality.json", as_json(code_quality(document)))
    write(folder / "summary.md", summary(document))
    return document


def as_json(value: Any) -> str:
    """A file of it."""
    return json.dumps(value, indent=1, default=str) + "\n"
