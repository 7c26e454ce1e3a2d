"""A small discrete-event simulation: actors that can be paused or die, servers with queues and outages, messages that take time.

Time is counted in ticks. An actor runs scripts: generators that yield how long to wait, or a `Call` to a server, and get the answer
(or `LOST`). Deterministic: one heap, ties in the order of scheduling, and generators seeded with names, never with hashes.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import attrs

Script = Generator[Any, Any, Any]
"""What an actor does: yields ticks to wait (int) or a `Call`; its return value is given to whoever started it."""


class Lost:
    """The type of `LOST`."""

    def __repr__(self) -> str:
        return "LOST"


LOST = Lost()
"""The answer to a call whose answer never came; the call may have had its effect."""


class Spells:
    """Times of trouble, one after the other: about `every` ticks apart, each `lasting` ticks more or less; with `every` 0 none."""

    def __init__(self, seed: str, every: int, lasting: int) -> None:
        self.random = random.Random(seed)
        self.every = every
        self.lasting = lasting
        self.begin = self.end = 0
        self.next()

    def next(self) -> None:
        """The spell after this one."""
        if self.every:
            self.begin = self.end + 1 + round(self.random.expovariate(1 / self.every))
            self.end = self.begin + 1 + round(self.lasting * self.random.uniform(0.5, 1.5))

    def over(self, time: int) -> int:
        """`time` if it is outside of every spell, else the end of the spell; to be asked in the order of time."""
        if not self.every:
            return time
        while self.end <= time:
            self.next()
        return self.end if self.begin <= time else time


class Actor:
    """A process that runs one script at a time. Paused, it finds out afterwards; dead, it has forgotten its script."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = 0
        self.dead = False
        self.asleep_until = 0


class Server:
    """Does one thing at a time, `service` ticks each; waits out its spells of being down."""

    def __init__(self, name: str, service: int, outages: Spells) -> None:
        self.name = name
        self.service = service
        self.outages = outages
        self.free_at = 0


@attrs.frozen
class Call:
    """A message to a server, which does `work` and answers with what it returns. `service`: how long, if not as long as usual."""

    server: Server
    work: Callable[[], Any]
    service: int | None = None


@attrs.frozen
class Network:
    """How long messages take (`ticks`, and now and then `slow` times as long), and the share of answers that are lost."""

    ticks: tuple[int, int] = (2, 6)
    slow_share: float = 0.0
    slow: int = 30
    lost_share: float = 0.0
    timeout: int = 60


class Simulation:
    """The clock, the heap of what is to come, and the counts of what it cost."""

    def __init__(self, seed: str, network: Network) -> None:
        self.random = random.Random(seed)
        self.network = network
        self.now = 0
        self.messages = 0
        self.blocked = 0
        self.retries = 0
        self._number = 0
        self._heap: list[tuple[int, int, Callable[[], object]]] = []

    # -- time

    def at(self, time: int, what: Callable[[], object]) -> None:
        """Do `what` at `time`."""
        self._number += 1
        heapq.heappush(self._heap, (time, self._number, what))

    def run(self, going: Callable[[], bool]) -> None:
        """Until nothing is left to do, or `going` says no."""
        heap = self._heap
        while heap and going():
            self.now, _, what = heapq.heappop(heap)
            what()

    def travel(self) -> int:
        """How long the next message takes."""
        self.messages += 1
        network = self.network
        ticks = self.random.randint(*network.ticks)
        return ticks * network.slow if self.random.random() < network.slow_share else ticks

    # -- scripts

    def start(self, actor: Actor, script: Script, done: Callable[[Any], None]) -> None:
        """Let an actor run a script; `done` gets its result, unless the actor dies."""
        self.resume(actor, actor.life, script, done, None)

    def resume(self, actor: Actor, life: int, script: Script, done: Callable[[Any], None], value: Any) -> None:
        """Go on with a script, once the actor is awake."""
        if actor.life != life:
            return
        go_on = partial(self.resume, actor, life, script, done)
        if self.now < actor.asleep_until:
            self.at(actor.asleep_until, partial(go_on, value))
            return
        try:
            wish = script.send(value)
        except StopIteration as stop:
            done(stop.value)
            return
        if isinstance(wish, Call):
            self.at(self.now + self.travel(), partial(self.arrive, wish, go_on))
        else:
            self.at(self.now + wish, partial(go_on, None))

    def arrive(self, call: Call, answer: Callable[[Any], None]) -> None:
        """A call is at its server and waits for its turn."""
        server = call.server
        turn = max(self.now, server.free_at)
        begin = server.outages.over(turn)
        self.blocked += begin - turn
        server.free_at = begin + (server.service if call.service is None else call.service)
        self.at(server.free_at, partial(self.serve, call, answer))

    def serve(self, call: Call, answer: Callable[[Any], None]) -> None:
        """The server does the work and answers."""
        value = call.work()
        delay = self.travel()
        if self.random.random() < self.network.lost_share:
            value, delay = LOST, max(delay, self.network.timeout)
        self.at(self.now + delay, partial(answer, value))

    # -- faults

    def pause(self, actor: Actor, ticks: int) -> None:
        """The actor stops for so long, and does not know."""
        if not actor.dead:
            actor.asleep_until = max(actor.asleep_until, self.now + ticks)

    def kill(self, actor: Actor) -> None:
        """The actor dies and forgets what it was doing."""
        actor.dead = True
        actor.life += 1
        actor.asleep_until = 0
