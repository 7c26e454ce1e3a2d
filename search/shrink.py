"""Shrinking: a short, simple plan that still shows the same anomaly, of which no action can be left out.

Every part of a plan is a plan, so shrinking is deleting: first what was skipped, then chunks, then single actions and pairs; after that
each action is replaced by simpler ones of its kind, or of a simpler kind. Deterministic; stops at a fixpoint.

Some plans leave a question open. These are made longer first, by `one_more`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import msgspec

from refold.model.action import Action, Append, Begin, CrashAt, Deliver, Prepare, Redeliver, Submit
from refold.model.parts.calls import Elapse, GoOn, Shown
from refold.model.tape import Menu, Plan
from refold.properties.result import Counterexample

Reproduces = Callable[[Plan], "Plan | None"]
"""Runs a plan; the actions performed up to the anomaly if it is still the same, else None."""

PAIRS_UP_TO = 64
"""Actions of a plan of which pairs are tried; in longer ones something may be left that goes only together."""
RECOUNTED_UP_TO = 24
COUNTING: dict[type, str] = {Deliver: "consumer", Redeliver: "consumer", CrashAt: "process"}
"""Actions with a number that counts what other actions leave (messages in flight, events, durable steps), and whose it is."""

LEAPS_UP_TO = 9
LEAPS_MOST = 500

COMMANDS = 6
"""Commands that are tried at the end of a plan, at most."""


class Shrinker:
    """Shrinks plans by trial; `tried` counts the runs."""

    def __init__(self, menu: Menu, reproduces: Reproduces, most: int = 20_000) -> None:
        self.reproduces = reproduces
        self.most = most
        self.tried = 0
        self.paired = True
        self.rank: dict[Action, int] = {}
        self.kinds: dict[type, list[Action]] = {}
        for action in menu.actions():
            if action not in self.rank:
                self.rank[action] = len(self.rank)
                self.kinds.setdefault(type(action), []).append(action)

    @property
    def finished(self) -> bool:
        """Whether every trial that shrinking asked for was allowed, including those of pairs; if so, no action can be left out."""
        return self.tried < self.most and self.paired

    def attempt(self, plan: Plan) -> Plan | None:
        """Run a candidate; returns the actions that were performed if the anomaly is still the same, otherwise None."""
        if self.tried >= self.most:
            return None
        self.tried += 1
        return self.reproduces(plan)

    def shrink(self, plan: Plan) -> Plan:
        """The smallest plan that was found; `plan` must reproduce."""
        while True:
            before = plan
            plan = self.delete_chunks(plan)
            plan = self.delete_pairs(plan)
            plan = self.simplify(plan)
            plan = self.rename(plan)
            if plan == before:
                plan = self.recount(plan)
            if plan == before:
                plan = self.leap(plan)
            if plan == before:
                return plan

    def delete_chunks(self, plan: Plan) -> Plan:
        """Delete sequences of actions from the end, long ones first."""
        size = max(len(plan) // 2, 1)
        while size:
            end = len(plan)
            while end > 0:
                start = max(end - size, 0)
                found = self.attempt(plan[:start] + plan[end:])
                if found is not None and len(found) < len(plan):
                    plan = found
                    end = min(start, len(plan))
                else:
                    end = start
            size //= 2
        return plan

    def delete_pairs(self, plan: Plan) -> Plan:
        """Delete two actions that only make sense together (a crash and its restart), pairs that are close to each other first."""
        self.paired = len(plan) <= PAIRS_UP_TO
        if not self.paired:
            return plan
        distance = 1
        while distance < len(plan):
            first = len(plan) - distance - 1
            while first >= 0:
                second = first + distance
                found = self.attempt(plan[:first] + plan[first + 1 : second] + plan[second + 1 :])
                if found is not None and len(found) < len(plan):
                    plan = found
                    first = min(first, len(plan) - distance)
                first -= 1
            distance += 1
        return plan

    def recount(self, plan: Plan) -> Plan:
        """Delete an action and renumber a later one: if the first of three messages in flight is no longer there, the
        third becomes the second."""
        if len(plan) > RECOUNTED_UP_TO:
            return plan
        for first in range(len(plan) - 2, -1, -1):
            for place in range(first + 1, len(plan)):
                for candidate in self.counted(plan[place]):
                    found = self.attempt((*plan[:first], *plan[first + 1 : place], candidate, *plan[place + 1 :]))
                    if found is not None and len(found) < len(plan):
                        return found
        return plan

    def counted(self, action: Action) -> Iterator[Action]:
        """The same action of the same process with a different number, if the number counts what other actions leave
        behind."""
        whose = COUNTING.get(type(action))
        if whose is None or action == Deliver(getattr(action, whose), 0):
            return
        for other in self.kinds.get(type(action), ()):
            if getattr(other, whose) == getattr(action, whose):
                yield other

    def leap(self, plan: Plan) -> Plan:
        """Delete two actions and change a third one in one step: “put 1 and 1, take 1 and 2” becomes “put 1, take 1 and 1”."""
        if not 5 <= len(plan) <= LEAPS_UP_TO:
            return plan
        enough = self.tried + LEAPS_MOST
        for first, second in combinations(range(len(plan) - 1), 2):
            if self.tried > enough:
                break
            rest = plan[:first] + plan[first + 1 : second] + plan[second + 1 :]
            for place in range(len(rest) - 1, -1, -1):
                for candidate in self.same_doer(rest[place]):
                    found = self.attempt((*rest[:place], candidate, *rest[place + 1 :]))
                    if found is not None and len(found) < len(plan):
                        return found
        return plan

    def same_doer(self, action: Action) -> Iterator[Action]:
        """The same client with a simpler command."""
        if isinstance(action, Submit | Prepare | Begin):
            rank = self.rank.get(action, 1 << 30)
            for candidate in self.kinds.get(type(action), ()):
                if self.rank[candidate] >= rank:
                    return
                if getattr(candidate, "client", None) == action.client:
                    yield candidate

    def simplify(self, plan: Plan) -> Plan:
        """Replace actions one by one with simpler ones."""
        for place in range(len(plan) - 1, -1, -1):
            if place >= len(plan):
                continue
            for simpler in self.simpler(plan[place]):
                found = self.attempt((*plan[:place], simpler, *plan[place + 1 :]))
                if found is not None and self.cost(found) < self.cost(plan):
                    plan = found
                    break
        return plan

    def rename(self, plan: Plan) -> Plan:
        """Replace one value by another in all commands at once (every “nut” by “bolt”), and one client by another."""
        for old, new in self.renamings(plan):
            candidate = tuple([self.renamed(action, old, new) for action in plan])
            if candidate == plan or any(action not in self.rank for action in candidate):
                continue
            if self.cost(candidate) < self.cost(plan):
                found = self.attempt(candidate)
                if found is not None and self.cost(found) < self.cost(plan):
                    plan = found
        return plan

    def renamings(self, plan: Plan) -> list[tuple[str, str]]:
        """Pairs of words from the menu: the first occurs in the plan, and the second comes earlier in the menu."""
        words = list(dict.fromkeys(word for action in self.rank for word in words_of(action)))
        used = {word for action in plan for word in words_of(action)}
        return [(old, new) for n, old in enumerate(words) if old in used for new in words[:n]]

    def renamed(self, action: Action, old: str, new: str) -> Action:
        """The action with one word replaced. The result is not on the menu if the word means something else in this
        action."""
        changes: dict[str, Any] = {}
        for name in ("client", "command"):
            value = getattr(action, name, None)
            if value == old:
                changes[name] = new
            elif name == "command" and value is not None and not isinstance(value, str):
                fields = {field: new for field in fields_of(value) if getattr(value, field) == old}
                if fields:
                    changes[name] = type(value)(**{field: getattr(value, field) for field in fields_of(value)} | fields)
        return msgspec.structs.replace(action, **changes) if changes else action

    def cost(self, plan: Plan) -> tuple[int, list[int]]:
        """The cost of a plan: shorter plans cost less, then those with simpler kinds and arguments."""
        return len(plan), [self.rank.get(action, 1 << 30) for action in plan]

    def simpler(self, action: Action) -> Iterator[Action]:
        """Candidates that are simpler than `action`, the simplest first."""
        yield from self.other_kinds(action)
        rank = self.rank.get(action, 1 << 30)
        for candidate in self.kinds.get(type(action), ()):
            if self.rank[candidate] >= rank:
                return
            yield candidate

    @staticmethod
    def other_kinds(action: Action) -> Sequence[Action]:
        """Simpler ways of doing the same thing."""
        if isinstance(action, Prepare | Begin):
            return (Submit(action.client, action.command),)
        if isinstance(action, Deliver) and action.index:
            return (Deliver(action.consumer, 0),)
        if isinstance(action, Redeliver):
            return (Deliver(action.consumer, 0),)
        if isinstance(action, CrashAt | Append):
            return ()
        return ()


def fields_of(command: Any) -> tuple[str, ...]:
    """The names of a command's fields."""
    cls = type(command)
    return tuple(getattr(cls, "__struct_fields__", ())) or tuple(getattr(cls, "__match_args__", ()))


