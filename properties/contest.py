"""The strategies for conditional updates as scripts of a simulation: what each of them sends to whom, and when.

The parts that decide who is right are those of the model: the log with its expectations, fencing tokens and holds, the lock service, the
book of reservations, the application's decider. The simulation adds what they cost: messages, waiting, repetition.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from refold.model.application import Application, Command, Refusal
from refold.model.claim import FencedLog, ReservingLog
from refold.model.client import View
from refold.model.event import NewEvent
from refold.model.expectation import ANY, AnyExpectation, Fenced, OnHold, at_version
from refold.model.lease import Lease, LockService
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.reservation import ReservationBook
from refold.properties.simulation import LOST, Actor, Call, Network, Script, Server, Simulation, Spells

DONE, DECLINED, REFUSED, UNKNOWN = "done", "declined", "refused", "unknown"
"""How a command can end: accepted; turned down by the decider; turned away by the strategy, which gave up trying; nobody knows."""

LEASE = 120
"""Ticks of a lease, a hold, an ownership."""
ATTEMPTS = 6
"""How often a conflict is answered with another try, the first one included."""
PATIENCE = 5 * LEASE
"""Ticks that a client waits for a claim."""
BACK_OFF = 10
WORK = 3
"""Ticks that a decision takes."""
SEND = 4
"""Ticks between a look at the clock and the moment at which the message leaves."""
NODES = 4
"""Processes among which the single writers' keys are divided."""


class SimulatedLog(FencedLog, ReservingLog):
    """The model's log, with fencing tokens and holds."""


class Consumer:
    """The read side: a view of every key, some ticks behind the log."""

    def __init__(self, world: World, spells: Spells) -> None:
        self.world = world
        self.spells = spells
        self.rows: dict[str, View] = {}
        self.ready_at = 0
        self.lags: list[int] = []

    def feed(self, key: str, view: View, relay: int = 0) -> None:
        """The log announces what a key is now; it takes a while until it shows."""
        world = self.world
        world.messages += 1
        arrival = max(self.ready_at, world.now + relay + world.random.randint(5, 25))
        self.ready_at = self.spells.over(arrival)
        world.at(self.ready_at, partial(self.show, key, view, world.now))

    def show(self, key: str, view: View, since: int) -> None:
        """Now it shows."""
        self.rows[key] = view
        self.lags.append(self.world.now - since)


class World(Simulation):
    """Everything that the strategies share: log, database, lock service, reservations, the read side."""

    def __init__(self, application: Application, seed: str, network: Network, spells: Callable[[str], Spells]) -> None:
        super().__init__(seed, network)
        self.application = application
        self.log = SimulatedLog()
        self.log_server = Server("log", 1, spells("log"))
        self.database: dict[str, View] = {}
        self.database_server = Server("database", 2, spells("database"))
        self.locks = LockService(self.time, LEASE)
        self.lock_server = Server("locks", 1, spells("locks"))
        self.book = self.log.book = ReservationBook(self.time, LEASE)
        self.consumer = Consumer(self, spells("consumer"))
        self.view_server = Server("view", 0, spells("none"))
        self.tails: dict[str, View] = {}
        self.commands: dict[str, Command] = {}
        self.actors: dict[str, Actor] = {}
        self.nodes: list[Node] = []

    def time(self) -> int:
        """The clock of the services."""
        return self.now

    def down(self, name: str) -> bool:
        """Whether this actor is dead, or paused, or has died since: names of claims are «actor#life#operation»."""
        name, _, claim = name.partition("#")
        actor = self.actors[name]
        return (
            actor.dead or self.now < actor.asleep_until or (claim != "" and claim.partition("#")[0] != str(actor.life))
        )

    def blank(self, key: str) -> View:
        """A key before its first event."""
        return View(self.application.initial(key), 0)

    # -- work that servers do

    def look(self, key: str) -> View:
        """The consumer's view."""
        return self.consumer.rows.get(key) or self.blank(key)

    def tail(self, key: str) -> View:
        """The fold of the stream, up to its end."""
        view = self.tails.get(key) or self.blank(key)
        state, version = view.state, view.version
        for event in self.log.read_stream(key, version):
            state, version = self.application.evolve(state, event.data), event.version
        self.tails[key] = view = View(state, version)
        return view

    def fenced_tail(self, key: str, token: int) -> View:
        """The same, and no older token from here on."""
        self.log.fence(key, token)
        return self.tail(key)

    def append(self, request: AppendRequest) -> Appended | Conflict:
        """Append, and tell the consumer."""
        known = self.log.recognise(request)
        if known is not None:
            return known
        outcome = self.log.append(request)
        if type(outcome) is Appended:
            self.consumer.feed(request.stream, self.tail(request.stream))
        return outcome

    def transaction(self, op: str, command: Command, captured: bool) -> tuple[NewEvent, ...] | None:
        """Decide on the row and write it, in one transaction of the database; the events, or None. If `captured`, the log follows."""
        key = self.application.key(command)
        if captured and (op + "/0") in self.log.positions:
            return ()
        row = self.database.get(key) or self.blank(key)
        events = decision(self.application, command, row, op)
        if events:
            state = row.state
            for event in events:
                state = self.application.evolve(state, event.data)
            self.database[key] = row = View(state, row.version + len(events))
            if captured:
                self.log.append(AppendRequest(op, key, ANY, events))
                self.messages += 1
                self.consumer.feed(key, row, relay=self.random.randint(5, 15))
        return events


