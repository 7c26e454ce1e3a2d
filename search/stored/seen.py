"""What a stored history was made of."""

from __future__ import annotations

from typing import Any

import attrs

from refold.model.declarations.count import Tally
from refold.model.record import Opened, Step
from refold.search.vacuous import COUNTED


@attrs.frozen
class Contents:
    """What a history was made of, as far as it was read: plain data. `consumers`: its first line names some."""

    records: int = 0
    counts: dict[str, int] = attrs.field(factory=dict)
    consumers: bool = True


class Seen:
    """Counts what a history is made of while it is read."""

    def __init__(self) -> None:
        self.records = 0
        self.tally = Tally(COUNTED)
        self.consumers = True

    @property
    def line(self) -> int:
        """The one that comes next."""
        return self.records + 1

    def count(self, records: list[Any]) -> None:
        """Some more records that were judged."""
        if not self.records and records and type(records[0]) is Opened:
            self.consumers = bool(records[0].consumers)
        self.records += len(records)
        steps = self.tally.kinds[Step]
        self.tally.run(records, ())
        if self.tally.kinds[Step] > steps:
            self.tally.kinds.update([type(record.action) for record in records if type(record) is Step])

    def contents(self) -> Contents:
        """What it was so far."""
        return Contents(self.records, self.tally.totals(), self.consumers)
