"""The comparison of strategies: the same commands and the same faults for each of them, in simulated time, judged by the log.

A violation is an operation in the final log whose condition does not hold on the fold of the log before it, as everywhere in refold.
Deterministic: everything follows from the seed. What is simulated, and with which figures: `refold.search.strategies.scripts`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import msgspec

from refold.model.application import Application, Command, Refusal
from refold.model.examples.accounts import Accounts
from refold.model.examples.inventory import Inventory
from refold.model.strategies.strategy import STRATEGIES
from refold.search.strategies.scripts import SCRIPTS
from refold.search.strategies.simulated_system import DONE, LEASE, UNKNOWN, SimulatedSystem
from refold.search.strategies.simulation import Actor, Network, Spells
from refold.search.strategies.single_writer import NODES, Node, heartbeat

CLIENTS = 8
KEYS = 8
THINK = 40
"""Mean ticks between a client's answer and its next command."""

STEPS = 10_000
"""Commands for each strategy, where nothing else is said."""


@attrs.frozen
class Faults:
    """Mean ticks between the faults of each kind, 0 for never, and what the network does."""

    pauses: int = 0
    crashes: int = 0
    outages: int = 0
    lag: int = 0
    network: Network = attrs.field(factory=Network)


ROUGH = Network(slow_share=0.01, lost_share=0.005)

FAULTS: dict[str, Faults] = {
    "none": Faults(),
    "lagging consumer": Faults(lag=3_000),
    "pauses": Faults(pauses=500),
    "crashes": Faults(crashes=2_500),
    "outages": Faults(outages=6_000),
    "rough network": Faults(network=ROUGH),
    "all": Faults(pauses=1_500, crashes=5_000, outages=10_000, lag=5_000, network=ROUGH),
}
"""What goes wrong. The last one is what a strategy's row is about; the others, half as long, say which fault it is sensitive to."""

