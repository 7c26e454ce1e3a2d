"""The evidence graph: every wrong decision has a cycle, no right history has one."""

from __future__ import annotations

from typing import Any

import networkx
import pytest

from refold.model.action import Deliver, Submit
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Register, Registered
from refold.model.examples.inventory import Inventory, Reserve, Restock
from refold.model.expectation import ANY
from refold.model.record import Acknowledged, Opened, Prepared
from refold.properties.property import Finding
from refold.properties.result import Counterexample
from refold.properties.suite import checker
from refold.properties.updates import evidence_graph as home
from refold.properties.updates.evidence_graph import CHANGED, REAL_TIME, Builder, decision_id, evidence_graph
from refold.reports.words.explained import explain_finding
from refold.search.campaign import Budget, Campaign
from refold.search.objects.application_check import EXAMPLES
from refold.search.run import execute
from refold.systems.broken import BROKEN
from refold.systems.reference import Reference

STALE = ("check-then-append", "expected-any-misuse", "unique-via-stale-read-model", "duplicate-append-lost-ack")
"""Broken systems that decide on something else than the truth."""


def examples(name: str, seed: int = 1) -> list[tuple[Counterexample, Finding]]:
    """Counterexamples about decisions."""
    broken = BROKEN[name]
    application = EXAMPLES[broken.application]()
    result = Campaign(broken.system(), application, seed, Budget(seconds=60, examples=300)).run()
    return [(x, finding) for x in result.counterexamples for finding in x.findings if finding.guarantee == "CAS"]


@pytest.mark.parametrize("name", STALE)
def test_a_wrong_decision_has_a_cycle_whose_sentences_name_both_writers(name: str) -> None:
    found = examples(name)
    assert found
    for example, finding in found:
        application = EXAMPLES[BROKEN[name].application]()
        told = explain_finding(finding, example.history, application)
        explained, graph = told.explanation, told.graph
        assert graph is not None
        assert graph.cycle
        assert graph.cycle[0].source is not None
        assert graph.cycle[-1].target.id == graph.cycle[0].source.id
        text = "\n".join(line for _, line in explained.lines())
        for edge in graph.cycle:
            assert edge.target.op in text
        assert all(edge.source.op in text for edge in graph.cycle)
        assert "come before itself" in explained.however


def test_without_the_application_the_streams_of_the_evidence_are_looked_at() -> None:
    """Only the application knows what belongs to a group."""
    example, finding = examples("check-then-append")[0]
    assert any(isinstance(proof.record, Stored) for proof in finding.evidence)
    graph = evidence_graph(example.history, finding)
    assert graph is not None
    assert graph.cycle


def test_of_a_history_whose_beginning_is_not_kept_the_numbers_are_those_of_the_whole() -> None:
    example, finding = examples("check-then-append")[0]
    whole = evidence_graph(example.history, finding)
    rest = evidence_graph(example.history[1:], finding, begins=1)
    assert whole is not None
    assert rest is not None
    assert [node.number for node in rest.nodes] == [node.number for node in whole.nodes]


