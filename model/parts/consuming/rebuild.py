"""Reports: a read model with side tables that can be rebuilt beside live consumption, and asked about single streams.

A rebuild folds the log into shadow tables, catches up with the live position, and takes the place of the live tables in one
step. Whatever reads events (the live path, the rebuild, a question) reads what an earlier version of the code wrote through the
same upcaster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from refold.model.action import Action, Natural, action_kind
from refold.model.application import Rows, Writes
from refold.model.consumer import Consumer
from refold.model.datastore import write
from refold.model.declarations.count import count
from refold.model.event import Stored
from refold.model.extension import Group, Handler
from refold.model.log import pages
from refold.model.parts.side_consumers import SideConsumer
from refold.model.record import Record, record_kind

PAGE = 64


@record_kind
class Rebuilt(Record, frozen=True, tag="rebuilt"):
    """A consumer's rebuilt tables took the place of the live ones: these rows, at this position."""

    consumer: str
    position: int
    rows: dict[str, Any]

    def __str__(self) -> str:
        return f"the rebuilt tables of {self.consumer} take the place of the live ones at position {self.position}"


@record_kind
class StreamAnswered(Record, frozen=True, tag="stream-answered"):
    """A consumer folded `stream` up to `version` for somebody who asked; `state` is the result."""

    consumer: str
    stream: str
    version: int
    state: Any

    def __str__(self) -> str:
        return f"{self.consumer} answers: {self.stream} at version {self.version} is {self.state!r}"


@action_kind
class Rebuild(Action, frozen=True, tag="rebuild"):
    """A consumer begins to rebuild its tables from the log, while live consumption goes on."""

    phrase = "a rebuild was under way"

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} begins to rebuild its tables"


@action_kind
class Swap(Action, frozen=True, tag="swap"):
    """The rebuilt tables of a consumer take the place of the live ones."""

    consumer: str

    def __str__(self) -> str:
        return f"{self.consumer} swaps the rebuilt tables in"


@action_kind
class Ask(Action, frozen=True, tag="ask"):
    """Somebody asks for the state of the stream of an event that a consumer has received: the last (`back` 1) or an earlier one. The
    stream is folded for the answer."""

    consumer: str
    back: Natural

    def __str__(self) -> str:
        which = "its last event" if self.back == 1 else f"the event {self.back} back"
        return f"somebody asks {self.consumer} about the stream of {which}"


class Legacy(msgspec.Struct, frozen=True):
    """A payload as an earlier version of the code wrote it: the new code finds none of the fields that it looks for."""

    type: str
    data: Any


class ReportsConsumer(Consumer):
    """Live tables in the datastore; `shadow` is what a rebuild under way has so far, at `shadow_position`."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.shadow: dict[str, Any] | None = None
        self.shadow_position = 0
        self.starts = 0

    # -- reading

    def raw(self, event: Stored) -> Stored:
        """The event as its bytes in the log are."""
        if event.position > self.context.legacy:
            return event
        return msgspec.structs.replace(event, data=Legacy(event.type, event.data))

    def upcast(self, event: Stored) -> Stored:
        """The event as this version of the code would have written it."""
        return msgspec.structs.replace(event, data=event.data.data) if type(event.data) is Legacy else event

    def interpret(self, event: Stored, rows: Rows) -> Writes:
        """What the event changes. Of a payload in an old form nothing is understood but that there is one."""
        if type(event.data) is Legacy:
            return {f"unreadable {event.stream}": (event.stream, event.version, event.type)}
        return self.project(event, rows)

    # -- live

    def fold(self, event: Stored) -> Writes:
        """The live path."""
        return self.interpret(self.upcast(self.raw(event)), self.store.view())

    # -- rebuild

    def begin(self) -> None:
        """Start with empty shadow tables and fold what is there."""
        self.shadow = {}
        self.shadow_position = 0
        self.advance()

    def advance(self) -> None:
        """Fold into the shadow tables up to where the live tables are."""
        rows = self.shadow
        if rows is None:
            return
        target = max(self.store.applied, self.position)
        for page in pages(self.log, self.shadow_position, PAGE):
            for event in page:
                if event.position > target:
                    return
                write(rows, self.refold(event, rows))
                self.shadow_position = event.position

    def refold(self, event: Stored, rows: Rows) -> Writes:
        """The rebuild's path: the same decoder, all tables."""
        return self.interpret(self.upcast(self.raw(event)), rows)

    def catch_up(self) -> None:
        """The last thing before the swap, with live consumption held: fold what came in the meantime."""
        self.advance()

    def swap(self) -> None:
        """One step: the shadow tables are the tables."""
        self.catch_up()
        rows, self.shadow = self.shadow, None
        if rows is not None:
            position = max(self.store.applied, self.position)
            self.store.replace(position, rows)
            self.emit(Rebuilt(self.name, position, self.store.rows()))

    def crash(self) -> None:
        """A rebuild under way is lost."""
        super().crash()
        self.shadow = None

    def restart(self) -> None:
        """Count the processes that there were."""
        self.starts += 1
        super().restart()

    # -- questions

    def answer(self, stream: str) -> None:
        """Fold one stream and say what comes out."""
        application = self.application
        state, version = application.initial(stream), 0
        for event in self.log.read_stream(stream, 0):
            read = self.read_one(event)
            if type(read.data) is not Legacy:
                state = application.evolve(state, read.data)
            version = event.version
        self.emit(StreamAnswered(self.name, stream, version, state))

    def read_one(self, event: Stored) -> Stored:
        """The read path of questions: the same decoder."""
        return self.upcast(self.raw(event))


class Reports(SideConsumer):
    """One read model with side tables."""

    name = "reports"
    title = "rebuilds of a read model"
    covers = "built beside live consumption, and swapped in, in one step"
    family = "reports"
    names = ("reports",)
    design = ReportsConsumer
    projection = "reports"
    counts_more = (count("rebuilds", "rebuilt tables that took the place of the live ones", Rebuilt),)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Any) -> list[Group]:
        """Rebuilds and questions."""
        (name,) = cls.names
        return [
            *super().groups(commands, clients, consumers),
            (cls.family, 4, [Rebuild(name)]),
            (cls.family, 2, [Swap(name)]),
            (cls.family, 2, [Ask(name, back) for back in (1, 2)]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Begin, swap, ask."""
        return {Rebuild: self.rebuild, Swap: self.swap, Ask: self.ask}

    def found(self, name: str) -> ReportsConsumer | None:
        """The consumer, if it is one of ours, it is up and it can read."""
        consumer = self.consumers[name] if name in self.names else None
        return consumer if isinstance(consumer, ReportsConsumer) and not consumer.down and not self.log.down else None

    def rebuild(self, action: Rebuild) -> bool:
        """If none is under way."""
        reports = self.found(action.consumer)
        if reports is None or reports.shadow is not None:
            return False
        self.step(action)
        reports.begin()
        return True

    def swap(self, action: Swap) -> bool:
        """If one is under way."""
        reports = self.found(action.consumer)
        if reports is None or reports.shadow is None:
            return False
        self.step(action)
        reports.swap()
        return True

    def ask(self, action: Ask) -> bool:
        """Any time."""
        reports = self.found(action.consumer)
        if reports is None or not reports.position:
            return False
        page = self.log.read(max(reports.position - action.back, 0), 1)
        if not page:
            return False
        self.step(action)
        reports.answer(page[0].stream)
        return True

    def turn(self) -> bool:
        """A rebuild under way comes to its end."""
        reports = self.there("reports")
        if not isinstance(reports, ReportsConsumer) or reports.shadow is None or not reports.idle():
            return False
        reports.swap()
        return True
