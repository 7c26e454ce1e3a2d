"""Extensions: optional parts of the model that bring actions, records and duties of their own.

The core of a system is log, clients, consumers, snapshots. Everything else (locks, outboxes, process managers, rebuilds, change streams, …)
is an extension: one class that says which actions it adds to plans, does them, and takes part in settling. A broken variant
overrides one method of an extension, as it would of any other part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from refold.model.action import Action
from refold.model.context import Context
from refold.model.declarations.capability import Ability, Capability
from refold.model.declarations.count import Count
from refold.model.log import Log
from refold.model.record import ConsumerSpec

Handler = Callable[[Any], bool]
Consumers = dict[str, Any]
"""Consumers by name, of whatever design."""

Clients = dict[str, Any]
"""Clients by name, of whatever strategy."""

Step = Callable[[Any], None]
"""What every handler calls with its action once it knows that the action is enabled."""

Group = tuple[str, int, list[Action]]


class Extension:
    """The base of all extensions.

    `name` is its name among the parts and its capability; `family` is the swarm family that switches its actions off and on;
    `names` are consumers that it brings. `title` and `covers` are what reports call it and what it is about. The
    deployment gives `context` (application, log, snapshots, clock, emit) and `step`, which every handler calls with its action
    once it knows that the action is enabled, before it does anything.
    """

    name: ClassVar[str]
    family: ClassVar[str] = ""
    called_by: ClassVar[tuple[type[Action], ...]] = ()
    """The actions that call this extension into being, all that it handles; runs without them do not pay for it. It is then told of
    everything that has become visible before. None: it is there from the beginning."""
    reveals: ClassVar[tuple[type[Action], ...]] = ()
    """The actions after which readers of the log may see more than before."""
    removes: ClassVar[tuple[type[Action], ...]] = ()
    """The actions that remove events from the log; it is read again after each, from behind `removed_to` and from the beginning."""
    removed_to: int = 0
    """A position behind which readers find what the last removal has left."""
    names: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""
    covers: ClassVar[str] = ""
    counts: ClassVar[tuple[Count, ...]] = ()
    """What is counted to prove that it did something; a long campaign cannot leave the first of them at 0."""

    def __init__(self, context: Context, consumers: Consumers, clients: Clients, step: Step) -> None:
        self.context = context
        self.emit = context.emit
        self.clock = context.clock
        self.log = cast("Log", context.log)  # extensions are parts of the model, and run on its own log
        self.consumers = consumers
        self.clients = clients
        self.step = step

    @classmethod
    def ability(cls) -> Ability:
        """The capability of a system that has this part, in words."""
        title = cls.title or cls.name
        return Ability(
            Capability(cls.name),
            f"{title}: {cls.covers}",
            f"{title} ({cls.covers}): the system has none",
            title,
        )

    @classmethod
    def replaced(cls, part: Any) -> Any:
        """The class to use when `part` (None: nothing) takes this extension's place among the parts."""
        return part or cls

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """The actions that this extension adds to plans: (family, weight, actions); the simplest action first in each group."""
        return []

    @classmethod
    def lookups(cls, keys: Sequence[str], clients: Sequence[str]) -> list[Group]:
        """Like `groups`, for actions that name the application's keys (the streams that its commands decide on)."""
        return []

    def handlers(self) -> dict[type, Handler]:
        """Action class -> what it does; a handler returns False if the action is not enabled now."""
        return {}

    def visible(self, events: Sequence[Any]) -> None:
        """These events have just become visible at the end of the log."""

    def log_died(self) -> None:
        """The log's process died."""

    def calm(self) -> None:
        """Faults stop: release, restart or roll back what only a fault could have left behind."""

    def turn(self) -> bool:
        """While the system settles: do one piece of background work; False if there is none."""
        return False

    def rest(self) -> None:
        """Nothing moves any more: record what is stored."""

    def close(self) -> None:
        """Close files and connections."""
