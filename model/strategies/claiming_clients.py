"""Clients that claim a key before they decide on it, so that nobody else decides at the same time.

A claim ends by itself, because a client that died would keep it for ever. So every one of these strategies stands or falls with what
happens to a client that was paused past its claim and still writes: the lease lock lets it (*lock*), the fenced lock compares its
token, the reservation is confirmed only while it is in the book, and the single writer appends with the version that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from refold.model.application import Command
from refold.model.client import Client, View
from refold.model.context import Context
from refold.model.expectation import ANY, AnyExpectation, Fenced, OnHold, at_version
from refold.model.extension import Group, Handler
from refold.model.log import Appended, AppendRequest, Conflict, Log, NothingAppended
from refold.model.parts.claims.lease import LEASE, Lease, LockService
from refold.model.parts.claims.lock import FencedOff, Granted, Pauses, Queued, Released, Unqueued
from refold.model.parts.claims.reservation import LONG, HoldDenied, HoldEnded, HoldTaken, ReservationBook, Sweep
from refold.model.record import ConsumerSpec


class CatchUpClient(Client):
    """Reads the consumer's view, and then the tail of the stream behind it, so that it decides on what the log says now."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.reads = "log"

    def view(self, key: str) -> View:
        """The view, and what the log has on top."""
        application = self.application
        view = View(application.initial(key), 0) if self.source == "log" else super().view(key)
        state, version = view.state, view.version
        for event in self.log.read_stream(key, version):
            state = application.evolve(state, event.data)
            version = event.version
        return View(state, version)


class ClaimingClient(CatchUpClient):
    """Takes a lease on the key, reads, decides, writes, gives the lease back; the lease service is everybody's (`Claims`)."""

    locks: LockService
    lease: Lease

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.leases: dict[str, Lease] = {}
        self.sure = ""

    def bound(self, command: Command) -> bool:
        """A claim protects only if everybody claims."""
        return True

    def prepare(self, command: Command, op: str = "") -> AppendRequest | None:
        """First the claim, then the decision."""
        key = self.application.key(command)
        at = self.locks.time()
        lease = self.locks.acquire(key, self.name)
        if lease is None:
            self.emit(Queued(self.name, key, at, at))
            self.emit(Unqueued(self.name, key))
            return None
        self.emit(Granted(self.name, key, lease.token, lease.until, at))
        self.lease = lease
        self.claimed(key, lease)
        request = super().prepare(command, op)
        if request is None:
            self.let_go(key, lease)
        else:
            self.leases[request.op] = lease
        return request

    def claimed(self, key: str, lease: Lease) -> None:
        """The key is this client's, for a while."""

    def let_go(self, key: str, lease: Lease) -> None:
        """The key is free again."""
        self.locks.release(key, lease.token)
        self.emit(Released(self.name, key, lease.token))

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """After the answer the claim is not needed any more; without one it stays until it ends by itself."""
        self.let_go(request.stream, self.leases.pop(request.op))

    def holds(self, request: AppendRequest) -> bool:
        """Whether the lease under which this append was decided is in force."""
        return self.locks.holds(request.stream, self.leases[request.op].token)


class LockClient(ClaimingClient):
    """Trusts its lease. It does ask whether it still has it right before it writes, and a pause after that question goes unnoticed."""

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The lock is the only protection."""
        return key, ANY

    def send(self, request: AppendRequest) -> Appended | Conflict:
        """Write, if the lease is still in force as far as this client knows."""
        if self.sure == request.op:
            self.sure = ""
        elif not self.holds(request):
            raise NothingAppended
        return super().send(request)


class FencedClient(ClaimingClient):
    """Shows the token of its lease to the log: first when it reads, which locks out everybody with an older one, then when it writes."""

    log: FencedLog

    def claimed(self, key: str, lease: Lease) -> None:
        """From here on, no older token. Without this step an older write could still slip in between reading and writing."""
        self.log.fence(key, lease.token)

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The log compares tokens."""
        return key, Fenced(self.lease.token)

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """A refusal says that the lease was over."""
        if type(outcome) is Conflict:
            self.emit(FencedOff(self.name, request.stream, self.leases[request.op].token))
        super().settled(request, outcome)


