"""A report as SARIF 2.1.0, which code hosts show beside the lines that findings blame."""

from __future__ import annotations

import pathlib
from typing import Any
from urllib.parse import quote

from refold.properties.guarantees import GUARANTEES
from refold.reports.ci.report_document import FoundDocument, PlaceDocument, ReportDocument

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(document: ReportDocument, version: str) -> dict[str, Any]:
    """One run of refold of this `version`: a rule for each anomaly, a result for each finding."""
    findings = document["findings"]
    rules = {finding["anomaly"]: rule(finding) for finding in findings}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "refold", "version": version, "rules": list(rules.values())}},
                "results": [result(finding, list(rules).index(finding["anomaly"])) for finding in findings],
                "invocations": [{"executionSuccessful": not document["trouble"]}],
                "properties": {"system": document["system"], "application": document["application"]},
            }
        ],
    }


def rule(finding: FoundDocument) -> dict[str, Any]:
    """What an anomaly is."""
    code = finding["guarantee"]
    return {
        "id": finding["anomaly"],
        "shortDescription": {"text": finding["anomaly"].replace("-", " ")},
        "fullDescription": {"text": f"{code}: {GUARANTEES.get(code, 'a guarantee of your own')}"},
        "properties": {"guarantee": code},
    }


def result(finding: FoundDocument, index: int) -> dict[str, Any]:
    """A finding, with the line that it blames where that is the user's own."""
    place = finding["place"]
    return {
        "ruleId": finding["anomaly"],
        "ruleIndex": index,
        "level": "error",
        "message": {"text": message(finding)},
        "partialFingerprints": {"anomaly/v1": f"{finding['anomaly']} {finding['where']}"},
        **({"locations": [location(place)]} if place is not None else {}),
    }


def message(finding: FoundDocument) -> str:
    """What happened, why it is wrong, and how to see it again."""
    replay = [f"Replay it: {finding['replay']}"] if finding["replay"] else []
    return "\n".join([finding["headline"], *finding["explanation"], *replay])


def location(place: PlaceDocument) -> dict[str, Any]:
    """A function; its file relative to the root of the checkout, if it lies in the working directory."""
    file = pathlib.PurePath(place["file"])
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    return {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": place["line"]}},
        "logicalLocations": [{"name": place["function"], "kind": "function"}],
    }
