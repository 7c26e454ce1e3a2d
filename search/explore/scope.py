"""Scopes: which plans there are, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from operator import le
from typing import Any, NamedTuple

import attrs

from refold.model.action import (
    CORE_ACTIONS,
    Action,
    CutPower,
    Deliver,
    Prepare,
)
from refold.model.application import Application
from refold.model.declarations.budgets import BUDGETS
from refold.model.errors import UsageError
from refold.search.explore.aspects import groups, told_apart, with_side_consumers
from refold.systems.port import SystemPort

LOG = "log"
"""The process that is not a consumer."""


@attrs.frozen
class ScopeLimits:
    """How often a plan may do what: no plan of the scope does more, and every plan that does no more is in it.

    `clients` act, out of all that the system has; `commands` are sent, each one of `values` different commands about the first `keys`
    keys; `crashes` are deaths, and losses of power too as long as `power_cuts` does not count these by themselves; `reordered` deliveries
    come out of order, `redelivered` ones again; `unanswered` appends lose their answer; `slow` appends take their place early;
    `snapshots` are taken at will; `failures` are those of handlers and disks. Deliveries in order, restarts, and what ends an append that
    has begun are free.
    """

    clients: int = 2
    commands: int = 2
    values: int = 3
    crashes: int = 1
    reordered: int = 1
    redelivered: int = 0
    unanswered: int = 0
    slow: int = 0
    snapshots: int = 0
    failures: int = 0
    keys: int = 1
    power_cuts: int | None = None
    """Losses of power; None: each is one of the crashes."""
    length: int = 0
    """Actions of a plan, at most; 0: as many as the rest allows."""


def costs(action: Action, bounds: ScopeLimits) -> tuple[str, ...]:
    """What an action uses up of the bounds."""
    if type(action) is Deliver:
        return ("reordered",) if action.index else ()
    if bounds.power_cuts is None and type(action) is CutPower:
        return ("crashes",)
    return action.spends


def who(action: Action) -> str:
    """The client that acts; "" if none does."""
    return getattr(action, "client", "")


def where(action: Action) -> str:
    """The consumer or process that it happens to; "" if it is a client's."""
    return getattr(action, "consumer", "") or getattr(action, "process", "")


class Spent(NamedTuple):
    """What a plan has used up so far: of each budget, which clients have acted, which consumer that no client reads has been moved or will
    be, which process has to make a step next, because something waits for it, and whether it is over with the clients (`closed`): none
    of them can do anything any more, and who has acted is forgotten."""

    used: tuple[int, ...] = (0,) * len(BUDGETS)
    acted: frozenset[str] = frozenset()
    focus: str = ""
    armed: str = ""
    closed: bool = False

    def covers(self, other: Spent) -> bool:
        """Whether whatever may be done after the other may be done after this: nothing is used up here that is left there."""
        return (
            self.acted == other.acted
            and self.armed == other.armed
            and self.closed == other.closed
            and self.focus in ("", other.focus)
            and all(map(le, self.used, other.used))
        )


