"""Batcher: a consumer that collects events and handles them in batches, when there are enough or when a timer fires.

Every event leaves the buffer before its batch is handled, so that a timer that fires in the middle finds nothing to handle again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.extension import Group, Handler
from refold.model.parts.side_consumers import SideConsumer
from refold.model.process import Process, ProcessDied
from refold.model.record import Crashed, Held, Ignored, Recovered

BATCH = 2


@action_kind
class FireTimer(Action, frozen=True, tag="fire-timer"):
    """The timer of a batching consumer fires; it may do so in the middle of a batch."""

    phrase = "a timer fired in the middle"

    consumer: str

    def __str__(self) -> str:
        return f"the timer of {self.consumer} fires"


class BatchConsumer(Consumer):
    """Buffer, batch under way, rows. Rows and the newest position applied are saved in one step, the checkpoint after the batch."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.buffer: list[Stored] = []
        self.working: list[Stored] = []

    def idle(self) -> bool:
        """Nothing in flight, nothing collected, nothing under way."""
        return not self.working and not self.buffer and super().idle()

    def turn(self, index: int) -> None:
        """One event of the batch under way, or else of the subscription."""
        if self.working:
            self.work()
        elif self.inbox or not self.log.down:
            super().turn(index)
        else:
            self.flush()

    def fetch(self) -> None:
        """When nothing more comes, the time-out flushes what was collected."""
        super().fetch()
        if self.asleep and self.buffer:
            self.asleep = False
            self.flush()

    def receive(self, event: Stored, after: int) -> None:
        """Collect it."""
        if self.seen(event):
            kind = Ignored if event.position <= self.store.applied else Held
            self.emit(kind(self.name, event.position))
            self.done(event)
        elif after > self.position:
            self.emit(Held(self.name, event.position))
        else:
            self.buffer.append(event)
            self.done(event)
            if len(self.buffer) >= BATCH:
                self.flush()

    def flush(self) -> None:
        """Begin to handle what was collected."""
        self.working.extend(self.take())

    def take(self) -> Sequence[Stored]:
        """The collected events, which are collected no more."""
        batch, self.buffer = self.buffer, []
        return batch

    def work(self) -> None:
        """Handle one event of the batch; after the last one save the checkpoint."""
        event = self.working[0]
        self.apply(event)
        del self.working[0]
        if not self.working:
            self.buffer = [other for other in self.buffer if other.position > event.position]
            self.save_checkpoint(event.position)

    def reconnect(self) -> None:
        """What was collected is gone with the subscription."""
        self.resume(self.store.applied)

    def restart(self) -> None:
        """Go on after the newest event that the rows contain."""
        Process.restart(self)
        self.store.reopen()
        self.resume(self.store.applied)
        self.emit(Recovered(self.name, self.position, self.store.rows()))

    def resume(self, position: int) -> None:
        """Buffer and batch are forgotten; their events come again."""
        super().resume(position)
        self.buffer = []
        self.working = []


class Batcher(SideConsumer):
    """One batching consumer and its timer."""

    name = "batcher"
    title = "batching consumers"
    covers = "a timer that fires in the middle of a batch"
    family = "batcher"
    names = ("batcher",)
    design = BatchConsumer

    @classmethod
    def groups(cls, commands: Any, clients: Any, consumers: Any) -> list[Group]:
        """The timer, too."""
        return [*super().groups(commands, clients, consumers), (cls.family, 3, [FireTimer(name) for name in cls.names])]

    def handlers(self) -> dict[type, Handler]:
        """The timer."""
        return {FireTimer: self.fire}

    def fire(self, action: FireTimer) -> bool:
        """Handle what was collected so far."""
        consumer = self.there(action.consumer)
        if not isinstance(consumer, BatchConsumer) or consumer.down or not consumer.buffer:
            return False
        self.step(action)
        try:
            consumer.flush()
        except ProcessDied as death:
            consumer.crash()
            self.emit(Crashed(consumer.name, death.during))
        return True
