"""Visitors: go along the plans of a scope, one action further each time, and say where they lead."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from refold.model.action import Action, Crash, CrashAt, CutPower
from refold.model.application import Application
from refold.model.declarations.situations import begin_run
from refold.properties.property import Checker
from refold.search.explore.aspects import Lens, NotApart, apart_from, judge_of, names_of, only_about, others, withdraw
from refold.search.explore.fingerprint import ALL, SIZE, CanonicalForm, StatePart, fingerprint, foreseeable
from refold.search.explore.scope import LOG, Scope, Spent
from refold.search.explore.trail import Replays, Trail, agree
from refold.search.outcome import Signature
from refold.search.run import execute, undisturbed
from refold.systems.port import SystemPort
from refold.systems.user.errors import let_through

SAMPLES = 12
"""Plans on which a trail and replays are compared before an exploration."""

SAMPLE_LENGTH = 12

FAR = 99
"""More durable steps than any action makes."""

Indices = tuple[int, ...]
"""A plan, by the places of its actions in the scope's alphabet."""

Key = tuple[bytes, Spent]
"""A state, and what may still be done from there: two plans with the same key have the same futures."""


@attrs.frozen
class OpenState:
    """A state to go on from, and the plan that led to it. `asleep` are actions that need not be taken: another order of the same actions
    was gone already. `only` are the ones to take, if the others have been (None: all)."""

    plan: Indices
    spent: Spent
    asleep: frozenset[int] = frozenset()
    only: frozenset[int] | None = None


@attrs.frozen
class Transition:
    """One action further: where it leads (None: nowhere, the plan ends there), which actions sleep there, and what was found: on the way,
    or once everything came to rest from there."""

    action: int
    key: Key | None
    asleep: frozenset[int]
    found: tuple[Signature, ...] = ()


