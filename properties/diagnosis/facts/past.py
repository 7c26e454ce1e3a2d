"""What happened up to the violation: the ground that all facts stand on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from refold.model.action import ACTIONS, CORE_ACTIONS
from refold.model.event import Stored
from refold.model.parts import calls
from refold.model.record import (
    Applied,
    ConsumerSpec,
    Crashed,
    Failed,
    Opened,
    Recovered,
    Step,
)
from refold.properties.property import Finding

AT_GATE = frozenset(tag for tag, action in ACTIONS.items() if action.__module__ == calls.__name__)
"""What a plan does with a user's own code: its ordinary life."""

STALE_DECISION = "decided on the actual state"
"""The clause that a decision breaks which is not the one that its state calls for; its anomaly has the name that a `Refusal` gives."""

RECORDS_MAX = 200_000
"""Records before the violation that a diagnosis looks at, and the first one."""


def tag_of(thing: Any) -> str:
    """The kind of a record or an action, as files write it."""
    if isinstance(thing, SimpleNamespace):
        return str(getattr(thing, "do", ""))
    config = getattr(type(thing), "__struct_config__", None)
    return str(config.tag) if config is not None and config.tag is not None else type(thing).__name__.lower()


def deed(action: Any) -> Any:
    """An action, also one that was read from a file and is still a mapping."""
    return (
        SimpleNamespace(**action)
        if isinstance(action, dict) and all(isinstance(key, str) for key in action)
        else action
    )


class Past:
    """One counterexample, seen from the place where it showed."""

    def __init__(self, findings: Sequence[Finding], history: Sequence[Any]) -> None:
        self.findings = tuple(findings)
        self.finding = finding = self.findings[0]
        self.anomaly = finding.anomaly
        self.anomalies = frozenset(other.anomaly for other in self.findings)
        self.kind = "lost-update" if finding.clause == STALE_DECISION else self.anomaly
        """The anomaly, or what it is whatever a `Refusal` calls it."""
        self.where = finding.where
        last = max(finding.number, 1)
        first = max(last - RECORDS_MAX, 0)
        self.past: list[tuple[int, Any]] = list(enumerate(history[first:last], start=first + 1))
        if first:
            self.past.insert(0, (1, history[0]))
        self.actions: list[Any] = [deed(record.action) for _, record in self.past if type(record) is Step]
        self.kinds: Counter[str] = Counter(tag_of(record) for _, record in self.past)
        self.deeds: Counter[str] = Counter(tag_of(action) for action in self.actions)
        opened = next((record for _, record in self.past if type(record) is Opened), None)
        self.clients: frozenset[str] = frozenset(opened.clients) if opened else frozenset()
        self.reads_clocks = opened is not None and "clocks" in opened.capabilities
        """Whether the code asks for the time of day."""
        self.specs: dict[str, ConsumerSpec] = {spec.name: spec for spec in opened.consumers} if opened else {}
        for _, record in self.past:
            joined = getattr(record, "spec", None)
            if isinstance(joined, ConsumerSpec):
                self.specs[joined.name] = joined
        self.spec = self.specs.get(self.where)
        self.events = {record.position: (number, record) for number, record in self.past if type(record) is Stored}

    # -- what happened

    def happened(self, *tags: str) -> bool:
        """Whether a record or an action of one of these kinds occurred up to the violation."""
        return any(self.kinds[tag] or self.deeds[tag] for tag in tags)

    def of(self, kind: type, process: str | None = None) -> list[tuple[int, Any]]:
        """The records of a class, of one process or of all."""
        found = [(number, record) for number, record in self.past if type(record) is kind]
        if process is None:
            return found
        return [
            (number, record)
            for number, record in found
            if process
            in (getattr(record, "consumer", None), getattr(record, "process", None), getattr(record, "client", None))
        ]

    @property
    def keys_queried(self) -> int:
        """How many different keys were queried."""
        return len({str(action.key) for action in self.actions if tag_of(action) == "query" and hasattr(action, "key")})

    @property
    def another_ahead(self) -> bool:
        """Whether some consumer had applied events that the authoritative store had not."""
        done: Counter[str] = Counter(dict.fromkeys(self.specs, 0))
        for _, record in self.of(Applied):
            done[record.consumer] = max(done[record.consumer], record.position)
        behind = min((done[name] for name, spec in self.specs.items() if spec.projection == "states"), default=0)
        return max(done.values(), default=0) > behind

    @functools.cached_property
    def crashes(self) -> list[tuple[int, Crashed]]:
        """Deaths of the process that the finding is about."""
        return self.of(Crashed, self.where)

    @property
    def restarted_here(self) -> bool:
        """Whether that process recovered before."""
        return bool(self.of(Recovered, self.where))

    @property
    def calm(self) -> bool:
        """Whether there was no fault, duplicate or reordering at all."""
        return not self.happened(
            "crashed",
            "power-cut",
            "redeliver",
            "failed",
            "held",
            "unknown",
            "started",
            "aborted",
            "retried",
            "recovered",
        )

    @property
    def simple(self) -> bool:
        """Whether only the core of the model took part: nothing but commands, deliveries and the faults of processes."""
        return not self.strange

    @functools.cached_property
    def strange(self) -> frozenset[str]:
        """The kinds of actions that belong to extensions, beside those at the gate."""
        return frozenset(self.deeds).difference(CORE_ACTIONS, AT_GATE)

    @property
    def failed_here(self) -> bool:
        """Whether the consumer's handler failed before."""
        return bool(self.of(Failed, self.where))

    @property
    def redelivered(self) -> bool:
        """Whether a duplicate was delivered to that consumer."""
        return any(
            tag_of(action) == "redeliver" and getattr(action, "consumer", self.where) == self.where
            for action in self.actions
        )

    @property
    def out_of_order(self) -> bool:
        """Whether messages were handed over before their predecessors."""
        return any(
            tag_of(action) == "deliver"
            and getattr(action, "index", 0)
            and getattr(action, "consumer", "") == self.where
            for action in self.actions
        )
