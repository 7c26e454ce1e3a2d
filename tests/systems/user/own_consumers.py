"""Consumers as a user would write them, right and wrong, around the log of `examples/my_log.py`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, ClassVar

from refold.model.event import Stored
from refold.systems.user.module import load

FileLog: Any = load(str(pathlib.Path(__file__).parents[3] / "examples" / "my_log.py") + ":FileLog")


class Counter:
    """Right: counts the events of each stream; the rows know the newest position applied."""

    projection = "totals"
    promises: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.table: dict[str, int] = {}
        self.applied = self.saved = 0

    def handle(self, event: Stored) -> None:
        """The effect, unless it is there already; then the checkpoint."""
        if event.position > self.applied:
            self.effect(event)
        self.durable()
        self.saved = max(self.saved, event.position)

    def effect(self, event: Stored) -> None:
        """One durable step."""
        self.durable()
        self.table[event.stream] = self.table.get(event.stream, 0) + 1
        self.applied = event.position

    def durable(self) -> None:
        """Replaced by the harness."""

    def checkpoint(self) -> int:
        """Behind this it goes on."""
        return self.saved

    def rows(self) -> dict[str, int]:
        """All of them."""
        return dict(self.table)

    def crash(self) -> None:
        """Everything is durable."""

    def restart(self) -> None:
        """Nothing to load."""


class Connected(Counter):
    """Right: what is dead has closed its connection, and answers nothing until it is back."""

    connected = True

    def crash(self) -> None:
        """Close it."""
        self.connected = False

    def restart(self) -> None:
        """Open it again."""
        self.connected = True

    def rows(self) -> dict[str, int]:
        """Only of one that lives."""
        self.asked()
        return super().rows()

    def checkpoint(self) -> int:
        """Only of one that lives."""
        self.asked()
        return super().checkpoint()

    def asked(self) -> None:
        """As a driver does it."""
        if not self.connected:
            raise RuntimeError("Cannot operate on a closed database.")


class InMemory(Counter):
    """Right: nothing survives a crash, the checkpoint neither; it reads everything again."""

    promises = ("volatile",)

    def crash(self) -> None:
        """All is gone."""
        self.table = {}
        self.applied = self.saved = 0


class Remembering(Counter):
    """Right: rows are in memory, and recovery begins with a snapshot, which is taken every other event."""

    promises = ("volatile",)

    def __init__(self) -> None:
        super().__init__()
        self.newest: tuple[int, dict[str, int]] = (0, {})

    def effect(self, event: Stored) -> None:
        """Now and then a snapshot."""
        super().effect(event)
        if event.position % 2 == 0:
            self.durable()
            self.newest = self.taken(event)

    def taken(self, event: Stored) -> tuple[int, dict[str, int]]:
        """A copy, and where it ends."""
        return event.position, dict(self.table)

    def snapshot(self) -> tuple[int, dict[str, int]]:
        """The newest one."""
        return self.newest

    def crash(self) -> None:
        """What is in memory is gone."""
        self.table = {}
        self.applied = self.saved = 0

    def restart(self) -> None:
        """From the snapshot."""
        self.table = dict(self.newest[1])
        self.applied = self.saved = self.newest[0]


class SnapshotTooFar(Remembering):
    """Wrong: files its snapshot under the position of the next event."""

    def taken(self, event: Stored) -> tuple[int, dict[str, int]]:
        """One too many."""
        return event.position + 1, dict(self.table)


class SnapshotShared(Remembering):
    """Wrong: what it keeps as a snapshot goes on changing."""

    def taken(self, event: Stored) -> tuple[int, dict[str, int]]:
        """Not a copy."""
        return event.position, self.table


class CheckpointFirst(Counter):
    """Wrong: a death between the two steps loses the event."""

    def handle(self, event: Stored) -> None:
        """The checkpoint, then the effect."""
        if event.position > self.saved:
            self.durable()
            self.saved = event.position
            self.effect(event)


class Unguarded(Counter):
    """Wrong: after a death between the two steps the event comes again and counts again."""

    def handle(self, event: Stored) -> None:
        """Knows duplicates by the checkpoint alone."""
        if event.position > self.saved:
            self.effect(event)
            self.durable()
            self.saved = event.position


class Batching(Counter):
    """Right: collects three events; rows and checkpoint are written in one step. A death takes what is collected."""

    promises = ("atomic",)

    def __init__(self) -> None:
        super().__init__()
        self.collected: list[Stored] = []

    def handle(self, event: Stored) -> None:
        """Collect."""
        if event.position <= self.saved or any(one.position == event.position for one in self.collected):
            return
        self.collected.append(event)
        if len(self.collected) == 3:
            self.flush()

    def flush(self) -> None:
        """One transaction."""
        self.durable()
        for event in self.collected:
            self.table[event.stream] = self.table.get(event.stream, 0) + 1
            self.saved = event.position
        self.collected = []

    def crash(self) -> None:
        """What is in memory is gone."""
        self.collected = []


class BatchAcknowledgedEarly(Batching):
    """Wrong: saves the position of every event that it collects."""

    def handle(self, event: Stored) -> None:
        """Collect and acknowledge."""
        super().handle(event)
        self.saved = max(self.saved, event.position)


class BatchLosesOne(Batching):
    """Wrong: the first event of every batch is passed over."""

    def flush(self) -> None:
        """All but one."""
        saved = self.collected[-1].position if self.collected else self.saved
        self.collected = self.collected[1:]
        super().flush()
        self.saved = saved


class ReadsOn(Counter):
    """Wrong: saves the position that its subscription had when it began, and counts what comes of that."""

    def __init__(self) -> None:
        super().__init__()
        self.collected: list[Stored] = []

    def handle(self, event: Stored) -> None:
        """What it has collected already, it collects again; only the very last one is known."""
        if event.position <= self.saved or (self.collected and event.position == self.collected[-1].position):
            return
        self.collected.append(event)
        if len(self.collected) == 3:
            self.flush()

    def flush(self) -> None:
        """All of them."""
        for event in self.collected:
            self.table[event.stream] = self.table.get(event.stream, 0) + 1
            self.saved = max(self.saved, event.position)
        self.collected = []

    def crash(self) -> None:
        """What is in memory is gone."""
        self.collected = []


class BatchForgotten(Batching):
    """Wrong: what is left when the stream falls silent is never written."""

    def flush(self) -> None:
        """Only if the batch is full."""
        if len(self.collected) == 3:
            super().flush()


def around(consumer: Callable[[], Any]) -> type:
    """The system: a log and one consumer."""

    class System:
        def __init__(self) -> None:
            self.log = FileLog()
            self.consumers = {"counter": consumer()}

    return System


class TornLog(FileLog):  # type: ignore[misc]
    """Wrong: writes the events of a batch one by one."""

    capabilities: ClassVar[Any] = ("crash-log", "dedupe", "crash-log-at-step")

    def durable(self) -> None:
        """Replaced by the harness."""

    def store(self, batch: Any) -> None:
        """A death in between leaves half a batch."""
        for event in batch:
            self.durable()
            super().store([event])