def decision(application: Application, command: Command, view: View, op: str) -> tuple[NewEvent, ...] | None:
    """The events that the decider wants on this view; None if it says no."""
    try:
        payloads = application.decide(command, view.state)
    except Refusal:
        return None
    return tuple([NewEvent(f"{op}/{n}", type(data).__name__, data) for n, data in enumerate(payloads)]) or None


def appending(
    world: World, op: str, key: str, expected: AnyExpectation, events: tuple[NewEvent, ...], until: int | None = None
) -> Script:
    """Send an append until there is an answer; None if there is none by `until`, and it is too late to send it again."""
    request = AppendRequest(op, key, expected, events)
    while True:
        outcome = yield Call(world.log_server, partial(world.append, request))
        if outcome is not LOST:
            return outcome
        if until is not None and world.now >= until:
            return None
        world.retries += 1


def asking(world: World, server: Server, work: Callable[[], Any]) -> Script:
    """Ask until there is an answer; for questions that may be asked twice."""
    while (answer := (yield Call(server, work))) is LOST:
        world.retries += 1
    return answer


# -- the strategies: each is a script that brings one command to its end


def blind(world: World, actor: Actor, op: str, command: Command) -> Script:
    """View, decision, append."""
    key = world.application.key(command)
    view = yield from asking(world, world.view_server, partial(world.look, key))
    yield WORK
    events = decision(world.application, command, view, op)
    if events is None:
        return DECLINED
    yield from appending(world, op, key, ANY, events)
    return DONE


def expected_version(world: World, actor: Actor, op: str, command: Command, fresh: bool = False) -> Script:
    """View (or with `fresh` the log's tail), decision, append at that version; after a conflict again, a little later each time."""
    key = world.application.key(command)
    for attempt in range(ATTEMPTS):
        view = yield from asking(world, world.view_server, partial(world.look, key))
        if fresh:
            view = yield from asking(world, world.log_server, partial(world.tail, key))
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            return DECLINED
        expected = at_version(view.version) if world.application.conditional(command) else ANY
        outcome = yield from appending(world, op, key, expected, events)
        if type(outcome) is Appended:
            return DONE
        world.retries += 1
        yield BACK_OFF * (attempt if fresh else 1 << min(attempt, 6))
    return REFUSED


def catch_up(world: World, actor: Actor, op: str, command: Command) -> Script:
    """Expected version on the log's tail."""
    return expected_version(world, actor, op, command, fresh=True)


def locking(world: World, actor: Actor, key: str, claim: str) -> Script:
    """Ask for the lock until it is granted, or it has taken too long."""
    waited = 0
    while waited < PATIENCE:
        lease = yield Call(world.lock_server, partial(grant, world, key, claim))
        if isinstance(lease, Lease):
            return lease
        world.retries += 1
        pause = BACK_OFF + world.random.randint(0, BACK_OFF)
        holder = world.locks.live(key)
        if holder is not None and world.down(holder.holder):
            world.blocked += pause
        waited += pause
        yield pause
    return None


