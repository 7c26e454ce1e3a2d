"""Each property of an extension convicts the smallest history that breaks it, and lets the right one beside it pass."""

from __future__ import annotations

import ast
import pathlib
from typing import Any

import pytest

import refold.properties.property as home
from refold.model.event import Stored
from refold.model.examples.accounts import Accounts, Registered
from refold.model.parts.messages.change_stream import Copied, CopyAtRest, SnapshotBegun, SourceChanged
from refold.model.parts.messages.dual_write import FirstWritten, Repaired, SecondWritten, StoresAtRest, WriterDied
from refold.model.parts.messages.outbox import Delivered, OutboxAtRest, RelayDied
from refold.model.parts.messages.process_manager import CommandExecuted, CommandRecognised, ManagerAtRest
from refold.model.parts.reading.links import Archived, LinkDiscarded, LinkShown, ListingAtRest
from refold.model.parts.reading.query import Answered, CachedAtRest, GaveUp, Hit, Searched, Waiting
from refold.model.record import Acknowledged, Opened, Settling
from refold.properties.property import Finding
from refold.properties.suite import checker

FILES = (
    "messages/change_stream",
    "reading/listings",
    "reading/sessions",
    "messages/side_effects",
    "messages/stream_order",
    "messages/two_stores",
)
"""The modules of properties that are judged here."""

JUDGES = {
    "sessions",
    "waits",
    "pointers",
    "listings",
    "outbox-delivery",
    "commands",
    "two-stores",
    "change-stream",
}

NAMES = ("ada", "bob", "cleo")
EVENTS = tuple(
    Stored(n, "acme", n, f"alice-{n}/0", "Registered", Registered("acme", who)) for n, who in enumerate(NAMES, 1)
)
ONE, TWO, THREE = EVENTS
HEARD = Acknowledged("alice", "alice-2", (2,))


def answer(version: int, *names: str, client: str = "alice") -> Answered:
    """An answer about acme."""
    return Answered(client, "acme", "store", version, frozenset(names), 0, 0)


def put(lsn: int, value: int | None, rows: int = 1) -> Copied:
    """A row of the copy."""
    return Copied(lsn, "a", value, rows)


def row(lsn: int, value: int | None) -> SourceChanged:
    """A row of the table."""
    return SourceChanged(lsn, "a", value)


def executed(position: int, handler: str = "ship", command: str = "c") -> CommandExecuted:
    """A command."""
    return CommandExecuted(command, handler, position)


def sent(relay: str = "relay-1", position: int = 1) -> Delivered:
    """A message."""
    return Delivered(relay, f"alice-{position}/0", position, True)


def in_order(position: int) -> Delivered:
    """A message of a sink that promises an order."""
    return Delivered("relay-1", f"alice-{position}/0", position, True, "mail", True)


ARCHIVED = Archived("acme", 1, 1)
SHOWN = LinkShown(0, "acme", 1, 1)
FIRST = FirstWritten("writer-1", "x", 1, True)
DIED = WriterDied("writer-1", "x", 1)

