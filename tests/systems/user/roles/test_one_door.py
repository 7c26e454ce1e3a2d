"""One door: any roles, with whatever an application says: a decider, what one event does, or what the whole log means."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from refold.model.application import Application, Refusal
from refold.model.errors import UsageError
from refold.model.event import Stored
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user.adopt import adapt
from refold.systems.user.module import load

EXAMPLES = pathlib.Path(__file__).parents[4] / "examples"
Names: Any = load(f"{EXAMPLES}/names_check.py:Names")
System: Any = load(f"{EXAMPLES}/names_check.py:System")
orders: Any = sys.modules[load(f"{EXAMPLES}/orders.py:Shop").__module__]  # type: ignore[attr-defined]


class Deciding(orders.Orders):  # type: ignore[misc,name-defined]
    """The rules of the shop, as a decider."""

    replay = Application.replay

    def initial(self, key: str) -> int:
        """Owes nothing."""
        return 0

    def decide(self, command: Any, state: int) -> Sequence[Any]:
        """Nobody may owe more than 10."""
        if state + command.price > 10:
            raise Refusal(f"owes {state}", "oversold")
        return [orders.Ordered(command.customer, command.price)]

    def evolve(self, state: int, event: Any) -> int:
        """One order more."""
        return int(state + event.price)


class Folding(Deciding):
    """Nobody can say what a command should have done; but what an event does, and what must not be."""

    decide = Application.decide

    def broken_invariant(self, key: str, state: int) -> str | None:
        """Nobody may owe more than 10."""
        return f"owes {state}" if state > 10 else None


class Generous(orders.Shop):  # type: ignore[misc,name-defined]
    """Does not look."""

    def execute(self, command: Any) -> None:
        """Append."""
        customer, place = command.customer, len(self.log) + 1
        version = sum(event.stream == customer for event in self.log) + 1
        event = orders.Ordered(customer, command.price)
        self.log.append(Stored(place, customer, version, f"order-{place}", "Ordered", event))
        self.cache.pop(customer, None)


class Replaying(Names):  # type: ignore[misc]
    """The names service, of which only the meaning of the log is known."""

    decide = Application.decide

    def replay(self, events: Sequence[Stored]) -> Mapping[str, Any]:
        """Owner and claims."""
        return Application.replay(self, events)


def searched(make: Any, application: Application, examples: int = 40) -> Result:
    """A short search; it ends at the first finding."""
    return Campaign(adapt("shop", make), application, 3, Budget(None, examples, distinct=1)).run()


@pytest.mark.parametrize("application", [Deciding(), Folding()])
def test_a_whole_application_may_have_rules(application: Application) -> None:
    """Its views are compared, its calls are judged, its work goes on; nobody is accused."""
    result = searched(orders.Shop, application)
    assert [str(one.finding) for one in result.counterexamples] == []
    assert min(result.counts["calls"], result.counts["views_compared"], result.counts["turns"]) > 50
    assert ("replays", "REPL") in result.checked
    assert any("the application has no decide()" in text for text in result.not_checked) is not application.decides


@pytest.mark.parametrize("application", [Deciding(), Folding()])
def test_a_stale_view_is_found_with_any_rules(application: Application) -> None:
    """A cache that nobody empties."""
    (one,) = searched(orders.ForgetfulShop, application).counterexamples
    assert one.finding.signature == ("view-differs-from-replay", "REPL")


@pytest.mark.parametrize(("application", "anomaly"), [(Deciding(), "oversold"), (Folding(), "invariant-broken")])
def test_a_wrong_decision_is_found_where_somebody_can_say_so(application: Application, anomaly: str) -> None:
    """By a decider, or by an invariant."""
    (one,) = searched(Generous, application).counterexamples
    assert one.finding.signature == (anomaly, "CAS")


def test_without_rules_nobody_can_say_so() -> None:
    """And a report does not call it held."""
    result = searched(Generous, orders.Orders())
    assert result.verdict == "held"
    assert "CAS" not in {guarantee for _, guarantee in result.checked}


def test_a_service_and_its_worker_are_judged_by_a_replay_alone() -> None:
    """At the gate, with deaths between two statements: what the worker keeps is no replay of the log."""
    (one,) = searched(System, Replaying()).counterexamples
    assert one.finding.signature == ("view-differs-from-replay", "REPL")
    assert one.finding.where == "owners"


def test_views_that_are_no_method_are_told_so() -> None:
    """With what they should be."""

    class Keeping(orders.Shop):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.views = {"page": 1}

    with pytest.raises(UsageError, match=r"its views are .*, expected a method views\(\) that returns name of a view"):
        adapt("shop", Keeping)


def test_a_system_that_executes_nothing_needs_a_decider() -> None:
    """Its clients are the harness's own."""
    with pytest.raises(UsageError, match=r"has no decide\(\); take a system of your own that executes commands"):
        Campaign(adapt("reference", lambda: __import__("refold").model.Log()), Folding(), 1, Budget(None, 2)).run()
