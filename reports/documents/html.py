"""The report as one HTML file that needs nothing else: no scripts, no styles, no fonts, no pictures from elsewhere. It is complete without
its own script, too, with which one steps through the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from markupsafe import Markup

from refold.model.application import Application
from refold.model.words import counted
from refold.properties.diagnosis.catalogue import Row
from refold.properties.diagnosis.scores import SHOWN
from refold.properties.property import Finding
from refold.properties.result import Result
from refold.reports.pages.assets import policy, script, style, template
from refold.reports.pages.circumstances import Place, circumstances
from refold.reports.pages.evidence import evidence
from refold.reports.pages.explorer import explorer, symbols
from refold.reports.pages.records import story_of
from refold.reports.pictures.scene import scene
from refold.reports.pictures.spacetime import Picture
from refold.reports.words.counts import listed, situations_line
from refold.reports.words.explained import Explained
from refold.reports.words.explanation import Explanation, spot
from refold.reports.words.guarantees import HELD, caution, conclusion, ending, extent, green, standings
from refold.reports.words.plan_list import LINES_MAX, Item
from refold.reports.words.references import parts
from refold.reports.words.values import inert, name
from refold.search.capabilities import in_short


@attrs.frozen
class Chapter:
    """One counterexample, ready for the template."""

    number: int
    finding: Finding
    headline: str
    explained: Explanation
    circumstances: Markup
    graph: Markup
    plan: tuple[Item, ...]
    plan_heading: str
    plan_long: bool
    others: list[tuple[str, str, str]]
    diagnosis: list[tuple[Row, str, str]]
    plan_file: str
    replay: str
    spot: str
    picture: Markup
    notes: tuple[str, ...]
    prefix: str
    explorer: Markup


def html_report(result: Result, explained: Sequence[Explained], application: Application | None = None) -> str:
    """The whole report; `explained` are the counterexamples of the result. With the application, the explorer shows the fold of the log
    at every step."""
    chapters = [_chapter(n, each, application) for n, each in enumerate(explained, start=1)]
    sample = _sample(result, application) if result.sample and not chapters else None
    text = template("documents/template.html").render(
        result=result,
        style=style(),
        script=script(),
        policy=policy(),
        symbols=symbols(),
        system=name(result.system),
        application=name(result.application),
        standings=standings(result),
        counts=listed(result.counts),
        reached=situations_line(result.situations),
        extent=extent(standings(result)),
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


def _chapter(number: int, told: Explained, application: Application | None) -> Chapter:
    finding, history, numbers = told.finding, told.history, told.explanation.numbers
    prefix = "" if number == 1 else f"f{number}-"
    what = scene(history, finding, numbers)
    title = f"what led to {finding.anomaly}"
    svg = Picture(what, finding, title, numbers, f"{prefix}record-").svg() if what.rows else ""
    return Chapter(
        number=number,
        finding=attrs.evolve(
            finding, anomaly=inert(finding.anomaly), guarantee=inert(finding.guarantee), judge=inert(finding.judge)
        ),
        headline=told.explanation.headline,
        explained=told.explanation,
        circumstances=circumstances(finding, history, Place(prefix, number)),
        graph=evidence(told.graph, prefix) if told.graph is not None else Markup(),
        plan=told.plan,
        plan_heading=told.plan_heading,
        plan_long=len(told.plan) > LINES_MAX,
        others=[
            (inert(other.finding.anomaly), inert(other.finding.guarantee), other.explanation.headline)
            for other in told.also
        ],
        diagnosis=[(each.row, f"{each.score:.0%}", inert("; ".join(each.because))) for each in told.diagnoses[:SHOWN]],
        plan_file=inert(told.plan_file),
        replay=inert(told.replay),
        spot="" if told.place is None else spot(told.place),
        picture=Markup(svg),
        notes=what.notes,
        prefix=prefix,
        explorer=_explorer(history, application, finding, numbers, prefix) if history else Markup(),
    )


def _explorer(
    history: Sequence[Any],
    application: Application | None,
    finding: Finding | None,
    numbers: Mapping[int, str],
    prefix: str,
) -> Markup:
    """The history, to be stepped through; of one run at most a few are long, so they begin unfolded only with the script."""
    return explorer(story_of(history, application, finding, numbers, prefix=prefix), records=len(history))


def _sample(result: Result, application: Application | None) -> dict[str, Any]:
    what = scene(result.sample)
    picture = Markup(Picture(what, None, "one run that held", prefix="record-").svg())
    return {
        "picture": picture,
        "notes": what.notes,
        "explorer": _explorer(result.sample, application, None, {}, ""),
    }
