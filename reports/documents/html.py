"""The report as one HTML file that needs nothing else: no scripts, no styles, no fonts, no pictures from elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Any

import attrs
import jinja2
from markupsafe import Markup

from refold.model.record import Settled, Settling, Step
from refold.model.words import counted
from refold.properties.diagnosis.catalogue import Row
from refold.properties.diagnosis.scores import SHOWN
from refold.properties.property import Finding
from refold.properties.result import Result
from refold.reports.pictures.graph_picture import graph_svg
from refold.reports.pictures.scene import scene
from refold.reports.pictures.spacetime import Picture
from refold.reports.words.explained import Explained
from refold.reports.words.explanation import Explanation, compared
from refold.reports.words.guarantees import HELD, caution, conclusion, ending, green, standings
from refold.reports.words.plan_list import LINES_MAX, Item
from refold.reports.words.references import parts
from refold.reports.words.sentences import kind_words, owner_words, record_sentence
from refold.reports.words.values import inert, name
from refold.search.capabilities import in_short
from refold.search.vacuous import OF_PARTS

RECORDS_MAX = 10_000
"""Records that the list of a history holds at most."""


@attrs.frozen
class Line:
    """One record in the list of a history."""

    number: int
    kind: str
    text: str
    badge: str


@attrs.frozen
class Chapter:
    """One counterexample, ready for the template."""

    number: int
    finding: Finding
    headline: str
    where: str
    explained: Explanation
    graph: Markup
    plan: tuple[Item, ...]
    plan_heading: str
    plan_long: bool
    compared: tuple[tuple[str, str, str], ...]
    others: list[tuple[str, str, str]]
    diagnosis: list[tuple[Row, str, str]]
    plan_file: str
    replay: str
    picture: Markup
    notes: tuple[str, ...]
    lines: list[Line]
    left_out: int
    records: int


def html_report(result: Result, explained: Sequence[Explained]) -> str:
    """The whole report; `explained` are the counterexamples of the result."""
    chapters = [_chapter(n, each) for n, each in enumerate(explained, start=1)]
    sample = _sample(result) if result.sample and not chapters else None
    text = _template().render(
        result=result,
        system=name(result.system),
        application=name(result.application),
        standings=standings(result),
        counts=[
            (kind_words(kind, number), number)
            for kind, number in result.counts.items()
            if number or kind not in OF_PARTS
        ],
        chapters=chapters,
        sample=sample,
        conclusion=conclusion(result),
        ending=inert(ending(result)),
        green=green(result) if conclusion(result) == HELD else "",
        caution=caution(result),
        counted=counted,
        parts=parts,
        not_checked=[inert(text) for text in in_short(result.not_checked)],
    )
    return text + "\n"


@functools.cache
def _template() -> jinja2.Template:
    source = resources.files("refold.reports.documents").joinpath("template.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source)


def _chapter(number: int, told: Explained) -> Chapter:
    finding, history, numbers = told.finding, told.history, told.explanation.numbers
    lines, left_out = _lines(history, finding, told.explanation)
    what = scene(history, finding, numbers)
    svg = Picture(what, finding, f"what led to {finding.anomaly}", numbers).svg() if what.rows else ""
    return Chapter(
        number=number,
        finding=attrs.evolve(
            finding, anomaly=inert(finding.anomaly), guarantee=inert(finding.guarantee), judge=inert(finding.judge)
        ),
        headline=told.explanation.headline,
        where=owner_words(finding.where),
        explained=told.explanation,
        graph=Markup(graph_svg(told.graph)) if told.graph is not None else Markup(),
        plan=told.plan,
        plan_heading=told.plan_heading,
        plan_long=len(told.plan) > LINES_MAX,
        compared=compared(finding),
        others=[
            (inert(other.finding.anomaly), inert(other.finding.guarantee), other.explanation.headline)
            for other in told.also
        ],
        diagnosis=[(each.row, f"{each.score:.0%}", inert("; ".join(each.because))) for each in told.diagnoses[:SHOWN]],
        plan_file=inert(told.plan_file),
        replay=inert(told.replay),
        picture=Markup(svg),
        notes=what.notes,
        lines=lines,
        left_out=left_out,
        records=len(history),
    )


def _sample(result: Result) -> dict[str, Any]:
    what = scene(result.sample)
    lines, left_out = _lines(result.sample, None, None)
    picture = Markup(Picture(what, None, "one run that held").svg())
    return {
        "picture": picture,
        "notes": what.notes,
        "lines": lines,
        "left_out": left_out,
        "records": len(result.sample),
    }


def _lines(history: Sequence[Any], finding: Finding | None, explained: Explanation | None) -> tuple[list[Line], int]:
    """The records as sentences, those that the explanation names with its labels; of a very long history the part that matters."""
    badges = {} if explained is None else explained.numbers
    violation = 0 if finding is None else finding.number
    start = max(violation - RECORDS_MAX * 9 // 10, 0) if len(history) > RECORDS_MAX else 0
    shown = history[start : start + RECORDS_MAX]
    lines = []
    for number, record in enumerate(shown, start=start + 1):
        heading = isinstance(record, (Step, Settling, Settled))
        kind = "bad" if number == violation else "step" if heading else ""
        lines.append(Line(number, kind, record_sentence(record), badges.get(number, "")))
    return lines, len(history) - len(shown)
