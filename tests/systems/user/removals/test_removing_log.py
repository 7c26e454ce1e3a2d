"""The reference log that removes events, under every fault that a log can suffer; and what one wrong method of it does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from refold.model.declarations.capability import BROUGHT, CORE, REMOVALS, Capability
from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.expectation import ANY, NO_STREAM, Exact
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.parts.removing_log import RemovingLog
from refold.search.campaign import Budget, Campaign
from refold.systems.user.log import LogSystem

EVERYTHING = frozenset(CORE) | frozenset(REMOVALS) | BROUGHT
"""Slow appends, power cuts, failing disks, deaths in each step, and removals that last."""


def asking(op: str, stream: str, expected: object = ANY, count: int = 1) -> AppendRequest:
    """An append of so many events."""
    return AppendRequest(op, stream, expected, tuple(NewEvent(f"{op}/{n}", "Happened", n) for n in range(count)))  # type: ignore[arg-type]


def filled() -> RemovingLog:
    """Positions 1 to 5: acme, acme, zeta, acme, zeta."""
    log = RemovingLog()
    log.append(asking("a-1", "acme", count=2))
    log.append(asking("a-2", "zeta"))
    log.append(asking("a-3", "acme"))
    log.append(asking("a-4", "zeta"))
    return log


def places(events: Sequence[Stored]) -> list[tuple[int, str, int]]:
    """Position, stream and version."""
    return [(event.position, event.stream, event.version) for event in events]


def test_retention_takes_the_oldest_of_all_streams() -> None:
    log = filled()
    log.trim(3)
    assert places(log.read(0, 10)) == [(4, "acme", 3), (5, "zeta", 2)]
    assert places(log.read(4, 10)) == [(5, "zeta", 2)]
    assert places(log.read_stream("acme", 0)) == [(4, "acme", 3)]
    assert places(log.read_stream("acme", 3)) == []


def test_truncation_and_deletion_take_nothing_of_other_streams() -> None:
    log = filled()
    log.truncate("acme", 2)
    log.delete_stream("zeta")
    assert places(log.read(0, 10)) == [(4, "acme", 3)]
    assert places(log.read_stream("zeta", 0)) == []


def test_versions_and_positions_go_on() -> None:
    log = filled()
    log.delete_stream("acme")
    assert log.append(asking("b-1", "acme", NO_STREAM)) == Conflict(3)
    assert log.append(asking("b-2", "acme", Exact(3))) == Appended((6,))
    assert places(log.read_stream("acme", 0)) == [(6, "acme", 4)]
    log.trim(6)
    assert log.append(asking("b-3", "acme", Exact(4))) == Appended((7,))


def test_an_append_whose_events_are_removed_is_recognised() -> None:
    log = filled()
    log.trim(5)
    assert log.append(asking("a-1", "acme", count=2)) == Appended((1, 2))


def found(log: type, capabilities: frozenset[Capability], examples: int = 60) -> set[str]:
    """The anomalies that a search finds."""
    system = LogSystem(log.__name__, log, capabilities)
    result = Campaign(system, Accounts(), 3, Budget(examples=examples)).run()
    return {finding.anomaly for one in result.counterexamples for finding in one.findings}


@pytest.mark.parametrize("application", [Inventory(), Accounts()], ids=lambda one: one.name)
def test_it_is_held_under_every_fault(application: Inventory | Accounts) -> None:
    system = LogSystem("removing-log", RemovingLog, EVERYTHING)
    result = Campaign(system, application, 1, Budget(examples=60)).run()
    assert result.counterexamples == ()
    seen = ("trims", "truncations", "deletions", "slow_appends", "power_cuts", "failed_writes", "crashes_in_appends")
    assert [name for name in seen if not result.counts[name]] == []


class CountsVersions(RemovingLog):
    """The version is the number of events that are there."""

    def version(self, stream: str) -> int:
        """Goes back."""
        return len(self.streams.get(stream, ()))


class RemovesLater(RemovingLog):
    """Removes in memory, and syncs with the next append: a power cut takes that back."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[Stored] = []

    def remove(self, events: Sequence[Stored]) -> None:
        """Not durable yet."""
        self.pending.extend(event for event in events if event not in self.pending)
        super().remove(events)

    def sync(self) -> None:
        """Now it is."""
        super().sync()
        self.pending.clear()

    def cut_power(self, how: str) -> None:
        """What was not synced is back."""
        super().cut_power(how)
        back, self.pending = self.pending, []
        self.entries = sorted([*self.entries, *back], key=lambda event: event.position)
        for event in back:
            there = [*self.streams[event.stream], event]
            self.streams[event.stream] = sorted(there, key=lambda one: one.version)


@pytest.mark.parametrize(("log", "anomaly"), [(CountsVersions, "version-used-again"), (RemovesLater, "removal-undone")])
def test_one_wrong_method_is_found(log: type, anomaly: str) -> None:
    assert anomaly in found(log, EVERYTHING, 200)


def test_a_removal_that_a_power_cut_undoes_is_not_judged_where_nobody_promises_it() -> None:
    assert found(RemovesLater, EVERYTHING - {Capability("durable-removal")}) == set()
