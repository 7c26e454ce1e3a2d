"""The system in which strategies for conditional updates compete: log, database, lock service, reservations, the read side, messages.

The parts that decide who is right are those of the model: the log with its expectations, fencing tokens and holds, the lock service, the
book of reservations, the application's decider. The simulation adds what they cost: messages, waiting, repetition.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from refold.model.application import Application, Command, Refusal
from refold.model.client import View
from refold.model.event import NewEvent
from refold.model.expectation import ANY, AnyExpectation
from refold.model.log import Appended, AppendRequest, Conflict
from refold.model.parts.claims.lease import LockService
from refold.model.parts.claims.reservation import ReservationBook
from refold.model.strategies.claiming_clients import FencedLog, ReservingLog
from refold.search.strategies.simulation import LOST, Actor, Call, Network, Script, Server, Simulation, Spells

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


class SimulatedLog(FencedLog, ReservingLog):
    """The model's log, with fencing tokens and holds."""


class Consumer:
    """The read side: a view of every key, some ticks behind the log."""

    def __init__(self, system: SimulatedSystem, spells: Spells) -> None:
        self.system = system
        self.spells = spells
        self.rows: dict[str, View] = {}
        self.ready_at = 0
        self.lags: list[int] = []

    def feed(self, key: str, view: View, relay: int = 0) -> None:
        """The log announces what a key is now; it takes a while until it shows."""
        system = self.system
        system.messages += 1
        arrival = max(self.ready_at, system.now + relay + system.random.randint(5, 25))
        self.ready_at = self.spells.over(arrival)
        system.at(self.ready_at, partial(self.show, key, view, system.now))

    def show(self, key: str, view: View, since: int) -> None:
        """Now it shows."""
        self.rows[key] = view
        self.lags.append(self.system.now - since)


class Member(Protocol):
    """A process that owns keys for a while: where it runs, what it remembers, and how commands reach it."""

    actor: Actor
    memory: dict[str, View]

    def receive(self, op: str, command: Command, answer: Callable[[str | None], None]) -> None:
        """A command arrives; `answer` is called when it is done."""


class SimulatedSystem(Simulation):
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
        self.nodes: list[Member] = []

    def time(self) -> int:
        """The clock of the services."""
        return self.now

    def down(self, name: str) -> bool:
        """Whether this actor is dead, or paused, or has died since: names of claims are “actor#life#operation”."""
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
    system: SimulatedSystem,
    op: str,
    key: str,
    expected: AnyExpectation,
    events: tuple[NewEvent, ...],
    until: int | None = None,
) -> Script:
    """Send an append until there is an answer; None if there is none by `until`, and it is too late to send it again."""
    request = AppendRequest(op, key, expected, events)
    while True:
        outcome = yield Call(system.log_server, partial(system.append, request))
        if outcome is not LOST:
            return outcome
        if until is not None and system.now >= until:
            return None
        system.retries += 1


def asking(system: SimulatedSystem, server: Server, work: Callable[[], Any]) -> Script:
    """Ask until there is an answer; for questions that may be asked twice."""
    while (answer := (yield Call(server, work))) is LOST:
        system.retries += 1
    return answer