class Scope:
    """All plans for one application on one system within bounds.

    Plans that say the same as others are left out (with `together` they are not). Clients that are made alike begin in the order of
    their names: of two plans that differ only in who is who, one is left. Of the consumers that no client reads, a plan moves one at
    most: none of them can tell what happens to another. And what waits for a step of a process (a crash at a step, a disk that will fail)
    is said right before something happens to that process.

    With `aspects`, which consumer that is is said before a plan begins (`beginnings`): then nothing else needs to be judged on it. The
    consumers that one extension brings are one group, because they may share something.
    """

    def __init__(
        self,
        system: SystemPort,
        application: Application,
        bounds: ScopeLimits,
        *,
        together: bool = False,
        aspects: bool = True,
    ) -> None:
        self.bounds = bounds
        self.together = together
        self.limits = tuple(getattr(bounds, name) or 0 for name in BUDGETS)
        self.commands = smallest(application, bounds.values, bounds.keys)
        core: Callable[[], Any] | None = getattr(system, "core", None)
        self.system = system if core is None else with_side_consumers(system, core())
        """The system, without what no plan of a scope uses."""
        deployment = self.system.open(application, lambda record: None)
        try:
            clients = getattr(deployment, "clients", {})
            consumers = getattr(deployment, "consumers", {})
            self.kinds = {name: (type(client), getattr(client, "source", "")) for name, client in clients.items()}
            self.read = {source for _, source in self.kinds.values() if source in consumers}
            self.groups = groups(deployment, self.read)
            apart = aspects and core is not None and not together and told_apart(deployment, application)
        finally:
            deployment.close()
        if not self.kinds:
            raise UsageError(
                f"system {system.name!r} has no clients of refold's, and small scopes are made of their plans; search it with refold verify"
            )
        self.aspects = tuple(dict.fromkeys(self.groups.values())) if apart else ()
        """Groups of consumers of which each plan has one, or none, from its beginning."""
        self.apart = () if together else tuple(self.groups)
        self.there = None if core is None else {"", LOG, *consumers, *self.groups}
        """Whom actions can happen to, if that is known: plans without extensions never meet their consumers."""
        self.alphabet = tuple(self.possible(self.system.menu(application).actions()))

    def beginnings(self) -> list[Spent]:
        """What plans can begin with: nothing is spent, and it is said which consumers will move."""
        return [Spent(focus=focus) for focus in ("", *self.aspects)]

    def possible(self, actions: Sequence[Action]) -> list[Action]:
        """The actions of a menu that plans of this scope may have: the core's, within the bounds."""
        core = set(CORE_ACTIONS.values())
        return [
            action
            for action in actions
            if type(action) in core
            and (self.there is None or where(action) in self.there)
            and all(getattr(self.bounds, cost) for cost in costs(action, self.bounds))
            and getattr(action, "command", self.commands[0]) in self.commands
        ]

    def after(self, spent: Spent, action: Action) -> Spent | None:
        """What is used up once this is done; None if the scope has no such plan."""
        used = spent.used
        for cost in costs(action, self.bounds):
            place = BUDGETS.index(cost)
            if used[place] >= self.limits[place]:
                return None
            used = (*used[:place], used[place] + 1, *used[place + 1 :])
        acted, focus = spent.acted, spent.focus
        client, thing = who(action), where(action)
        if spent.armed and (spent.armed != (thing or LOG) or action.later):
            return None
        if spent.closed and (client or thing in self.read):
            return None
        if client and client not in acted:
            if len(acted) >= self.bounds.clients or not (self.together or self.in_turn(client, acted)):
                return None
            acted = acted | {client}
        if thing in self.apart:
            group = self.groups[thing]
            if focus != group and (focus or self.aspects):
                return None
            focus = group
        return Spent(used, acted, focus, thing if action.later and not self.together else "", spent.closed)

    def closing(self, spent: Spent, clients: Iterable[Any]) -> Spent:
        """The same, if some client can still act; else it is over with the clients: all commands are sent, and nobody has anything to send
        or to hear. What a consumer does that only clients read makes no difference then to the one that the plan is about."""
        if not spent.focus or not self.aspects or spent.closed or spent.used[0] < self.limits[0]:
            return spent
        if any(client.pending is not None or client.unknown is not None or client.paused for client in clients):
            return spent
        return spent._replace(acted=frozenset(), closed=True)

    def in_turn(self, client: str, acted: Set[str]) -> bool:
        """Whether all clients that are made like this one, and come before it, have acted already."""
        kind = self.kinds.get(client)
        for other, made in self.kinds.items():
            if other == client:
                return True
            if made == kind and other not in acted:
                return False
        return True

    def independent(self, one: Action, other: Action) -> bool:
        """Whether the order of two actions, next to each other, makes no difference to anything.

        Said only of actions that nothing connects: a consumer that reads on meets the log, so of two of which one may append neither is
        free; two consumers have nothing in common but what they read.
        """
        if self.together:
            return False
        here, there = self.place(one), self.place(other)
        return bool(here and there) and here != there and LOG not in (here, there)

    def place(self, action: Action) -> str:
        """The one part that an action touches, beside reading the log; the log if it may change that."""
        kind = type(action)
        if kind is Prepare:
            return LOG  # it reads a view, which a delivery changes
        thing = where(action)
        return self.groups.get(thing, thing) if thing and who(action) == "" else LOG


def smallest(application: Application, values: int, keys: int = 1) -> tuple[Any, ...]:
    """So many different commands: the first of each class before the second of any, all on the key of the first one, or in turn on the
    first `keys` of them."""
    commands = application.commands()
    if not commands:
        raise UsageError(
            f"application {application.name!r} offers no commands: its commands() must return at least one"
        )
    taken = list(dict.fromkeys(map(application.key, commands)))[:keys]
    classes: dict[tuple[type, str], list[Any]] = {}
    for command in commands:
        if (key := application.key(command)) in taken:
            classes.setdefault((type(command), key), []).append(command)
    turns = [
        own[turn] for turn in range(max(map(len, classes.values()))) for own in classes.values() if turn < len(own)
    ]
    return tuple(dict.fromkeys(turns))[:values]
