"""What CI systems get: places, SARIF, Code Quality, annotations, the summary of a job, properties in JUnit files."""

from __future__ import annotations

import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest

import refold.reports.ci.report_document as document_module
from refold.reports.ci.announced import announced
from refold.reports.ci.quality import code_quality
from refold.reports.ci.report_document import ReportDocument
from refold.reports.ci.sarif import sarif
from refold.reports.ci.summary import summary
from refold.systems.broken import BROKEN

SCHEMA = pathlib.Path(document_module.__file__).with_name("report.schema.json")

SHOP = '''
"""A log that ignores what its callers expect."""
from refold.model import Appended, Stored


class Careless:
    def __init__(self):
        self.events = []

    def append(self, request):
        version, end = len(self.read_stream(request.stream, 0)), len(self.events)
        for n, event in enumerate(request.events, 1):
            self.events.append(Stored(end + n, request.stream, version + n, event.id, event.type, event.data))
        return Appended(tuple(range(end + 1, len(self.events) + 1)))

    def read(self, after, limit):
        return self.events[after : after + limit]

    def read_stream(self, stream, after):
        return [e for e in self.events if e.stream == stream and e.version > after]
'''


def refold(folder: pathlib.Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of refold in this folder, outside of any CI but for these variables."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "REFOLD_", "CI"))}
    return subprocess.run(
        [sys.executable, "-m", "refold.reports", *arguments],
        cwd=folder,
        env={**ours, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, subprocess.CompletedProcess[str]]:
    """A search of a careless log of the user's own, as a job of GitHub Actions."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "careless.py").write_text(SHOP, encoding="utf-8")
    done = refold(
        folder,
        *("verify", "--system", "careless.py:Careless", "--application", "accounts", "--seed", "1", "--seconds", "20"),
        "--json",
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(folder / "step.md"),
    )
    assert done.returncode == 1, done.stderr
    return folder, done


def test_a_finding_names_the_function_that_it_blames(searched: Any) -> None:
    """The decision is right, the user's log lets it through: `append` stands in the JSON, with its line."""
    folder, done = searched
    document = json.loads(done.stdout)
    line = 1 + (folder / "careless.py").read_text().splitlines().index("    def append(self, request):")
    for finding in document["findings"]:
        if finding["guarantee"] in ("CAS", "LOG"):
            assert finding["place"] == {"file": "careless.py", "line": line, "function": "Careless.append"}
    assert any(finding["place"] for finding in document["findings"])


def test_nothing_is_blamed_that_is_not_the_users(tmp_path: pathlib.Path) -> None:
    """A broken system of the zoo, an application of the package."""
    done = refold(tmp_path, "verify", "--system", "expected-any-misuse", "--seed", "1", "--seconds", "10", "--json")
    document = json.loads(done.stdout)
    assert document["findings"]
    assert all(finding["place"] is None for finding in document["findings"])
    assert code_quality(document) == []
    assert "locations" not in sarif(document, "1")["runs"][0]["results"][0]


def test_code_behind_tables_and_queries_is_blamed_itself(tmp_path: pathlib.Path) -> None:
    """The method of the service that took the command, and the work of the worker; not the file beside them."""
    examples = pathlib.Path(__file__).parents[3] / "examples"
    for file in ("names.py", "names_check.py"):
        (tmp_path / file).write_bytes((examples / file).read_bytes())
    done = refold(
        tmp_path,
        *("verify", "--system", "names_check.py:System", "--application", "names_check.py:Names"),
        *("--seed", "3", "--examples", "40", "--json"),
    )
    blamed = {finding["guarantee"]: finding["place"] for finding in json.loads(done.stdout)["findings"]}
    assert {code: (place["file"], place["function"]) for code, place in blamed.items()} == {
        "CAS": ("names.py", "Registry.claim"),
        "CKPT": ("names.py", "Worker.work"),
    }


def test_files_for_machines_lie_beside_the_page(searched: Any) -> None:
    """And say the same as the JSON."""
    folder, done = searched
    document: ReportDocument = json.loads(done.stdout)
    report = folder / ".refold"
    assert json.loads((report / "report.json").read_text()) == document
    run = json.loads((report / "report.sarif").read_text())["runs"][0]
    assert [result["ruleId"] for result in run["results"]] == [finding["anomaly"] for finding in document["findings"]]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {result["ruleId"] for result in run["results"]}
    physical = run["results"][0]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "careless.py"
    (entry, *_) = json.loads((report / "code-quality.json").read_text())
    assert entry["location"]["path"] == "careless.py"
    assert (report / "summary.md").read_text() == summary(document)
    svgs = sorted((report / "graphs").glob("*.svg"))
    assert svgs
    for svg in svgs:
        root = ElementTree.parse(svg).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not [node for node in root.iter() if node.get("href")]


def test_github_is_told(searched: Any) -> None:
    """An annotation for each finding on standard error, and the summary where the variable says."""
    folder, done = searched
    document = json.loads(done.stdout)
    lines = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    assert len(lines) == len(document["findings"])
    assert lines[0].startswith("::error file=careless.py,line=")
    assert f"title=refold%3A {document['findings'][0]['anomaly']}::" in lines[0]
    assert (folder / "step.md").read_text().startswith("### refold: ")


def test_elsewhere_nothing_is_said(tmp_path: pathlib.Path) -> None:
    """No annotation, no summary."""
    done = refold(tmp_path, "verify", "--system", "expected-any-misuse", "--seed", "1", "--seconds", "10")
    assert "::error" not in done.stdout + done.stderr


def test_a_summary_that_cannot_be_written_costs_no_verdict(tmp_path: pathlib.Path) -> None:
    """It is told on standard error."""
    done = refold(
        tmp_path, "verify", "--examples", "5", "--seed", "1", REFOLD_STEP_SUMMARY=str(tmp_path / "no" / "x.md")
    )
    assert done.returncode == 0
    assert "the summary of this job" in done.stderr


@pytest.mark.parametrize("name", sorted(BROKEN)[::17])
def test_reports_fit_the_schema(name: str, tmp_path: pathlib.Path) -> None:
    """Of broken systems, chosen evenly."""
    done = refold(tmp_path, "verify", "--system", name, "--seed", "1", "--examples", "200", "--json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    lacking = {key: value for key, value in document.items() if key != "verdict"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(lacking, json.loads(SCHEMA.read_text()))


def dedented(part: Any) -> Any:
    """Descriptions without the indentation of their docstrings, which Python takes away itself from 3.13 on."""
    if isinstance(part, dict):
        return {
            name: inspect.cleandoc(inner) if name == "description" and isinstance(inner, str) else dedented(inner)
            for name, inner in part.items()
        }
    return [dedented(inner) for inner in part] if isinstance(part, list) else part


def test_the_schema_is_that_of_the_types() -> None:
    """REFOLD_UPDATE_GOLDEN=1 writes it anew."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **dedented(msgspec.json.schema(ReportDocument))}
    text = json.dumps(made, indent=1) + "\n"
    if os.environ.get("REFOLD_UPDATE_GOLDEN"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == text


HOSTILE = "x\n::warning::y %0A,: | `a` <script> \ud800 [l](u)"


def hostile() -> ReportDocument:
    """A document in which everything that a user names tries to be something else."""
    return {
        "system": HOSTILE,
        "application": HOSTILE,
        "verdict": "broken",
        "verdict_line": HOSTILE,
        "seed": None,
        "examples": 1,
        "steps": 1,
        "skipped": 0,
        "seconds": 0.1,
        "interrupted": False,
        "trouble": HOSTILE,
        "counts": {},
        "findings": [
            {
                "anomaly": "lost-update",
                "guarantee": "CAS",
                "property": "p",
                "headline": HOSTILE,
                "where": HOSTILE,
                "number": 1,
                "position": None,
                "expected": None,
                "actual": None,
                "evidence": [],
                "explanation": [HOSTILE],
                "place": {"file": "a,b:c.py", "line": 3, "function": HOSTILE},
                "actions": 1,
                "plan": None,
                "replay": HOSTILE,
                "diagnosis": [],
                "sentences": [HOSTILE],
                "performed": [1],
                "minimal": True,
                "found_at": 1,
                "also": [],
            }
        ],
        "guarantees": {HOSTILE: "broken"},
        "not_checked": [HOSTILE],
        "report": None,
    }


def test_hostile_names_stay_inert(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """No line of their own, no markup, no broken encoding."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    (line,) = announced(hostile())
    assert "\n" not in line
    assert "file=a%2Cb%3Ac.py,line=3," in line
    text = (tmp_path / "step.md").read_text(encoding="utf-8")
    assert "<script>" not in re.sub(r"``.*?``", "", text), "outside of code it would be markup"
    assert "\n::warning" not in text
    (tmp_path / "x.sarif").write_text(json.dumps(sarif(hostile(), "1")), encoding="utf-8")


TEST = """
from refold import machine
from careless import Careless

TestCareless = machine("accounts", Careless).TestCase
TestHeld = machine("accounts", "reference").TestCase
"""


def test_junit_files_and_jobs_tell_what_pytest_found(tmp_path: pathlib.Path) -> None:
    """Properties of the test cases, an annotation and a summary; the same from workers."""
    (tmp_path / "careless.py").write_text(SHOP, encoding="utf-8")
    (tmp_path / "test_shop.py").write_text(TEST, encoding="utf-8")
    for workers in ("0", "2"):
        step = tmp_path / f"step-{workers}.md"
        ours = {
            name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "REFOLD_", "PYTEST_"))
        }
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-q",
                    "-p",
                    "no:cacheprovider",
                    "-n",
                    workers,
                    "--junitxml=junit.xml",
                ),
                *("--refold-profile=quick", "--refold-report-dir=out"),
            ],
            cwd=tmp_path,
            env={**ours, "PYTHONPATH": str(tmp_path), "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(step)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout
        cases = {
            case.get("classname", ""): {each.get("name"): each.get("value") for each in case.iter("property")}
            for case in ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
        }
        broken, held = cases["test_shop.TestCareless"], cases["test_shop.TestHeld"]
        assert (broken["refold.verdict"], held["refold.verdict"]) == ("broken", "held")
        assert {"refold.anomaly", "refold.guarantee", "refold.replay", "refold.report"} <= set(broken)
        assert int(held["refold.steps"] or 0) > 0
        assert "::error file=careless.py,line=" in done.stdout
        assert step.read_text().startswith("### refold: ")
