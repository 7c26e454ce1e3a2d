"""Clients: they read a view, decide on it, append, and hear an answer or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.application import Command, Refusal, State
from refold.model.context import Context
from refold.model.declarations.ports import StorePort
from refold.model.event import NewEvent
from refold.model.expectation import ANY, AnyExpectation, AnyVersion, Criterion, Exact, NoMatch, at_version
from refold.model.log import Appended, AppendRequest, Conflict, pages
from refold.model.record import Declined, Prepared, SnapshotLoaded, SnapshotTaken
from refold.model.snapshot import Snapshot

SNAPSHOT_EVERY = 2
"""Events of a stream between two snapshots of an aggregate."""

PAGE = 1024
"""Events that are read at once by who decides on tags."""


class View(msgspec.Struct, frozen=True, gc=False):
    """What a client knows of a stream when it decides: `state` is the fold of its first `version` events."""

    state: State
    version: int


class Client:
    """A client that decides on the view of a consumer (`source`), as most web applications do, and appends with the version of
    that view as the expected version.
    """

    def __init__(
        self,
        name: str,
        source: str,
        context: Context,
        store: StorePort,
    ) -> None:
        self.name = name
        self.source = source
        self.reads = source
        self.context = context
        self.application = context.application
        self.log = context.log
        self.store = store
        self.snapshots = context.snapshots
        self.emit = context.emit
        self.tagged = context.application.tagged
        self.operations = 0
        self.pending: AppendRequest | None = None
        self.slow = False
        self.paused = False
        self.ahead = 0.0
        """What its clock is ahead of the others', in ticks."""
        self.unknown: AppendRequest | None = None
        self.acknowledged = 0
        """Position of the newest event of its own that this client knows to be in the log."""
        self.command: Command = None
        self.doubted: Command = None

    def prepare(self, command: Command, op: str = "") -> AppendRequest | None:
        """Read the view and decide; keeps and returns the append to send, or None if the decider says no.

        With `op`, an operation of unknown outcome is decided anew: its events get the same ids, by which the log recognises them.
        """
        application = self.application
        key = application.key(command)
        criteria = application.condition(command) if self.tagged else None
        if criteria is None:
            condition, view, reads = None, self.view(key), self.reads
        else:
            condition, view = self.matching(tuple(criteria), key)
            reads = "log"
        if not op:
            self.operations += 1
            op = f"{self.name}-{self.operations}"
            self.command = command
        try:
            payloads = application.decide(command, view.state)
        except Refusal as refusal:
            self.emit(Declined(self.name, op, command, reads, key, view.version, refusal.reason))
            return None
        if not payloads:
            self.emit(Declined(self.name, op, command, reads, key, view.version, "nothing to do"))
            return None
        events = numbered(op, payloads)
        if self.tagged:
            events = tuple([NewEvent(one.id, one.type, one.data, tuple(application.tags(one.data))) for one in events])
        if self.bound(command):
            stream, expected = self.target(key, view, op) if condition is None else (key, self.condition(condition))
        else:
            stream, expected = key, ANY
        self.emit(Prepared(self.name, op, command, reads, stream, view.version, expected, events))
        self.pending = request = AppendRequest(op, stream, expected, events)
        return request

    def view(self, key: str) -> View:
        """What the consumer's datastore holds of this key now."""
        row = self.store.get(key)
        return View(self.application.initial(key), 0) if row is None else View(row[1], row[0])

    def matching(self, criteria: tuple[Criterion, ...], key: str) -> tuple[NoMatch, View]:
        """Read the log to its end: the fold of the events that match, under the version that the stream of `key` has there; and the
        condition that no more of them have come."""
        application = self.application
        state, version, end = application.initial(key), 0, 0
        condition = NoMatch(criteria, 0)
        for page in pages(self.log, 0, PAGE):
            for event in page:
                end = event.position
                if event.stream == key:
                    version = event.version
                if condition.matches(event.type, event.tags):
                    state = application.evolve(state, event.data)
        return NoMatch(criteria, end), View(state, version)

    def condition(self, condition: NoMatch) -> AnyExpectation:
        """What to demand of the log, after what was read."""
        return condition

    def bound(self, command: Command) -> bool:
        """Whether the append of this command has a condition: not if nobody decides on the fact that it states."""
        return self.application.conditional(command)

    def target(self, key: str, view: View, op: str) -> tuple[str, AnyExpectation]:
        """The stream to append to and what to demand of it: the consistency boundary that the decision was about, unmoved since."""
        return key, at_version(view.version)

    def send(self, request: AppendRequest) -> Appended | Conflict:
        """Hand the append to the log; raises `NothingAppended` if the client knows better than to send it."""
        return self.log.append(request)

    def doubt(self, request: AppendRequest) -> None:
        """No answer came: the outcome of this append is unknown."""
        if self.unknown is not request:
            self.unknown = request
            self.doubted = self.command

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """Called with every definite answer."""