class FencedLog(Log):
    """A log that remembers the newest fencing token of every stream, durably, and refuses older ones."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, int] = {}

    def fence(self, stream: str, token: int) -> None:
        """Nobody with an older token may write to `stream` from now on."""
        self.tokens[stream] = max(token, self.tokens.get(stream, 0))

    def check(self, request: AppendRequest) -> Conflict | None:
        """Compare tokens."""
        expected = request.expected
        if type(expected) is Fenced and expected.token < (newest := self.tokens.get(request.stream, 0)):
            return Conflict(self.version(request.stream), f"token {expected.token} is older than token {newest}")
        return super().check(request)


class OwnerClient(ClaimingClient):
    """Hands its command to the process that owns the key and does one command at a time.

    The owner decides on the state in its memory and appends with the version that it knows, which costs nothing while it is the
    only writer and stops it when it was taken for dead and has a successor.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.views: dict[str, View] = {}

    memory: dict[str, View]

    def view(self, key: str) -> View:
        """The owner's memory; out of the log after a change of owners or an answer that never came."""
        return self.memory.pop(key, None) or super().view(key)

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The version that the owner knows."""
        self.views[op] = view
        return key, at_version(view.version)

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """The owner remembers what it wrote, unless the log's yes was to an earlier attempt: then it will load the stream again."""
        view = self.views.pop(request.op)
        behind = [event.id for event in self.log.read_stream(request.stream, view.version)]
        if type(outcome) is Appended and behind == [event.id for event in request.events]:
            state = view.state
            for event in request.events:
                state = self.application.evolve(state, event.data)
            self.memory[request.stream] = View(state, view.version + len(request.events))
        super().settled(request, outcome)


class ReservingClient(CatchUpClient):
    """Puts a hold on the key, decides, and appends on condition that the hold is still in the book."""

    book: ReservationBook

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.hold = 0
        self.numbers: dict[str, int] = {}

    def bound(self, command: Command) -> bool:
        """A hold protects only if everybody holds."""
        return True

    def prepare(self, command: Command, op: str = "") -> AppendRequest | None:
        """First the hold, then the decision."""
        key = self.application.key(command)
        at = self.book.time()
        hold = self.book.take(key, self.name)
        if hold is None:
            self.emit(HoldDenied(self.name, key))
            return None
        self.emit(HoldTaken(self.name, key, hold.number, hold.until, at))
        self.hold = hold.number
        request = super().prepare(command, op)
        if request is None:
            self.end(key, hold.number, "cancelled")
        else:
            self.numbers[request.op] = hold.number
        return request

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The log looks into the book."""
        return key, OnHold(self.hold)

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """The hold has served."""
        how = "confirmed" if type(outcome) is Appended else "cancelled"
        self.end(request.stream, self.numbers.pop(request.op), how)

    def end(self, key: str, number: int, how: str) -> None:
        """Take the hold out of the book, if it is still there."""
        if self.book.end(key, number):
            self.emit(HoldEnded(key, number, how, self.book.time()))


class ReservingLog(Log):
    """A log that accepts an append under a hold only while the hold is in the book, which lives in the same store."""

    book: ReservationBook

    def check(self, request: AppendRequest) -> Conflict | None:
        """Look into the book."""
        expected = request.expected
        if type(expected) is OnHold:
            hold = self.book.holds.get(request.stream)
            if hold is None or hold.number != expected.hold:
                return Conflict(self.version(request.stream), f"hold {expected.hold} is over")
        return super().check(request)


class Claims(Pauses):
    """Gives clients their lease service and their owner's memory; time passes with every action, and in leaps."""

    name = "lock"
    family = ""  # pauses are in every run: what this system is about is its strategy
    pauses = 10

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        super().__init__(context, consumers, clients, step)
        self.locks = LockService(self.clock_now)
        memory: dict[str, View] = {}
        for client in clients.values():
            client.locks = self.locks
            client.memory = memory

    def clock_now(self) -> int:
        """One tick per action, and the leaps."""
        return self.clock.now + self.skew

    def asleep(self, client: Any) -> None:
        """It has just made sure of its lease."""
        if client.holds(client.pending):
            client.sure = client.pending.op


class Holds(Pauses):
    """Gives clients and log the book of reservations, and brings the sweeper."""

    name = "reservation"
    family = ""  # pauses are in every run: what this system is about is its strategy
    pauses = 10
    lasting: ClassVar[int] = LEASE // 2

    def __init__(
        self, context: Context, consumers: dict[str, Any], clients: dict[str, Any], step: Callable[[Any], None]
    ) -> None:
        super().__init__(context, consumers, clients, step)
        self.book = ReservationBook(self.clock_now, self.lasting)
        for part in (*clients.values(), self.log):
            part.book = self.book

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Pauses and the sweeper."""
        return [*super().groups(commands, clients, consumers), (cls.family, 10, [Sweep()])]

    def handlers(self) -> dict[type, Handler]:
        """Pauses and the sweeper."""
        return {**super().handlers(), Sweep: self.on_sweep}

    def clock_now(self) -> int:
        """One tick per action, and the leaps."""
        return self.clock.now + self.skew

    def on_sweep(self, action: Sweep) -> bool:
        if not self.book.holds:
            return False
        self.step(action)
        self.turn()
        return True

    def calm(self) -> None:
        """Time passes."""
        super().calm()
        self.skew += LONG * self.book.lasting

    def turn(self) -> bool:
        """The sweeper."""
        expired = self.book.sweep()
        for key, hold in expired:
            self.emit(HoldEnded(key, hold.number, "expired", self.clock_now()))
        return bool(expired)
