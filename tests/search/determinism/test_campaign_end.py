"""The second replay of a campaign: what differs elsewhere is a counterexample, what cannot be looked at is named."""

from __future__ import annotations

from typing import Any

import attrs
from msgspec import Struct

from refold.model.action import Deliver, Submit
from refold.model.application import Application
from refold.properties.diagnosis.scores import SHOWN, diagnose
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.search.determinism.campaign_end import replayed_again
from refold.systems.reference import Reference


class Join(Struct, frozen=True):
    """A command."""

    club: str
    who: str


class Joined(Join, frozen=True):
    """Its event."""


class Club(Application):
    """Members of a club, as a set."""

    name = "club"
    events = (Joined,)

    def commands(self) -> list[Join]:
        """Five people."""
        return [Join("chess", who) for who in ("ada", "bob", "cleo", "dan", "eve")]

    def initial(self, key: str) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def decide(self, command: Join, state: frozenset[str]) -> list[Joined]:
        """Everybody may join."""
        return [Joined(command.club, command.who)]

    def evolve(self, state: frozenset[str], event: Joined) -> frozenset[str]:
        """One more."""
        return state | {event.who}


class Picks(Club):
    """Its view names whoever iteration gives first."""

    def view(self, event: Joined, rows: dict[str, Any]) -> dict[str, Any]:
        """The members, and the speaker."""
        members = {*rows.get("members", ()), event.who}
        return {"members": tuple(sorted(members)), "speaker": next(iter(members))}


def searched(application: Application) -> Result:
    """A short campaign."""
    return Campaign(Reference(), application, 3, Budget(None, 20)).run()


def test_a_pure_application_changes_nothing() -> None:
    """Neither findings nor excuses."""
    result = searched(Club())
    assert replayed_again(result, Reference(), Club()) == result


def test_what_differs_elsewhere_is_a_counterexample_with_a_plan_of_its_own() -> None:
    """As short as the events allow, with the history of that plan, and with the rows of the catalogue that fit."""
    result = replayed_again(searched(Picks()), Reference(), Picks())
    assert result.verdict == "broken"
    (found,) = result.counterexamples
    assert found.finding.signature == ("replay-differs-elsewhere", "REPL")
    assert {type(action) for action in found.plan} <= {Submit, Deliver}
    assert sum(type(action) is Submit for action in found.plan) == found.finding.position
    assert found.history[found.finding.number - 1] == found.finding.evidence[0].record
    assert {each.row.name for each in diagnose(found.findings, found.history, SHOWN)} >= {
        "nondeterministic-handler",
        "hash-order-dependence",
    }


def test_what_cannot_be_replayed_is_named_as_not_checked() -> None:
    """With the reason."""
    club = Club()
    result = searched(club)
    nothing = replayed_again(attrs.evolve(result, sample=()), Reference(), club)
    assert nothing.not_checked[-1] == "replays in other processes: no run held, so there is no history to replay"
    club.trouble = lambda: None  # type: ignore[attr-defined]
    stuck = replayed_again(result, Reference(), club)
    assert stuck.not_checked[-1].startswith("replays in other processes: application Club cannot be pickled")
    assert stuck.verdict == "held"