def numbered(op: str, payloads: Sequence[Any]) -> tuple[NewEvent, ...]:
    """The events of one operation, with their ids."""
    if len(payloads) == 1:
        return (NewEvent(op + "/0", type(payloads[0]).__name__, payloads[0]),)
    return tuple([NewEvent(f"{op}/{n}", type(payload).__name__, payload) for n, payload in enumerate(payloads)])


class AggregateClient(Client):
    """A client that loads the stream itself: newest snapshot and tail; it saves a snapshot every few events, after the log's yes."""

    def view(self, key: str) -> View:
        """Load the aggregate."""
        evolve = self.application.evolve
        owner = "stream:" + key
        snapshot = self.usable(owner)
        if snapshot is None:
            state, version = self.application.initial(key), 0
        else:
            state, version = self.understood(snapshot, key), snapshot.position
            self.emit(SnapshotLoaded(owner, version, state, snapshot.schema))
        for event in self.log.read_stream(key, version):
            state = evolve(state, event.data)
            version = event.version
        return View(state, version)

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """After the log's yes: a snapshot, made from the log alone, unless the append says that none is due."""
        if type(outcome) is Appended and self.due(request):
            self.snapshot(request.stream, self.view(request.stream))

    def due(self, request: AppendRequest) -> bool:
        """Whether the stream may have come far enough; an append at a known version tells without a look at the stream."""
        expected = request.expected
        if type(expected) is not Exact:
            return True
        newest = self.usable("stream:" + request.stream)
        reached = expected.version + len(request.events)
        return reached - (0 if newest is None else newest.position) >= SNAPSHOT_EVERY

    def usable(self, owner: str) -> Snapshot | None:
        """The newest snapshot, if this version of the code can read it."""
        snapshot = self.snapshots.newest(owner)
        return snapshot if snapshot is not None and snapshot.schema == self.context.schema else None

    def understood(self, snapshot: Snapshot, key: str) -> Any:
        """The state that this version of the code finds in a snapshot; of another version's it understands nothing."""
        return snapshot.state if snapshot.schema == self.context.schema else self.application.initial(key)

    def snapshot(self, stream: str, view: View) -> None:
        """Save the aggregate if it is due: its usable snapshot, if there is one, is old enough."""
        owner = "stream:" + stream
        newest = self.usable(owner)
        if view.version - (0 if newest is None else newest.position) >= SNAPSHOT_EVERY:
            self.save(owner, view.version, view.state)

    def save(self, owner: str, version: int, state: Any) -> None:
        """Save one snapshot, unless there is one that is as new."""
        newest = self.usable(owner)
        if newest is None or newest.position < version:
            self.snapshots.save(Snapshot(owner, version, state, self.context.schema))
            self.emit(SnapshotTaken(owner, version, state, self.context.schema))


class HeldAggregateClient(AggregateClient):
    """A client that holds its aggregates in memory between commands, as most frameworks do.

    New events are applied to the aggregate at once and are `uncommitted` until the log's yes. An aggregate whose events were not
    confirmed is discarded and loaded again, because nobody knows whether the log has them. It takes no snapshots.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.held: dict[str, View] = {}
        self.uncommitted: dict[str, str] = {}

    def prepare(self, command: Command, op: str = "") -> AppendRequest | None:
        """Decide, and apply the new events to the aggregate in memory; not if they may have been in the log for long."""
        request = super().prepare(command, op)
        if op:
            self.held.pop(self.application.key(command), None)
        elif request is not None and request.stream in self.held:
            stream = request.stream
            view = self.held[stream]
            state = view.state
            for event in request.events:
                state = self.application.evolve(state, event.data)
            self.held[stream] = View(state, view.version + len(request.events))
            self.uncommitted[stream] = request.op
        return request

    def view(self, key: str) -> View:
        """The aggregate in memory and what others have appended since; or, if it is not held or has unconfirmed events, a fresh one."""
        if key in self.uncommitted or key not in self.held:
            self.uncommitted.pop(key, None)
            view = super().view(key)
        else:
            view = self.held[key]
            for event in self.log.read_stream(key, view.version):
                view = View(self.application.evolve(view.state, event.data), event.version)
        self.held[key] = view
        return view

    def settled(self, request: AppendRequest, outcome: Appended | Conflict) -> None:
        """The log's yes commits the events, where the aggregate is at their place; anything else leaves them unconfirmed."""
        stream = request.stream
        if (
            type(outcome) is Appended
            and self.uncommitted.get(stream) == request.op
            and type(request.expected) is not AnyVersion
        ):
            self.committed(stream)

    def committed(self, stream: str) -> None:
        """The events in memory are those of the log."""
        self.uncommitted.pop(stream, None)
