"""What a CI job shows of a report without being asked: annotations and the summary of the step."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

from refold.reports.ci.annotations import annotation, wanted
from refold.reports.ci.report_document import ReportDocument
from refold.reports.ci.summary import summary

VARIABLES = ("GITHUB_STEP_SUMMARY", "REFOLD_STEP_SUMMARY")
"""Where CI systems say to which file the summary of a step is appended; the second is for those that have no word for it."""


def announced(document: ReportDocument) -> list[str]:
    """Append the summary where the CI wants it; the annotations, lines of output that the caller prints. A summary that cannot be written
    is one of them: it costs no verdict."""
    said = []
    for name in VARIABLES:
        if path := os.environ.get(name):
            try:
                with pathlib.Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(summary(document) + "\n")
            except OSError as error:
                said.append(f"refold: the summary of this job, {name}={path}, was not written: {error.strerror}")
    return [*said, *annotated(document)]


def annotated(document: ReportDocument) -> Iterator[str]:
    """A line for each finding, where such lines are understood."""
    if not wanted():
        return
    for finding in document["findings"]:
        replay = [f"Replay it: {finding['replay']}"] if finding["replay"] else []
        message = "\n".join([finding["headline"], *finding["explanation"], *replay])
        yield annotation(f"refold: {finding['anomaly']}", message, finding["place"])
