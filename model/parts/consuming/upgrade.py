"""Upgrades: a new version of the code is deployed, with another schema for states and events.

May not change: what the log holds. What was written before is in the old form from here on: snapshots of the old schema are thrown away
or converted, old events pass an upcaster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.log import pages
from refold.model.record import Record, record_kind


@record_kind
class Upgraded(Record, frozen=True, tag="upgraded"):
    """The code of version `schema` runs from here on; events up to `position` were written by earlier versions."""

    schema: int
    position: int

    def __str__(self) -> str:
        return f"code of schema {self.schema} runs from here on; events up to {self.position} are of an earlier one"


@action_kind
class Upgrade(Action, frozen=True, tag="upgrade"):
    """The next version of the code is deployed; every consumer that is up is stopped and started."""

    def __str__(self) -> str:
        return "the next version of the code is deployed, with another schema"


class Upgrades(Extension):
    """Knows which version runs."""

    name = "upgrade"
    title = "upgrades"
    covers = "a new schema for states and events, and what was written before"
    counts = (count("upgrades", "upgrades to a new schema", Upgraded),)
    family = "snapshot"
    called_by = (Upgrade,)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """One action."""
        return [(cls.family, 2, [Upgrade()])]

    def handlers(self) -> dict[type, Handler]:
        """One action."""
        return {Upgrade: self.upgrade}

    def upgrade(self, action: Upgrade) -> bool:
        """Everything that is in the log now is old."""
        if self.log.down:
            return False
        self.step(action)
        context = self.context
        for page in pages(self.log, context.legacy, 1024):
            context.legacy = page[-1].position
        context.schema += 1
        self.emit(Upgraded(context.schema, context.legacy))
        for consumer in list(self.consumers.values()):
            if not consumer.down:
                consumer.crash()
                consumer.restart()
        return True