def grant(world: World, key: str, holder: str) -> Lease | None:
    """The lock service's answer; whoever asks again for what it was given, and did not hear of, gets the same answer."""
    live = world.locks.live(key)
    return live if live is not None and live.holder == holder else world.locks.acquire(key, holder)


def lock(world: World, actor: Actor, op: str, command: Command, fenced: bool = False) -> Script:
    """Lock, tail, decision, a look at the clock, append, unlock."""
    key = world.application.key(command)
    for attempt in range(ATTEMPTS):
        lease = yield from locking(world, actor, key, f"{actor.name}#{actor.life}#{op}.{attempt}")
        if lease is None:
            return REFUSED
        read = partial(world.fenced_tail, key, lease.token) if fenced else partial(world.tail, key)
        view = yield from asking(world, world.log_server, read)
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            unlock(world, key, lease)
            return DECLINED
        if world.now >= lease.until:
            world.retries += 1
            continue
        yield SEND
        if fenced:
            outcome = yield from appending(world, op, key, Fenced(lease.token), events)
        else:
            outcome = yield from appending(world, op, key, ANY, events, until=lease.until)
        if outcome is None:
            return UNKNOWN
        unlock(world, key, lease)
        if type(outcome) is Appended:
            return DONE
        world.retries += 1
    return REFUSED


def unlock(world: World, key: str, lease: Lease) -> None:
    """Tell the lock service, and do not wait for it."""
    world.at(world.now + world.travel(), partial(world.locks.release, key, lease.token))


def lock_fenced(world: World, actor: Actor, op: str, command: Command) -> Script:
    """The same with a token that the log compares."""
    return lock(world, actor, op, command, fenced=True)


def reservation(world: World, actor: Actor, op: str, command: Command) -> Script:
    """Hold and tail in one question to the store, decision, append under the hold."""
    key = world.application.key(command)
    waited = 0
    while waited < PATIENCE:
        claim = f"{actor.name}#{actor.life}#{op}.{waited}"
        number, view = yield from asking(world, world.log_server, partial(take, world, key, claim))
        if not number:
            pause = BACK_OFF + world.random.randint(0, BACK_OFF)
            hold = world.book.holds.get(key)
            if hold is not None and world.down(hold.client):
                world.blocked += pause
            world.retries += 1
            waited += pause
            yield pause
            continue
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            world.at(world.now + world.travel(), partial(world.book.end, key, number))
            return DECLINED
        outcome = yield from appending(world, op, key, OnHold(number), events)
        if type(outcome) is Appended:
            world.book.end(key, number)
            return DONE
        waited += 1
        world.retries += 1
    return REFUSED


def take(world: World, key: str, client: str) -> tuple[int, View]:
    """Sweep what is too old, and put the key on hold: the number of the hold (0 if it is somebody else's), and the tail."""
    world.book.sweep()
    mine = world.book.holds.get(key)
    if mine is not None and mine.client == client:
        return mine.number, world.tail(key)
    hold = world.book.take(key, client)
    return 0 if hold is None else hold.number, world.tail(key)


def change_data_capture(world: World, actor: Actor, op: str, command: Command) -> Script:
    """One transaction; the rest follows by itself."""
    events = yield from asking(world, world.database_server, partial(world.transaction, op, command, captured=True))
    return DECLINED if events is None else DONE


def dual_writes(world: World, actor: Actor, op: str, command: Command) -> Script:
    """One transaction, then the log."""
    events = yield Call(world.database_server, partial(world.transaction, op, command, captured=False))
    if events is LOST:
        return UNKNOWN
    if events is None:
        return DECLINED
    yield SEND
    yield from appending(world, op, world.application.key(command), ANY, events)
    return DONE