class Visitor:
    """Goes on from nodes of one scope. With `plain`, every plan is run on a new deployment, from its beginning."""

    def __init__(self, system: SystemPort, application: Application, scope: Scope, *, plain: bool = False) -> None:
        self.system = scope.system
        self.visible = callable(getattr(system, "core", None))
        """Whether all of its state can be seen; what is in files or in a server cannot, and then no state is taken for another."""
        self.application = application
        self.scope = scope
        count = range(len(scope.alphabet))
        self.free = [
            frozenset(n for n in count if n != m and scope.independent(scope.alphabet[n], scope.alphabet[m]))
            for m in count
        ]
        """Action -> those whose order with it makes no difference."""
        self.plain = plain
        """Whether every plan is run from its beginning."""
        self.after: dict[Spent, tuple[tuple[int, Spent], ...]] = {}
        self.rested: set[bytes] = set()
        """States of which is known how they come to rest."""
        self.ways: dict[str, Trail | Replays] = {}
        self.foreseen: dict[str, bool] = {}
        self.lens = Lens()
        self.names = names_of(scope.kinds) if scope.aspects else None

    def opened(self, focus: str = "") -> tuple[Checker, Any]:
        """A new deployment, and who judges plans about these consumers. All records have the same number: when something happened is no
        part of a state."""
        begin_run()
        about = [name for name, group in self.scope.groups.items() if group == focus] if self.scope.aspects else []
        judge = judge_of(self.application, about)

        def emit(record: Any) -> None:
            judge.number = 0  # so that this record, too, is the first
            judge.feed(record)

        if not about:
            return judge, self.system.open(self.application, emit)
        strangers = (self.scope.read | set(self.scope.groups)) - set(about)
        deployment = self.system.open(self.application, only_about(emit, about, strangers))
        withdraw(deployment, self.scope.read, about)
        return judge, deployment

    def way(self, focus: str = "") -> Trail | Replays:
        """How it comes to a plan about these consumers: the quick way if the system is known to allow that, and does. Where none are told
        apart, all plans have the same one."""
        focus = focus if self.scope.aspects else ""
        found = self.ways.get(focus)
        if found is None:
            found = self.ways[focus] = self.best_way(focus)
        return found

    def best_way(self, focus: str) -> Trail | Replays:
        """The quick one, if it comes to the same states as the other."""
        opened, alphabet = functools.partial(self.opened, focus), self.scope.alphabet
        replays = Replays(opened, alphabet, self.names)
        if not self.visible or self.plain:
            return replays
        trail = Trail(opened, alphabet, self.names)
        allowed = trail.writer.whole_seen and agree(trail, replays, self.samples(focus))
        replays.leave()
        if allowed and trail.writer.whole_seen:
            return trail
        trail.leave()
        if focus:
            raise NotApart(focus)  # nobody could see whether it changes anything else
        return replays

    def samples(self, focus: str = "") -> list[Indices]:
        """Some plans of the scope, about these consumers."""
        draw = random.Random(SAMPLES)
        plans = []
        for _ in range(SAMPLES):
            plan, spent = [], Spent(focus=focus)
            for _ in range(SAMPLE_LENGTH):
                number, spent = draw.choice(self.allowed(spent) or ((0, spent),))
                plan.append(number)
            plans.append(tuple(plan))
        return plans

    def allowed(self, spent: Spent) -> tuple[tuple[int, Spent], ...]:
        """The actions that the scope has after what was spent, and what is spent then."""
        known = self.after.get(spent)
        if known is None:
            after = self.scope.after
            reached = [(number, after(spent, action)) for number, action in enumerate(self.scope.alphabet)]
            known = self.after[spent] = tuple([(number, then) for number, then in reached if then is not None])
        return known

    def edges(self, node: OpenState) -> list[Transition]:
        """All that can be done from here, with where it leads."""
        with undisturbed():
            try:
                return self.steps(node)
            except BaseException:
                self.ways.clear()  # nobody knows how far it came
                raise

    def steps(self, node: OpenState) -> list[Transition]:
        """As `edges`. An action that is not enabled changes nothing, so the next one is tried on the same deployment."""
        alphabet, way = self.scope.alphabet, self.way(node.spent.focus)
        foresees = self.foresees(node.spent.focus)
        asleep, edges = node.asleep, []
        reach: dict[str, int] = {}
        for number, spent in self.allowed(node.spent):
            if number in node.asleep or (node.only is not None and number not in node.only):
                continue
            action = alphabet[number]
            if type(action) is CrashAt and foresees:
                if action.process not in reach:
                    reach[action.process] = self.reach(node, action, spent)
                if action.step > reach[action.process]:
                    continue
            way.go(node.plan)
            edge = self.step(node, number, action, spent, asleep & self.free[number])
            if edge is not None:
                edges.append(edge)
                asleep |= {number}
        return edges

    def foresees(self, focus: str = "") -> bool:
        """Whether what will crash at a step can be counted out beforehand: the processes are refold's own, and can be set back."""
        focus = focus if self.scope.aspects else ""
        if focus not in self.foreseen:
            way = self.way(focus)
            self.foreseen[focus] = isinstance(way, Trail) and foreseeable(way.deployment)
        return self.foreseen[focus]

    def reach(self, node: OpenState, arming: CrashAt, spent: Spent) -> int:
        """The most durable steps that any action makes from here of the process that is to crash. A crash at a later one would not happen
        right after it was said, and then it could have been said later."""
        most, armed = 0, False
        way = self.way(node.spent.focus)
        for number, _ in self.allowed(spent):
            action = self.scope.alphabet[number]
            if isinstance(action, Crash | CutPower):
                continue
            if not armed:
                way.go(node.plan)
                if not way.deployment.perform(CrashAt(arming.process, FAR)):
                    return FAR
                armed = True
            try:
                if not way.deployment.perform(action):
                    continue
                most = max(most, FAR - way.deployment.process(arming.process).fuse)
            except BaseException as error:
                let_through(error)
                most = FAR
            way.settled()
            way.back()
            armed = False
        if armed:
            way.settled()
            way.back()
        return most

    def step(
        self, node: OpenState, number: int, action: Action, spent: Spent, asleep: frozenset[int]
    ) -> Transition | None:
        """Do one action more, and where that leads come to rest; None if it is not enabled."""
        way = self.way(node.spent.focus)
        judge, deployment = way.judge, way.deployment
        state = b""
        enabled = True
        try:
            enabled = deployment.perform(action)
            if not enabled:
                return None
            if node.spent.armed and not judge.findings and self.waits(deployment, node.spent.armed):
                return Transition(number, None, asleep)
            if not judge.findings:
                spent = self.scope.closing(spent, getattr(deployment, "clients", {}).values())
                state = self.state((*node.plan, number), spent)
                if type(action) is CrashAt and self.foresees(spent.focus):
                    self.rested.add(state)  # at rest nothing crashes any more, so it comes to rest as before
                elif state not in self.rested:
                    self.rested.add(state)
                    way.settled()
                    deployment.settle()
                    judge.finish()
            found = signatures(judge)
        except BaseException as error:
            if isinstance(error, NotApart):
                raise
            let_through(error)
            way.settled()
            found = self.raised((*node.plan, number))
            if not found:
                raise  # the plan itself does not raise: whoever looked at it did
            return Transition(number, None, asleep, found)
        finally:
            if enabled:
                way.back()
        return Transition(number, (state, spent) if state else None, asleep, found)

    def state(self, plan: Indices, spent: Spent) -> bytes:
        """The fingerprint of where a plan has led, or of the plan itself."""
        if not self.visible or self.plain:
            return fingerprint(plan)
        way = self.way(spent.focus)
        found = way.fingerprint(self.seen if spent.closed else None)
        if not self.scope.aspects:
            return found
        moved = spent.focus and self.scope.place(self.scope.alphabet[plan[-1]]) == spent.focus
        if moved and isinstance(way, Trail) and way.touched(others(way.deployment, self.scope.read)):
            raise NotApart(spent.focus)
        return ((int.from_bytes(found, "little") + apart_from(spent.focus)) & ALL).to_bytes(SIZE, "little")

    def seen(self, deployment: Any, parts: Iterable[StatePart], form: CanonicalForm) -> int:
        """What a consumer can see of a state once no client can act."""
        return self.lens.total(deployment, self.scope.read, parts, form)

    @staticmethod
    def waits(deployment: Any, name: str) -> bool:
        """Whether a process is still to die at a later step. Then it could have been said later, of an earlier step."""
        process = deployment.log if name == LOG else deployment.consumers[name]
        return bool(getattr(process, "fuse", 0))

    def raised(self, plan: Indices) -> tuple[Signature, ...]:
        """What comes of a plan on which something raised: a finding, or an error that is the user's to mend."""
        run = execute(self.system, self.application, self.actions(plan))
        return tuple(finding.signature for finding in run.findings)

    def actions(self, plan: Sequence[int]) -> tuple[Action, ...]:
        """The plan itself."""
        return tuple(self.scope.alphabet[number] for number in plan)


def signatures(judge: Checker) -> tuple[Signature, ...]:
    """Anomalies and guarantees of what was found, in order."""
    return tuple(dict.fromkeys(finding.signature for finding in judge.distinct()))
