"""One story: whoever tells of a finding says the same, with the same numbers."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import pytest

from refold.model.action import Deliver, Submit
from refold.model.application import Application
from refold.model.client import Client, View
from refold.model.documents.history import to_line
from refold.model.examples.rota import Join, Leave, Rota
from refold.model.expectation import NO_STREAM, AnyExpectation
from refold.model.record import Observed, Prepared
from refold.properties.property import Evidence, Finding, Handler, Property
from refold.properties.result import Counterexample
from refold.reports.documents.files import write_history
from refold.reports.documents.html import html_report
from refold.reports.documents.json_report import result_json
from refold.reports.documents.terminal import terminal_report
from refold.reports.documents.test_report import tell
from refold.reports.words.explained import Explained, explain, explain_finding
from refold.reports.words.explanation import by_evidence, title
from refold.reports.words.stored import explain_judged
from refold.search.campaign import Budget, Campaign
from refold.search.failure import Broken
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.search.stored.checking import check
from refold.search.stored.files import FileSource
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference

from ..specimens import SPECIMENS, blind, result

WRONG_DECISIONS = ("check-then-append", "expected-any-misuse", "unique-via-stale-read-model")


def found(name: str) -> tuple[Counterexample, Application]:
    """What a search of this broken system finds first."""
    application = EXAMPLES[BROKEN[name].application]()
    campaign = Campaign(BROKEN[name].system(), application, 1, Budget(seconds=60, examples=300, distinct=1))
    return campaign.run().counterexamples[0], application


def lines(explained: Explained) -> list[str]:
    """The sentences of an explanation."""
    return [line for _, line in explained.explanation.lines()]


@pytest.mark.parametrize("name", WRONG_DECISIONS)
def test_terminal_page_json_test_and_stored_history_tell_the_same_story(name: str, tmp_path: pathlib.Path) -> None:
    """Every sentence, with its numbers."""
    example, application = found(name)
    told = explain(example, application, plan_file="plans/x.json", replay="refold replay plans/x.json")
    assert told.graph is not None
    whole = result(name, example)
    page = re.sub(r"<[^>]+>", "", html_report(whole, [told])).replace("&#39;", "'").replace("&#34;", '"')
    text = terminal_report(whole, [told], width=10_000)
    (scripted,) = result_json(whole, [told], report=None)["findings"]
    error = Broken(example, told.replay, application=application)
    tell(error, "test_x.py::TestX::test_holds", None)
    failure = str(error)
    for heading, line in told.explanation.lines():
        assert line in page.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
        assert line in re.sub(r" +", " ", text)
        assert line in failure
        assert f"{heading}: {line}" in scripted["explanation"]
    assert told.title in text
    assert told.title in failure
    path = tmp_path / "history.jsonl"
    write_history(path, example.history)
    judged = check(path)
    stored = explain_judged(judged, FileSource(str(path)))
    same = [each for each in stored if each.finding.signature == example.finding.signature]
    assert lines(same[0]) == lines(told)


class StreamPerDoctor(Client):
    """Decides on the whole ward, and protects only a stream of its own: the classical write skew."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """A new stream for each append."""
        return f"{key}/{op}", NO_STREAM


def test_write_skew_is_explained_with_all_events_of_its_key(tmp_path: pathlib.Path) -> None:
    """Also those in streams that the evidence does not name: the application knows that they belong together."""
    system = Reference("stream-per-doctor", {"alice": StreamPerDoctor, "bob": StreamPerDoctor})
    ada, bob = Leave("east", "ada"), Leave("east", "bob")
    plan = (Submit("alice", ada), Deliver("store", 0), Submit("alice", Join("east", "ada")), Deliver("store", 0))
    whole = (*plan, Submit("alice", Leave("west", "ada")), Submit("alice", ada), Submit("bob", bob))
    run = execute(system, Rota(), whole, whole=True)
    example = Counterexample(whole, tuple(run.findings), tuple(run.history), 1, 0.0)
    assert example.finding.anomaly == "write-skew"
    named = {proof.record.stream for proof in example.finding.evidence}
    told, blind = explain(example, Rota()), explain(example)
    assert told.graph is not None
    events = [node.record for node in told.graph.nodes if not node.decision]
    assert [event.data.ward for event in events] == ["east"] * 4
    assert {event.stream for event in events} > named
    fewer = [] if blind.graph is None else [node for node in blind.graph.nodes if not node.decision]
    assert len(fewer) < len(events)
    assert told.graph.cycle
    path = tmp_path / "history.jsonl"
    write_history(path, run.history)
    (stored, *_) = explain_judged(check(path), FileSource(str(path)))
    assert lines(stored) == lines(told)


def test_the_graph_of_a_finding_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many renderers there are."""
    from refold.reports.words import explained as home

    calls = []
    make = home.evidence_graph
    monkeypatch.setattr(home, "evidence_graph", lambda *given: calls.append(given) or make(*given))
    example = blind()
    told = explain(example, EXAMPLES["accounts"]())
    whole = result("x", example)
    html_report(whole, [told])
    terminal_report(whole, [told])
    json.dumps(result_json(whole, [told], report=None))
    assert len(calls) == sum(finding.guarantee == "CAS" for finding in example.findings)


