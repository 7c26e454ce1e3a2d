"""The diagnosis of a counterexample for people and for scripts: rows of the catalogue, why, public references, the usual fix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.properties.diagnosis.scores import Diagnosis
from refold.reports.words.references import spelled_out
from refold.reports.words.values import inert


def diagnosis_sentences(diagnoses: Sequence[Diagnosis]) -> list[str]:
    """One line for each row, then its reasons, references and fix, indented."""
    lines = []
    for diagnosis in diagnoses:
        row = diagnosis.row
        lines.append(f"{row.name} ({diagnosis.score:.0%}): {row.what}")
        if diagnosis.because:
            lines.append(f"  because {inert('; '.join(diagnosis.because))}")
        lines.append(f"  reported as {spelled_out(row.references)}")
        lines.append(f"  usual fix: {row.fix}")
    return lines


def diagnosis_json(diagnoses: Sequence[Diagnosis]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "row": diagnosis.row.name,
            "score": diagnosis.score,
            "because": [inert(text) for text in diagnosis.because],
            "what": diagnosis.row.what,
            "references": list(diagnosis.row.references),
            "fix": diagnosis.row.fix,
            "tier": diagnosis.row.tier,
        }
        for diagnosis in diagnoses
    ]
