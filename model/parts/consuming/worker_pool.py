"""Pool: a consumer whose workers finish events of different streams in any order.

Its checkpoint is the low-water mark: the last position below which everything is finished. What is finished beyond the mark is
remembered together with the rows, because after a crash it comes again.
"""

from __future__ import annotations

from typing import Any

from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.parts.side_consumers import SideConsumer
from refold.model.record import Held, Ignored


class WorkerPool(Consumer):
    """Every event in flight is with a worker; those of one stream are finished in order."""

    promises = {"by_stream": True}

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.order: list[int] = []
        self.finished: set[int] = set()

    def fetch(self) -> None:
        """Hand a page to the workers."""
        super().fetch()
        self.order.extend([event.position for event in self.inbox])

    def receive(self, event: Stored, after: int) -> None:
        """The worker that has this event finishes it, unless another worker has an earlier event of the stream."""
        if self.seen(event):
            self.emit(Ignored(self.name, event.position))
        elif any(other.stream == event.stream and other.position < event.position for other in self.inbox):
            self.emit(Held(self.name, event.position))
            return
        else:
            self.apply(event)
            self.finished.add(event.position)
        self.done(event)
        mark = self.mark(event)
        if mark > self.store.checkpoint:
            self.save_checkpoint(mark)
            self.finished = {position for position in self.finished if position > mark}

    def seen(self, event: Stored) -> bool:
        """The rows know which events they contain: all up to the checkpoint, and the finished ones."""
        return event.position <= self.position or event.position in self.finished

    def mark(self, event: Stored) -> int:
        """What may be saved as the checkpoint now that `event` is finished: everything up to there is."""
        return self.position

    def done(self, event: Stored) -> None:
        """Take it off the worker; move the low-water mark over everything that is finished."""
        self.inbox = [other for other in self.inbox if other is not event]
        order, finished = self.order, self.finished
        while order and order[0] in finished:
            self.position = order.pop(0)

    def resume(self, position: int) -> None:
        """The workers have forgotten what they had."""
        super().resume(position)
        self.order = []


class Pool(SideConsumer):
    """One pool of workers."""

    name = "pool"
    title = "pools of workers"
    covers = "events that are finished out of order"
    family = "pool"
    names = ("pool",)
    design = WorkerPool