@pytest.mark.parametrize("name", SPECIMENS)
def test_records_are_numbered_in_the_order_of_the_history(name: str) -> None:
    """And each is named once before it is spoken of."""
    explanation = explain(SPECIMENS[name](), EXAMPLES["accounts"]()).explanation
    numbers = [number for _, number, _ in explanation.lets]
    assert numbers == sorted(numbers)
    labels = {label for label, _, _ in explanation.lets}
    for sentence in explanation.thens:
        assert set(re.findall(r"\(\d+\)", sentence)) <= labels


def test_a_history_that_was_not_kept_from_its_beginning_has_the_same_numbers() -> None:
    """`begins` says how much is missing."""
    example = blind()
    application = EXAMPLES["accounts"]()
    whole = explain_finding(example.finding, example.history, application)
    part = explain_finding(example.finding, example.history[2:], application, 2)
    assert lines(part) == lines(whole)
    assert part.graph is not None


# -- a property of the user's own


class Fresh(Property):
    """Every index holds what was stored up to its position. And this sentence is about something else."""

    name = "freshness"
    guarantee = "READ"

    def handlers(self) -> dict[type, Handler]:
        """Indexes at rest."""
        return {Observed: self.on_observed}

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """Any will do."""
        return self.finding(
            "index-too-old", record.consumer, number, position=3, expected="a", actual="b",
            evidence=[Evidence(number, record, "is too old")],
        )  # fmt: skip


class Worded(Fresh):
    """With words of its own."""

    headline = "{where} lags behind event {position} {like this}"
    rule = "an index is as new as the log, whatever {happens}"
    fix = "wait for the index"


class Claused(Fresh):
    """It has clauses."""

    clauses: Mapping[str, str] = {"new": "an index is new"}

    def on_observed(self, number: int, record: Observed) -> Finding | None:
        """Under its clause."""
        return self.finding("index-too-old", record.consumer, number, clause="new")


def finding_of(judge: Property) -> Finding:
    """What it says about an index at rest."""
    found = judge.handlers()[Observed](4, Observed("index", 3, {}))
    assert found is not None
    return found


def test_a_property_without_words_of_its_own_is_told_in_good_english() -> None:
    """Its docstring begins with its definition, which is the rule."""
    finding = finding_of(Fresh())
    assert title(finding) == "index-too-old (READ): the property freshness does not hold for index at position 3"
    explanation = by_evidence(finding)
    assert explanation.however == (
        'Every index holds what was stored up to its position: expected "a", found "b": a contradiction'
    )
    assert explanation.thens == ("(1) is too old",)
    assert explanation.usual == ""


def test_a_property_gives_a_headline_a_rule_and_a_fix() -> None:
    """Braces that are no field stay as they are."""
    explanation = by_evidence(finding_of(Worded()))
    assert explanation.headline == "index lags behind event 3 {like this}"
    assert explanation.however.startswith("an index is as new as the log, whatever {happens}: expected ")
    assert explanation.usual == "wait for the index"


def test_a_clause_is_a_rule() -> None:
    """And where nothing was expected, nothing is compared."""
    explanation = by_evidence(finding_of(Claused()))
    assert explanation.however == "an index is new: record 4 says something else: a contradiction"


@pytest.mark.parametrize("headline", ["{", "}", "{}", "{0}", "{where.__class__}", "{where!r:>9}", "{:d}", "{where:d}"])
def test_no_headline_of_a_user_breaks_a_report(headline: str) -> None:
    """It is shown as it stands, if it is no template."""
    judge = type("Odd", (Fresh,), {"headline": headline, "__module__": __name__})
    assert "class" not in title(finding_of(judge())).replace("__class__", "")


def test_words_of_refold_are_not_carried_along() -> None:
    """Its own properties have theirs in the table."""
    assert all(finding.wording is None for finding in blind().findings)


def test_one_property_is_told_in_every_report(tmp_path: pathlib.Path) -> None:
    """The headline on the page, in the terminal, and for scripts."""
    history: tuple[Any, ...] = (*blind().history, Observed("index", 3, {}))
    finding = finding_of(Worded())
    told = explain(Counterexample((), (finding,), history, 1, 0.0))
    whole = result("x", Counterexample((), (finding,), history, 1, 0.0))
    for text in (html_report(whole, [told]), terminal_report(whole, [told], width=10_000)):
        assert "index lags behind event 3" in text
        assert "ait for the index" in text
    assert result_json(whole, [told], report=None)["findings"][0]["headline"].startswith("index lags behind event 3")


def test_a_decision_is_referred_to_by_its_number() -> None:
    """ "Changed … before (2) took effect", where it is known which decision is meant."""
    event, decision = blind().history[5], next(r for r in blind().history if type(r) is Prepared)
    proofs = (Evidence(3, event, "changed"), Evidence(5, decision, "read"))
    explanation = by_evidence(Finding("duplicate-create", "CAS", "decisions", "acme", 9, evidence=proofs))
    assert " before (2) took effect" in explanation.thens[0]
    assert to_line(event)
