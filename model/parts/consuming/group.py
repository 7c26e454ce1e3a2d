"""Group: consumers that share the partitions of the log, and take them from each other.

Every stream belongs to one partition, every partition to one member of the group at a time. Who owns what is a generation; the
store refuses writes of an older generation (a fencing token), and keeps a partition's offset in the same step as the effects.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import attrs

from refold.model.action import Action, action_kind
from refold.model.datastore import Datastore
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Extension, Group, Handler
from refold.model.log import pages
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, ConsumerSpec, Observed, Record, record_kind

MEMBERS = ("m1", "m2")
PAGE = 8


@record_kind
class MemberFenced(Record, frozen=True, tag="member-fenced"):
    """The store of `consumer` refused a write by `member`, which is of generation `generation` while the present one is `present`."""

    consumer: str
    member: str
    generation: int
    present: int

    def __str__(self) -> str:
        return (
            f"the store of {self.consumer} refuses {self.member}, which is of generation {self.generation};"
            f" the present one is {self.present}"
        )


@action_kind
class Work(Action, frozen=True, tag="work"):
    """A member of the group handles the next event of its partitions."""

    member: str

    def __str__(self) -> str:
        return f"{self.member} handles the next event of its partitions"


@action_kind
class StallMember(Action, frozen=True, tag="stall-member"):
    """A member of the group reads its next events and stalls before it handles them (a long pause: it does not notice)."""

    phrase = "a member had stalled"
    fault = True

    member: str

    def __str__(self) -> str:
        return f"{self.member} reads its next events and stalls"


@action_kind
class WakeMember(Action, frozen=True, tag="wake-member"):
    """A stalled member goes on where it was, with what it had read."""

    member: str

    def __str__(self) -> str:
        return f"{self.member} goes on"


@action_kind
class Rebalance(Action, frozen=True, tag="rebalance"):
    """The coordinator gives every partition to the other member. A stalled member is not told: its session has expired."""

    phrase = "partitions had been given to another member"

    def __str__(self) -> str:
        return "the coordinator gives every partition to the other member"


@attrs.define(eq=False)
class Member:
    """One process of the group: what it believes to own, how far it has read, and what it has in hand."""

    name: str
    generation: int = 0
    read: dict[int, int] = attrs.field(factory=dict)
    inbox: list[Stored] = attrs.field(factory=list)
    stalled: bool = False


class ConsumerGroup(Extension):
    """Two members, two partitions, one store. The group appears in the history as one consumer called ``group``."""

    name = "group"
    title = "a consumer group"
    covers = "partitions that change hands while a member is stalled"
    counts = (count("rebalances", "times that partitions of a consumer group changed hands", Rebalance),)
    family = "group"
    called_by = (Work, StallMember, WakeMember, Rebalance)
    started = False
    announced = False

    # -- the coordinator

    def start(self) -> None:
        """Everybody owns something, and nothing is done yet."""
        self.started = True
        self.store = Datastore()
        self.offsets = dict.fromkeys(range(len(MEMBERS)), 0)
        self.owners = dict(enumerate(MEMBERS))
        self.generation = 1
        self.members = {name: Member(name) for name in MEMBERS}
        self.project = self.context.application.projection("totals")
        for member in self.members.values():
            self.assign(member)

    def act(self, action: Action) -> None:
        """An action of the group is performed; with the first one it takes part."""
        self.step(action)
        if not self.announced:
            self.announced = True
            self.emit(Joined(ConsumerSpec(name=self.name, projection="totals", by_stream=True)))

    def rebalance(self, action: Rebalance) -> bool:
        """A new generation; whoever is awake learns of it at once."""
        if self.log.down:
            return False
        if not self.started:
            self.start()
        self.act(action)
        awake = [member for member in self.members.values() if not member.stalled]
        for member in awake:
            self.revoke(member)
        self.generation += 1
        self.owners = {partition: self.other(owner) for partition, owner in self.owners.items()}
        for member in awake:
            self.assign(member)
        return True

    @staticmethod
    def other(name: str) -> str:
        """The other member."""
        return MEMBERS[1 - MEMBERS.index(name)]

    def revoke(self, member: Member) -> None:
        """A member gives its partitions up: what it has in hand is not handled, so nothing needs to be finished."""
        member.inbox.clear()

    def assign(self, member: Member) -> None:
        """A member takes its partitions in the present generation and goes on at their offsets."""
        member.generation = self.generation
        member.inbox.clear()
        member.read = {
            partition: self.offsets[partition] for partition, owner in self.owners.items() if owner == member.name
        }

    def partition(self, event: Stored) -> int:
        """The partition of an event: that of its stream, so that a stream stays in order."""
        return zlib.crc32(event.stream.encode()) % len(MEMBERS)

    # -- a member

    def fetch(self, member: Member) -> None:
        """Read on in all partitions of the member."""
        for partition, after in member.read.items():
            for page in pages(self.log, after, PAGE):
                found = [event for event in page if self.partition(event) == partition]
                after = page[-1].position
                if found:
                    member.inbox.extend(found)
                    break
            member.read[partition] = after
        member.inbox.sort(key=lambda event: event.position)

    def handle(self, member: Member) -> None:
        """One event: effect and offset in one step, unless the store refuses the member's generation."""
        event = member.inbox[0]
        if not self.admits(member):
            self.emit(MemberFenced(self.name, member.name, member.generation, self.generation))
            self.assign(member)
            return
        del member.inbox[0]
        if not self.applied_before(event):
            writes = self.project(event, self.store.view())
            self.store.apply(event.position, writes)
            self.emit(Applied(self.name, event.position, self.store.read(writes)))
        self.handled(member, event)

    def admits(self, member: Member) -> bool:
        """Whether the store takes writes of this member's generation: only the present one."""
        return member.generation == self.generation

    def applied_before(self, event: Stored) -> bool:
        """Offsets and effects are one, so what comes is new."""
        return False

    def handled(self, member: Member, event: Stored) -> None:
        """In the same step as the effect: the offset of the partition."""
        self.commit(event)

    def commit(self, event: Stored) -> None:
        """The partition of this event is done up to here."""
        self.offsets[self.partition(event)] = event.position

    # -- actions

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """Work, pauses, rebalances."""
        return [
            (cls.family, 6, [Work(name) for name in MEMBERS]),
            (cls.family, 3, [StallMember(name) for name in MEMBERS]),
            (cls.family, 1, [WakeMember(name) for name in MEMBERS]),
            (cls.family, 3, [Rebalance()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Four actions."""
        return {
            Work: self.work,
            StallMember: self.stall,
            WakeMember: self.wake,
            Rebalance: self.rebalance,
        }

    def found(self, name: str, stalled: bool) -> Member | None:
        """The member if it is as expected."""
        if name not in MEMBERS or self.log.down:
            return None
        if not self.started:
            self.start()
        member = self.members[name]
        return member if member.stalled is stalled else None

    def work(self, action: Work) -> bool:
        """If there is something to do."""
        member = self.found(action.member, False)
        if member is None or not self.ready(member):
            return False
        self.act(action)
        self.handle(member)
        return True

    def ready(self, member: Member) -> bool:
        """Whether the member has something in hand now; before it reads on, it asks the coordinator what is its."""
        if not member.inbox:
            if member.generation != self.generation:
                self.assign(member)
            self.fetch(member)
        return bool(member.inbox)

    def stall(self, action: StallMember) -> bool:
        """With its next events in hand."""
        member = self.found(action.member, False)
        if member is None:
            return False
        self.act(action)
        self.ready(member)
        member.stalled = True
        return True

    def wake(self, action: WakeMember) -> bool:
        """It was long enough."""
        member = self.found(action.member, True)
        if member is None:
            return False
        self.act(action)
        member.stalled = False
        return True

    # -- settling

    def calm(self) -> None:
        """Nobody stalls any more."""
        if self.announced:
            for member in self.members.values():
                member.stalled = False

    def turn(self) -> bool:
        """Handle one event, if there is one."""
        if not self.announced:
            return False
        for member in reversed(self.members.values()):
            if self.ready(member):
                self.handle(member)
                return True
        return False

    def rest(self) -> None:
        """Show the rows, and how far all partitions are done."""
        if not self.announced:
            return
        done = 0
        for page in pages(self.log, 0, 1024):
            for event in page:
                if event.position > self.offsets[self.partition(event)]:
                    self.emit(Observed(self.name, done, self.store.rows()))
                    return
                done = event.position
        self.emit(Observed(self.name, done, self.store.rows()))
