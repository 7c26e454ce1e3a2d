"""A report as Markdown: the verdict and its findings on the page of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refold.model.words import counted
from refold.properties.guarantees import GUARANTEES
from refold.reports.ci.report_document import FoundDocument, ReportDocument
from refold.reports.words.values import inert

PLAN_MAX = 20
"""Actions of a plan that are shown."""


def summary(document: ReportDocument) -> str:
    """The whole of it."""
    return "\n".join(lines(document)) + "\n"


def lines(document: ReportDocument) -> Iterator[str]:
    """Verdict, findings, guarantees."""
    yield f"### refold: {plain(document['verdict_line'])}"
    yield ""
    yield (
        f"{code(document['system'])} with application {code(document['application'])}:"
        f" {counted(document['examples'], 'run')}, {counted(document['steps'], 'step')}"
        + (f", seed {document['seed']}" if document["seed"] is not None else "")
    )
    if document["trouble"]:
        yield ""
        yield f"**Given up:** {plain(document['trouble'])}"
    for finding in document["findings"]:
        yield ""
        yield from of_finding(finding)
    yield ""
    yield "<details><summary>Guarantees</summary>"
    yield ""
    yield "| guarantee | | what it says |"
    yield "|---|---|---|"
    for name, verdict in document["guarantees"].items():
        shown = f"**{verdict}**" if verdict == "broken" else verdict
        yield f"| {plain(name)} | {shown} | {GUARANTEES.get(name, 'a guarantee of your own')} |"
    for text in document["not_checked"]:
        yield ""
        yield f"Not checked: {plain(text)}"
    yield ""
    yield "</details>"


def of_finding(finding: FoundDocument) -> Iterator[str]:
    """What happened, the plan, why it is wrong, and how to see it again."""
    yield f"#### {plain(finding['headline'])}"
    yield ""
    yield f"{code(finding['anomaly'])}, breaks {plain(finding['guarantee'])}" + (
        f", see {code(finding['place']['function'])} at {code('{file}:{line}'.format(**finding['place']))}"
        if finding["place"]
        else ""
    )
    yield ""
    for number, sentence in enumerate(finding["sentences"][:PLAN_MAX], 1):
        yield f"{number}. {plain(sentence)}"
    if len(finding["sentences"]) > PLAN_MAX:
        yield ""
        yield f"… {counted(len(finding['sentences']) - PLAN_MAX, 'more action')}"
    yield ""
    for line in finding["explanation"]:
        yield f"- {plain(line)}"
    if finding["replay"]:
        yield ""
        yield f"Replay it: {code(finding['replay'])}"


def plain(text: str) -> str:
    """Text of somebody else's, in one line, with nothing in it that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&$@-])", r"\\\1", inert(text).replace("\n", " "))


def code(text: str) -> str:
    """Text as it is, in a span of code whose fence is longer than any in it."""
    shown = inert(text).replace("\n", " ")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
