"""The JSON that scripts rely on."""

from __future__ import annotations

import json

from ..specimens import blind, checkpoint_first, hostile, json_of, result

FIELDS = {
    "system",
    "application",
    "verdict",
    "seed",
    "examples",
    "steps",
    "seconds",
    "counts",
    "findings",
    "not_checked",
    "report",
}
FINDING = {
    "anomaly",
    "guarantee",
    "actions",
    "plan",
    "replay",
    "diagnosis",
} | {"headline", "where", "position", "expected", "actual", "number"}


def test_the_shape_is_the_published_one() -> None:
    """Fields may be added; none may be missing."""
    found = json_of(
        result("two-bugs", checkpoint_first(), blind()),
        plans=["a.json", "b.json"],
        replays=["refold replay a.json", "refold replay b.json"],
        report="report.html",
        diagnosis={
            1: [("expected-any-misuse", 0.9, ("it shows up as duplicate-create",)), ("check-then-append", 0.7, ())]
        },
    )
    assert set(found) >= FIELDS
    assert found["verdict"] == "broken"
    assert found["report"] == "report.html"
    first, second = found["findings"]
    assert set(first) >= FINDING
    assert (first["anomaly"], first["guarantee"], first["actions"]) == ("checkpoint-ahead-of-effects", "CKPT", 4)
    assert (first["plan"], first["replay"], first["diagnosis"]) == ("a.json", "refold replay a.json", [])
    assert (first["where"], first["position"], first["expected"], first["actual"]) == ("index", 1, 0, 1)
    assert second["actual"] == [{"Registered": {"org": "acme", "name": "ada"}}]
    assert [(each["row"], each["score"], each["because"]) for each in second["diagnosis"]] == [
        ("expected-any-misuse", 0.9, ["it shows up as duplicate-create"]),
        ("check-then-append", 0.7, []),
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_result_that_held_has_no_findings() -> None:
    """And says so in the same shape."""
    found = json_of(result("reference"), report=None)
    assert found["verdict"] == "held"
    assert found["findings"] == []
    assert found["guarantees"]["LOCK"] == "not checked"
    assert found["guarantees"]["CDC"] == "not checked"
    assert found["guarantees"]["CAS"] == "held"


def test_hostile_strings_make_valid_json() -> None:
    """Lone surrogates and null bytes included."""
    found = json_of(result("\x00", hostile()), report=None)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["findings"][0]["plan"] is None
