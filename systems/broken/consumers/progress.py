"""Broken subscriptions: positions, windows, wake-ups (CKPT, LIVE, REPL)."""

from __future__ import annotations

from collections.abc import Sequence

from refold.model.consumer import Consumer
from refold.model.declarations.ports import StoredRows
from refold.model.event import Stored
from refold.model.parts.consuming.type_filter import FilteredConsumer
from refold.model.parts.consuming.worker_pool import WorkerPool
from refold.systems.broken.registry import broken

NEVER = 1 << 60
"""A position that no log reaches."""


@broken(
    "failed-event-checkpointed",
    "index",
    guarantee="CKPT",
    reference="Eventuous#25",
    fix="stop on the error, or park the event explicitly",
)
class FailedEventCheckpointed(Consumer):
    """Its handler raises, the error is logged, and the position is still stored. Nobody sends the event again."""

    def failed(self, event: Stored) -> None:
        """Log it and go on."""
        self.save_checkpoint(event.position)
        self.done(event)


@broken(
    "ceiling-not-scanned",
    "audit",
    guarantee="CKPT",
    reference="marten#5239",
    fix="the ceiling is the end of what was scanned",
)
class CeilingNotScanned(FilteredConsumer):
    """Finds no event for itself in a window and takes the end of the log as its position. The events in between were never looked at."""

    def ceiling(self, page: Sequence[Stored]) -> int:
        """As far as the log goes."""
        while further := self.log.read(page[-1].position, 1024):
            page = further
        return page[-1].position


@broken(
    "out-of-order-completion",
    "pool",
    guarantee="CKPT",
    reference="KurrentDB PR#5497; kafka-workers#19; Eventuous#165",
    fix="checkpoint the contiguous low-water mark",
)
class OutOfOrderCompletion(WorkerPool):
    """Saves the position of the event that was finished last. An earlier event that a slow worker is still handling is lost in a crash."""

    def mark(self, event: Stored) -> int:
        """The highest finished."""
        return event.position


@broken(
    "checkpoint-compare-as-text",
    "index",
    guarantee="CKPT",
    reference="emmett commits 2f3fd82a, a68c6f36",
    fix="positions are a type of their own, with a total order",
)
class CheckpointCompareAsText(Consumer):
    """Compares positions as text, as the database column holds them. “10” is less than “9”, so event 10 looks like an old one."""

    def seen(self, event: Stored) -> bool:
        """Character by character."""
        return str(event.position) <= str(self.position)


@broken(
    "checkpoint-goes-back",
    "index",
    guarantee="CKPT",
    reference="redis#7105",
    tier=2,
    fix="persist what was delivered on every path; refuse a checkpoint below the present one",
)
class CheckpointGoesBack(Consumer):
    """Part of what it had acknowledged is not in the file that it recovers from, so it resumes before its own checkpoint."""

    def resume(self, position: int) -> None:
        """The file is one event old."""
        super().resume(max(position - 1, 0))


@broken(
    "wake-loop-dies",
    "index",
    guarantee="LIVE",
    reference="marten#4961",
    fix="catch, back off, reconnect",
)
class WakeLoopDies(Consumer):
    """An exception in the loop that listens for new events ends the loop. The process lives and looks healthy, and nothing arrives any
    more."""

    def reconnect(self) -> None:
        """Nobody does."""
        self.resume(self.position)
        self.fetched = NEVER


@broken(
    "subscribe-at-head-ends",
    "index",
    guarantee="LIVE",
    reference="umadb commit f696092",
    tier=2,
    fix="test subscriptions that start at the head and after it",
)
class SubscribeAtHeadEnds(Consumer):
    """Takes “there is nothing after this position” for the end of the subscription. A consumer that subscribes at the head never receives
    anything."""

    def resume(self, position: int) -> None:
        """An empty first page is the last one."""
        super().resume(position)
        if not self.log.read(position, 1):
            self.fetched = NEVER


@broken(
    "unknown-event-ignored",
    "index",
    guarantee="REPL",
    reference="orchestrix; protean PR#673",
    tier=2,
    application="accounts",
    fix="fail on events without a handler, or count them",
)
class UnknownEventIgnored(Consumer):
    """An event class was renamed and the handler table was not. The event is silently skipped, and its change of state is lost."""

    def fold(self, event: Stored) -> StoredRows:
        """No handler, nothing to do."""
        return {} if event.type == self.application.events[-1].__name__ else super().fold(event)