class Node:
    """A process that owns keys: it takes their commands one by one and keeps their states in memory."""

    def __init__(self, world: World, actor: Actor) -> None:
        self.world = world
        self.actor = actor
        self.inbox: deque[tuple[str, Command, Callable[[str | None], None]]] = deque()
        self.busy = -1
        self.memory: dict[str, View] = {}
        self.life = 0

    def receive(self, op: str, command: Command, answer: Callable[[str | None], None]) -> None:
        """A command arrives."""
        if not self.actor.dead:
            self.inbox.append((op, command, answer))
            self.work()

    def work(self) -> None:
        """Take the next command, if the last one is done."""
        if self.life != self.actor.life:
            self.life = self.actor.life
            self.inbox.clear()
            self.memory.clear()
            self.busy = -1
        if self.busy != self.life and self.inbox:
            op, command, answer = self.inbox.popleft()
            self.busy = self.life
            self.world.start(self.actor, self.handle(op, command), partial(self.done, answer))

    def done(self, answer: Callable[[str | None], None], result: str | None) -> None:
        """Answer, and go on."""
        world = self.world
        world.at(world.now + world.travel(), partial(answer, result))
        self.busy = -1
        self.work()

    def handle(self, op: str, command: Command) -> Script:
        """Decide on the memory and append at its version; a conflict means that somebody else has become the owner."""
        world, key = self.world, self.world.application.key(command)
        view = self.memory.pop(key, None)
        if view is None:
            view = yield from asking(world, world.log_server, partial(world.tail, key))
        if (op + "/0") in world.log.positions:
            self.memory[key] = world.tail(key)
            return DONE
        yield WORK
        events = decision(world.application, command, view, op)
        if events is None:
            self.memory[key] = view
            return DECLINED
        outcome = yield from appending(world, op, key, at_version(view.version), events)
        if type(outcome) is Conflict:
            return None
        state = view.state
        for event in events:
            state = world.application.evolve(state, event.data)
        self.memory[key] = View(state, view.version + len(events))
        return DONE


def partition(key: str) -> int:
    """Which share of the keys."""
    return zlib.crc32(key.encode()) % NODES


def owner(world: World, share: str) -> Node | None:
    """The node whose lease on this share is in force; a new one if there is none."""
    live = world.locks.live(share)
    if live is not None:
        return world.nodes[int(live.holder.removeprefix("node-"))]
    first = int(share.removeprefix("share-"))
    for n in range(NODES):
        node = world.nodes[(first + n) % NODES]
        if not world.down(node.actor.name):
            world.locks.acquire(share, node.actor.name)
            node.memory = {key: view for key, view in node.memory.items() if f"share-{partition(key)}" != share}
            return node
    return None


def heartbeat(world: World) -> None:
    """Nodes that are awake renew their leases."""
    for name, lease in list(world.locks.leases.items()):
        if world.now < lease.until and not world.down(lease.holder):
            world.locks.leases[name] = Lease(lease.holder, lease.token, world.now + LEASE)
            world.messages += 1
    world.at(world.now + LEASE // 3, partial(heartbeat, world))


def single_writer(world: World, actor: Actor, op: str, command: Command) -> Script:
    """Send the command to the owner of its key, again if nothing comes back."""
    share = f"share-{partition(world.application.key(command))}"
    for _ in range(2 * ATTEMPTS):
        node = owner(world, share)
        if node is None:
            world.blocked += BACK_OFF
            yield BACK_OFF
            continue
        answers: list[str | None] = []
        world.at(world.now + world.travel(), partial(node.receive, op, command, answers.append))
        asked = world.now
        while not answers and world.now - asked < LEASE + BACK_OFF:
            if world.down(node.actor.name):
                world.blocked += 2
            yield 2
        if answers and answers[0] is not None:
            return answers[0]
        world.retries += 1
        yield BACK_OFF
    return REFUSED


SCRIPTS: dict[str, Callable[[World, Actor, str, Command], Script]] = {
    "blind": blind,
    "expected-version": expected_version,
    "catch-up": catch_up,
    "lock": lock,
    "lock-fenced": lock_fenced,
    "reservation": reservation,
    "single-writer": single_writer,
    "change-data-capture": change_data_capture,
    "dual-writes": dual_writes,
}
"""Strategy -> its script; the names are those of `refold.model.strategy`."""
