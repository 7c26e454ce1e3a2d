"""Broken logs: positions, gaps and the order in which events become visible (LOG, ORD, LIVE)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.event import Stored
from refold.model.log import AppendRequest, Log
from refold.systems.broken.registry import broken


@broken(
    "seq-gap-commit-order",
    "log",
    guarantee="LOG/CKPT",
    reference=(
        "commanded/eventstore#3; Eventuous#222; prooph/pdo-event-store#189; eugene-khyst/postgresql-event-sourcing#2;"
        " eventsourcing RN 9.1.0"
    ),
    fix="an exclusive lock or a counter row; filter by pg_snapshot_xmin; a gap-aware token; gap tombstones",
)
class SeqGapCommitOrder(Log):
    """Takes positions at insert and makes them visible at commit. A reader passes a lower position that is not visible yet, and never
    comes back for it."""

    def horizon(self) -> int:
        """Shows all that is committed."""
        return self.next_position


@broken(
    "gap-skip-over-live-tx",
    "log",
    guarantee="LOG/CKPT",
    reference="marten#4953 (PR#4977), #4964",
    fix="find gaps in one statement, ask whether their transactions are alive, record what is skipped",
)
class GapSkipOverLiveTx(Log):
    """Declares a gap dead when it has existed for a while. The transaction behind it is only slow, and commits after readers have passed
    the gap."""

    patience = 3
    stale = 0

    def horizon(self) -> int:
        """Skips the gap after a few looks at it."""
        self.stale += 1
        return super().horizon() if self.stale < self.patience else self.next_position


@broken(
    "permanent-gap-stall",
    "log",
    guarantee="LIVE",
    reference="marten#4749, #4765; EventFlow#564; prooph/pdo-event-store#114",
    fix="check before taking a number; skip gaps whose transaction is proven dead",
)
class PermanentGapStall(Log):
    """Waits at a gap for the missing position. An append that was rolled back leaves a gap that will never be filled."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Up to the first hole."""
        page = super().read(after, limit)
        return [event for n, event in enumerate(page, 1) if event.position == after + n]


@broken(
    "xmin-horizon-stall",
    "log",
    guarantee="LIVE",
    reference="marten#5108, #5125, #5057; emmett readMessagesBatch (specification)",
    fix="bounded wait, an allocation fence, leave out sessions that append nothing, alert",
    tier=2,
)
class XminHorizonStall(Log):
    """Shows only what is older than every open transaction. One idle session that somebody left open hides all events from then on."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """Counts sessions that will never append."""
        xmin = min(self.sessions.values(), default=self.next_position)
        return [event for event in super().read(after, limit) if event.position < xmin]


@broken(
    "duplicate-global-position",
    "log",
    guarantee="LOG",
    reference="get-eventually/eventually-rs#153",
    fix="one serial for the whole log",
    tier=2,
)
class DuplicateGlobalPosition(Log):
    """Numbers events by the greatest position that is visible. Two appends at the same time get the same number, and idempotent consumers
    drop one of them."""

    def place(self, request: AppendRequest) -> tuple[Stored, ...]:
        """SELECT max(position) + 1."""
        self.next_position = self.entries[-1].position + 1 if self.entries else 1
        return super().place(request)


@broken(
    "unordered-read",
    "log",
    guarantee="ORD",
    reference="emmett commit c4058df4 (#239)",
    fix="ORDER BY position",
    tier=2,
)
class UnorderedRead(Log):
    """Reads without ORDER BY: events come in the order in which the database finds them, here stream by stream."""

    def read(self, after: int, limit: int) -> Sequence[Stored]:
        """The planner takes the index on streams."""
        return sorted(super().read(after, limit), key=lambda event: event.stream)


@broken(
    "phantom-position",
    "log",
    guarantee="LOG",
    reference="eventsourcing release notes 9.2.17",
    fix="check the bounds",
)
class PhantomPosition(Log):
    """Uses the lower bound as an index without checking it. A read from 0, or from a negative position, finds an event at the other end."""

    def select(self, lower: int, upper: int, limit: int) -> Sequence[Stored]:
        """Index -1 is the last one."""
        return [event for event in self.entries[lower - 1 :] if event.position <= upper][: max(limit, 0)]
