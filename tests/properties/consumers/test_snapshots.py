"""Snapshots: which of them are remembered, and what is said of those that are not."""

from __future__ import annotations

import pytest

from refold.model.examples.accounts import Accounts
from refold.model.record import ConsumerSpec, Opened, SnapshotLoaded, SnapshotTaken
from refold.properties.consumers.snapshots import TAKEN, SnapshotIntegrity
from refold.properties.oracle import Oracle
from refold.properties.suite import checker

OWNER = "stream:acme"


@pytest.mark.parametrize(
    ("saved", "anomalies", "silent"), [(TAKEN, ["snapshot-never-taken"], True), (TAKEN + 1, [], False)]
)
def test_one_that_nobody_took_is_found_until_some_are_forgotten(saved: int, anomalies: list[str], silent: bool) -> None:
    """From then on it may be one of those; and what is not judged is said."""
    judge = SnapshotIntegrity(Oracle(Accounts()))
    for position in range(1, saved + 1):
        judge.on_taken(position, SnapshotTaken(OWNER, position, position, 1))
    found = judge.on_loaded(99, SnapshotLoaded(OWNER, 0, 0, 1))
    assert [one.anomaly for one in (found,) if one is not None] == anomalies
    assert (judge.given_up() == []) == silent


def test_the_newest_at_a_position_is_the_one_that_must_come_back() -> None:
    judge = SnapshotIntegrity(Oracle(Accounts()))
    for state in ("old", "new"):
        judge.on_taken(1, SnapshotTaken(OWNER, 1, state, 1))
    found = judge.on_loaded(2, SnapshotLoaded(OWNER, 1, "old", 1))
    assert found is not None
    assert found.clause == "unchanged"
    assert judge.on_loaded(3, SnapshotLoaded(OWNER, 1, "new", 1)) is None


def test_without_an_application_the_first_snapshot_tells_the_schema() -> None:
    judge = checker(None)
    judge.feed(Opened(1, "by hand", "unknown", (), (ConsumerSpec(name="totals", projection="totals"),)))
    for schema in (3, 3, 2):
        judge.feed(SnapshotTaken("totals", 0, {}, schema))
    assert [one.clause for one in judge.findings] == ["schema of its code"]