def words_of(action: Action) -> Iterator[str]:
    """The client and the strings in the command of an action."""
    client = getattr(action, "client", None)
    if client is not None:
        yield client
    command = getattr(action, "command", None)
    if command is not None:
        for field in fields_of(command):
            value = getattr(command, field)
            if isinstance(value, str):
                yield value


def one_more(menu: Menu, found: Counterexample) -> Iterator[Plan]:
    """The plan with one more command at its end, at once or a while later, if it left a consumer short of the end and nobody can tell
    whether it lost the last events or is still to handle them: consumers that are judged by their rows, and show no checkpoint."""
    finding = found.findings[0]
    shown = [proof.record for proof in finding.evidence if type(proof.record) is Shown]
    if finding.anomaly != "never-reaches-tail" or not shown or any(record.checkpoint is not None for record in shown):
        return
    alone = [word[0] for _, _, words in menu.groups for word in words if len(word) == 1]
    commands, waits, ends = (
        list(dict.fromkeys(action for action in alone if isinstance(action, kind))) for kind in (Submit, Elapse, GoOn)
    )
    for command, wait in product(commands[:COMMANDS], ([], waits[:1]) if waits else ([],)):
        yield (*found.plan, *ends, *wait, command)  # who stands in the middle may be in the way, and goes on first