BAD: dict[str, tuple[str, tuple[Any, ...], tuple[Any, ...]]] = {
    "own-write-not-read": ("READ", (ONE, TWO, HEARD, answer(1, "ada")), (ONE, TWO, HEARD, answer(2, "ada", "bob"))),
    "read-goes-back": (
        "READ",
        (ONE, TWO, answer(2, "ada", "bob"), answer(1, "ada")),
        (ONE, TWO, answer(2, "ada", "bob"), answer(1, "ada", client="bob")),
    ),
    "answer-from-the-future": ("READ", (ONE, answer(2, "ada", "bob")), (ONE, answer(0))),
    "answer-differs": ("READ", (ONE, TWO, answer(1, "bob")), (ONE, TWO, answer(1, "ada"))),
    "cache-stale-at-rest": (
        "READ",
        (ONE, TWO, CachedAtRest({"acme": (1, frozenset({"ada"}))})),
        (ONE, TWO, CachedAtRest({"acme": (2, frozenset({"ada", "bob"}))})),
    ),
    "query-waits-for-ever": (
        "LIVE",
        (ONE, Waiting("alice", "acme", 1, 4, 4)),
        (ONE, Waiting("alice", "acme", 1, 3, 4), GaveUp("alice", "acme", 1, 4)),
    ),
    "query-gives-up-early": (
        "LIVE",
        (ONE, Waiting("alice", "acme", 1, 1, 4), GaveUp("alice", "acme", 1, 2, 4)),
        (ONE, Waiting("alice", "acme", 1, 3, 4), GaveUp("alice", "acme", 1, 4, 4)),
    ),
    "query-never-answered": (
        "LIVE",
        (ONE, Settling(), GaveUp("alice", "acme", 1, 9)),
        (ONE, GaveUp("alice", "acme", 1, 9), Settling()),
    ),
    "dangling-pointer": (
        "READ",
        (Searched("alice", "acme", (Hit("ada@acme", 0, True),)),),
        (Searched("alice", "acme", (Hit("ada@acme", 0, False),)),),
    ),
    "living-pointer-discarded": (
        "READ",
        (ONE, LinkDiscarded(0, "acme", 1)),
        (ONE, ARCHIVED, LinkDiscarded(0, "acme", 1)),
    ),
    "archived-item-resurfaced": ("READ", (ONE, ARCHIVED, SHOWN), (ONE, SHOWN, ARCHIVED)),
    "item-missing": ("READ", (ONE, ListingAtRest(1, 1, {})), (ONE, SHOWN, ListingAtRest(1, 1, {"acme": 1}))),
    "item-too-many": ("READ", (ONE, ListingAtRest(1, 1, {"acme": 2})), (ONE, ListingAtRest(1, 1, {"acme": 1}))),
    "reader-stuck-at-link": ("LIVE", (ONE, ListingAtRest(0, 1, {})), (ONE, ARCHIVED, ListingAtRest(1, 1, {}))),
    "side-effect-twice": (
        "DUAL",
        (ONE, sent(), sent("relay-2")),
        (ONE, sent(), RelayDied("relay-1", "alice-1/0"), sent()),
    ),
    "sent-out-of-order": ("ORD", (ONE, TWO, in_order(2), in_order(1)), (ONE, TWO, in_order(1), in_order(2))),
    "side-effect-missing": ("DUAL", (ONE, TWO, sent(), OutboxAtRest(0)), (ONE, sent(), OutboxAtRest(0))),
    "command-executed-twice": (
        "DUAL",
        (ONE, executed(1), executed(1, command="d")),
        (ONE, executed(1), executed(1, "invoice")),
    ),
    "side-effect-without-cause": ("DUAL", (ONE, sent(position=2)), (ONE, TWO, sent(position=2))),
    "command-without-cause": ("DUAL", (ONE, executed(2)), (ONE, TWO, executed(2))),
    "manager-never-done": (
        "LIVE",
        (ONE, executed(1), ManagerAtRest(0)),
        (ONE, executed(1), ManagerAtRest(1)),
    ),
    "repair-found-too-little": (
        "DUAL",
        (FIRST, DIED, FirstWritten("writer-2", "y", 1, True), WriterDied("writer-2", "y", 1), Repaired(1)),
        (FIRST, DIED, FirstWritten("writer-2", "y", 1, True), WriterDied("writer-2", "y", 1), Repaired(2)),
    ),
    "wrong-value-copied": ("CDC", (row(1, 1), row(2, 2), put(1, 2)), (row(1, 1), row(2, 2), put(1, 1))),
    "command-missing": (
        "DUAL",
        (ONE, executed(1), CommandRecognised("c", "invoice", 1)),
        (ONE, executed(1), CommandRecognised("c", "ship", 1), ManagerAtRest(1)),
    ),
    "second-store-goes-back": (
        "DUAL",
        (SecondWritten("writer-1", "x", 2, 2), SecondWritten("writer-2", "x", 1, 1)),
        (SecondWritten("writer-1", "x", 2, 2), SecondWritten("writer-2", "x", 1, 2)),
    ),
    "repair-found-nothing": ("DUAL", (FIRST, DIED, Repaired(0)), (FIRST, Repaired(0), DIED)),
    "stores-disagree": (
        "DUAL",
        (FIRST, StoresAtRest({"x": 1}, {})),
        (FIRST, SecondWritten("writer-1", "x", 1, 1), StoresAtRest({"x": 1}, {"x": 1})),
    ),
    "row-copied-twice": ("CDC", (row(1, 1), put(1, 1), put(1, 1, rows=2)), (row(1, 1), put(1, 1), put(1, 1))),
    "copy-goes-back": (
        "CDC",
        (row(1, 1), row(2, 2), put(2, 2), put(1, 1)),
        (row(1, 1), SourceChanged(2, "b", 2), put(1, 1), SnapshotBegun(2), put(2, None), put(1, 1)),
    ),
    "copied-before-commit": ("CDC", (row(1, 1), put(2, 2)), (row(1, 1), row(2, 2), put(2, 2))),
    "copy-differs": ("CDC", (row(1, 1), CopyAtRest({})), (row(1, 1), row(2, None), CopyAtRest({}))),
}
"""Anomaly -> (guarantee, a history that shows it, a history that does not)."""


