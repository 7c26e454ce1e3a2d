"""Exploring: breadth first, level by level, every state of a scope once.

So the plan that first comes to what is wrong is a shortest one. States that are known are not gone on from again, and of the orders of
actions that have nothing to do with each other one is taken: a state remembers the actions that sleep there because another order was gone
already, and wakes those that a later arrival would not let sleep (Godefroid, Partial-Order Methods for the Verification of Concurrent
Systems, 1996: sleep sets with state matching).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import attrs

from refold.model.application import Application
from refold.properties.result import Counterexample
from refold.search.explore.aspects import NotApart
from refold.search.explore.hands import Hands
from refold.search.explore.scope import Scope, ScopeLimits, Spent
from refold.search.explore.visitor import Indices, Key, OpenState, Transition, Visitor
from refold.search.outcome import Signature
from refold.search.run import execute
from refold.systems.port import SystemPort

CHUNKS = 8
"""Chunks of nodes for each process that are given out before somebody looks at the clock."""


@attrs.define
class Level:
    """The plans of one length: how many new states they come to, the actions that were performed for it, how many of these led to
    states that were known, and the seconds that it took."""

    length: int
    states: int = 0
    transitions: int = 0
    known: int = 0
    seconds: float = 0.0


@attrs.define
class Progress:
    """Where an exploration stands: all that it needs to go on. `frontier` is what is left of the level that is under way (the last of
    `levels`), `following` and `again` the nodes of the next one."""

    frontier: list[OpenState]
    levels: list[Level] = attrs.field(factory=list)
    asleep: dict[Key, frozenset[int]] = attrs.field(factory=dict)
    convicted: set[bytes] = attrs.field(factory=set)
    found: dict[Signature, Indices] = attrs.field(factory=dict)
    following: dict[Key, OpenState] = attrs.field(factory=dict)
    again: list[OpenState] = attrs.field(factory=list)
    ways: dict[bytes, list[Spent]] = attrs.field(init=False, factory=dict)
    """State -> what had been spent by the plans that came to it."""

    def __attrs_post_init__(self) -> None:
        for state, spent in self.asleep:
            self.ways.setdefault(state, []).append(spent)

    def covered(self, state: bytes, spent: Spent, asleep: frozenset[int]) -> bool:
        """Whether a plan that is no longer came to the same state with more left to do, and no more asleep."""
        return any(
            way.covers(spent) and self.asleep[state, way] <= asleep for way in self.ways.get(state, ()) if way != spent
        )

    @property
    def states(self) -> int:
        """States so far, the first one included."""
        return len(self.asleep) + 1

    @property
    def transitions(self) -> int:
        """Actions that were performed to come to them, each once."""
        return sum(level.transitions for level in self.levels)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(level.seconds for level in self.levels)

    @property
    def longest(self) -> int:
        """Actions of the longest plans so far."""
        return max((level.length for level in self.levels if level.transitions), default=0)

    @property
    def length(self) -> int:
        """All plans of so many actions were looked at."""
        return len(self.levels) - bool(self.frontier) if self.levels else 0


class Explorer:
    """Explores one scope. `go_on` works until everything was seen, until the shortest plans that break something are known, or until time
    is over; it can be called again. With `keep_going` other anomalies are looked for after the first. `told` hears of progress."""

    def __init__(
        self,
        system: SystemPort,
        application: Application,
        bounds: ScopeLimits,
        *,
        jobs: int = 1,
        keep_going: bool = False,
        plain: bool = False,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.system = system
        self.application = application
        self.bounds = bounds
        self.jobs = jobs
        self.keep_going = keep_going
        self.plain = plain
        self.told = told
        self.begin()

    def begin(self, aspects: bool = True) -> None:
        """Before the first plan. Without `aspects`, no consumer is told apart."""
        self.scope = Scope(self.system, self.application, self.bounds, together=self.plain, aspects=aspects)
        self.visitor = Visitor(self.system, self.application, self.scope, plain=self.plain)
        self.progress = Progress([OpenState((), spent) for spent in self.scope.beginnings()])

    @property
    def complete(self) -> bool:
        """Whether every plan of the scope was looked at. Behind one that breaks something, none is."""
        progress = self.progress
        if progress.frontier:
            return False
        most = self.scope.bounds.length
        return len(progress.levels) == most if most else not (progress.following or progress.again)

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        enough = bool(self.progress.found) and not self.keep_going and not self.progress.frontier
        return self.complete or enough

    def go_on(self, until: float = float("inf")) -> None:
        """Explore until this moment of the monotonic clock. If a consumer turns out to change what others can tell, begin anew, and tell
        none apart."""
        try:
            self.work(until)
        except NotApart:
            self.begin(aspects=False)
            self.work(until)

    def work(self, until: float) -> None:
        """As `go_on`."""
        with Hands(self.visitor, self.jobs) as hands:
            while not self.ended and time.monotonic() < until:
                self.level(hands, until)

    def level(self, hands: Hands, until: float) -> None:
        """Begin the next level, or go on with the one that is under way."""
        progress = self.progress
        if not progress.frontier or not progress.levels:
            progress.frontier = progress.frontier or [*progress.again, *progress.following.values()]
            progress.following, progress.again = {}, []
            progress.levels.append(Level(len(progress.levels) + 1))
        level = progress.levels[-1]
        while progress.frontier and time.monotonic() < until:
            started = time.monotonic()
            nodes = progress.frontier[: CHUNKS * hands.chunk * self.jobs]
            for node, edges in zip(nodes, hands.edges(nodes), strict=True):
                for edge in edges:
                    self.take(node, edge, level)
            del progress.frontier[: len(nodes)]
            level.seconds += time.monotonic() - started
            self.told(progress)

    def take(self, node: OpenState, edge: Transition, level: Level) -> None:
        """Where an action led: to something that is wrong, to a new state, or to one that is known."""
        progress = self.progress
        level.transitions += 1
        plan = (*node.plan, edge.action)
        for signature in edge.found:
            progress.found.setdefault(signature, plan)
        if edge.key is None:
            return
        state, spent = edge.key
        if edge.found:
            progress.convicted.add(state)
        if state in progress.convicted:
            return
        known = None if self.plain else progress.asleep.get(edge.key)
        if known is None:
            if not self.plain:
                if progress.covered(state, spent, edge.asleep):
                    level.known += 1
                    return
                progress.ways.setdefault(state, []).append(spent)
            level.states += 1
            key = (state, spent, plan) if self.plain else edge.key
            progress.asleep[key] = edge.asleep  # type: ignore[index]
            progress.following[key] = OpenState(plan, spent, edge.asleep)  # type: ignore[index]
            return
        level.known += 1
        awake = known - edge.asleep
        if awake:
            left = known & edge.asleep
            progress.asleep[edge.key] = left
            if edge.key in progress.following:
                progress.following[edge.key] = OpenState(plan, spent, left)
            else:
                progress.again.append(OpenState(plan, spent, left, awake))

    def counterexamples(self) -> Iterator[Counterexample]:
        """What was found, the shortest first, each run once more with all that there is to say about it."""
        for signature, plan in sorted(self.progress.found.items(), key=lambda item: (len(item[1]), item[1])):
            actions = self.visitor.actions(plan)
            started = time.process_time()
            run = execute(self.system, self.application, actions, whole=True)
            findings = tuple(sorted(run.findings, key=lambda finding: finding.signature != signature))
            if not findings or findings[0].signature != signature:
                raise RuntimeError(f"{signature[0]} was found on a plan that does not show it: {actions}")
            spent = time.process_time() - started
            yield Counterexample(actions, findings, tuple(run.history), self.progress.transitions, spent, True)
