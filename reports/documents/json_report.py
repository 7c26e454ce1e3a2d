"""The result of a campaign as one JSON object, for scripts. Fields may be added; none is renamed or removed."""

from __future__ import annotations

from collections.abc import Sequence

from refold.properties.result import Result
from refold.reports.ci.report_document import FindingDocument, FoundDocument, PlaceDocument, ReportDocument
from refold.reports.words.diagnosis import diagnosis_json
from refold.reports.words.explained import Explained
from refold.reports.words.guarantees import standings, verdict_line
from refold.reports.words.values import plain
from refold.search.objects.locations import Location


def result_json(result: Result, explained: Sequence[Explained], *, report: str | None) -> ReportDocument:
    """What `refold verify --json` prints; `explained` are the counterexamples of the result."""
    findings: list[FoundDocument] = [
        {
            **finding_json(each),
            "actions": len(each.plan),
            "plan": each.plan_file or None,
            "replay": each.replay or None,
            "diagnosis": diagnosis_json(each.diagnoses),
            "sentences": [item.sentence for item in each.plan],
            "performed": [item.step for item in each.plan],
            "minimal": each.counterexample is not None and each.counterexample.minimal,
            "found_at": each.counterexample.found_at if each.counterexample is not None else 0,
            "also": [finding_json(other) for other in each.also],
        }
        for each in explained
    ]
    return {
        "system": result.system,
        "application": result.application,
        "verdict": "broken" if result.counterexamples else "held",
        "verdict_line": verdict_line(result),
        "seed": result.seed,
        "examples": result.examples,
        "steps": result.steps,
        "skipped": result.skipped,
        "seconds": plain(result.seconds),
        "interrupted": result.interrupted,
        "trouble": result.trouble,
        "counts": dict(result.counts),
        "situations": dict(result.situations),
        "nearest": {
            name: {"distance": plain(near.distance), "run": near.run, "plan": near.file}
            for name, near in result.nearest.items()
        },
        "findings": findings,
        "guarantees": {standing.code: standing.verdict for standing in standings(result)},
        "not_checked": list(result.not_checked),
        "report": report,
    }


def finding_json(explained: Explained) -> FindingDocument:
    """One finding, without the plan that leads to it."""
    finding = explained.finding
    return {
        "anomaly": finding.anomaly,
        "guarantee": finding.guarantee,
        "property": finding.judge,
        "headline": explained.explanation.headline,
        "where": finding.where,
        "number": finding.number,
        "position": finding.position,
        "expected": plain(finding.expected),
        "actual": plain(finding.actual),
        "evidence": [{"number": proof.number, "role": proof.role} for proof in finding.evidence],
        "explanation": [f"{heading}: {line}" for heading, line in explained.explanation.lines()],
        "place": None if explained.place is None else place_json(explained.place),
    }


def place_json(place: Location | None) -> PlaceDocument | None:
    """The function that a finding blames."""
    return None if place is None else {"file": place.file, "line": place.line, "function": place.function}
