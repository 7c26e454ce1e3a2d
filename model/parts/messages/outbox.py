"""The outbox: messages to the outside world, written in the transaction of what they tell about, and sent later by relays.

Contract: every message reaches the outside (a sink that cannot take anything back: a mail, a payment) at least once; and only once,
unless a relay dies after it delivered a message and before it could write that down. To that end a relay claims
a row atomically before it delivers it, and takes up its own claims again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, listed

RELAYS = ("relay-1", "relay-2")


@action_kind
class Drain(Action, frozen=True, tag="drain"):
    """A relay takes one step: it claims the next row, delivers what it has claimed, or marks as done what it has delivered."""

    phrase = "a relay took messages out of an outbox"

    relay: str

    def __str__(self) -> str:
        return f"{self.relay} makes one step (claim, deliver, mark as done)"


@action_kind
class CrashRelay(Action, frozen=True, tag="crash-relay"):
    """A relay dies and starts again. May lose: what it remembers. May never lose: the rows and the claims in them."""

    fault = True

    relay: str

    def __str__(self) -> str:
        return f"{self.relay} crashes and starts again"


@record_kind
class Claimed(Record, frozen=True, tag="claimed"):
    """A relay has claimed the row of event `message`, at `position`."""

    relay: str
    message: str
    position: int

    def __str__(self) -> str:
        return f"{self.relay} claims message {self.message}"


@record_kind
class Delivered(Record, frozen=True, tag="delivered"):
    """The outside world received a message. `effect`: it acted on the message (False: it recognised a repetition). `outbox` is where
    the message came from; `ordered`: that outbox sends the messages of a stream in the order of its events."""

    relay: str
    message: str
    position: int
    effect: bool
    outbox: str = "outbox"
    ordered: bool = False

    def __str__(self) -> str:
        return f"{self.relay} delivers message {self.message}" + (
            "" if self.effect else ", which the receiver knows already"
        )


@record_kind
class RelayDied(Record, frozen=True, tag="relay-died"):
    """A relay died; `message` was delivered and not marked as done (empty: there was none)."""

    fault = True

    relay: str
    message: str

    def __str__(self) -> str:
        return f"{self.relay} dies" + (
            f" after it delivered {self.message} and before it wrote that down" if self.message else ""
        )


@record_kind
class Interrupted(Record, frozen=True, tag="interrupted"):
    """The sender of these `messages` died, had a step fail, waited in vain for somebody, or lost an answer, before it could be sure that it
    had recorded them as sent. `how` says which."""

    fault = True

    relay: str
    messages: tuple[str, ...]
    how: str

    def __str__(self) -> str:
        return f"{self.relay} {self.how} after it sent {listed(self.messages)}, and may not have noted so"


@record_kind
class OutboxAtRest(Record, frozen=True, tag="outbox-at-rest"):
    """At rest this many rows of the outbox are not marked as done. The events at positions `silent` call for no message."""

    rows: int
    outbox: str = "outbox"
    silent: tuple[int, ...] = ()

    def __str__(self) -> str:
        what = "the outbox" if self.outbox == "outbox" else self.outbox
        return f"at rest {what} holds {counted(self.rows, 'row')}"


class Row(msgspec.Struct):
    """A message to send, and which relay holds it."""

    event: Stored
    holder: str = ""


class Relay(msgspec.Struct):
    """What a relay remembers: the row in its hand, and whether it is delivered."""

    row: Row | None = None
    delivered: bool = False


class Outbox(Extension):
    """The table, two relays, the sink. At rest until its first action."""

    name = "outbox"
    title = "an outbox"
    covers = "messages to the outside, each sent, and received once"
    counts = (count("messages_sent", "messages out of an outbox that the outside world received", Delivered),)
    family = "outbox"
    called_by = (Drain, CrashRelay)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rows: dict[str, Row] = {}
        self.relays = {name: Relay() for name in RELAYS}
        self.used = False

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Mostly draining."""
        return [
            (cls.family, 14, [Drain(relay) for relay in RELAYS]),
            (cls.family, 2, [CrashRelay(relay) for relay in RELAYS]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Two actions."""
        return {Drain: self.drain, CrashRelay: self.crash_relay}

    def visible(self, events: Sequence[Any]) -> None:
        """The rows are written together with the events."""
        rows = self.rows
        for event in events:
            rows[event.id] = Row(event)

    def drain(self, action: Drain) -> bool:
        """One step of a relay, if there is any for it."""
        relay = self.relays.get(action.relay)
        if relay is None:
            return False
        row = None
        if relay.row is None and (row := self.next_row(action.relay)) is None:
            return False
        self.step(action)
        self.used = True
        self.advance(action.relay, relay, row)
        return True

    def advance(self, name: str, relay: Relay, row: Row | None) -> None:
        """Claim `row`, or deliver, or mark."""
        if relay.row is None:
            assert row is not None
            self.claim(row, name)
            relay.row = row
            self.emit(Claimed(name, row.event.id, row.event.position))
        elif not relay.delivered:
            event = relay.row.event
            self.emit(Delivered(name, event.id, event.position, self.receive(event.id)))
            relay.delivered = True
        else:
            self.rows.pop(relay.row.event.id, None)
            relay.row, relay.delivered = None, False

    def next_row(self, name: str) -> Row | None:
        """The oldest row that this relay may claim: nobody's, or its own from before a crash."""
        for row in self.rows.values():
            if row.holder in ("", name):
                return row
        return None

    def claim(self, row: Row, name: str) -> None:
        """Make the row this relay's, in the same atomic step that found it free."""
        row.holder = name

    def receive(self, message: str) -> bool:
        """The sink takes what it is given."""
        return True

    def crash_relay(self, action: CrashRelay) -> bool:
        """Forget what was in its hand; only worth a step if there was something."""
        relay = self.relays.get(action.relay)
        if relay is None or relay.row is None:
            return False
        self.step(action)
        self.emit(RelayDied(action.relay, relay.row.event.id if relay.delivered else ""))
        relay.row, relay.delivered = None, False
        return True

    def turn(self) -> bool:
        """Every relay does a whole row."""
        if not self.used:
            return False
        busy = False
        for name, relay in self.relays.items():
            row = self.next_row(name) if relay.row is None else None
            if relay.row is not None or row is not None:
                busy = True
                self.advance(name, relay, row)
        return busy

    def rest(self) -> None:
        """How many rows are left."""
        if self.used:
            self.emit(OutboxAtRest(len(self.rows)))
