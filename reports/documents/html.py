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
from refold.properties.diagnosis.catalogue import Row, catalogue
from refold.properties.property import Finding
from refold.properties.result import Counterexample, Result
from refold.reports.documents.json_report import Diagnosis
from refold.reports.pictures.graph_picture import graph_svg
from refold.reports.pictures.scene import scene
from refold.reports.pictures.spacetime import Picture
from refold.reports.words.cycle import explain_with_cycle
from refold.reports.words.explanation import Explanation, compared, headline
from refold.reports.words.guarantees import HELD, caution, conclusion, ending, green, standings
from refold.reports.words.plan_list import LINES_MAX, Item, plan_heading, plan_items
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
    plan: list[Item]
    plan_heading: str
    plan_long: bool
    compared: tuple[tuple[str, str, str], ...]
    others: list[tuple[str, str, str]]
    diagnosis: list[tuple[str, str, Row | None, str]]
    plan_file: str
    replay: str
    picture: Markup
    notes: tuple[str, ...]
    lines: list[Line]
    left_out: int
    records: int


def html_report(
    result: Result,
    *,
    plans: Sequence[str] = (),
    replays: Sequence[str] = (),
    diagnosis: Diagnosis | None = None,
) -> str:
    """The whole report: `plans` and `replays` are, for each counterexample, its file and the command that replays it."""
    chapters = [
        _chapter(
            n,
            example,
            plans[n] if n < len(plans) else "",
            replays[n] if n < len(replays) else "",
            (diagnosis or {}).get(n, ()),
        )
        for n, example in enumerate(result.counterexamples)
    ]
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


def _chapter(
    n: int,
    example: Counterexample,
    plan_file: str,
    replay: str,
    diagnosis: Sequence[tuple[str, float, Sequence[str]]],
) -> Chapter:
    finding = example.finding
    explained, graph = explain_with_cycle(example.history, finding)
    lines, left_out = _lines(example.history, finding, explained)
    items = plan_items(example)
    what = scene(example.history, finding, explained.numbers)
    svg = Picture(what, finding, f"what led to {finding.anomaly}", explained.numbers).svg() if what.rows else ""
    known = catalogue()
    return Chapter(
        number=n + 1,
        finding=attrs.evolve(
            finding, anomaly=inert(finding.anomaly), guarantee=inert(finding.guarantee), judge=inert(finding.judge)
        ),
        headline=headline(finding),
        where=owner_words(finding.where),
        explained=explained,
        graph=Markup(graph_svg(graph)) if graph is not None and graph.cycle else Markup(),
        plan=items,
        plan_heading=plan_heading(example, items),
        plan_long=len(items) > LINES_MAX,
        compared=compared(finding),
        others=[(inert(other.anomaly), inert(other.guarantee), headline(other)) for other in example.findings[1:]],
        diagnosis=[
            (name(row), f"{score:.0%}", known.get(row), inert("; ".join(because)))
            for row, score, because in diagnosis[:3]
        ],
        plan_file=inert(plan_file),
        replay=inert(replay),
        picture=Markup(svg),
        notes=what.notes,
        lines=lines,
        left_out=left_out,
        records=len(example.history),
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
