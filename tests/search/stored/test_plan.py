"""`replay`: a plan from a file, a document or a program, run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refold.model.action import Append, Prepare, Submit
from refold.model.documents.plan import MalformedPlan, plan_to_json
from refold.model.errors import UsageError
from refold.model.examples.accounts import Accounts, Register
from refold.model.tape import Plan
from refold.search.stored.plan import replay

ADA = Register("acme", "ada")
PLAN: Plan = (Prepare("bob", ADA), Submit("alice", ADA), Append("bob"))


def document(**about: Any) -> dict[str, Any]:
    """The plan as JSON."""
    return {**plan_to_json(PLAN, Accounts()), "application": "accounts", "system": "expected-any-misuse", **about}


def test_a_path_a_document_and_actions_are_run_alike(tmp_path: Path) -> None:
    """On the system and with the application that the plan names, or that are given."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document()))
    results = [
        replay(path),
        replay(str(path)),
        replay(document()),
        replay(PLAN, application="accounts", system="expected-any-misuse"),
        replay(list(PLAN), application=Accounts, system="expected-any-misuse"),
        replay(PLAN, system="expected-any-misuse"),
    ]
    assert {result.verdict for result in results} == {"broken"}
    assert {result.counterexamples[0].finding.anomaly for result in results} == {"duplicate-create"}
    assert {result.steps for result in results} == {3}


def test_another_system_may_do_better() -> None:
    """The reference system does."""
    result = replay(document(), system="reference")
    assert result.verdict == "held"
    assert result.system == "reference"
    assert result.sample


def test_what_the_plan_was_kept_for_comes_first() -> None:
    """Whatever else its run shows."""
    result = replay(document(anomaly="stream-misses-events"))
    assert result.counterexamples[0].finding.anomaly == "duplicate-create"


@pytest.mark.parametrize(
    ("plan", "error", "said"),
    [
        ({"refold": "plan"}, MalformedPlan, "plan: plan version None is unknown"),
        ({}, MalformedPlan, "plan: this is not a refold plan"),
        (7, UsageError, "7 is no plan"),
        ([1, 2], UsageError, "is no plan"),
        ((Submit("nobody", ADA),), MalformedPlan, "plan: action 1: the system has no client 'nobody'"),
    ],
)
def test_what_is_no_plan_is_said_in_a_sentence(plan: Any, error: type[Exception], said: str) -> None:
    """And nothing is run."""
    with pytest.raises(error, match=said):
        replay(plan, application="accounts")


def test_a_file_that_is_not_there_is_an_error_of_the_system() -> None:
    """As open() would have it."""
    with pytest.raises(FileNotFoundError):
        replay("nowhere.json")