def judged(*records: Any) -> list[Finding]:
    """What the properties of extensions find."""
    judge = checker(Accounts())
    for record in (Opened(1, "by hand", "accounts", ("alice", "bob"), ()), *records):
        judge.feed(record)
    return [finding for finding in judge.finish() if finding.judge in JUDGES]


@pytest.mark.parametrize("anomaly", BAD)
def test_the_broken_history_is_convicted(anomaly: str) -> None:
    guarantee, bad, _ = BAD[anomaly]
    finding, *more = judged(*bad)
    assert (finding.anomaly, finding.guarantee) == (anomaly, guarantee)
    assert not more
    assert finding.evidence
    assert finding.evidence[-1].number == finding.number


@pytest.mark.parametrize("anomaly", BAD)
def test_the_right_history_beside_it_holds(anomaly: str) -> None:
    assert judged(*BAD[anomaly][2]) == []


def test_every_anomaly_of_these_properties_is_here() -> None:
    names = set()
    for file in FILES:
        text = (pathlib.Path(home.__file__).parent / f"{file}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("finding", "stale", "wrong"):
                names |= {
                    leaf.value
                    for leaf in ast.walk(node.args[0])
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    assert names == set(BAD)


@pytest.mark.parametrize(
    "between",
    [
        (DIED, FirstWritten("writer-2", "x", 2, True)),
        (FirstWritten("writer-2", "x", 2, True), DIED),
        (FirstWritten("writer-2", "x", 2, True), SecondWritten("writer-2", "x", 2, 2), DIED),
        (DIED, FirstWritten("writer-2", "x", 2, True), SecondWritten("writer-2", "x", 2, 2)),
    ],
)
def test_a_repair_job_may_leave_what_a_newer_version_has_replaced(between: tuple[Any, ...]) -> None:
    """The newer one arrives, or is a dead writer's itself: to finish the older one as well would change nothing."""
    assert judged(FIRST, *between, Repaired(0)) == []


def test_a_repair_job_may_not_leave_the_newest_version_because_somebody_is_at_work_on_an_older_one() -> None:
    """Nor one that was replaced by a version that nobody noted."""
    died = WriterDied("writer-2", "x", 2)
    for newer in ((FirstWritten("writer-2", "x", 2, True), died), (DIED, FirstWritten("writer-2", "x", 2, False))):
        assert [finding.anomaly for finding in judged(FIRST, *newer, Repaired(0))] == ["repair-found-nothing"]
