"""Spans of OpenTelemetry become operations: what overlaps in time overlaps, and what cannot be read is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refold.properties.linearizability import CasRegister, HistoryError, Outcome, check, read_operations, sniff


def span(start: int, end: int | None, status: int = 0, **attributes: Any) -> dict[str, Any]:
    """A span with attributes of refold: `f`, `argument`, `result`, `key`, `outcome`, …, with `_` for a dot."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}

    def value(told: Any) -> dict[str, Any]:
        if isinstance(told, list):
            return {"arrayValue": {"values": [value(member) for member in told]}}
        return {kinds[type(told)]: str(told) if type(told) is int else told}

    made: dict[str, Any] = {
        "spanId": f"{start:016x}",
        "startTimeUnixNano": str(start),
        "status": {"code": status},
        "attributes": [
            {"key": f"refold.{name.replace('_', '.')}", "value": value(told)} for name, told in attributes.items()
        ],
    }
    return made if end is None else {**made, "endTimeUnixNano": str(end)}


def document(*spans: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    """What a collector writes."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def test_a_span_is_an_operation_from_its_start_to_its_end() -> None:
    """Whatever the order in which spans were exported; others are left out, and an error is an unknown outcome."""
    lines = [
        document(span(30, 40, f="read", result=1, key="a"), span(5, 90, name="GET /cart")),
        document(span(10, 20, f="write", argument=1, key="a"), service="other"),
        document(span(15, 35, 2, f="cas", argument=[1, 2], key="a"), span(36, None, f="write", argument=7, key="a")),
        document(span(50, 60, f="cas", argument_json="[null, 3]", key="b", outcome="fail", process="worker 1")),
    ]
    text = [json.dumps(line) for line in lines]
    assert sniff(text) == "otlp"
    found, history = read_operations(text)
    assert found == "otlp"
    seen = [(o.process, o.f, o.argument, o.outcome, o.invoked, o.returned, o.key) for o in history.operations]
    assert seen == [
        ("other", "write", 1, Outcome.OK, 0, 2, "a"),
        ("shop", "cas", (1, 2), Outcome.UNKNOWN, 1, 4, "a"),
        ("shop", "read", None, Outcome.OK, 3, 6, "a"),
        ("shop", "write", 7, Outcome.UNKNOWN, 5, None, "a"),
        ("worker 1", "cas", (None, 3), Outcome.FAIL, 7, 8, "b"),
    ]
    assert [one.line_invoked for one in history.operations] == [2, 3, 1, 3, 4]


def test_spans_are_judged_and_those_that_touch_overlap() -> None:
    """One object over many lines is read as well."""
    stale = [span(10, 20, f="write", argument=1), span(30, 40, f="read", result=0)]
    touching = [span(10, 30, f="write", argument=1), span(30, 40, f="read", result=0)]
    for spans, linearizable in ((stale, False), (touching, True)):
        text = json.dumps(document(*spans), indent=1).splitlines()
        assert sniff(text) == "otlp"
        _, history = read_operations(text)
        assert check(history, CasRegister(0)).linearizable is linearizable


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{"resourceSpans": 3}], "line 1: resourceSpans is 3"),
        ([document(span(10, 20, f="read")), {"resourceSpans": [4]}], "line 2: resourceSpans is [4]"),
        ([document(span(10, 5, f="read"))], "line 1: a span that ends before it starts"),
        ([document(span(10, 20, f="read", outcome="maybe"))], "line 1: refold.outcome is 'maybe'"),
        ([document(span(10, 20, f="read", result_json="{"))], "line 1: refold.result.json is '{'"),
        ([document({**span(10, 20, f="read"), "startTimeUnixNano": "soon"})], "line 1: startTimeUnixNano is 'soon'"),
        (
            [document({"attributes": [{"key": "refold.f", "value": {"x": 1}}]})],
            "line 1: attribute refold.f is {'x': 1}",
        ),
    ],
)
def test_what_is_no_span_is_said(lines: list[Any], said: str) -> None:
    """With the line."""
    with pytest.raises(HistoryError) as raised:
        read_operations([json.dumps(line) for line in lines], "otlp")
    assert f"history, {said}" in str(raised.value)
