"""What a stored history was made of."""

from __future__ import annotations

import itertools
from operator import attrgetter
from typing import Any

import attrs

from refold.model.declarations.count import Tally
from refold.model.parts.side_consumers import Joined
from refold.model.record import Applied, CheckpointSaved, Opened, Step
from refold.search.vacuous import COUNTED

OF_CONSUMERS = frozenset({Applied, CheckpointSaved})
"""Records of what a consumer did; it is judged by what the first line says that it promises."""

CONSUMER = attrgetter("consumer")


@attrs.frozen
class Contents:
    """What a history was made of, as far as it was read: plain data. `consumers`: its first line names some; `strangers` are others."""

    records: int = 0
    counts: dict[str, int] = attrs.field(factory=dict)
    consumers: bool = True
    strangers: tuple[str, ...] = ()

    def unnamed(self) -> tuple[str, ...]:
        """What cannot be judged of consumers that the first line of the history does not name."""
        return tuple(
            f"what {name!r} did: the first line of the history does not name it among its consumers"
            for name in self.strangers
        )


class Seen:
    """Counts what a history is made of while it is read."""

    def __init__(self) -> None:
        self.records = 0
        self.tally = Tally(COUNTED)
        self.consumers = True
        self.named: set[str] = set()
        self.strangers: set[str] = set()

    @property
    def line(self) -> int:
        """The one that comes next."""
        return self.records + 1

    def count(self, records: list[Any]) -> None:
        """Some more records that were judged."""
        self.records += len(records)
        naming, steps = self.naming(), self.tally.kinds[Step]
        self.tally.run(records, ())
        if self.tally.kinds[Step] > steps:
            self.tally.kinds.update([type(record.action) for record in records if type(record) is Step])
        of_consumers = itertools.compress(records, map(OF_CONSUMERS.__contains__, map(type, records)))
        acted = set(map(CONSUMER, of_consumers))
        if acted - self.named - self.strangers or self.naming() > naming:
            self.look(records)

    def naming(self) -> int:
        """How many records there were so far that name consumers."""
        return self.tally.kinds[Opened] + self.tally.kinds[Joined]

    def look(self, records: list[Any]) -> None:
        """Who is named, and who acts without a name: one record after the other."""
        for record in records:
            if type(record) is Opened:
                self.consumers = bool(record.consumers)
                self.named.update(spec.name for spec in record.consumers)
            elif type(record) is Joined:
                self.named.add(record.spec.name)
            elif type(record) in OF_CONSUMERS and record.consumer not in self.named:
                self.strangers.add(record.consumer)

    def contents(self) -> Contents:
        """What it was so far."""
        return Contents(self.records, self.tally.totals(), self.consumers, tuple(sorted(self.strangers)))