LASTING = {"pauses": LEASE * 5 // 4, "crashes": 200, "outages": 150, "lag": 250}


@attrs.frozen
class Row:
    """What one strategy did under all faults.

    Counts over all commands: `violations` by the log, `refusals` (turned away by the strategy), `declined` (turned down by the decider),
    `unknown` (the client died, or gave up without an answer), `retries`, `messages`. Ticks: `latency_median`, `latency_p99` (command
    to answer), `lag_median` (accepted to shown by the consumer). `throughput`: answered commands per 1,000 ticks. `unavailable`: the
    share of all client time that was spent waiting for something that was down (log, store, lock service, the holder of a claim).
    `lost`: acknowledged and not in the log. `diverged`: keys on which store and log disagree at the end. `faults`: under
    each kind of fault alone, ``violations_per_1000`` and ``unavailable``.
    """

    strategy: str
    safe: bool
    commands: int
    violations: int
    violations_per_1000: float
    refusals: int
    declined: int
    unknown: int
    retries: int
    latency_median: int
    latency_p99: int
    throughput: float
    unavailable: float
    messages: int
    messages_per_command: float
    lag_median: int
    lost: int
    diverged: int
    faults: dict[str, dict[str, float]]


@attrs.define
class Tally:
    """What was counted in one or more runs."""

    commands: int = 0
    violations: int = 0
    ends: Counter[str] = attrs.field(factory=Counter)
    latencies: list[int] = attrs.field(factory=list)
    lags: list[int] = attrs.field(factory=list)
    ticks: int = 0
    blocked: int = 0
    retries: int = 0
    messages: int = 0
    lost: int = 0
    diverged: int = 0

    @property
    def rate(self) -> float:
        """Violations per 1,000 commands."""
        return round(1000 * self.violations / max(self.commands, 1), 2)

    @property
    def unavailable(self) -> float:
        """The share of all client time that was spent waiting for something that was down."""
        return round(self.blocked / max(CLIENTS * self.ticks, 1), 4)


class Contest:
    """One strategy, one application, one kind of trouble, one seed."""

    def __init__(self, strategy: str, application: Application, faults: Faults, seed: str, commands: int) -> None:
        self.script = SCRIPTS[strategy]
        self.application = application
        self.seed = f"{seed}/{application.name}"
        self.faults = faults
        self.system = SimulatedSystem(application, f"{self.seed}/network", faults.network, self.spells)
        self.tally = Tally()
        self.acknowledged: list[str] = []
        self.busy: dict[str, Iterator[Any]] = {}
        self.running = CLIENTS
        self.shares = [commands // CLIENTS + (n < commands % CLIENTS) for n in range(CLIENTS)]
        self.clients = [Actor(f"client-{n}") for n in range(CLIENTS)]
        nodes = [Actor(f"node-{n}") for n in range(NODES)] if strategy == "single-writer" else []
        self.system.actors = {actor.name: actor for actor in (*self.clients, *nodes)}
        self.system.nodes = [Node(self.system, actor) for actor in nodes]

    def spells(self, name: str) -> Spells:
        """When this part is down, or slow: store and log of the same strategy are never told apart by luck, so they share a schedule."""
        if name == "consumer":
            return Spells(f"{self.seed}/lag", self.faults.lag, LASTING["lag"])
        every = 0 if name == "none" else self.faults.outages
        return Spells(f"{self.seed}/outage/{'locks' if name == 'locks' else 'store'}", every, LASTING["outages"])

    def run(self) -> Tally:
        """All commands of all clients, to the end."""
        system = self.system
        for n, client in enumerate(self.clients):
            self.go_on(client, self.workload(n, self.shares[n]))
        for actor in system.actors.values():
            self.trouble(
                actor, Spells(f"{self.seed}/pause/{actor.name}", self.faults.pauses, LASTING["pauses"]), self.pause
            )
            self.trouble(
                actor, Spells(f"{self.seed}/crash/{actor.name}", self.faults.crashes, LASTING["crashes"]), self.crash
            )
        if system.nodes:
            heartbeat(system)
        system.run(lambda: self.running > 0)
        return self.judged()

    # -- clients

    def workload(self, client: int, commands: int) -> Iterator[tuple[str, int, Command]]:
        """The operations of a client: name, ticks to think before it, command. Four out of ten are unconditional where there are such."""
        rng = random.Random(f"{self.seed}/workload/{client}")
        menu = self.application.commands()
        choices = [
            [c for c in menu if self.application.conditional(c) == wanted] or list(menu) for wanted in (True, False)
        ]
        for number in range(1, commands + 1):
            command: Any = rng.choice(choices[rng.random() < 0.4])
            field = command.__struct_fields__[0]
            key = f"{getattr(command, field)}-{int(KEYS * rng.random() ** 2)}"
            think = 1 + round(rng.expovariate(1 / THINK))
            yield f"c{client}-{number}", think, msgspec.structs.replace(command, **{field: key})

    def go_on(self, client: Actor, work: Iterator[tuple[str, int, Command]]) -> None:
        """The client's next command, after a while."""
        following = next(work, None)
        if following is None:
            self.running -= 1
            return
        op, think, command = following
        self.system.at(self.system.now + think, partial(self.issue, client, work, op, command))

    def issue(self, client: Actor, work: Iterator[Any], op: str, command: Command) -> None:
        """Begin with a command, as soon as the client is there."""
        system = self.system
        if client.dead:
            system.at(system.now + 10, partial(self.issue, client, work, op, command))
            return
        system.commands[op] = command
        self.tally.commands += 1
        self.busy[client.name] = work
        system.start(client, self.script(system, client, op, command), partial(self.done, client, work, op, system.now))

    def done(self, client: Actor, work: Iterator[Any], op: str, begun: int, end: str) -> None:
        """An answer."""
        del self.busy[client.name]
        self.tally.ends[end] += 1
        self.tally.latencies.append(self.system.now - begun)
        if end == DONE:
            self.acknowledged.append(op)
        self.go_on(client, work)

    # -- faults

    def trouble(self, actor: Actor, spells: Spells, strike: Callable[[Actor, int], None]) -> None:
        """From one spell to the next."""
        if spells.every:
            self.system.at(spells.begin, partial(self.strike, actor, spells, strike))

    def strike(self, actor: Actor, spells: Spells, strike: Callable[[Actor, int], None]) -> None:
        """It happens."""
        strike(actor, spells.end - spells.begin)
        spells.next()
        self.trouble(actor, spells, strike)

    def pause(self, actor: Actor, ticks: int) -> None:
        """The actor sleeps."""
        self.system.pause(actor, ticks)

    def crash(self, actor: Actor, ticks: int) -> None:
        """The actor dies; later it starts again and goes on with its next command."""
        system = self.system
        if actor.dead:
            return
        system.kill(actor)
        system.at(system.now + ticks, partial(self.revive, actor))

    def revive(self, actor: Actor) -> None:
        """A new life."""
        actor.dead = False
        work = self.busy.pop(actor.name, None)
        if work is not None:
            self.tally.ends[UNKNOWN] += 1
            self.go_on(actor, work)

    # -- the verdict

    def judged(self) -> Tally:
        """Fold the log and count."""
        system, tally, application = self.system, self.tally, self.application
        states: dict[str, Any] = {}
        judged: set[str] = set()
        wrong: set[str] = set()
        batches: dict[str, list[Any]] = {}
        for event in system.log.entries:
            batches.setdefault(event.operation, []).append(event.data)
        for event in system.log.entries:
            op, key = event.operation, event.stream
            state = states[key] if key in states else application.initial(key)
            command = system.commands[op]
            if op not in judged:
                judged.add(op)
                if application.conditional(command) and not holds(application, command, state, batches[op]):
                    wrong.add(op)
            states[key] = state = application.evolve(state, event.data)
            if application.broken_invariant(key, state) is not None:
                wrong.add(op)
        tally.violations = len(wrong)
        tally.lost = sum(op not in judged for op in self.acknowledged)
        keys = sorted({*system.database, *states}) if system.database else []
        tally.diverged = sum(
            (system.database.get(key) or system.blank(key)).state != states.get(key, application.initial(key))
            for key in keys
        )
        tally.ticks, tally.blocked = system.now, system.blocked
        tally.retries, tally.messages, tally.lags = system.retries, system.messages, system.consumer.lags
        return tally


def holds(application: Application, command: Command, state: Any, events: Sequence[Any]) -> bool:
    """Whether the decider would decide the same on this state."""
    try:
        return list(application.decide(command, state)) == list(events)
    except Refusal:
        return False


def contest(strategy: str, faults: str, seed: int, steps: int) -> Tally:
    """Both example applications, half of the commands each."""
    total = Tally()
    for application in (Accounts(), Inventory()):
        one = Contest(strategy, application, FAULTS[faults], f"{seed}/{faults}", steps // 2).run()
        total.commands += one.commands
        total.violations += one.violations
        total.ends += one.ends
        total.latencies += one.latencies
        total.lags += one.lags
        total.ticks += one.ticks
        total.blocked += one.blocked
        total.retries += one.retries
        total.messages += one.messages
        total.lost += one.lost
        total.diverged += one.diverged
    return total


def percentile(values: Sequence[int], share: float) -> int:
    """The smallest value that `share` of all values do not exceed; `values` is sorted."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def row(strategy: str, total: Tally, faults: dict[str, dict[str, float]]) -> Row:
    """What was counted, as a row."""
    latencies, lags = sorted(total.latencies), sorted(total.lags)
    ends = total.ends
    return Row(
        strategy=strategy,
        safe=STRATEGIES[strategy].safe,
        commands=total.commands,
        violations=total.violations,
        violations_per_1000=total.rate,
        refusals=ends["refused"],
        declined=ends["declined"],
        unknown=ends["unknown"],
        retries=total.retries,
        latency_median=percentile(latencies, 0.5),
        latency_p99=percentile(latencies, 0.99),
        throughput=round(1000 * (ends["done"] + ends["declined"]) / max(total.ticks, 1), 2),
        unavailable=total.unavailable,
        messages=total.messages,
        messages_per_command=round(total.messages / max(total.commands, 1), 2),
        lag_median=percentile(lags, 0.5),
        lost=total.lost,
        diverged=total.diverged,
        faults=faults,
    )


def compare(
    seed: int = 1,
    steps: int = STEPS,
    strategies: Sequence[str] = tuple(STRATEGIES),
    progress: Callable[[int, int, str], None] = lambda done, of, what: None,
) -> list[Row]:
    """A row for each strategy. `progress` is told how many runs of how many are done, and what is next."""
    rows = []
    runs = len(strategies) * len(FAULTS)
    done = 0
    for strategy in strategies:
        alone: dict[str, dict[str, float]] = {}
        total = Tally()
        for faults in FAULTS:
            progress(done, runs, f"{strategy}, faults: {faults}")
            total = contest(strategy, faults, seed, steps if faults == "all" else max(steps // 2, 2))
            alone[faults] = {"violations_per_1000": total.rate, "unavailable": total.unavailable}
            done += 1
        rows.append(row(strategy, total, alone))
    progress(done, runs, "")
    return rows
