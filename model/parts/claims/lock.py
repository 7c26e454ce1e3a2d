"""Locks: clients that take a leased lock, may be paused past its end, and write to a store that the lock is meant to guard.

The guarded store compares fencing tokens: it refuses a write whose token is older than one that it has seen. A client asks
the lock service right before it writes whether its lease is still in force; a pause between that question and the write is what no
client can notice, and what the token is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from refold.model.action import Action, action_kind
from refold.model.context import Context
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.parts.claims.lease import LEASE, Lease, LockService
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted

LOCK = "ledger"
"""The name of the one lock, and of the store that it guards."""


def named(lock: str) -> str:
    """A lock in words; "" is the only one that there is."""
    return f"the lock on {lock}" if lock else "the lock"


@action_kind
class Acquire(Action, frozen=True, tag="acquire", omit_defaults=True):
    """A client asks for the lock; if the lock is taken, the client queues for as long as its own lease would last."""

    client: str
    lock: str = ""

    def __str__(self) -> str:
        return f"{self.client} asks for {named(self.lock)}"


@action_kind
class WriteLocked(Action, frozen=True, tag="write-locked", omit_defaults=True):
    """A client that was given the lock checks that it still has it, and writes to the guarded store."""

    client: str
    lock: str = ""

    def __str__(self) -> str:
        return f"{self.client} writes to what {named(self.lock)} guards"


@action_kind
class Release(Action, frozen=True, tag="release", omit_defaults=True):
    """A client that was given the lock releases it."""

    client: str
    lock: str = ""

    def __str__(self) -> str:
        return f"{self.client} releases {named(self.lock)}"


@action_kind
class Renew(Action, frozen=True, tag="renew", omit_defaults=True):
    """A client that was given the lock asks for more time."""

    client: str
    lock: str = ""

    def __str__(self) -> str:
        return f"{self.client} renews its lease{f' on {self.lock}' if self.lock else ''}"


@action_kind
class Pause(Action, frozen=True, tag="pause"):
    """A client stops for longer than a lease lasts, right before its next write (garbage collection, a suspended machine).

    May lose: its leases. May never lose: what it believes. When it goes on, it does not know that time has passed.
    """

    phrase = "a client was paused past its lease"
    fault = True

    client: str

    def __str__(self) -> str:
        return f"{self.client} is paused for longer than a lease, about to write"


@action_kind
class Resume(Action, frozen=True, tag="resume"):
    """A paused client goes on where it stopped. If it was about to write under the lock, it does so."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} wakes up and goes on with what it was about to do"


@action_kind
class JumpClock(Action, frozen=True, tag="jump-clock"):
    """The clock of the lock service jumps forward by a whole lease. May lose: every lease. May never lose: the order of tokens."""

    fault = True

    def __str__(self) -> str:
        return "the clock of the lock service jumps forward past every lease"


@action_kind
class PassTime(Action, frozen=True, tag="pass-time"):
    """Half a lease passes on the clock of the lock service, as it does while everybody is working."""

    def __str__(self) -> str:
        return "half a lease passes"


@record_kind
class Granted(Record, frozen=True, tag="granted"):
    """The lock service gave `client` the lock: at `at` on its clock, until `until`, under the fencing token `token`. If not
    `exclusive`, leases are timed by clocks that may differ, and only the token protects what the lock guards. If `until` is null, nobody
    knows when the lease ends, or whether it has ended by then: its client was told late."""

    client: str
    lock: str
    token: int
    until: int | None
    at: int
    exclusive: bool = True

    def __str__(self) -> str:
        return f"{self.client} is given the lock on {self.lock} under token {self.token}, {self.lease()}"

    def lease(self) -> str:
        """From when until when it is, in words."""
        return f"told at {self.at}, without a known end" if self.until is None else f"from {self.at} until {self.until}"


@record_kind
class Queued(Record, frozen=True, tag="queued"):
    """The lock service said that the lock is taken; `client` waits for it until `until`."""

    phrase = "somebody had waited for the lock"

    client: str
    lock: str
    until: int
    at: int

    def __str__(self) -> str:
        return f"{self.client} is told at {self.at} that the lock on {self.lock} is taken"


@record_kind
class Unqueued(Record, frozen=True, tag="unqueued"):
    """`client` stops waiting, because it has waited too long."""

    client: str
    lock: str

    def __str__(self) -> str:
        return f"{self.client} waits no more for the lock on {self.lock}"


@record_kind
class Released(Record, frozen=True, tag="released"):
    """`client` gave back the lock that it was given under `token`."""

    phrase = "a lock was released"

    client: str
    lock: str
    token: int

    def __str__(self) -> str:
        return f"{self.client} gives back the lock on {self.lock} that it was given under token {self.token}"


