"""Vacuous runs: a campaign proves that it did something (A17).

Appends and deliveries must have happened; over a campaign of some length so must every fault that the system is able to suffer. A test kit
that passes having done nothing is a bug of its own (catalogue: vacuous-scenario).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refold.model.action import CORE_ACTIONS, Action
from refold.model.application import Application, Refusal
from refold.model.declarations.capability import CORE
from refold.model.declarations.count import Count, Tally
from refold.model.parts.calls import CALLS
from refold.model.parts.extensions import EXTENSIONS, OWN
from refold.model.record import ConsumerSpec
from refold.properties.property import Finding

COUNTED: tuple[Count, ...] = (
    *(count for kind in CORE_ACTIONS.values() for count in kind.counts),
    *(count for extension in (*EXTENSIONS, *OWN) for count in extension.counts),
)
"""Everything that is counted: what the actions of the core and the extensions name."""

OF_PARTS = frozenset(one.name for extension in (*EXTENSIONS, *OWN) for one in extension.counts)
"""The counts of parts that few systems have; reports for readers leave out those that are 0."""

PATIENCE = 64
"""Runs after which a campaign in which nothing at all happened is over: it would go on like that."""

LONG = 4_000
"""Steps from which on every kind of fault that is possible must have happened."""

LONG_FOR_PARTS = 40_000
"""The same for the parts that are extensions: a run is about two of them at most, so a short campaign may miss one."""


def counts(history: Sequence[Any], performed: Iterable[Action]) -> dict[str, int]:
    """What really happened in one run, out of its records and the actions that were performed."""
    tally = Tally(COUNTED)
    tally.run(history, performed)
    return tally.totals()


SHOWN_BY: dict[str, str] = {
    **{capability: count for kind in CORE_ACTIONS.values() for capability, count in kind.proves.items()},
    **{extension.name: extension.counts[0].name for extension in EXTENSIONS if extension.counts},
}
"""Capability -> the count that a long campaign on a system with it cannot leave at 0."""

WITHIN = {one.name: one.within for one in COUNTED if one.within}
"""Count -> the count of what it happens in."""

LOCKED = {"pauses": "leases"}
"""What shows of a user's own lock, whose clients are paused in ways of their own, in place of what shows of the model's."""

OFTEN = 5_000
"""How often something must have happened for what only happens in it to be missed. So high because a user's own log may declare that it
can die in an append, and call `durable` seldom: that it never does, only many appends tell. Its class does not."""

WALK = 64
"""Commands that `contested` decides."""


def contested(application: Application) -> bool:
    """Whether appends of this application can conflict: some command has a condition, and leads to an event. One such command is enough,
    because two clients may decide on it at the same time, and one client on a view that lags behind its own append."""
    if not application.decides:
        return False
    commands = application.commands()
    states: dict[str, Any] = {}
    for n in range(max(WALK, 2 * len(commands))):
        command = commands[(n * 7 + n // len(commands)) % len(commands)]
        key = application.key(command)
        state = states[key] if key in states else application.initial(key)
        try:
            events = application.decide(command, state)
        except Refusal:
            continue
        if events and application.conditional(command):
            return True
        for event in events:
            state = application.evolve(state, event)
        states[key] = state
    return False


def idle(steps: int) -> Finding | None:
    """The finding `vacuous-run`, if a plan was run and none of its actions was possible: it shows nothing."""
    return None if steps else empty(["performed"], "plan")


def empty(missing: Sequence[str], where: str) -> Finding:
    """The finding that these counts, each of which must be one at least, are 0."""
    return Finding(
        anomaly="vacuous-run",
        guarantee="HARNESS",
        judge="vacuous",
        where=where,
        number=0,
        expected=dict.fromkeys(missing, "at least one"),
        actual=dict.fromkeys(missing, 0),
    )


def have_work(consumers: Iterable[ConsumerSpec]) -> bool:
    """Whether there are consumers that anything is delivered to, or that read by themselves."""
    return any(not spec.inline for spec in consumers)


def vacuous(
    happened: Mapping[str, int],
    steps: int,
    capabilities: Iterable[str],
    consumers: bool = True,
    conflicts: bool = True,
) -> Finding | None:
    """The finding `vacuous-run`, if something that must happen never did. Without `consumers` nothing needs to be delivered, and without
    `conflicts` no append needs to be refused."""
    can = frozenset(capabilities)
    expected = ["appended", "delivered"] if consumers else ["appended"]
    if steps >= LONG:
        if conflicts and "unconditional" not in can and CALLS not in can:
            expected.append("conflicts")
        expected += [count for capability, count in SHOWN_BY.items() if capability in can & CORE.keys()]
    if steps >= LONG_FOR_PARTS:
        expected += [count for capability, count in SHOWN_BY.items() if capability in can - CORE.keys()]
    if happened.get("looks") or happened.get("turns"):
        expected = [
            name for name in expected if name not in ("delivered", "redelivered")
        ]  # what it does with events shows otherwise
    if CALLS in can:
        expected = [LOCKED.get(name, name) for name in expected]
    rare = {name for name, within in WITHIN.items() if happened.get(within, 0) < OFTEN}
    missing = [name for name in expected if name not in rare and not happened.get(name)]
    return empty(missing, "campaign") if missing else None