@pytest.mark.parametrize("begins", [0, 1])
def test_of_a_long_history_only_the_end_is_looked_at_and_its_numbers_are_those_of_the_whole(
    begins: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its beginning is kept or not."""
    example, finding = examples("check-then-append")[0]
    whole = evidence_graph(example.history, finding)
    assert whole is not None
    first = whole.nodes[0].number
    monkeypatch.setattr(home, "RECORDS_MAX", finding.number - first)
    end = evidence_graph(example.history[begins:], finding, begins=begins)
    assert end is not None
    assert [node.number for node in end.nodes] == [node.number for node in whole.nodes if node.number > first]


@pytest.mark.parametrize("name", STALE)
def test_the_cycle_closes_where_the_decision_appended(name: str) -> None:
    for example, finding in examples(name, seed=2):
        graph = evidence_graph(example.history, finding, EXAMPLES[BROKEN[name].application]())
        assert graph is not None
        assert graph.cycle[-1].kind == CHANGED
        assert len(graph.cycle) == 3


def test_the_same_history_gives_the_same_graph() -> None:
    example, finding = examples("expected-any-misuse")[0]
    first, second = (evidence_graph(example.history, finding, Accounts()) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.edges == second.edges
    assert first.cycle == second.cycle


def test_an_event_that_is_stored_twice_is_proved_by_its_first_time_whatever_its_writer_had_not_read() -> None:
    """The view was old already; that is no news about an append that is in the log twice."""
    ada, bob = (Registered("acme", name) for name in ("ada", "bob"))
    history: list[Any] = [Opened(1, "by hand", "accounts", ("alice", "carol"), ())]
    for op, payload in (("carol-1", ada), ("alice-1", bob)):
        new = NewEvent(f"{op}/0", "Registered", payload)
        command = Register("acme", payload.name)
        history.append(Prepared(op.partition("-")[0], op, command, "store", "acme", 0, ANY, (new,)))
        place = len(history) // 2
        history.append(Stored(place, "acme", place, new.id, new.type, payload))
    history.append(Stored(3, "acme", 3, "alice-1/0", "Registered", bob))
    judge = checker(Accounts())
    for record in history:
        judge.feed(record)
    finding = next(finding for finding in judge.findings if finding.anomaly == "duplicate-append")
    graph = evidence_graph(history, finding, Accounts())
    assert graph is not None
    assert [edge.target.id for edge in graph.cycle] == ["event 2 alice-1/0", "event 3 alice-1/0", "decision alice-1"]


@pytest.mark.parametrize("seed", [*range(4), 36])
def test_the_decisions_of_a_correct_system_have_no_cycle(seed: int) -> None:
    application = Accounts()
    campaign = Campaign(Reference(), application, seed, Budget(seconds=60, examples=16))
    history = campaign.run().sample
    graph = Builder(history, lambda event: event.stream == "acme", application).build(len(history))
    assert networkx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_decision_comes_after_all_that_were_answered_before_it_began(seed: int) -> None:
    """By edges of real time alone, each directly or over others, and by none that others make needless."""
    application = Accounts()
    history = Campaign(Reference(), application, seed, Budget(seconds=60, examples=16)).run().sample
    graph = Builder(history, lambda event: event.stream == "acme", application).build(len(history))
    edges = [(source, target) for source, target, kind in graph.edges(keys=True) if kind == REAL_TIME]
    begun = {decision_id(one.op): at for at, one in enumerate(history) if isinstance(one, Prepared)}
    answered = {decision_id(one.op): at for at, one in reversed([*enumerate(history)]) if isinstance(one, Acknowledged)}
    nodes = [node for node in graph.nodes if node in begun]
    after = {(one, two) for one in nodes for two in nodes if one in answered and answered[one] < begun[two]}
    assert after
    assert set(networkx.transitive_closure(networkx.DiGraph(edges)).edges) == after
    assert set(networkx.transitive_reduction(networkx.DiGraph(edges)).edges) == set(edges)


def test_of_an_event_that_is_stored_twice_the_newest_changes_what_its_writer_had_read() -> None:
    """By position, and not by how the numbers are spelled."""
    new = NewEvent("alice-1/0", "Registered", Registered("acme", "ada"))
    history: list[Any] = [Prepared("alice", "alice-1", Register("acme", "ada"), "store", "acme", 0, ANY, (new,))]
    history += [Stored(position, "acme", position, new.id, new.type, new.data) for position in (9, 10)]
    graph = Builder(history, lambda event: True, Accounts()).build(len(history))
    assert [source for source, _, kind in graph.edges(keys=True) if kind == CHANGED] == ["event 10 alice-1/0"]


def test_a_finding_without_a_decision_has_no_graph() -> None:
    finding = Finding("never-reaches-tail", "LIVE", "convergence", "index", 1)
    assert evidence_graph([], finding) is None


class Unprotected(Inventory):
    """Nobody told it that a reservation has a condition."""

    def conditional(self, command: Restock | Reserve) -> bool:
        return False

    def decide(self, command: Restock | Reserve, state: int) -> Any:
        return super().decide(command, 100)


def test_a_wrong_decision_has_a_cycle_also_where_its_application_takes_it_for_a_fact() -> None:
    """What broke the invariant is that it had not read the change, whatever the application thinks of the command."""
    last = Reserve("bolt", 1)
    plan = (Submit("alice", Restock("bolt", 1)), Deliver("store", 0), Submit("alice", last), Submit("bob", last))
    run = execute(Reference(), Unprotected(), plan, whole=True)
    finding = run.findings[0]
    assert finding.guarantee == "CAS"
    graph = evidence_graph(run.history, finding, Unprotected())
    assert graph is not None
    assert graph.cycle
