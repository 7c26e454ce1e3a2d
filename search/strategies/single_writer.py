"""Nodes: the processes of a strategy that gives every key a single writer."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from functools import partial

from refold.model.application import Command
from refold.model.client import View
from refold.model.expectation import at_version
from refold.model.log import Conflict
from refold.model.parts.claims.lease import Lease
from refold.search.strategies.simulated_system import (
    ATTEMPTS,
    BACK_OFF,
    DECLINED,
    DONE,
    LEASE,
    REFUSED,
    WORK,
    Member,
    SimulatedSystem,
    appending,
    asking,
    decision,
)
from refold.search.strategies.simulation import Actor, Script

NODES = 4
"""Processes among which the keys are divided."""


class Node:
    """A process that owns keys: it takes their commands one by one and keeps their states in memory."""

    def __init__(self, system: SimulatedSystem, actor: Actor) -> None:
        self.system = system
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
            self.system.start(self.actor, self.handle(op, command), partial(self.done, answer))

    def done(self, answer: Callable[[str | None], None], result: str | None) -> None:
        """Answer, and go on."""
        system = self.system
        system.at(system.now + system.travel(), partial(answer, result))
        self.busy = -1
        self.work()

    def handle(self, op: str, command: Command) -> Script:
        """Decide on the memory and append at its version; a conflict means that somebody else has become the owner."""
        system, key = self.system, self.system.application.key(command)
        view = self.memory.pop(key, None)
        if view is None:
            view = yield from asking(system, system.log_server, partial(system.tail, key))
        if (op + "/0") in system.log.positions:
            self.memory[key] = system.tail(key)
            return DONE
        yield WORK
        events = decision(system.application, command, view, op)
        if events is None:
            self.memory[key] = view
            return DECLINED
        outcome = yield from appending(system, op, key, at_version(view.version), events)
        if type(outcome) is Conflict:
            return None
        state = view.state
        for event in events:
            state = system.application.evolve(state, event.data)
        self.memory[key] = View(state, view.version + len(events))
        return DONE


def partition(key: str) -> int:
    """Which share of the keys."""
    return zlib.crc32(key.encode()) % NODES


def owner(system: SimulatedSystem, share: str) -> Member | None:
    """The node whose lease on this share is in force; a new one if there is none."""
    live = system.locks.live(share)
    if live is not None:
        return system.nodes[int(live.holder.removeprefix("node-"))]
    first = int(share.removeprefix("share-"))
    for n in range(NODES):
        node = system.nodes[(first + n) % NODES]
        if not system.down(node.actor.name):
            system.locks.acquire(share, node.actor.name)
            node.memory = {key: view for key, view in node.memory.items() if f"share-{partition(key)}" != share}
            return node
    return None


def heartbeat(system: SimulatedSystem) -> None:
    """Nodes that are awake renew their leases."""
    for name, lease in list(system.locks.leases.items()):
        if system.now < lease.until and not system.down(lease.holder):
            system.locks.leases[name] = Lease(lease.holder, lease.token, system.now + LEASE)
            system.messages += 1
    system.at(system.now + LEASE // 3, partial(heartbeat, system))


def single_writer(system: SimulatedSystem, actor: Actor, op: str, command: Command) -> Script:
    """Send the command to the owner of its key, again if nothing comes back."""
    share = f"share-{partition(system.application.key(command))}"
    for _ in range(2 * ATTEMPTS):
        node = owner(system, share)
        if node is None:
            system.blocked += BACK_OFF
            yield BACK_OFF
            continue
        answers: list[str | None] = []
        system.at(system.now + system.travel(), partial(node.receive, op, command, answers.append))
        asked = system.now
        while not answers and system.now - asked < LEASE + BACK_OFF:
            if system.down(node.actor.name):
                system.blocked += 2
            yield 2
        if answers and answers[0] is not None:
            return answers[0]
        system.retries += 1
        yield BACK_OFF
    return REFUSED
