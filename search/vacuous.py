"""Vacuous runs: a campaign proves that it did something (A17).

Appends and deliveries must have happened; over a campaign of some length so must every fault that the system is able to suffer. A test kit
that passes having done nothing is a bug of its own (catalogue: vacuous-scenario).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from refold.model.application import Application, Refusal
from refold.model.event import Stored
from refold.model.parts.claims.lock import Granted, Paused
from refold.model.parts.claims.reservation import HoldTaken
from refold.model.parts.messages.change_stream import Copied
from refold.model.parts.messages.dual_write import SecondWritten
from refold.model.parts.messages.outbox import Delivered
from refold.model.parts.messages.process_manager import CommandExecuted
from refold.model.parts.reading.links import LinkShown
from refold.model.parts.reading.query import Answered
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


SHOWN_BY: dict[str, str] = {
    "crash-log": "crashes",
    "crash-consumer": "recoveries",
    "power-cut": "power_cuts",
    "slow-append": "slow_appends",
    "dedupe": "retried",
    "redeliver": "redelivered",
    "snapshots": "snapshots_loaded",
    "queries": "queries_answered",
    "links": "links_shown",
    "outbox": "messages_sent",
    "process-manager": "commands_executed",
    "dual-write": "second_writes",
    "change-stream": "rows_copied",
    "lock": "pauses",
    "reservation": "holds",
}
"""Capability -> the count that a long campaign on a system with it cannot leave at 0."""

WALK = 64
"""Commands that `contested` decides."""


def contested(application: Application) -> bool:
    """Whether appends of this application can conflict: some command has a condition, and leads to an event. One such command is enough,
    because two clients may decide on it at the same time, and one client on a view that lags behind its own append."""
    commands = application.commands()
    states: dict[str, Any] = {}
    for n in range(max(WALK, 2 * len(commands))):
        command = commands[(n * 7 + n // len(commands)) % len(commands)]
        key = application.key(command)
        state = states[key] if key in states else application.initial(key)
        try:
            events = application.decide(command, state)
        except Refusal:
            continue
        if events and application.conditional(command):
            return True
        for event in events:
            state = application.evolve(state, event)
        states[key] = state
    return False


def vacuous(
    happened: dict[str, int],
    steps: int,
    capabilities: Iterable[str],
    consumers: bool = True,
    conflicts: bool = True,
) -> Finding | None:
    """The finding `vacuous-run`, if something that must happen never did. Without `consumers` nothing needs to be delivered, and without
    `conflicts` no append needs to be refused."""
    can = frozenset(capabilities)
    expected = ["appended", "delivered"] if consumers else ["appended"]
    if steps >= LONG:
        if conflicts and "unconditional" not in can:
            expected.append("conflicts")
        expected += [count for capability, count in SHOWN_BY.items() if capability in can]
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
