"""kurrent-io/KurrentDB#1517: "Projection loses state after restarting EventStore" (fixed by kurrent-io/KurrentDB#1523).

A projection keeps its state in memory and writes a checkpoint every few events: its position, and its state. The state is
written only if it has changed since the last checkpoint. If it has not, the newest checkpoint has none, and after a restart the
projection continues at its position with the initial state.
Fixed: every checkpoint has the state.
"""

import json
from dataclasses import dataclass

from refold import Application
from refold.model import Appended, Conflict, Stored

EVERY = 3


class CheckpointStream:
    """What survives: one record for each checkpoint."""

    def __init__(self):
        self.records = []

    def append(self, position, data):
        self.records.append(json.dumps({"position": position, "data": data}))

    def newest(self):
        return json.loads(self.records[-1]) if self.records else {"position": 0, "data": None}


class Projection:
    """Which plan each user has. Visits change nothing. The state is in memory."""

    projection, promises, saves_every = "views", ("volatile",), EVERY

    def __init__(self):
        self.stream = CheckpointStream()
        self.restart()

    def restart(self):
        newest = self.stream.newest()
        self.state, self.position = newest["data"] or {}, newest["position"]
        self.saved, self.changed = newest["position"], False

    def handle(self, event):
        if self.position >= event.position:
            return
        if event.type == "Subscribed":
            self.state[event.data.user] = event.data.plan
            self.changed = True
        self.position = event.position
        if self.position - self.saved >= EVERY:
            self.write_checkpoint()

    def write_checkpoint(self):
        self.durable()
        self.stream.append(self.position, self.state if self.changed else None)
        self.saved, self.changed = self.position, False

    def rows(self):
        return dict(self.state)

    def checkpoint(self):
        return self.stream.newest()["position"]

    def durable(self): ...

    def crash(self): ...


class FixedProjection(Projection):
    """Writes the state with each position."""

    def write_checkpoint(self):
        self.durable()
        self.stream.append(self.position, self.state)
        self.saved, self.changed = self.position, False


@dataclass(frozen=True)
class Subscribe:
    user: str
    plan: str


@dataclass(frozen=True)
class Visit:
    user: str


@dataclass(frozen=True)
class Subscribed(Subscribe): ...


@dataclass(frozen=True)
class Visited(Visit): ...


# What refold needs to know of it.


class MemoryLog:
    """A correct log in memory."""

    def __init__(self):
        self.events = []

    def append(self, request):
        version = len(self.read_stream(request.stream, 0))
        if not request.expected.holds(version):
            return Conflict(found=version)
        batch = [
            Stored(len(self.events) + n, request.stream, version + n, event.id, event.type, event.data)
            for n, event in enumerate(request.events, 1)
        ]
        self.events += batch
        return Appended(tuple(event.position for event in batch))

    def read(self, after, limit):
        return self.events[after : after + limit]

    def read_stream(self, stream, after):
        return [event for event in self.events if event.stream == stream and event.version > after]


class App(Application):
    events = (Subscribed, Visited)

    def commands(self):
        return [
            *(Visit(user) for user in ("ann", "bob")),
            *(Subscribe(u, p) for u in ("ann", "bob") for p in ("s", "l")),
        ]

    def decide(self, command, state):
        return [Visited(command.user) if isinstance(command, Visit) else Subscribed(command.user, command.plan)]

    def evolve(self, state, event):
        visits, plan = state or (0, "")
        return (visits + 1, plan) if isinstance(event, Visited) else (visits, event.plan)

    def view(self, event, rows):
        return {event.user: event.plan} if isinstance(event, Subscribed) else {}


class Bad:
    projection = Projection

    def __init__(self):
        self.log, self.consumers = MemoryLog(), {"plans": self.projection()}


class Good(Bad):
    projection = FixedProjection
