"""What lock services, reservations and outboxes hold after each record of a history, and what their clients believe to hold.

Nothing is judged here. A client whose lease is over still shows what it was told, next to what the service says: that difference is where
most mistakes with locks are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from typing import Any

import attrs

from refold.model.event import Stored
from refold.model.parts.claims.lock import (
    ClockJumped,
    FencedOff,
    Granted,
    LockedWrite,
    Queued,
    Released,
    Renewed,
    TimePassed,
    Unqueued,
)
from refold.model.parts.claims.reservation import HoldEnded, HoldsAtRest, HoldTaken
from refold.model.parts.messages.outbox import Claimed, Delivered, Interrupted, OutboxAtRest, RelayDied
from refold.model.words import counted
from refold.reports.pictures.timeline import CLIENT
from refold.reports.words.values import name

LOCKS, STORE, HOLDS, OUTBOX = " lock service", " guarded store", " holds", " "
"""The lanes of these parts, as in the pictures; the last one is followed by the name of the outbox."""
MESSAGES_MAX = 6
"""Messages that an outbox shows one by one."""


@attrs.define
class HeldLock:
    """Who was given a lock last."""

    client: str
    token: int
    until: int | None


class Services:
    """Folds the records of these parts; `put` holds an item of a lane on the board."""

    def __init__(self, put: Callable[[str, str, str], None]) -> None:
        self.put = put
        self.now = 0
        self.leases: dict[str, HeldLock] = {}
        self.queues: dict[str, dict[str, None]] = {}
        self.unsent: dict[str, None] = {}
        self.events: dict[str, str] = {}
        self.reserved = False
        self.sent: dict[str, int] = {}
        self.shown: list[str] = []
        self.outbox = ""
        self.table: dict[type, Callable[[Any], None]] = {
            Granted: self.granted,
            Queued: self.queued,
            Unqueued: lambda r: self.waits_no_more(r.client, r.lock),
            Released: self.released,
            Renewed: self.renewed,
            TimePassed: lambda r: self.clock(self.now + r.ticks),
            ClockJumped: lambda r: self.clock(self.now + r.ticks),
            LockedWrite: lambda r: self.put(
                STORE, f"last write to {name(r.lock)}", f"token {r.token}, {name(r.client)}"
            ),
            FencedOff: lambda r: self.put(
                STORE, f"last write refused to {name(r.lock)}", f"token {r.token}, {name(r.client)}"
            ),
            HoldTaken: self.hold_taken,
            HoldEnded: self.hold_ended,
            HoldsAtRest: self.holds_at_rest,
            Stored: self.event,
            Claimed: self.claimed,
            Delivered: self.delivered,
            RelayDied: lambda r: self.in_doubt([r.message] if r.message else [], r.relay),
            Interrupted: lambda r: self.in_doubt(r.messages, r.relay),
            OutboxAtRest: self.outbox_at_rest,
        }

    def feed(self, record: Any) -> None:
        """One record."""
        write = self.table.get(type(record))
        if write is not None:
            write(record)

    # -- locks

    def clock(self, now: int) -> None:
        """The clock of the lock service; leases end by it."""
        self.now = now
        self.put(LOCKS, "clock", str(now))
        for lock in self.leases:
            self.lease(lock)

    def lease(self, lock: str) -> None:
        """What the service says of a lock."""
        held = self.leases[lock]
        over = held.until is not None and held.until <= self.now
        how = f"its lease ended at {held.until}" if over else ending(held.until)
        self.put(LOCKS, f"lock {name(lock)}", f"{name(held.client)}, token {held.token}, {how}")

    def granted(self, r: Granted) -> None:
        """A lock has a holder, and a client believes so."""
        self.leases[r.lock] = HeldLock(r.client, r.token, r.until)
        self.waits_no_more(r.client, r.lock)
        self.clock(r.at)
        self.believes(r.client, r.lock, f"token {r.token}, {ending(r.until)}")

    def renewed(self, r: Renewed) -> None:
        """It lasts longer, if the lease is the one that the service knows."""
        held = self.leases.get(r.lock)
        if held is not None and held.token == r.token:
            held.until = r.until
        self.clock(r.at)
        self.believes(r.client, r.lock, f"token {r.token}, until {r.until}")

    def released(self, r: Released) -> None:
        """The client holds it no more; whether somebody else does, depends on the token."""
        held = self.leases.get(r.lock)
        if held is not None and held.token == r.token:
            del self.leases[r.lock]
            self.put(LOCKS, f"lock {name(r.lock)}", "free")
        self.believes(r.client, r.lock, "")

    def believes(self, client: str, lock: str, text: str) -> None:
        """What a client was told, whatever the service says by now."""
        self.put(CLIENT + client, f"believes to hold {name(lock)}", text)

    def queued(self, r: Queued) -> None:
        """One more waits."""
        self.queues.setdefault(r.lock, {})[r.client] = None
        self.clock(r.at)
        self.queue(r.lock)

    def waits_no_more(self, client: str, lock: str) -> None:
        """It has the lock, or has given up."""
        self.queues.get(lock, {}).pop(client, None)
        self.queue(lock)

    def queue(self, lock: str) -> None:
        """Who waits for a lock."""
        waiting = self.queues.get(lock)
        self.put(LOCKS, f"waiting for {name(lock)}", some(waiting) if waiting else "")

    # -- reservations

    def hold_taken(self, r: HoldTaken) -> None:
        """Something is on hold."""
        self.reserved = True
        self.put(HOLDS, f"on hold: {name(r.key)}", f"{name(r.client)}, number {r.hold}, from {r.at} until {r.until}")

    def hold_ended(self, r: HoldEnded) -> None:
        """And is not any more."""
        self.put(HOLDS, f"on hold: {name(r.key)}", "")
        self.put(HOLDS, f"ended last: {name(r.key)}", f"number {r.hold}, {r.how} at {r.at}")

    def holds_at_rest(self, r: HoldsAtRest) -> None:
        """What is still on hold, if anything ever was."""
        if self.reserved or r.holds:
            self.put(HOLDS, "at rest, on hold", some(r.holds))

    # -- outboxes

    def event(self, r: Stored) -> None:
        """Its message is written together with it. Shown as soon as somebody looks into the outbox."""
        self.unsent[f"event {r.position}"] = None
        self.events[r.id] = f"event {r.position}"
        if self.outbox:
            self.waiting()

    def waiting(self) -> None:
        """Events whose message nobody has sent."""
        self.put(OUTBOX + self.outbox, "not sent", some(self.unsent))

    def claimed(self, r: Claimed) -> None:
        """A relay has a row in its hand."""
        self.outbox = self.outbox or "outbox"
        self.message(r.message, f"claimed by {name(r.relay)}")
        self.waiting()

    def delivered(self, r: Delivered) -> None:
        """The outside world has it, perhaps once more."""
        self.outbox = r.outbox
        self.unsent.pop(self.events.get(r.message, ""), None)
        times = self.sent[r.message] = self.sent.get(r.message, 0) + 1
        often = "sent" if times == 1 else f"sent {times} times, last"
        self.message(r.message, f"{often} by {name(r.relay)}{'' if r.effect else '; the receiver knew it already'}")
        self.waiting()

    def in_doubt(self, messages: Iterable[str], relay: str) -> None:
        """Sent, and not written down for sure."""
        for message in messages:
            self.message(message, f"sent by {name(relay)}, perhaps not marked as sent")

    def outbox_at_rest(self, r: OutboxAtRest) -> None:
        """Rows that are left, if anybody ever looked into it."""
        if self.outbox or r.rows:
            self.put(OUTBOX + r.outbox, "at rest", f"{counted(r.rows, 'row')} not marked as sent")

    def message(self, message: str, text: str) -> None:
        """One row; the oldest ones are not shown any more."""
        item = f"message {name(message)}"
        if item in self.shown:
            self.shown.remove(item)
        self.shown.append(item)
        if len(self.shown) > MESSAGES_MAX:
            self.put(OUTBOX + self.outbox, self.shown.pop(0), "")
        self.put(OUTBOX + self.outbox, item, text)


def some(names: Collection[str]) -> str:
    """Up to six of them, and how many more."""
    more = len(names) - MESSAGES_MAX
    shown = ", ".join(map(name, itertools.islice(names, MESSAGES_MAX)))
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def ending(until: int | None) -> str:
    """The end of a lease, in words."""
    return "without a known end" if until is None else f"until {until}"
