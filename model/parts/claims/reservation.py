"""Reservations: holds that keep something for one client until it confirms, cancels, or its time is up and the sweeper frees it.

A hold is not a lock: it outlives its client's process on purpose, so something else must end it. Contract: at most one hold on a
key; a confirmation counts only while the hold is in the book; at rest no hold is left that nobody confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from refold.model.action import Action, action_kind
from refold.model.context import Context
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind

SEATS = ("seat-1", "seat-2")
"""What clients reserve."""

LONG = 8
"""Times that a hold lasts, after which even a late sweeper has been there."""

HOLD = 4
"""Ticks that a hold lasts, where nothing else is said."""


@action_kind
class HoldSeat(Action, frozen=True, tag="hold-seat"):
    """A client reserves a seat, which only this client may confirm until the hold expires."""

    client: str
    seat: str

    def __str__(self) -> str:
        return f"{self.client} puts a hold on {self.seat}"


@action_kind
class ConfirmSeat(Action, frozen=True, tag="confirm-seat"):
    """A client turns its hold into a booking."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} confirms its hold"


@action_kind
class CancelSeat(Action, frozen=True, tag="cancel-seat"):
    """A client cancels its hold."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} cancels its hold"


@action_kind
class Die(Action, frozen=True, tag="die-holding"):
    """A client's process dies between hold and confirmation. May lose: the knowledge that it has a hold. May never lose: the hold
    itself."""

    fault = True

    client: str

    def __str__(self) -> str:
        return f"{self.client} dies with its hold unconfirmed"


@action_kind
class Sweep(Action, frozen=True, tag="sweep"):
    """The sweeper frees what has been on hold for too long."""

    def __str__(self) -> str:
        return "the sweeper frees expired holds"


@record_kind
class HoldTaken(Record, frozen=True, tag="hold-taken"):
    """`key` is on hold for `client` under the number `hold`, until `until`; the time was `at`."""

    phrase = "something had been put on hold"

    client: str
    key: str
    hold: int
    until: int
    at: int

    def __str__(self) -> str:
        return f"{self.key} is on hold for {self.client} under number {self.hold}, from {self.at} until {self.until}"


@record_kind
class HoldDenied(Record, frozen=True, tag="hold-denied"):
    """`key` is on hold for somebody else."""

    client: str
    key: str

    def __str__(self) -> str:
        return f"{self.client} is told that {self.key} is on hold"


@record_kind
class HoldEnded(Record, frozen=True, tag="hold-ended"):
    """A hold is over: ``confirmed``, ``cancelled``, or ``expired`` (swept at `at`)."""

    key: str
    hold: int
    how: str
    at: int

    def __str__(self) -> str:
        return f"hold {self.hold} on {self.key} is {self.how} at {self.at}"


@record_kind
class HoldsAtRest(Record, frozen=True, tag="holds-at-rest"):
    """Nothing moves any more, and these keys are still on hold."""

    holds: dict[str, int]

    def __str__(self) -> str:
        return f"at rest, on hold: {', '.join(self.holds) or 'nothing'}"


class Hold(msgspec.Struct, frozen=True):
    """One hold."""

    client: str
    number: int
    until: int


class ReservationBook:
    """All holds, by key. `time` is its clock."""

    def __init__(self, time: Callable[[], int], lasting: int = HOLD) -> None:
        self.time = time
        self.lasting = lasting
        self.holds: dict[str, Hold] = {}
        self.numbers = 0

    def take(self, key: str, client: str) -> Hold | None:
        """Put `key` on hold; None while it is."""
        if key in self.holds:
            return None
        self.numbers += 1
        self.holds[key] = hold = Hold(client, self.numbers, self.time() + self.lasting)
        return hold

    def end(self, key: str, number: int) -> bool:
        """End this very hold; False if it has already ended."""
        hold = self.holds.get(key)
        if hold is None or hold.number != number:
            return False
        del self.holds[key]
        return True

    def sweep(self) -> list[tuple[str, Hold]]:
        """End the holds whose time is up."""
        now = self.time()
        expired = [(key, hold) for key, hold in self.holds.items() if hold.until <= now]
        for key, _ in expired:
            del self.holds[key]
        return expired


class Reservations(Extension, ReservationBook):
    """A booking office with two seats."""

    name = "reservation"
    title = "reservations"
    covers = "holds that expire, are confirmed late or given twice"
    counts = (count("holds", "things that were put on hold by a reservation", HoldTaken),)
    family = "reservation"

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        Extension.__init__(self, context, consumers, clients, step)
        ReservationBook.__init__(self, self.clock_now)
        self.skew = 0
        self.mine: dict[str, tuple[str, Hold]] = {}
        self.booked: set[str] = set()

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Hold, confirm or cancel, die in between; the sweeper."""
        return [
            (cls.family, 5, [HoldSeat(client, seat) for client in clients for seat in SEATS]),
            (cls.family, 3, [ConfirmSeat(client) for client in clients]),
            (cls.family, 2, [CancelSeat(client) for client in clients]),
            (cls.family, 1, [Die(client) for client in clients]),
            (cls.family, 2, [Sweep()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """What clients and the sweeper do."""
        return {
            HoldSeat: self.on_hold,
            ConfirmSeat: self.on_confirm,
            CancelSeat: self.on_cancel,
            Die: self.on_die,
            Sweep: self.on_sweep,
        }

    def clock_now(self) -> int:
        """One tick per action; at rest, as late as it takes."""
        return self.clock.now + self.skew

    def on_hold(self, action: HoldSeat) -> bool:
        if action.client in self.mine or action.seat in self.booked:
            return False
        self.step(action)
        hold = self.take(action.seat, action.client)
        if hold is None:
            self.emit(HoldDenied(action.client, action.seat))
        else:
            self.mine[action.client] = (action.seat, hold)
            self.emit(HoldTaken(action.client, action.seat, hold.number, hold.until, self.clock_now()))
        return True

    def on_confirm(self, action: ConfirmSeat) -> bool:
        if action.client not in self.mine:
            return False
        self.step(action)
        seat, hold = self.mine.pop(action.client)
        if self.end(seat, hold.number):
            self.booked.add(seat)
            self.emit(HoldEnded(seat, hold.number, "confirmed", self.clock_now()))
        return True

    def on_cancel(self, action: CancelSeat) -> bool:
        if action.client not in self.mine:
            return False
        self.step(action)
        seat, hold = self.mine.pop(action.client)
        if self.end(seat, hold.number):
            self.emit(HoldEnded(seat, hold.number, "cancelled", self.clock_now()))
        return True

    def on_die(self, action: Die) -> bool:
        if action.client not in self.mine:
            return False
        self.step(action)
        del self.mine[action.client]
        return True

    def on_sweep(self, action: Sweep) -> bool:
        if not self.holds:
            return False
        self.step(action)
        self.swept()
        return True

    def swept(self) -> bool:
        """Let the sweeper work; whether it found anything."""
        expired = self.sweep()
        for key, hold in expired:
            self.emit(HoldEnded(key, hold.number, "expired", self.clock_now()))
        return bool(expired)

    def calm(self) -> None:
        """Every client is gone, and time passes: more than any hold lasts, because a sweeper may be late."""
        self.mine.clear()
        self.skew += LONG * self.lasting

    def turn(self) -> bool:
        """The sweeper runs on."""
        return self.swept()

    def rest(self) -> None:
        """What is still on hold."""
        self.emit(HoldsAtRest({key: hold.number for key, hold in self.holds.items()}))
