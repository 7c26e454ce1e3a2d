"""sliceworkz/eventstore#166: "Idempotent appends: batch as unit of de-duplication".

Each event carries a key, and an event whose key was stored before is not stored again. Each event by itself: if an append is sent
again with more events than the first time, those that are known are left out, and the others are stored, although they were
decided together.
Fixed: the batch is the unit: if any of its keys was stored before, nothing is stored.
"""

from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Appended, Conflict, Stored


class InMemoryEventStorage:
    """A log in memory that recognises keys."""

    def __init__(self):
        self.events, self.positions = [], {}

    def fresh(self, events):
        """The events that are to be stored."""
        return [event for event in events if event.id not in self.positions]

    def version(self, stream):
        return sum(event.stream == stream for event in self.events)

    def append(self, stream, events, holds):
        """False if the condition does not hold."""
        fresh = self.fresh(events)
        version = self.version(stream)
        if fresh and not holds(version):
            return False
        for number, event in enumerate(fresh, version + 1):
            self.positions[event.id] = len(self.events) + 1
            stored = Stored(self.positions[event.id], stream, number, event.id, event.type, event.data)
            self.events.append(stored)
        return True


class FixedInMemoryEventStorage(InMemoryEventStorage):
    """Stores all or nothing."""

    def fresh(self, events):
        return [] if any(event.id in self.positions for event in events) else list(events)


@dataclass(frozen=True)
class Fill:
    """Seat somebody on every free seat."""

    table: str


@dataclass(frozen=True)
class Leave:
    table: str


@dataclass(frozen=True)
class Seated:
    table: str
    seat: int


@dataclass(frozen=True)
class Left:
    table: str
    seat: int


# What refold needs to know of it.


class App(Application):
    events = (Seated, Left)

    def commands(self):
        return [make(table) for make in (Fill, Leave) for table in ("t1", "t2")]

    def initial(self, key):
        return 0

    def decide(self, command, taken):
        if type(command) is Fill:
            if taken == 3:
                raise Refusal(f"{command.table} is full", "oversold")
            return [Seated(command.table, seat) for seat in range(taken + 1, 4)]
        if taken == 0:
            raise Refusal(f"{command.table} is empty", "oversold")
        return [Left(command.table, taken)]

    def evolve(self, taken, event):
        return taken + 1 if type(event) is Seated else taken - 1


class Bad:
    """The log."""

    storage, capabilities = InMemoryEventStorage, ("dedupe",)

    def __init__(self):
        self.stored = self.storage()

    def append(self, request):
        if not self.stored.append(request.stream, request.events, request.expected.holds):
            return Conflict(found=self.stored.version(request.stream))
        positions = self.stored.positions
        return Appended(tuple(positions[event.id] for event in request.events if event.id in positions))

    def read(self, after, limit):
        return self.stored.events[after : after + limit]

    def read_stream(self, stream, after):
        return [event for event in self.stored.events if event.stream == stream and event.version > after]


class Good(Bad):
    storage = FixedInMemoryEventStorage
