"""Entities: an object in memory whose events one writer at a time may append (the single-writer principle of actors).

Nodes keep the entity's state in memory, decide on it and append to its journal without an expected version: that there is only one
writer replaces the check. When a node takes the entity over, it gets a new epoch; the journal refuses events of older epochs
(fencing), because the
old writer may not know yet that it was replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted

NODES = ("node-1", "node-2")


@action_kind
class TakeOver(Action, frozen=True, tag="take-over"):
    """A node becomes the entity's writer: it replays the journal into memory. Nobody tells the old writer."""

    node: str

    def __str__(self) -> str:
        return f"{self.node} takes the entity over and replays its journal"


@action_kind
class Tell(Action, frozen=True, tag="tell"):
    """A node that believes that it is the writer handles a command: it appends one event with its current count."""

    node: str

    def __str__(self) -> str:
        return f"{self.node} handles a command for the entity"


@record_kind
class TookOver(Record, frozen=True, tag="took-over"):
    """A node is the entity's writer from here on, in a new `epoch`, with the events up to `version` in memory."""

    phrase = "a second writer had taken over"

    node: str
    epoch: int
    version: int

    def __str__(self) -> str:
        return f"{self.node} is the writer of epoch {self.epoch}, with {counted(self.version, 'event')} in memory"


@record_kind
class Journaled(Record, frozen=True, tag="journaled"):
    """The journal has accepted event number `version` from a writer of `epoch`."""

    node: str
    epoch: int
    version: int

    def __str__(self) -> str:
        return f"the journal accepts event {self.version} from {self.node}, a writer of epoch {self.epoch}"


@record_kind
class WriterRefused(Record, frozen=True, tag="writer-refused"):
    """The journal has refused an event from a writer of `epoch`."""

    node: str
    epoch: int

    def __str__(self) -> str:
        return f"the journal refuses {self.node}, a writer of epoch {self.epoch}"


class Writer:
    """An instance of the entity in a node's memory."""

    __slots__ = ("epoch", "version")

    def __init__(self, epoch: int, version: int) -> None:
        self.epoch = epoch
        self.version = version


class Entity(Extension):
    """One entity, its journal, and two nodes that may host it. `owner` is the epoch of its newest writer."""

    name = "entity"
    title = "entities with one writer"
    covers = "an old writer that goes on after another one has taken over"
    counts = (count("takeovers", "changes of an entity's writer", TookOver),)
    family = "entity"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.journal: list[int] = []
        self.owner = 0
        self.writers: dict[str, Writer] = {}

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """Commands are more frequent than moves."""
        return [
            (cls.family, 5, [Tell(node) for node in NODES]),
            (cls.family, 3, [TakeOver(node) for node in NODES]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Both actions."""
        return {TakeOver: self.take_over, Tell: self.tell}

    def take_over(self, action: TakeOver) -> bool:
        """A new epoch, a fresh replay."""
        self.step(action)
        self.owner += 1
        self.writers[action.node] = Writer(self.owner, len(self.journal))
        self.emit(TookOver(action.node, self.owner, len(self.journal)))
        return True

    def tell(self, action: Tell) -> bool:
        """Append the next event; a writer that is fenced off stops."""
        writer = self.writers.get(action.node)
        if writer is None:
            return False
        self.step(action)
        if self.admits(writer.epoch):
            writer.version += 1
            self.journal.append(writer.version)
            self.emit(Journaled(action.node, writer.epoch, writer.version))
        else:
            del self.writers[action.node]
            self.emit(WriterRefused(action.node, writer.epoch))
        return True

    def admits(self, epoch: int) -> bool:
        """Whether the journal takes events from a writer of this epoch: only from the newest."""
        return epoch == self.owner
