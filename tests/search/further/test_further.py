"""What is tried once more when a consumer did not get to the end: one more event tells whether it lost the last ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refold.model.action import Submit
from refold.model.examples.inventory import Inventory
from refold.properties.result import Counterexample
from refold.reports.commands.verify import Verification
from refold.search.campaign import Budget, Campaign
from refold.search.outcome import Outcome
from refold.search.run import execute
from refold.systems.user.adopt import adapt

from .consumers import Both, Lossy, Stopped

THREE = (Submit("alice", Inventory().commands()[0]),) * 3


def told(campaign: Campaign, plan: tuple[Submit, ...] = THREE) -> tuple[Counterexample, ...]:
    """What a search has to say that has made one run, in which there were three events."""
    campaign.report(Outcome.of(0, execute(campaign.system, campaign.application, plan), keep=True))
    return campaign.result().counterexamples


def searched(make: Callable[[], Any]) -> tuple[Counterexample, ...]:
    """By this search."""
    return told(Campaign(adapt("further", make), Inventory(), 7, Budget(seconds=None, examples=1)))


def test_what_was_lost_at_the_end_is_told_as_lost() -> None:
    """And only so, with one command more than the plan in which the consumer never came to the end."""
    (lost,) = searched(Lossy)
    assert (lost.finding.anomaly, lost.finding.position, len(lost.plan)) == ("event-never-applied", 3, 4)
    assert lost.minimal


def test_who_handles_nothing_more_has_stopped() -> None:
    """One more event is not handled either."""
    assert [example.finding.anomaly for example in searched(Stopped)] == ["never-reaches-tail"]


def test_each_finding_comes_with_its_own_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although findings are told in another order than that in which they were found."""
    system = adapt("further", Both)
    budget = Budget(seconds=None, examples=1)
    verification = Verification(system, "further", Inventory(), 7, budget, tmp_path, None)

    def search(quiet: bool) -> Any:
        told(verification.campaign)
        told(verification.campaign, (*THREE, *THREE))
        return verification.campaign.result()

    monkeypatch.setattr(verification, "search", search)
    findings = verification.run(quiet=True)["findings"]
    assert [finding["anomaly"] for finding in findings] == ["effect-applied-twice", "never-reaches-tail"]
    for finding in findings:
        document = json.loads(Path(finding["plan"]).read_text())
        assert (document["anomaly"], len(document["actions"])) == (finding["anomaly"], finding["actions"])


def test_a_finding_is_kept_when_the_question_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong then comes after the find."""
    campaign = Campaign(adapt("further", Lossy), Inventory(), 7, Budget(seconds=None, examples=1))
    run = execute(campaign.system, campaign.application, THREE)

    def away(*arguments: Any, **named: Any) -> Any:
        raise ConnectionError("the server is gone")

    monkeypatch.setattr("refold.search.campaign.execute", away)
    with pytest.raises(ConnectionError):
        campaign.report(Outcome.of(0, run, keep=True))
    assert [example.finding.anomaly for example in campaign.counterexamples] == ["never-reaches-tail"]
