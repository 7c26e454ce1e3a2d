"""Clocks that differ: that of a client or a consumer runs ahead of everybody else's, or behind.

A fault with a contract. May lose: every order of times that two machines have read from their own clocks, and with it leases that a client
ends by its own clock. May never lose: what a monotonic clock measures, and what is ordered by positions, versions or tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.parts.claims.lease import LEASE
from refold.model.record import ConsumerSpec, Record, record_kind


@action_kind
class SetClock(Action, frozen=True, tag="set-clock"):
    """From now on, the clock of `who` is `ahead` seconds (in the model: ticks) ahead of the others, or behind them. May lose: the order
    of times. May never lose: what a monotonic clock measures."""

    phrase = "a clock was ahead or behind"
    fault = True

    who: str
    ahead: float

    def __str__(self) -> str:
        if not self.ahead:
            return f"{self.who}'s clock is set right"
        return f"{self.who}'s clock jumps {abs(self.ahead):g} s {'ahead' if self.ahead > 0 else 'behind'}"


@record_kind
class ClockSet(Record, frozen=True, tag="clock-set"):
    """From now on, the clock of `who` is `ahead` seconds (in the model: ticks) ahead of the others, or behind them if negative."""

    fault = True

    who: str
    ahead: float

    def __str__(self) -> str:
        if not self.ahead:
            return f"the clock of {self.who} is right again"
        return f"the clock of {self.who} is {abs(self.ahead):g} s {'ahead' if self.ahead > 0 else 'behind'} from now on"


class Clocks(Extension):
    """Sets the clocks of clients. They come to agree again when faults stop."""

    name = "clocks"
    title = "clocks that differ"
    covers = "times that one process reads from its clock and another compares with its own"
    counts = (count("clocks_set", "clocks that were set ahead or behind", ClockSet),)
    family = "lock"
    called_by = (SetClock,)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """A whole lease ahead, or behind."""
        return [(cls.family, 2, [SetClock(client, ahead) for client in clients[:2] for ahead in (LEASE, -LEASE)])]

    def handlers(self) -> dict[type, Handler]:
        """Clocks that are set."""
        return {SetClock: self.on_set}

    def on_set(self, action: SetClock) -> bool:
        """Of somebody who has one, to something new."""
        client = self.clients.get(action.who)
        if client is None or client.ahead == action.ahead:
            return False
        self.step(action)
        client.ahead = action.ahead
        self.emit(ClockSet(client.name, float(action.ahead)))
        return True

    def calm(self) -> None:
        """Clocks are set right."""
        for client in self.clients.values():
            if client.ahead:
                client.ahead = 0.0
                self.emit(ClockSet(client.name, 0.0))
