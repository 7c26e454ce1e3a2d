"""Two stores for one fact: what is written to the first must reach the second, though nothing writes both at once.

Contract: at rest both stores hold the newest version of every item, and the second never goes back. Writers may die between the two writes;
so the intent is noted in the first store's own transaction (an outbox row), and a repair job, which faults reach like
everything else, finishes what dead writers left. The second store takes no version older than its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from refold.model.action import Action, action_kind
from refold.model.declarations.count import count
from refold.model.extension import Extension, Group, Handler
from refold.model.record import ConsumerSpec, Record, record_kind
from refold.model.words import counted, listed

WRITERS = ("writer-1", "writer-2")
ITEMS = ("x", "y")
REPAIR = "repair"

Fact = tuple[str, int]
"""An item and its version."""


@action_kind
class WriteFirst(Action, frozen=True, tag="write-first"):
    """A writer changes an item in the first store; the second does not know yet."""

    writer: str
    item: str

    def __str__(self) -> str:
        return f"{self.writer} writes {self.item} to the first store"


@action_kind
class WriteSecond(Action, frozen=True, tag="write-second"):
    """A writer tells the second store what it has written to the first."""

    writer: str

    def __str__(self) -> str:
        return f"{self.writer} writes the same to the second store"


@action_kind
class CrashWriter(Action, frozen=True, tag="crash-writer"):
    """A writer dies between its two writes. May lose: what it was about to do. May never lose: what is in a store."""

    fault = True

    writer: str

    def __str__(self) -> str:
        return f"{self.writer} crashes between its two writes"


@action_kind
class Repair(Action, frozen=True, tag="repair"):
    """The repair job runs: it finishes what dead writers have left undone."""

    def __str__(self) -> str:
        return "the repair job runs"


@record_kind
class FirstWritten(Record, frozen=True, tag="first-written"):
    """The first store holds `version` of `item`; `noted`: the outbox records that the second store must be told."""

    writer: str
    item: str
    version: int
    noted: bool

    def __str__(self) -> str:
        return f"the first store holds version {self.version} of {self.item}, written by {self.writer}" + (
            "" if self.noted else ", and nobody else knows"
        )


@record_kind
class SecondWritten(Record, frozen=True, tag="second-written"):
    """`version` of `item` arrived at the second store, which holds version `holds` now."""

    writer: str
    item: str
    version: int
    holds: int

    def __str__(self) -> str:
        return f"{self.writer} tells the second store of version {self.version} of {self.item}; it holds version {self.holds} now"


@record_kind
class WriterDied(Record, frozen=True, tag="writer-died"):
    """A writer died before it wrote `version` of `item` to the second store."""

    phrase = "a writer died between its two writes"
    fault = True

    writer: str
    item: str
    version: int

    def __str__(self) -> str:
        return f"{self.writer} dies before it tells the second store of version {self.version} of {self.item}"


@record_kind
class Repaired(Record, frozen=True, tag="repaired"):
    """The repair job found this many facts that nobody is working on."""

    phrase = "a repair had run"

    found: int

    def __str__(self) -> str:
        return f"the repair job finds {counted(self.found, 'unfinished fact')}"


@record_kind
class StoresAtRest(Record, frozen=True, tag="stores-at-rest"):
    """At rest: item -> version in either store."""

    first: dict[str, int]
    second: dict[str, int]

    def __str__(self) -> str:
        first, second = (
            listed(f"version {version} of {item}" for item, version in store.items())
            for store in (self.first, self.second)
        )
        return f"at rest the first store holds {first}; the second {second}"


class DualWrite(Extension):
    """Two stores, two writers, an outbox, a repair job."""

    name = "dual-write"
    title = "two stores written for one fact"
    covers = "a writer that dies between them, writes that overtake each other"
    counts = (count("second_writes", "writes to the second of two stores", SecondWritten),)
    family = "dual-write"
    called_by = (WriteFirst, WriteSecond, CrashWriter, Repair)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.first: dict[str, int] = {}
        self.second: dict[str, int] = {}
        self.outbox: dict[Fact, None] = {}
        self.hands: dict[str, Fact | None] = dict.fromkeys(WRITERS)

    @classmethod
    def groups(cls, commands: Sequence[Any], clients: Sequence[str], consumers: Sequence[ConsumerSpec]) -> list[Group]:
        """First and second writes in balance."""
        return [
            (cls.family, 6, [WriteFirst(writer, item) for item, writer in product(ITEMS, WRITERS)]),
            (cls.family, 6, [WriteSecond(writer) for writer in WRITERS]),
            (cls.family, 2, [CrashWriter(writer) for writer in WRITERS]),
            (cls.family, 1, [Repair()]),
        ]

    def handlers(self) -> dict[type, Handler]:
        """Four actions."""
        return {
            WriteFirst: self.write_first,
            WriteSecond: self.write_second,
            CrashWriter: self.crash_writer,
            Repair: self.repair,
        }

    def write_first(self, action: WriteFirst) -> bool:
        """One transaction of the first store."""
        writer, item = action.writer, action.item
        if writer not in self.hands or self.hands[writer] is not None:
            return False
        self.step(action)
        fact = self.commit(item)
        self.hands[writer] = fact
        self.emit(FirstWritten(writer, *fact, fact in self.outbox))
        return True

    def commit(self, item: str) -> Fact:
        """The new version and its outbox row, in one transaction."""
        fact = (item, self.first.get(item, 0) + 1)
        self.first[item] = fact[1]
        self.note(fact)
        return fact

    def note(self, fact: Fact) -> None:
        """Write down, in the same transaction, that the second store must be told."""
        self.outbox[fact] = None

    def write_second(self, action: WriteSecond) -> bool:
        """What the writer has in its hand."""
        fact = self.hands.get(action.writer)
        if fact is None:
            return False
        self.step(action)
        self.finish(action.writer, fact)
        return True

    def finish(self, writer: str, fact: Fact) -> None:
        """Tell the second store, then strike the outbox row."""
        if writer in self.hands:
            self.hands[writer] = None
        item, version = fact
        if self.newer(item, version):
            self.second[item] = version
        self.emit(SecondWritten(writer, item, version, self.second.get(item, 0)))
        self.outbox.pop(fact, None)

    def newer(self, item: str, version: int) -> bool:
        """The second store's guard against writers that come late."""
        return version > self.second.get(item, 0)

    def crash_writer(self, action: CrashWriter) -> bool:
        """Only worth a step between the two writes."""
        fact = self.hands.get(action.writer)
        if fact is None:
            return False
        self.step(action)
        self.hands[action.writer] = None
        self.emit(WriterDied(action.writer, *fact))
        return True

    def repair(self, action: Repair) -> bool:
        """Only worth a step if something was ever written."""
        if not self.first:
            return False
        self.step(action)
        self.run_repair()
        return True

    def run_repair(self) -> None:
        """Finish what nobody is at work on."""
        facts = self.unfinished()
        self.emit(Repaired(len(facts)))
        for fact in facts:
            self.finish(REPAIR, fact)

    def unfinished(self) -> list[Fact]:
        """Outbox rows whose writers are not at work on them."""
        busy = set(self.hands.values())
        return [fact for fact in self.outbox if fact not in busy]

    def turn(self) -> bool:
        """Writers that live finish their work; that faults are over is no reason to skip the repair job."""
        for writer, fact in self.hands.items():
            if fact is not None:
                self.finish(writer, fact)
                return True
        return False

    def calm(self) -> None:
        """The repair job runs as it does every minute."""
        if self.first:
            self.run_repair()

    def rest(self) -> None:
        """Show both stores."""
        if self.first:
            self.emit(StoresAtRest(dict(self.first), dict(self.second)))
