"""Vacuous runs: a campaign proves that it did something (A17).

Appends and deliveries must have happened; over a campaign of some length so must every fault that the system is able to suffer. A test kit
that passes having done nothing is a bug of its own (catalogue: vacuous-scenario).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from refold.model.change_stream import Copied
from refold.model.dual_write import SecondWritten
from refold.model.event import Stored
from refold.model.links import LinkShown
from refold.model.lock import Granted, Paused
from refold.model.outbox import Delivered
from refold.model.process_manager import CommandExecuted
from refold.model.query import Answered
from refold.model.record import (
    Acknowledged,
    Applied,
    Crashed,
    Declined,
    Failed,
    Held,
    Ignored,
    PowerCut,
    Recovered,
    Refused,
    Retried,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Unknown,
)
from refold.model.reservation import HoldTaken
from refold.properties.property import Finding

COUNTED: dict[str, tuple[type, ...]] = {
    "appended": (Stored,),
    "acknowledged": (Acknowledged,),
    "conflicts": (Refused,),
    "declined": (Declined,),
    "unknown": (Unknown,),
    "retried": (Retried,),
    "slow_appends": (Started,),
    "delivered": (Applied, Ignored, Held),
    "redelivered": (Ignored,),
    "reordered": (Held,),
    "failed": (Failed,),
    "crashes": (Crashed,),
    "power_cuts": (PowerCut,),
    "recoveries": (Recovered,),
    "snapshots": (SnapshotTaken,),
    "snapshots_loaded": (SnapshotLoaded,),
    "queries_answered": (Answered,),
    "links_shown": (LinkShown,),
    "messages_sent": (Delivered,),
    "commands_executed": (CommandExecuted,),
    "second_writes": (SecondWritten,),
    "rows_copied": (Copied,),
    "pauses": (Paused,),
    "leases": (Granted,),
    "holds": (HoldTaken,),
}
"""Name of a count -> the records that it counts."""

PATIENCE = 64
"""Runs after which a campaign in which nothing at all happened is over: it would go on like that."""

LONG = 4_000
"""Steps from which on every kind of fault that is possible must have happened."""


def counts(kinds: Counter[type[Any]]) -> dict[str, int]:
    """What really happened, out of the number of records of each class."""
    return {name: sum(kinds[kind] for kind in counted) for name, counted in COUNTED.items()}


def vacuous(
    happened: dict[str, int], steps: int, capabilities: Iterable[str], consumers: bool = True
) -> Finding | None:
    """The finding `vacuous-run`, if something that must happen never did. Without `consumers` nothing needs to be delivered."""
    can = frozenset(capabilities)
    expected = ["appended", "delivered"] if consumers else ["appended"]
    if steps >= LONG:
        if "unconditional" not in can:
            expected.append("conflicts")
        for capability, count in (
            ("crash-log", "crashes"),
            ("crash-consumer", "recoveries"),
            ("power-cut", "power_cuts"),
            ("slow-append", "slow_appends"),
            ("dedupe", "retried"),
            ("redeliver", "redelivered"),
            ("snapshots", "snapshots_loaded"),
            ("queries", "queries_answered"),
            ("links", "links_shown"),
            ("outbox", "messages_sent"),
            ("process-manager", "commands_executed"),
            ("dual-write", "second_writes"),
            ("change-stream", "rows_copied"),
            ("lock", "pauses"),
            ("reservation", "holds"),
        ):
            if capability in can:
                expected.append(count)
    missing = [name for name in expected if not happened.get(name)]
    if not missing:
        return None
    return Finding(
        anomaly="vacuous-run",
        guarantee="HARNESS",
        judge="vacuous",
        where="campaign",
        number=0,
        expected=dict.fromkeys(missing, "at least one"),
        actual=dict.fromkeys(missing, 0),
    )
