"""Diagnoses as JSON."""

from __future__ import annotations

import json

from refold.model.action import Submit
from refold.model.examples.accounts import Register
from refold.properties.diagnosis.scores import diagnose
from refold.reports.words.diagnosis import diagnosis_json

from ..specimens import run

ADA = Register("acme", "ada")


def test_the_json_has_the_row_and_the_score() -> None:
    example = run("expected-any-misuse", (Submit("alice", ADA), Submit("bob", ADA)))
    first = json.loads(json.dumps(diagnosis_json(diagnose(example.findings, example.history))))[0]
    assert first["row"] == "expected-any-misuse"
    assert first["because"][0] == "it shows up as duplicate-create"
    assert any("KurrentDB#1949" in reference for reference in first["references"])
    assert first["fix"] == "append with the version that the decision has read, and forbid Any for decisions"
    assert 0.5 < first["score"] < 1