@record_kind
class Renewed(Record, frozen=True, tag="renewed"):
    """The lock service told `client`, at `at` on its clock, that the lease that it was given under `token` lasts until `until`."""

    phrase = "a lease was renewed"

    client: str
    lock: str
    token: int
    until: int
    at: int

    def __str__(self) -> str:
        return f"{self.client} is told at {self.at} that its lease on {self.lock} under token {self.token} is renewed until {self.until}"


@record_kind
class TimePassed(Record, frozen=True, tag="time-passed"):
    """`ticks` went by on the clock of the lock service."""

    ticks: int

    def __str__(self) -> str:
        return f"{counted(self.ticks, 'tick')} pass on the clock of the lock service"


@record_kind
class LockedWrite(Record, frozen=True, tag="locked-write"):
    """A write under the lock had its effect."""

    phrase = "somebody wrote under the lock"

    client: str
    lock: str
    token: int

    def __str__(self) -> str:
        return f"the write of {self.client} to {self.lock} under token {self.token} has its effect"


@record_kind
class FencedOff(Record, frozen=True, tag="fenced-off"):
    """The guarded store refused a write because of its token."""

    client: str
    lock: str
    token: int

    def __str__(self) -> str:
        return f"the write of {self.client} to {self.lock} is refused because of its token {self.token}"


@record_kind
class Paused(Record, frozen=True, tag="paused"):
    """A client stopped for `ticks`."""

    fault = True

    client: str
    ticks: int

    def __str__(self) -> str:
        return f"{self.client} stops for {counted(self.ticks, 'tick')}"


@record_kind
class Resumed(Record, frozen=True, tag="resumed"):
    """A client goes on."""

    client: str

    def __str__(self) -> str:
        return f"{self.client} goes on"


@record_kind
class ClockJumped(Record, frozen=True, tag="clock-jumped"):
    """The clock of the lock service moved by `ticks` at once."""

    fault = True

    ticks: int

    def __str__(self) -> str:
        return f"the clock of the lock service moves by {counted(self.ticks, 'tick')} at once"


class Pauses(Extension):
    """What every extension with leases has: a clock of its own, and clients that can be paused past a lease."""

    family = "lock"
    pauses: ClassVar[int] = 4

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        super().__init__(context, consumers, clients, step)
        self.skew = 0

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Pauses, and jumps of the clock."""
        return [
            (cls.family, cls.pauses, [Pause(client) for client in clients]),
            (cls.family, 2 * cls.pauses, [Resume(client) for client in clients]),
            (cls.family, 2, [JumpClock()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Pauses, and jumps of the clock."""
        return {Pause: self.on_pause, Resume: self.on_resume, JumpClock: self.on_jump}

    def clock_now(self) -> int:
        """The time of the lock service: only pauses and jumps take long enough to count."""
        return self.skew

    def time_of(self, client: str) -> float:
        """What the clock of a client says."""
        return self.clock_now() + float(self.clients[client].ahead)

    def engaged(self, client: Any) -> bool:
        """Whether a pause of this client would matter: it is about to write."""
        return client.pending is not None

    def asleep(self, client: Any) -> None:
        """The client stops here; what it has just made sure of, it will not ask again."""

    def awake(self, client: Any) -> None:
        """The client goes on."""

    def on_pause(self, action: Pause) -> bool:
        client = self.clients[action.client]
        if client.paused or not self.engaged(client):
            return False
        self.step(action)
        self.asleep(client)
        client.paused = True
        self.skew += LEASE
        self.emit(Paused(client.name, LEASE))
        return True

    def on_resume(self, action: Resume) -> bool:
        client = self.clients[action.client]
        if not client.paused:
            return False
        self.step(action)
        client.paused = False
        self.emit(Resumed(client.name))
        self.awake(client)
        return True

    def on_jump(self, action: JumpClock) -> bool:
        self.step(action)
        self.skew += LEASE
        self.emit(ClockJumped(LEASE))
        return True

    def calm(self) -> None:
        """Everybody wakes up."""
        for client in self.clients.values():
            client.paused = False


