"""The result of a campaign as one JSON object, for scripts. Fields may be added; none is renamed or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from refold.properties.property import Finding
from refold.properties.result import Result
from refold.reports.words.cycle import explain_with_cycle
from refold.reports.words.explanation import Explanation, explain, headline
from refold.reports.words.guarantees import standings
from refold.reports.words.plan_list import plan_items
from refold.reports.words.values import inert, plain

Diagnosis = Mapping[int, Sequence[tuple[str, float, Sequence[str]]]]
"""Number of the counterexample (from 0) -> rows of the catalogue with their scores and what speaks for them, best first."""


def result_json(
    result: Result,
    *,
    plans: Sequence[str],
    replays: Sequence[str],
    report: str | None,
    diagnosis: Diagnosis | None = None,
) -> dict[str, Any]:
    """What `refold verify --json` prints: `plans` and `replays` are, for each counterexample, its file and the command that replays it."""
    diagnosis = diagnosis or {}
    findings = []
    for n, example in enumerate(result.counterexamples):
        items = plan_items(example)
        findings.append(
            {
                **finding_json(example.finding, explain_with_cycle(example.history, example.finding)[0]),
                "actions": len(example.plan),
                "plan": plans[n] if n < len(plans) else None,
                "replay": replays[n] if n < len(replays) else None,
                "diagnosis": [
                    {"row": row, "score": plain(score), "because": [inert(text) for text in because]}
                    for row, score, because in diagnosis.get(n, ())
                ],
                "sentences": [item.sentence for item in items],
                "performed": [item.step for item in items],
                "minimal": example.minimal,
                "found_at": example.found_at,
                "also": [finding_json(other) for other in example.findings[1:]],
            }
        )
    return {
        "system": result.system,
        "application": result.application,
        "verdict": result.verdict,
        "seed": result.seed,
        "examples": result.examples,
        "steps": result.steps,
        "skipped": result.skipped,
        "seconds": plain(result.seconds),
        "interrupted": result.interrupted,
        "trouble": result.trouble,
        "counts": dict(result.counts),
        "findings": findings,
        "guarantees": {standing.code: standing.verdict for standing in standings(result)},
        "not_checked": list(result.not_checked),
        "report": report,
    }


def finding_json(finding: Finding, explained: Explanation | None = None) -> dict[str, Any]:
    """One finding, without the plan that leads to it; `explained` is what is said of it, if that is more than its evidence says."""
    explained = explained or explain(finding)
    return {
        "anomaly": finding.anomaly,
        "guarantee": finding.guarantee,
        "property": finding.judge,
        "headline": headline(finding),
        "where": finding.where,
        "number": finding.number,
        "position": finding.position,
        "expected": plain(finding.expected),
        "actual": plain(finding.actual),
        "evidence": [{"number": proof.number, "role": proof.role} for proof in finding.evidence],
        "explanation": [f"{heading}: {line}" for heading, line in explained.lines()],
    }
