"""Diagnoses as text and as JSON."""

from __future__ import annotations

import json

from refold.model.action import Submit
from refold.model.examples.accounts import Register
from refold.properties.diagnosis.scores import diagnose
from refold.reports.words.diagnosis import diagnosis_json, diagnosis_sentences

from ..specimens import run

ADA = Register("acme", "ada")


def test_a_diagnosis_names_the_row_its_reasons_references_and_fix() -> None:
    example = run("expected-any-misuse", (Submit("alice", ADA), Submit("bob", ADA)))
    first, *rest = diagnosis_sentences(diagnose(example.findings, example.history))
    assert first.startswith("expected-any-misuse (")
    assert rest[0].startswith(
        "  because it shows as duplicate-create; a decision was appended with no expectation at all"
    )
    assert "KurrentDB#1949" in rest[1]
    assert rest[2] == "  usual fix: forbid Any for deciders"


def test_the_json_has_the_row_and_the_score() -> None:
    example = run("expected-any-misuse", (Submit("alice", ADA), Submit("bob", ADA)))
    first = json.loads(json.dumps(diagnosis_json(diagnose(example.findings, example.history))))[0]
    assert first["row"] == "expected-any-misuse"
    assert 0.5 < first["score"] < 1