class Locks(Pauses, LockService):
    """One lock, the clients that want it, and the store that it guards."""

    name = "lock"
    title = "locks with leases"
    covers = "pauses past the end of a lease, clocks that jump, fencing"
    counts = (
        count("pauses", "clients that stopped for longer than a lease lasts", Paused),
        count("leases", "leases that the lock service granted", Granted),
        count("renewals", "leases that the lock service renewed", Renewed),
    )

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        Pauses.__init__(self, context, consumers, clients, step)
        LockService.__init__(self, self.clock_now)
        self.held: dict[str, Lease] = {}
        self.sure: set[str] = set()
        self.queue: list[tuple[str, int]] = []
        self.newest = 0

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Lock, write, release, pauses in between; two clients are enough for every race."""
        return [
            (cls.family, 8, [Acquire(client) for client in clients[:2]]),
            (cls.family, 6, [WriteLocked(client) for client in clients[:2]]),
            (cls.family, 4, [Release(client) for client in clients[:2]]),
            (cls.family, 4, [Renew(client) for client in clients[:2]]),
            (cls.family, 4, [PassTime()]),
            *super().groups(commands, clients[:2], consumers),
        ]

    def handlers(self) -> dict[type, Handler]:
        """What clients do with the lock."""
        return {
            **super().handlers(),
            Acquire: self.on_acquire,
            WriteLocked: self.on_write,
            Release: self.on_release,
            Renew: self.on_renew,
            PassTime: self.on_time,
        }

    # -- clients

    def engaged(self, client: Any) -> bool:
        """Holds the lock, or waits for it."""
        return client.name in self.held or any(name == client.name for name, _ in self.queue)

    def asleep(self, client: Any) -> None:
        """It has just made sure of its lease."""
        lease = self.held.get(client.name)
        if lease is not None and self.holds(LOCK, lease.token):
            self.sure.add(client.name)

    def awake(self, client: Any) -> None:
        """It does what it was about to do."""
        if client.name in self.sure:
            self.sure.discard(client.name)
            self.write(client.name, self.held[client.name])

    def on_jump(self, action: JumpClock) -> bool:
        return bool(self.leases) and super().on_jump(action)

    def on_acquire(self, action: Acquire) -> bool:
        client = self.clients[action.client]
        if client.paused or self.engaged(client):
            return False
        self.step(action)
        self.serve()
        lease = self.acquire(LOCK, client.name)
        if lease is not None:
            self.given(lease)
        else:
            at = self.clock_now()
            self.queue.append((client.name, at + LEASE))
            self.emit(Queued(client.name, LOCK, at + LEASE, at))
        return True

    def on_write(self, action: WriteLocked) -> bool:
        lease = self.held.get(action.client)
        if lease is None or self.clients[action.client].paused:
            return False
        self.step(action)
        if self.holds(LOCK, lease.token):
            self.write(action.client, lease)
        else:
            del self.held[action.client]
        return True

    def write(self, client: str, lease: Lease) -> None:
        """The write arrives at the guarded store."""
        accepted = self.accepts(lease.token)
        self.emit((LockedWrite if accepted else FencedOff)(client, LOCK, lease.token))

    def on_release(self, action: Release) -> bool:
        lease = self.held.get(action.client)
        if lease is None or self.clients[action.client].paused:
            return False
        self.step(action)
        del self.held[action.client]
        self.release(LOCK, lease.token)
        self.emit(Released(action.client, LOCK, lease.token))
        self.serve()
        return True

    def on_renew(self, action: Renew) -> bool:
        lease = self.held.get(action.client)
        if lease is None or self.clients[action.client].paused:
            return False
        self.step(action)
        renewed = self.renew(LOCK, lease.token)
        if renewed is None:
            del self.held[action.client]
        else:
            self.held[action.client] = Lease(action.client, lease.token, renewed.until)
            self.emit(Renewed(action.client, LOCK, lease.token, renewed.until, self.clock_now()))
        return True

    def on_time(self, action: PassTime) -> bool:
        if not self.leases:
            return False
        self.step(action)
        self.skew += LEASE // 2
        self.emit(TimePassed(LEASE // 2))
        return True

    # -- the lock service

    def given(self, lease: Lease) -> None:
        """A client holds the lock and knows it."""
        self.held[lease.holder] = lease
        self.emit(Granted(lease.holder, LOCK, lease.token, lease.until, self.clock_now()))

    def serve(self) -> None:
        """If the lock is free, give it to whoever has waited longest and still waits."""
        while self.queue and self.live(LOCK) is None:
            client, until = self.queue.pop(0)
            if not self.waits(until):
                self.emit(Unqueued(client, LOCK))
            elif (lease := self.acquire(LOCK, client)) is not None:
                self.given(lease)

    def waits(self, until: int) -> bool:
        """Whether one who waits until then still does: its lease may have ended in the queue."""
        return self.time() < until

    # -- the guarded store

    def accepts(self, token: int) -> bool:
        """Whether a write with this token may have an effect: not if a newer token was here before."""
        if token < self.newest:
            return False
        self.newest = token
        return True

    def turn(self) -> bool:
        """While the system settles, the queue moves on."""
        waiting = len(self.queue)
        self.serve()
        return len(self.queue) < waiting
