"""Inboxes: consumers that recognise duplicates by a table of the messages that they have handled, shared by all of them.

An entry is the pair of consumer and event id, written in the same step as the effect.
"""

from __future__ import annotations

from refold.model.consumer import Consumer
from refold.model.event import Stored
from refold.model.parts.side_consumers import SideConsumer


class InboxConsumer(Consumer):
    """Handles what is not in the table; rows and table are one datastore."""

    table: set[str]

    def mark(self, event: Stored) -> str:
        """The entry that stands for “this consumer has handled this event”."""
        return f"{self.name}|{event.id}"

    def seen(self, event: Stored) -> bool:
        """Whether it is in the table."""
        return self.mark(event) in self.table

    def handle(self, event: Stored) -> None:
        """Effect and entry in one step, then the checkpoint."""
        self.apply(event)
        self.table.add(self.mark(event))
        self.save_checkpoint(event.position)


class Inboxes(SideConsumer):
    """Two departments that share one table."""

    name = "inbox"
    title = "inboxes"
    covers = "consumers that share a table of the messages that they have handled"
    family = "inbox"
    names = ("billing", "shipping")
    design = InboxConsumer

    def join(self, name: str) -> Consumer:
        """With the table."""
        consumer = super().join(name)
        if isinstance(consumer, InboxConsumer):
            others = [other for other in self.consumers.values() if isinstance(other, InboxConsumer)]
            consumer.table = others[0].table if others else set()
        return consumer
