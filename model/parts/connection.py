"""Connections: the subscription of a consumer is interrupted while its process lives on.

May lose: what is in flight. May never lose: a later announcement; the subscription is there again by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec


@action_kind
class Disconnect(Action, frozen=True, tag="disconnect"):
    """The subscription of a consumer raises: the database was unavailable for a second."""

    phrase = "a subscription was interrupted"
    fault = True

    consumer: str

    def __str__(self) -> str:
        return f"the subscription of {self.consumer} is interrupted"


class Connections(Extension):
    """Interrupts subscriptions."""

    name = "connection"
    title = "interrupted subscriptions"
    covers = "a connection that is lost while the process lives on"
    counts = (count("disconnections", "subscriptions that were interrupted", Disconnect),)
    family = "connection"
    called_by = (Disconnect,)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Of every consumer."""
        return [(cls.family, 6, [Disconnect(spec.name) for spec in consumers])]

    def handlers(self) -> dict[type, Handler]:
        """One action."""
        return {Disconnect: self.disconnect}

    def disconnect(self, action: Disconnect) -> bool:
        """If its process is up."""
        consumer = self.consumers[action.consumer]
        if consumer.down:
            return False
        self.step(action)
        consumer.disconnect()
        return True
