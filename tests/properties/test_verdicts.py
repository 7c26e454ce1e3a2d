"""Each property convicts the smallest history that breaks it, and points at the records that prove it.

Histories are made by hand: two clients, an ordered consumer “index” (projection pointers), a volatile “totals” with
snapshots, a “cache” without order. Without its last record each is innocent, and correct ones next door are not accused.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from refold.model.event import NewEvent, Stored
from refold.model.examples.accounts import Accounts, Delete, Register, Registered, Released, Rename
from refold.model.examples.inventory import Inventory, Reserve, Reserved, Restocked
from refold.model.expectation import NO_STREAM, Criterion, Exact, NoMatch
from refold.model.parts.calls import Moved
from refold.model.parts.claims.entity import Journaled, TookOver
from refold.model.parts.claims.idle_session import SessionClosed, SessionOpened
from refold.model.parts.claims.lock import FencedOff, Granted, LockedWrite, Queued, Renewed
from refold.model.parts.claims.lock import Released as LockReleased
from refold.model.parts.claims.reservation import HoldDenied, HoldEnded, HoldsAtRest, HoldTaken
from refold.model.parts.consuming.dead_letters import DeadLetters, Parked
from refold.model.parts.consuming.journey import Finished
from refold.model.parts.consuming.mailer import Covered, Sent
from refold.model.parts.consuming.rebuild import Rebuilt, StreamAnswered
from refold.model.parts.messages.topic import (
    Expired,
    Published,
    Restored,
    Tallied,
    Tally,
    TallyObserved,
    TallyRecovered,
)
from refold.model.parts.reading.range_reads import RangeRead
from refold.model.parts.reading.revisioned_keys import Created, Discarded
from refold.model.parts.removal import LogTrimmed, StreamDeleted, StreamTruncated
from refold.model.parts.side_consumers import Joined
from refold.model.record import (
    Aborted,
    Altered,
    Applied,
    CheckpointSaved,
    ConsumerSpec,
    Declined,
    Disordered,
    Failed,
    Ignored,
    NotRecovered,
    Observed,
    PowerCut,
    Prepared,
    Recovered,
    Refused,
    Retried,
    Scanned,
    Settled,
    Settling,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    StreamScanned,
    Unknown,
)
from refold.properties.property import Finding
from refold.properties.suite import checker

from .cases.records import ADA, BOB, DELETED, FIRST, GONE, OPENED, ROW, SECOND, asked, event, yes

PUBLISHED = (Published("alice", 1, 1), Published("alice", 2, 2))
ZOE = Registered("zeta", "zoe")


def judged(*records: Any, application: Any = None) -> list[Finding]:
    """What the properties say."""
    judge = checker(Accounts() if application is None else application)
    for record in (OPENED, *records):
        judge.feed(record)
    return judge.finish()


BAD: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    # identity
    "phantom-event": ("identity", "LOG", (event(1, 1, ADA, "nobody-1/0"),)),
    "refused-append-visible": (
        "identity",
        "LOG",
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1), event(2, 2, BOB, "bob-1/0")),
    ),
    "event-altered": ("identity", "LOG", (asked("alice-1", ADA, expected=NO_STREAM), event(1, 1, BOB, "alice-1/0"))),
    "partial-batch": (
        "identity",
        "LOG",
        (
            *FIRST,
            asked("bob-1", Released("acme", "ada"), BOB, expected=Exact(1), command=Rename("acme", "ada", "bob")),
            event(2, 2, Released("acme", "ada"), "bob-1/0"),
            Scanned((1, 2), ("alice-1/0", "bob-1/0")),
        ),
    ),
    "answer-misses-events": (
        "identity",
        "LOG",
        (
            *FIRST,
            asked("bob-1", Released("acme", "ada"), BOB, expected=Exact(1), command=Rename("acme", "ada", "bob")),
            event(2, 2, Released("acme", "ada"), "bob-1/0"),
            event(3, 3, BOB, "bob-1/1"),
            yes("bob-1", 2),
        ),
    ),
    "position-changes": ("visibility", "LOG", (*FIRST, *SECOND, Moved("alice-1/0", 1, 2))),
    "duplicate-append": ("identity", "CAS", (*FIRST, event(2, 2, ADA, "alice-1/0"))),
    "double-effect-of-retry": (
        "identity",
        "CAS",
        (
            asked("alice-1", ADA),
            event(1, 1, ADA, "alice-1/0"),
            Unknown("alice", "alice-1"),
            Retried("alice", "alice-1"),
            event(2, 2, ADA, "alice-1/0"),
        ),
    ),
    # expected version, decisions
    "write-skew": (
        "decisions",
        "CAS",
        (
            *FIRST,
            asked("alice-2", GONE, command=Delete("acme", "ada"), stream="acme/2"),
            asked("bob-1", GONE, command=Delete("acme", "ada"), stream="acme/3"),
            event(2, 1, GONE, "alice-2/0", "acme/2"),
            event(3, 1, GONE, "bob-1/0", "acme/3"),
        ),
    ),
    "lost-update": (
        "expected-version",
        "CAS",
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), event(2, 2, BOB, "bob-1/0")),
    ),
    "condition-ignored": (
        "expected-version",
        "CAS",
        (
            *FIRST,
            asked("bob-1", BOB, expected=NoMatch((Criterion(types=("Registered",)),), 0)),
            event(2, 2, BOB, "bob-1/0"),
        ),
    ),
    "false-conflict": (
        "expected-version",
        "CAS",
        (*FIRST, asked("bob-1", BOB, expected=Exact(1)), Refused("bob", "bob-1", 1)),
    ),
    "conflict-names-wrong-version": (
        "expected-version",
        "CAS",
        (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 2)),
    ),
    "duplicate-create": ("decisions", "CAS", (*FIRST, asked("bob-1", ADA), event(2, 2, ADA, "bob-1/0"))),
    # visibility
    "visible-below-read-position": (
        "visibility",
        "LOG",
        (asked("alice-1", ADA), event(2, 1, ADA, "alice-1/0"), asked("bob-1", BOB), event(1, 2, BOB, "bob-1/0")),
    ),
    "removal-takes-more": ("durability", "LOG", (*FIRST, *SECOND, LogTrimmed(1), Scanned((), ()))),
    "read-stops-at-removed": (
        "durability",
        "LOG",
        (*FIRST, *SECOND, LogTrimmed(1), Scanned((2,), ("bob-1/0",), 1), Scanned((), ())),
    ),
    "removed-event-returns": (
        "removals",
        "LOG",
        (*FIRST, StreamDeleted("acme", 1), StreamScanned("acme", (1,))),
    ),
    "removal-undone": (
        "removals",
        "LOG",
        (
            msgspec.structs.replace(OPENED, capabilities=("durable-removal",)),
            *FIRST,
            LogTrimmed(1),
            PowerCut("log", "drop"),
            Scanned((1,), ("alice-1/0",)),
        ),
    ),
    "position-used-again": (
        "removals",
        "LOG",
        (*FIRST, LogTrimmed(1), asked("bob-1", BOB, expected=Exact(1)), Scanned((1,), ("bob-1/0",))),
    ),
    "version-used-again": (
        "visibility",
        "LOG",
        (*FIRST, StreamTruncated("acme", 1), asked("bob-1", BOB), event(2, 1, BOB, "bob-1/0")),
    ),
    "duplicate-position": ("visibility", "LOG", (*FIRST, asked("bob-1", BOB), event(1, 2, BOB, "bob-1/0"))),
    "version-gap": ("visibility", "LOG", (*FIRST, asked("bob-1", BOB), event(2, 3, BOB, "bob-1/0"))),
    "duplicate-version": ("visibility", "LOG", (*FIRST, asked("bob-1", BOB), event(2, 1, BOB, "bob-1/0"))),
    "scan-out-of-order": ("visibility", "ORD", (*FIRST, *SECOND, Scanned((2, 1), ("bob-1/0", "alice-1/0")))),
    # durability
    "acknowledged-append-lost": ("durability", "LOG", (*FIRST, Scanned((), ()))),
    "log-does-not-recover": ("durability", "LOG", (*FIRST, NotRecovered("log", "it ended while it started"))),
    # effects, checkpoints
    "effect-applied-twice": (
        "effects",
        "CKPT",
        (*FIRST, Applied("totals", 1, {"acme": 1}), Applied("totals", 1, {"acme": 2})),
    ),
    "applied-out-of-order": (
        "effects",
        "ORD",
        (*FIRST, *SECOND, Applied("index", 2, {"bob@acme": ROW})),
    ),
    "unknown-event-applied": ("effects", "LOG", (*FIRST, Applied("index", 7, {"bob@acme": ROW}))),
    "dropped-as-duplicate": ("effects", "CKPT", (*FIRST, Ignored("index", 1))),
    "checkpoint-ahead-of-effects": ("checkpoints", "CKPT", (*FIRST, CheckpointSaved("index", 1))),
    "checkpoint-beyond-tail": (
        "checkpoints",
        "CKPT",
        (*FIRST, Applied("index", 1, {"ada@acme": ROW}), CheckpointSaved("index", 2)),
    ),
    "checkpoint-goes-back": (
        "checkpoints",
        "CKPT",
        (
            *FIRST,
            *SECOND,
            Applied("index", 1, {"ada@acme": ROW}),
            Applied("index", 2, {"bob@acme": ROW}),
            CheckpointSaved("index", 2),
            CheckpointSaved("index", 1),
        ),
    ),
    # replay
    "replayed-state-differs": ("replay", "REPL", (*FIRST, Applied("index", 1, {"ada@acme": ("acme", 9, "acme")}))),
    # snapshots
    "snapshot-ahead-of-log": ("snapshot-integrity", "SNAP", (*FIRST, SnapshotTaken("stream:acme", 2, ["ada"], 1))),
    "snapshot-changed": (
        "snapshot-integrity",
        "SNAP",
        (
            *FIRST,
            Applied("totals", 1, {"acme": 1}),
            SnapshotTaken("totals", 1, {"acme": 1}, 1),
            SnapshotLoaded("totals", 1, {"acme": 2}, 1),
        ),
    ),
    "snapshot-under-other-schema": (
        "snapshot-integrity",
        "SNAP",
        (
            *FIRST,
            Applied("totals", 1, {"acme": 1}),
            SnapshotTaken("totals", 1, {"acme": 1}, 1),
            SnapshotTaken("totals", 1, {"acme": 1}, 2),
        ),
    ),
    "snapshot-differs": (
        "snapshots",
        "SNAP",
        (*FIRST, Applied("totals", 1, {"acme": 1}), SnapshotTaken("totals", 1, {"acme": 2}, 1)),
    ),
    # caches
    "deleted-item-resurrected": (
        "cache-order",
        "READ",
        (*FIRST, *DELETED, Applied("cache", 2, {"ada@acme": None}), Applied("cache", 1, {"ada@acme": "acme"})),
    ),
    "stale-overwrites-newer": (
        "cache-order",
        "READ",
        (*FIRST, *SECOND, Applied("cache", 2, {"x": "new"}), Applied("cache", 1, {"x": "old"})),
    ),
    "cache-differs": ("cache", "READ", (*FIRST, Settling(), Observed("cache", 1, {"ada@acme": "zeta"}))),
    # locks
    "two-lock-holders": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), LockReleased("bob", "ledger", 0), Granted("bob", "ledger", 2, 15, 7)),
    ),
    "lease-renewed-by-another": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), Granted("bob", "ledger", 2, 16, 8), Renewed("alice", "ledger", 1, 17, 9)),
    ),
    "lease-without-time": ("locks", "LOCK", (Granted("alice", "ledger", 1, 8, 8),)),
    "lock-granted-to-the-dead": (
        "locks",
        "LOCK",
        (
            Granted("alice", "ledger", 1, 8, 0),
            Queued("bob", "ledger", 8, 0),
            LockReleased("alice", "ledger", 1),
            Granted("bob", "ledger", 2, 16, 8),
        ),
    ),
    "lock-never-freed": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), Queued("bob", "ledger", 16, 8)),
    ),
    "fencing-token-reused": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), LockReleased("alice", "ledger", 1), Granted("bob", "ledger", 1, 8, 0)),
    ),
    "stale-token-effect": (
        "locks",
        "LOCK",
        (
            Granted("alice", "ledger", 1, 8, 0),
            Granted("bob", "ledger", 2, 16, 8),
            LockedWrite("bob", "ledger", 2),
            LockedWrite("alice", "ledger", 1),
        ),
    ),
    "fenced-off-without-cause": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), FencedOff("alice", "ledger", 1)),
    ),
    # reservations
    "reserved-twice": (
        "reservations",
        "CAS",
        (HoldTaken("alice", "seat-1", 1, 2, 0), HoldTaken("bob", "seat-1", 2, 3, 1)),
    ),
    "ended-hold-counted": (
        "reservations",
        "CAS",
        (
            HoldTaken("alice", "seat-1", 1, 2, 0),
            HoldEnded("seat-1", 1, "expired", 2),
            HoldTaken("bob", "seat-1", 2, 4, 2),
            HoldEnded("seat-1", 1, "confirmed", 3),
        ),
    ),
    "hold-swept-early": (
        "reservations",
        "CAS",
        (HoldTaken("alice", "seat-1", 1, 2, 0), HoldEnded("seat-1", 1, "expired", 1)),
    ),
    "hold-number-reused": (
        "reservations",
        "CAS",
        (HoldTaken("alice", "seat-1", 1, 2, 0), HoldTaken("bob", "seat-2", 1, 2, 0)),
    ),
    "hold-denied-without-cause": ("reservations", "CAS", (HoldDenied("bob", "seat-1"),)),
    "reservation-leaked": (
        "reservations",
        "LIVE",
        (HoldTaken("alice", "seat-1", 1, 2, 0), HoldsAtRest({"seat-1": 1})),
    ),
    "hold-vanished": ("reservations", "CAS", (HoldTaken("alice", "seat-1", 1, 2, 0), HoldsAtRest({}))),
    "unknown-token-effect": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), LockedWrite("alice", "ledger", 2)),
    ),
    "foreign-token-effect": (
        "locks",
        "LOCK",
        (Granted("alice", "ledger", 1, 8, 0), LockedWrite("bob", "ledger", 1)),
    ),
    # reads and views
    "read-out-of-order": ("visibility", "ORD", (*FIRST, *SECOND, Disordered("index", (2, 1)))),
    "range-differs": ("ranges", "LOG", (*FIRST, RangeRead(1, 9, 9, (), ()))),
    "phantom-entry": (
        "ranges",
        "LOG",
        (*FIRST, *SECOND, RangeRead(0, 1, 9, (1, 2), ("alice-1/0", "bob-1/0"))),
    ),
    "never-becomes-visible": ("reachability", "LIVE", (*FIRST, StreamScanned("acme", (1, 2)))),
    "stream-misses-events": (
        "reachability",
        "LOG",
        (*FIRST, *SECOND, StreamScanned("acme", (1,)), Settled(0)),
    ),
    "acknowledged-elsewhere": (
        "visibility",
        "LOG",
        (*FIRST, asked("bob-1", BOB, expected=Exact(1)), event(2, 2, BOB, "bob-1/0"), yes("bob-1", 1)),
    ),
    "view-is-no-replay": (
        "views",
        "REPL",
        (*FIRST, Declined("bob", "bob-1", Register("acme", "bob"), "log", "acme", 1, "the name bob is taken")),
    ),
    "decided-on-unsaved-events": (
        "views",
        "CAS",
        (
            *FIRST,
            asked("bob-1", BOB, expected=NO_STREAM),
            Refused("bob", "bob-1", 1),
            Declined("bob", "bob-2", Register("acme", "bob"), "log", "acme", 2, "the name bob is taken"),
        ),
    ),
    "overtaken-event-dropped": (
        "effects",
        "ORD",
        (
            *FIRST,
            asked("bob-1", ZOE, command=Register("zeta", "zoe"), stream="zeta"),
            event(2, 1, ZOE, "bob-1/0", "zeta"),
            Applied("index", 2, {"zoe@zeta": ("zeta", 1, "zeta")}),
            Ignored("index", 1),
        ),
    ),
    # entities, buckets, topics
    "writers-interleave": (
        "single-writer",
        "CAS",
        (TookOver("node-1", 1, 0), Journaled("node-1", 1, 1), Journaled("node-1", 1, 1)),
    ),
    "old-writer-accepted": (
        "single-writer",
        "CAS",
        (TookOver("node-1", 1, 0), TookOver("node-2", 2, 0), Journaled("node-1", 1, 1)),
    ),
    "took-over-without-replay": (
        "single-writer",
        "CAS",
        (TookOver("node-1", 1, 0), Journaled("node-1", 1, 1), TookOver("node-2", 2, 0)),
    ),
    "epoch-reused": ("single-writer", "CAS", (TookOver("node-1", 1, 0), TookOver("node-2", 1, 0))),
    "two-writers-of-one-epoch": ("single-writer", "CAS", (TookOver("node-1", 1, 0), Journaled("node-2", 1, 1))),
    "unknown-writer-accepted": ("single-writer", "CAS", (TookOver("node-1", 1, 0), Journaled("node-2", 2, 1))),
    "absent-key-deleted": ("create-if-absent", "CAS", (Discarded("bob", "lamp", 1),)),
    "revision-goes-back": (
        "create-if-absent",
        "LOG",
        (Created("alice", "lamp", 2), Discarded("bob", "lamp", 2)),
    ),
    "position-gap": ("topics", "LOG", (Published("alice", 1, 2),)),
    "trimmed-message-skipped": ("topics", "LOG", (*PUBLISHED, Expired(2), Tallied(Tally(1, 2, 1, 2)))),
    "recovered-state-partial": ("topics", "SNAP", (*PUBLISHED, Expired(2), TallyRecovered(Tally(1, 2, 1, 2)))),
    "checkpoint-ahead-of-log": (
        "topics",
        "CKPT",
        (*PUBLISHED, Tallied(Tally(1, 1, 1, 1)), Restored(2, 1, 0), TallyObserved(Tally(1, 1, 1, 1))),
    ),
    # snapshots of processes, dead letters, answers, effects on the outside world
    "finished-process-returns": (
        "snapshot-integrity",
        "SNAP",
        (
            *FIRST,
            SnapshotTaken("journeys:acme", 1, 1, 1),
            Finished("journeys:acme"),
            SnapshotLoaded("journeys:acme", 1, 1, 1),
        ),
    ),
    "dead-letter-lost": (
        "dead-letters",
        "CKPT",
        (*FIRST, Failed("index", 1), Parked("index", 1, "acme", 1), Settling(), DeadLetters("index", ())),
    ),
    "parked-without-cause": ("dead-letters", "LIVE", (*FIRST, Parked("index", 1, "acme", 1))),
    "dead-letter-handled-twice": ("dead-letters", "CKPT", (*FIRST, Settling(), DeadLetters("index", (1,)))),
    "snapshot-never-taken": (
        "snapshot-integrity",
        "SNAP",
        (
            *FIRST,
            SnapshotTaken("stream:acme", 1, frozenset({"ada"}), 1),
            SnapshotLoaded("stream:acme", 0, frozenset(), 1),
        ),
    ),
    "answer-from-the-future": ("answers", "READ", (*FIRST, StreamAnswered("index", "acme", 2, []), Settled(0))),
    "answer-differs": ("answers", "REPL", (*FIRST, StreamAnswered("index", "acme", 1, []))),
    "effect-repeated-on-replay": (
        "external-effects",
        "REPL",
        (*FIRST, Sent("mailer", 1, "acme"), Covered("mailer", 1), Sent("mailer", 1, "acme")),
    ),
    "side-effect-twice": ("external-effects", "DUAL", (*FIRST, Sent("mailer", 1, "acme"), Sent("mailer", 1, "acme"))),
    "side-effect-without-cause": ("external-effects", "DUAL", (*FIRST, Sent("mailer", 2, "acme"))),
    "sent-elsewhere": ("external-effects", "DUAL", (*FIRST, Sent("mailer", 1, "zeta"))),
    "sent-out-of-order": (
        "external-effects",
        "ORD",
        (*FIRST, *SECOND, Sent("mailer", 2, "acme"), Sent("mailer", 1, "acme")),
    ),
    "effect-never-happened": (
        "external-effects",
        "DUAL",
        (*FIRST, *SECOND, Sent("mailer", 1, "acme"), Covered("mailer", 1), Settling(), Observed("mailer", 2, {})),
    ),
    # convergence
    "never-reaches-tail": (
        "convergence",
        "LIVE",
        (*FIRST, Settling(), Observed("totals", 0, {}), Settled(0)),
    ),
}


@pytest.mark.parametrize("anomaly", BAD)
def test_a_minimal_history_is_convicted_of(anomaly: str) -> None:
    """By the property and under the guarantee that the report will name; and the last record is what gives it away."""
    judge, guarantee, records = BAD[anomaly]
    findings = judged(*records)
    found = [finding for finding in findings if finding.anomaly == anomaly]
    assert [(finding.judge, finding.guarantee) for finding in found] == [(judge, guarantee)]
    assert found[0].number == len(records) + 1


@pytest.mark.parametrize("anomaly", BAD)
def test_without_its_last_record_the_history_is_innocent_of(anomaly: str) -> None:
    """So the history is minimal at its end."""
    _, _, records = BAD[anomaly]
    last = -2 if anomaly == "never-reaches-tail" else -1
    assert [finding.anomaly for finding in judged(*records[:last])] == []


@pytest.mark.parametrize("anomaly", BAD)
def test_evidence_is_records_of_the_history_in_their_order_for(anomaly: str) -> None:
    """Their numbers are right, and the last of them is not after the finding."""
    _, _, records = BAD[anomaly]
    history = (OPENED, *records)
    finding = next(finding for finding in judged(*records) if finding.anomaly == anomaly)
    assert finding.evidence
    numbers = {proof.number for proof in finding.evidence}
    assert len(numbers) == len(finding.evidence)
    for proof in finding.evidence:
        assert history[proof.number - 1] is proof.record
        assert proof.role
    assert max(numbers) <= finding.number


ELSEWHERE = (
    "alone",
    "change_stream",
    "deadlocks",
    "full_replay",
    "listings",
    "old_data",
    "service_answers",
    "sessions",
    "side_effects",
    "two_stores",
    "watched",
)
"""Modules of properties that are judged in files of their own (test_alone, test_clauses,
test_extension_verdicts, test_old_data, test_whole)."""


def test_every_anomaly_that_a_property_can_find_is_here() -> None:
    """But for those that have tests of their own below, and the campaign's own."""
    import ast
    import pathlib

    import refold.properties.property as home

    names = set()
    for file in pathlib.Path(home.__file__).parent.rglob("*.py"):
        if file.stem in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "finding" and node.args:
                names |= {
                    leaf.value
                    for leaf in ast.walk(node.args[0])
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
    assert names <= set(BAD)


# -- the evidence of the findings that matter most, record by record


def test_a_wrong_decision_is_proved_by_what_was_read_what_changed_and_what_was_appended() -> None:
    """The cycle that the report draws."""
    (finding, *_) = [f for f in judged(*BAD["duplicate-create"][2]) if f.anomaly == "duplicate-create"]
    assert [(proof.number, proof.role) for proof in finding.evidence] == [(3, "changed"), (5, "read"), (6, "appended")]
    assert finding.position == 2
    assert "the name ada is taken" in str(finding.expected)


def test_a_wrong_decision_that_a_slow_append_hid_until_after_the_yes_is_still_convicted() -> None:
    """Its place in the log counts, not the time at which it became visible."""
    findings = judged(
        asked("alice-1", Registered("zeta", "x"), expected=NO_STREAM, command=Register("zeta", "x"), stream="zeta"),
        Started("alice", "alice-1", (1,)),
        asked("carol-1", ADA, expected=NO_STREAM),
        yes("carol-1", 2),
        asked("bob-1", ADA),
        yes("bob-1", 3),
        event(1, 1, Registered("zeta", "x"), "alice-1/0", "zeta"),
        event(2, 1, ADA, "carol-1/0"),
        event(3, 2, ADA, "bob-1/0"),
    )
    assert [(finding.anomaly, finding.position) for finding in findings] == [("duplicate-create", 3)]


def test_an_effect_applied_twice_is_proved_by_both_times() -> None:
    """And says what the rows should have stayed."""
    (finding, *_) = [f for f in judged(*BAD["effect-applied-twice"][2]) if f.anomaly == "effect-applied-twice"]
    assert [proof.number for proof in finding.evidence] == [5, 6]
    assert (finding.expected, finding.actual) == ({"acme": 1}, {"acme": 2})


def test_oversold_stock_is_an_impossible_state_too() -> None:
    """Both the decision and the invariant are broken; the decision is what is told."""
    restock = asked("alice-1", Restocked("bolt", 1), command=Reserve("bolt", 9), stream="bolt")
    one = asked("alice-2", Reserved("bolt", 1), command=Reserve("bolt", 1), stream="bolt")
    two = asked("bob-1", Reserved("bolt", 1), command=Reserve("bolt", 1), stream="bolt")
    findings = judged(
        one,
        two,
        event(1, 1, Restocked("bolt", 1), "gift-1/0", "bolt"),
        event(2, 2, Reserved("bolt", 1), "alice-2/0", "bolt"),
        event(3, 3, Reserved("bolt", 1), "bob-1/0", "bolt"),
        application=Inventory(),
    )
    assert restock.op == "alice-1"
    assert [f.anomaly for f in findings if f.guarantee == "CAS"] == ["oversold"]


def test_an_impossible_state_that_no_decision_explains_is_invariant_broken() -> None:
    """Events that came without a command that is known."""
    findings = judged(event(1, 1, Reserved("bolt", 2), "x-1/0", "bolt"), application=Inventory())
    assert ("invariant-broken", "CAS") in [f.signature for f in findings]


@pytest.mark.parametrize(
    ("found", "stream"),
    [(event(1, 1, GONE, "alice-1/0"), "acme"), (event(1, 1, ADA, "alice-1/0", "ACME"), "ACME")],
    ids=["another type", "another stream"],
)
def test_an_event_is_stored_as_it_was_asked_for(found: Stored, stream: str) -> None:
    """Its type and its stream count as well as its payload, and the finding shows both sides."""
    altered = next(f for f in judged(asked("alice-1", ADA), found) if f.anomaly == "event-altered")
    assert (altered.where, altered.position, altered.actual["stream"]) == ("acme", 1, stream)
    assert altered.expected == {"stream": "acme", "type": "Registered", "data": ADA}


def test_an_event_that_is_read_again_is_still_what_was_asked_for() -> None:
    """A log that gives it back in another form after a restart has altered it, whoever reads it next."""
    again = [Altered(1, "acme", 1, "alice-1/0", "Registered", payload) for payload in (ADA, BOB)]
    assert judged(*FIRST, again[0]) == []
    (altered,) = judged(*FIRST, again[1])
    assert (altered.anomaly, altered.guarantee, altered.where, altered.position) == ("event-altered", "LOG", "acme", 1)
    assert (altered.expected["data"], altered.actual["data"]) == (ADA, BOB)
    assert [proof.number for proof in altered.evidence] == [2, 5]
    phantoms = judged(*FIRST, Altered(1, "acme", 1, "nobody-1/0", "Registered", BOB))
    assert {(one.anomaly, one.position) for one in phantoms} == {("phantom-event", 1), ("duplicate-position", 1)}


def test_what_was_read_at_a_position_stays_there() -> None:
    """A log that gives another event under the position has lost what was there, although somebody has asked for the other one."""
    (altered,) = judged(*FIRST, asked("bob-2", ADA), Altered(1, "acme", 1, "bob-2/0", "Registered", ADA))
    assert (altered.anomaly, altered.guarantee, altered.clause, altered.position) == (
        "duplicate-position",
        "LOG",
        "stays",
        1,
    )
    assert [proof.number for proof in altered.evidence] == [3, 6]


@pytest.mark.parametrize("id", ["alice-1/", "alice-1/first", "alice-1/-1", "/0", ""])
def test_an_event_under_an_id_that_nobody_gave_is_a_phantom(id: str) -> None:
    """Also one that begins like the id of an append."""
    findings = judged(asked("alice-1", ADA), event(1, 1, ADA, id))
    assert [finding.anomaly for finding in findings] == ["phantom-event"]


@pytest.mark.parametrize(
    ("seen", "then", "anomalies"),
    [
        (2, (event(2, 2, BOB, "bob-1/0"),), []),
        (2, (), ["decided-on-unsaved-events"]),
        (3, (event(2, 2, BOB, "bob-1/0"),), ["decided-on-unsaved-events"]),
    ],
    ids=["it-was-stored", "it-was-not", "one-too-many"],
)
def test_a_view_may_hold_an_append_without_an_answer_before_readers_of_the_whole_log_see_it(
    seen: int, then: tuple[Any, ...], anomalies: list[str]
) -> None:
    """These may be behind a high-water mark, where a stream is read directly. Whether it was stored, the end tells."""
    sent = (asked("bob-1", BOB, expected=Exact(1)), Unknown("bob", "bob-1"))
    declined = Declined("bob", "bob-2", Register("acme", "bob"), "log", "acme", seen, "the name bob is taken")
    assert [f.anomaly for f in judged(*FIRST, *sent, declined, *then, Settled(0))] == anomalies


def test_the_last_event_of_a_batch_in_place_of_the_first_is_one_that_is_visible() -> None:
    """Whether the first one is lost or comes later, nobody knows yet; that none is visible would be wrong."""
    rename = asked("bob-1", Released("acme", "ada"), BOB, expected=Exact(1), command=Rename("acme", "ada", "bob"))
    found = [one for one in judged(*FIRST, rename, event(2, 2, BOB, "bob-1/1")) if one.anomaly == "partial-batch"]
    assert [(one.expected, one.actual) for one in found] == [(2, 1)]


def test_a_scan_that_shows_a_batch_with_a_hole_says_how_many_events_it_shows() -> None:
    """Of three the first and the third."""
    batch = asked("bob-1", Released("acme", "ada"), BOB, GONE, expected=Exact(1), command=Rename("acme", "ada", "bob"))
    found = judged(*FIRST, batch, Scanned((1, 2, 3), ("alice-1/0", "bob-1/0", "bob-1/2")))
    assert [(one.anomaly, one.expected, one.actual) for one in found] == [("partial-batch", 3, 2)]


def test_an_operation_that_was_decided_anew_may_be_stored_in_either_form() -> None:
    """Its first attempt may have arrived after all."""
    attempts = (asked("alice-1", ADA), Unknown("alice", "alice-1"), Retried("alice", "alice-1"), asked("alice-1", BOB))
    for stored in (ADA, BOB):
        assert "event-altered" not in [f.anomaly for f in judged(*attempts, event(1, 1, stored, "alice-1/0"))]
    assert "event-altered" in [f.anomaly for f in judged(*attempts, event(1, 1, GONE, "alice-1/0"))]


# -- what is right is left in peace


INNOCENT: dict[str, tuple[Any, ...]] = {
    "a-lease-that-a-wrong-clock-has-ended": (
        Granted("alice", "ledger", 1, 8, 0),
        Granted("bob", "ledger", 2, 15, 7, exclusive=False),
        LockedWrite("bob", "ledger", 2),
        FencedOff("alice", "ledger", 1),
    ),
    "two-appends": (*FIRST, *SECOND, Scanned((1, 2), ("alice-1/0", "bob-1/0"))),
    "a-scan-that-is-ahead-of-readers": (
        *(*FIRST, *SECOND, asked("alice-2", Registered("acme", "cleo")), Unknown("alice", "alice-2")),
        *(
            Scanned((1, 2, 3), ("alice-1/0", "bob-1/0", "alice-2/0")),
            event(3, 3, Registered("acme", "cleo"), "alice-2/0"),
        ),
    ),
    "a-refusal-with-its-conflict": (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", 1)),
    "an-unknown-append-that-happened": (
        asked("alice-1", ADA, expected=NO_STREAM),
        Unknown("alice", "alice-1"),
        event(1, 1, ADA, "alice-1/0"),
        Scanned((1,), ("alice-1/0",)),
    ),
    "an-unknown-append-that-did-not-happen": (asked("alice-1", ADA), Unknown("alice", "alice-1"), Scanned((), ())),
    "a-retry-that-is-recognised": (
        asked("alice-1", ADA, expected=NO_STREAM),
        Unknown("alice", "alice-1"),
        event(1, 1, ADA, "alice-1/0"),
        Retried("alice", "alice-1"),
        yes("alice-1", 1),
        Scanned((1,), ("alice-1/0",)),
    ),
    "a-gap-left-by-a-rolled-back-append": (
        asked("alice-1", ADA, expected=NO_STREAM),
        Started("alice", "alice-1", (1,)),
        Aborted("alice", "alice-1"),
        asked("bob-1", ADA, expected=NO_STREAM),
        event(2, 1, ADA, "bob-1/0"),
        yes("bob-1", 2),
        Scanned((2,), ("bob-1/0",)),
    ),
    "an-acknowledged-event-that-a-slow-append-hides": (
        asked("alice-1", ADA, expected=NO_STREAM),
        Started("alice", "alice-1", (1,)),
        asked("bob-1", Registered("zeta", "bob"), command=Register("zeta", "bob"), expected=NO_STREAM, stream="zeta"),
        yes("bob-1", 2),
        event(1, 1, ADA, "alice-1/0"),
        event(2, 1, Registered("zeta", "bob"), "bob-1/0", "zeta"),
        yes("alice-1", 1),
        Scanned((1, 2), ("alice-1/0", "bob-1/0")),
    ),
    "an-append-of-unknown-outcome-behind-one-that-is-hidden": (
        SessionOpened("report"),
        asked("alice-1", ADA, expected=NO_STREAM),
        yes("alice-1", 1),
        SessionClosed("report"),
        SessionOpened("report"),
        asked("alice-2", BOB, expected=Exact(1)),
        Unknown("alice", "alice-2"),
        event(1, 1, ADA, "alice-1/0"),
        Prepared(
            "carol",
            "carol-1",
            Register("acme", "cleo"),
            "log",
            "acme",
            2,
            Exact(2),
            (NewEvent("carol-1/0", "Registered", Registered("acme", "cleo")),),
        ),
    ),
    "an-effect-applied-again-to-the-same-end": (
        *FIRST,
        Applied("index", 1, {"ada@acme": ROW}),
        Applied("index", 1, {"ada@acme": ROW}),
    ),
    "other-streams-may-be-overtaken-by-a-cache": (
        *FIRST,
        *SECOND,
        Applied("cache", 2, {"bob@acme": "acme"}),
        Applied("cache", 1, {"ada@acme": "acme"}),
        Settling(),
        Observed("cache", 2, {"ada@acme": "acme", "bob@acme": "acme"}),
    ),
    "an-emptied-cache-may-lack-rows": (
        *FIRST,
        Applied("cache", 1, {"ada@acme": "acme"}),
        Recovered("cache", 1, {}),
        Settling(),
        Observed("cache", 1, {}),
        Observed("index", 1, {"ada@acme": ROW}),
        Observed("totals", 1, {"acme": 1}),
        Settled(0),
    ),
    "a-volatile-consumer-begins-again": (
        *FIRST,
        Applied("totals", 1, {"acme": 1}),
        Recovered("totals", 0, {}),
        Applied("totals", 1, {"acme": 1}),
        Settling(),
        Observed("totals", 1, {"acme": 1}),
        Observed("index", 1, {"ada@acme": ROW}),
        Observed("cache", 1, {"ada@acme": "acme"}),
        Settled(0),
    ),
    "recovery-from-a-snapshot": (
        *FIRST,
        *SECOND,
        Applied("totals", 1, {"acme": 1}),
        SnapshotTaken("totals", 1, {"acme": 1}, 1),
        Applied("totals", 2, {"acme": 2}),
        SnapshotLoaded("totals", 1, {"acme": 1}, 1),
        Recovered("totals", 1, {"acme": 1}),
        Applied("totals", 2, {"acme": 2}),
        Observed("totals", 2, {"acme": 2}),
    ),
    "a-refusal-that-names-a-version-of-the-meantime": (
        *FIRST,
        asked("bob-1", BOB, expected=NO_STREAM),
        asked("alice-2", Registered("acme", "cleo"), expected=Exact(1), command=Register("acme", "cleo")),
        event(2, 2, Registered("acme", "cleo"), "alice-2/0"),
        yes("alice-2", 2),
        Refused("bob", "bob-1", 1),
    ),
    "a-refusal-that-knows-no-version": (*FIRST, asked("bob-1", BOB, expected=NO_STREAM), Refused("bob", "bob-1", -1)),
    "a-snapshot-of-an-aggregate": (*FIRST, SnapshotTaken("stream:acme", 1, frozenset({"ada"}), 1)),
}


@pytest.mark.parametrize("name", INNOCENT)
def test_a_correct_history_is_not_accused(name: str) -> None:
    """Each is next door to a bad one."""
    assert judged(*INNOCENT[name]) == []


def test_findings_are_told_once_per_anomaly_and_place() -> None:
    """A hundred lost rows of one consumer are one finding; of two consumers, two."""
    findings = judged(*FIRST, Ignored("index", 1), Ignored("index", 1), Ignored("totals", 1))
    assert [(finding.anomaly, finding.where) for finding in findings] == [
        ("dropped-as-duplicate", "index"),
        ("dropped-as-duplicate", "totals"),
    ]


# -- rebuilds: what differs says what is broken


@pytest.mark.parametrize(
    ("rows", "anomaly", "guarantee"),
    [
        ({}, "rebuild-misses-events", "CKPT"),
        ({"ada@acme": ROW, "names/acme": ("ada@acme",)}, "side-table-differs", "READ"),
        (
            {"ada@acme": ("acme", 2, "acme"), "lookup/ada@acme": "acme", "names/acme": ("ada@acme",)},
            "rebuild-differs",
            "REPL",
        ),
        ({"ada@acme": ROW, "lookup/ada@acme": "acme", "names/acme": ("ada@acme",)}, None, None),
    ],
)
def test_a_rebuild_is_compared_with_the_fold(rows: dict[str, Any], anomaly: str | None, guarantee: str | None) -> None:
    """Rows of an earlier position, side tables only, or anything else; the right rows hold."""
    joined = Joined(ConsumerSpec(name="reports", projection="reports"))
    findings = judged(*FIRST, joined, Rebuilt("reports", 1, rows))
    expected = [] if anomaly is None else [(anomaly, guarantee, "rebuild")]
    assert [(finding.anomaly, finding.guarantee, finding.judge) for finding in findings] == expected


# -- consumers that asked for some types only, and consumers whose streams go at their own speeds


def test_what_a_consumer_did_not_ask_for_may_be_passed_over_and_what_it_asked_for_may_not() -> None:
    """The ceiling is the end of what was scanned."""
    joined = Joined(ConsumerSpec(name="audit", projection="totals", types=("Deleted",)))
    assert judged(*FIRST, joined, CheckpointSaved("audit", 1)) == []
    assert [f.anomaly for f in judged(*FIRST, *DELETED, joined, CheckpointSaved("audit", 2))] == [
        "checkpoint-ahead-of-effects"
    ]


def test_a_cache_that_stops_before_the_end_is_late_and_not_wrong() -> None:
    """What it lacks is what it never heard of: that it never does is the anomaly, and its name is another."""
    settled = (*FIRST, Settling(), Observed("cache", 0, {}), Settled(0))
    assert [f.anomaly for f in judged(*settled)] == ["never-reaches-tail"]
    others = (Observed("index", 1, {"ada@acme": ROW}), Observed("totals", 1, {"acme": 1}))
    there = (*FIRST, Settling(), Observed("cache", 1, {}), *others, Settled(0))
    assert [f.anomaly for f in judged(*there)] == ["cache-differs"]


def test_what_a_consumer_did_not_ask_for_overtakes_nothing() -> None:
    """It never comes to it, so an event that is dismissed was not dismissed because of it."""
    joined = Joined(ConsumerSpec(name="audit", projection="totals", types=("Deleted",)))
    later = (asked("alice-2", ADA, expected=Exact(2)), event(3, 3, ADA, "alice-2/0"))
    assert [f.anomaly for f in judged(*FIRST, *DELETED, *later, joined, Ignored("audit", 2))] == [
        "dropped-as-duplicate"
    ]


def test_streams_may_overtake_each_other_and_what_is_parked_holds_up_its_own_stream() -> None:
    """The row of the second stream is judged on its own events."""
    other = (asked("bob-1", Registered("zeta", "bob"), stream="zeta", command=Register("zeta", "bob")),)
    stored = event(2, 1, Registered("zeta", "bob"), "bob-1/0", "zeta")
    joined = Joined(ConsumerSpec(name="ledger", projection="totals", by_stream=True))
    begin = (*FIRST, *other, stored, joined)
    applied = Applied("ledger", 2, {"zeta": 1})
    aside = (Failed("ledger", 1), Parked("ledger", 1, "acme", 1))
    assert judged(*begin, applied, Applied("ledger", 1, {"acme": 1})) == []
    assert judged(*begin, *aside, applied, CheckpointSaved("ledger", 2)) == []
    third = (asked("bob-2", BOB, expected=Exact(1)), event(3, 2, BOB, "bob-2/0"))
    parked = (*begin, *aside, applied, *third)
    assert "applied-out-of-order" in [f.anomaly for f in judged(*parked, Applied("ledger", 3, {"acme": 1}))]


def test_a_page_that_is_in_order_after_all_is_no_finding() -> None:
    """A history from elsewhere may say so."""
    assert judged(*FIRST, Disordered("observer", (1, 2))) == []
