"""The diagnosis of a counterexample for scripts: rows of the catalogue, why, public references, the usual fix."""

from __future__ import annotations

from collections.abc import Sequence

from refold.properties.diagnosis.scores import Diagnosis
from refold.reports.ci.report_document import DiagnosisDocument
from refold.reports.words.values import inert


def diagnosis_json(diagnoses: Sequence[Diagnosis]) -> list[DiagnosisDocument]:
    """The rows, best first."""
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
