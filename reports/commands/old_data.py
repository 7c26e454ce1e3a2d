"""``refold verify --history``: is what a former version stored still understood? A gate for changes of events."""

from __future__ import annotations

import pathlib

import attrs
import click

from refold.model.application import Application
from refold.model.documents.history import MalformedHistory
from refold.model.errors import UsageError
from refold.model.words import counted
from refold.properties.result import Result
from refold.reports.ci.announced import announced
from refold.reports.ci.report_document import ReportDocument
from refold.reports.commands import outcome
from refold.reports.documents.report_folder import REPORT, write_report
from refold.reports.documents.unpacked import STANDARD_INPUT, unpacked
from refold.reports.words.explained import Explained, explain
from refold.reports.words.stored import SHOWN, sentences
from refold.reports.words.values import inert
from refold.search.stored.checking import format_of
from refold.search.stored.files import FileSource, refuse_pipe
from refold.search.stored.old_data import verify_history


def verify_file(
    file: str, application: Application, folder: pathlib.Path, decisions: bool, as_json: bool
) -> ReportDocument:
    """Judge one file, write its report, print; returns the JSON object. Raises with a sentence where the file cannot be read."""
    result = attrs.evolve(judged(file, application, decisions), system=file)
    explained = tuple(explain(example, application, diagnosed=False) for example in result.counterexamples)
    document = write_report(result, explained, folder, recorded=True)
    document["history"] = file
    for line in announced(document):
        outcome.mention(line)
    if as_json:
        return document
    with outcome.speaking():
        tell(file, result, explained, str(folder / REPORT))
    return document


def judged(file: str, application: Application, decisions: bool) -> Result:
    """The verdict on a plain or compressed file."""
    if file != STANDARD_INPUT:
        refuse_pipe(file)
    with unpacked(file) as path, outcome.time_limit(f"application {application.name!r}") as alive:
        source = FileSource(path)
        try:
            known = format_of(source)
            if known != "refold":
                raise UsageError(
                    f"{file}: this history has the format {known}; --history reads only refold's own format, which contains events and"
                    " their positions"
                )
            return verify_history(application, source, decisions=decisions, alive=alive)
        except MalformedHistory as error:
            raise UsageError(f"{file}: {error}") from None


def tell(file: str, result: Result, explained: tuple[Explained, ...], report: str) -> None:
    """The verdict for a reader: the findings, what was compared, what was not."""
    for number, each in enumerate(explained):
        lines = sentences(each)
        for line in lines if number < SHOWN else lines[:1]:
            click.echo(f"    {line}")
        if number < SHOWN and each.explanation.usual:
            click.echo(f"    usual cause and fix: {each.explanation.usual}")
    for text in result.not_checked:
        click.echo(f"    not checked: {inert(text)}")
    counts = result.counts
    compared = [
        counted(counts[f"{kind}_compared"], "recorded " + kind[:-1])
        for kind in ("states", "rows", "decisions")
        if counts[f"{kind}_compared"]
    ]
    if more := counts.get("more_events_with_the_same_error"):
        click.echo(f"    {counted(more, 'more event')} cannot be read for the same reasons")
    about = ", ".join([f"{counted(counts['events_read'], 'event')} read", *compared, f"{result.seconds:.2f} s"])
    click.echo(f"{file}: {result.verdict} (with application {inert(result.application)}; {about})")
    click.echo(f"report with pictures: {report}")
