"""What the gallery of anomalies shows: for each anomaly one run that shows it, out of a plan of the zoo or of a case of the tests.

A plan of `refold zoo` comes first: `pictures/gallery/ANOMALY.json`. What no plan there shows is shown by a case of the properties, in
`tests/properties/cases`: best by a history that breaks nothing else, then by the shortest. What is about a user's own code comes from
`own_code`. `UNSHOWN` says why the others have no picture.
"""

from __future__ import annotations

import json
import pathlib
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
from own_code import Shown, shown

from refold.model.application import Application
from refold.model.documents import (
    vocabulary as vocabulary,
)  # first: the order of what it makes known is that of the pages
from refold.model.documents.plan import plan_from_json
from refold.model.examples.accounts import Accounts
from refold.model.record import Opened
from refold.properties.property import Finding
from refold.properties.suite import checker
from refold.reports.words.sentences import plan_sentences, record_sentence
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.registry import resolve

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures" / "gallery"

UNSHOWN = {
    "vacuous-run": "This anomaly is about a whole search in which something never happened, not about a single run",
    "replay-differs-elsewhere": "This anomaly is found when other processes repeat a replay and their results differ. Each result is "
    "right on its own, and there is no history to show",
}
"""Anomaly -> why there is no picture of it."""


@attrs.frozen
class Exhibit:
    """A run that shows an anomaly. `system` and `application` are names of refold's own, "" for other histories. Their
    `origin` is in words; one without those words was written by hand. `steps` are those of the plan, or the records of that history."""

    anomaly: str
    steps: Sequence[str]
    history: Sequence[Any]
    finding: Finding
    system: str = ""
    application: str = ""
    origin: str = ""


def exhibits() -> Iterator[Exhibit]:
    """All of them, by name."""
    planned = {path.stem: path for path in FOLDER.glob("*.json")}
    by_hand = {name: found for name, found in histories().items() if name not in planned}
    own = {each.finding.anomaly: of_own_code(each) for each in shown()}
    for name in sorted({*planned, *by_hand, *own}):
        yield own[name] if name in own else by_hand[name] if name in by_hand else from_plan(planned[name])


def of_own_code(each: Shown) -> Exhibit:
    """The records up to the finding; how the rest of the run went is of no interest there."""
    until = each.history[: each.finding.number]
    steps = [record_sentence(record) for record in until[1:]]
    return Exhibit(each.finding.anomaly, steps, until, each.finding, origin=each.origin)


def from_plan(path: pathlib.Path) -> Exhibit:
    """The run of a stored plan."""
    document = json.loads(path.read_text(encoding="utf-8"))
    application = application_named(document["application"])
    plan = plan_from_json(document, application)
    run = execute(resolve(document["system"]), application, plan, whole=True)
    finding = next(finding for finding in run.findings if finding.anomaly == document["anomaly"])
    return Exhibit(
        finding.anomaly, plan_sentences(plan), run.history, finding, document["system"], document["application"]
    )


def histories() -> dict[str, Exhibit]:
    """Anomaly -> the history of the tests that shows it best."""
    best: dict[str, tuple[tuple[int, int], Exhibit]] = {}
    for history, application in cases():
        findings = judged(history, application)
        for finding in findings:
            weight = (len(findings), len(history))
            if finding.anomaly not in best or weight < best[finding.anomaly][0]:
                steps = [record_sentence(record) for record in history[1:]]
                best[finding.anomaly] = weight, Exhibit(finding.anomaly, steps, history, finding)
    return {anomaly: exhibit for anomaly, (_, exhibit) in best.items()}


def cases() -> Iterator[tuple[tuple[Any, ...], Application]]:
    """The histories that the tests want convicted."""
    package = types.ModuleType("tests")
    package.__path__ = [str(ROOT / "tests")]
    sys.modules.setdefault("tests", package)
    from tests.properties.cases import CASES, log
    from tests.properties.cases.records import OPENED

    found = [(case.history, case.application) for case in CASES.values()]
    found += [(history, None) for _, _, history in log.also_wrong()]
    for history, application in found:
        yield history if isinstance(history[0], Opened) else (OPENED, *history), application or Accounts()


def judged(history: Sequence[Any], application: Application) -> list[Finding]:
    """What the properties say."""
    judge = checker(application)
    for record in history:
        judge.feed(record)
    return judge.finish()
