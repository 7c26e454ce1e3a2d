"""Consumers that write a batch in several durable steps and die between them: right ones begin again behind their checkpoint, and what
is in their rows already does no harm; wrong ones lose events or count them twice."""

from __future__ import annotations

from typing import Any

import pytest

from refold.model.examples.inventory import Inventory
from refold.properties.result import Result
from refold.search.campaign import Budget, Campaign
from refold.systems.user.adopt import adapt

from .bags import MyLog


class RowByRow:
    """Right: every row knows the newest event that it contains; the checkpoint comes last."""

    projection = "totals"

    def __init__(self) -> None:
        self.table: dict[str, tuple[int, int]] = {}
        self.saved = 0
        self.collected: list[Any] = []

    def handle(self, event: Any) -> None:
        """Collect three."""
        if event.position > self.saved and all(one.position != event.position for one in self.collected):
            self.collected.append(event)
            if len(self.collected) == 3:
                self.flush()

    def flush(self) -> None:
        """One step for each event, and one for the checkpoint."""
        for event in self.collected:
            self.write(event)
        if self.collected:
            self.durable()
            self.saved = self.collected[-1].position
        self.collected = []

    def write(self, event: Any) -> None:
        """Not what is there already."""
        count, newest = self.table.get(event.stream, (0, 0))
        if event.position > newest:
            self.durable()
            self.table[event.stream] = (count + 1, event.position)

    def durable(self) -> None:
        """Replaced by the harness."""

    def checkpoint(self) -> int:
        """Behind this it goes on."""
        return self.saved

    def rows(self) -> dict[str, int]:
        """The counts."""
        return {key: count for key, (count, _) in self.table.items()}

    def crash(self) -> None:
        """What is collected is gone."""
        self.collected = []

    def restart(self) -> None:
        """Nothing to load."""


class OneByOne(RowByRow):
    """Right: the checkpoint after every event of the batch."""

    def flush(self) -> None:
        """Two steps for each event."""
        for event in self.collected:
            self.write(event)
            self.durable()
            self.saved = event.position
        self.collected = []


class WholeRows(RowByRow):
    """Right: the final values of all rows first, one by one, then the checkpoint."""

    def flush(self) -> None:
        """One step for each row."""
        table = dict(self.table)
        for event in self.collected:
            count, newest = table.get(event.stream, (0, 0))
            if event.position > newest:
                table[event.stream] = (count + 1, event.position)
        for key, row in table.items():
            self.durable()
            self.table[key] = row
        if self.collected:
            self.durable()
            self.saved = self.collected[-1].position
        self.collected = []


class Unguarded(RowByRow):
    """Wrong: what was written before the death is counted again."""

    def write(self, event: Any) -> None:
        """Without a look."""
        self.durable()
        count, _ = self.table.get(event.stream, (0, 0))
        self.table[event.stream] = (count + 1, event.position)


class CheckpointFirst(RowByRow):
    """Wrong: a death loses the batch."""

    def flush(self) -> None:
        """The checkpoint, then the rows."""
        if self.collected:
            self.durable()
            self.saved = self.collected[-1].position
        for event in self.collected:
            self.write(event)
        self.collected = []


class CheckpointInTheMiddle(RowByRow):
    """Wrong: the last event of the batch is written after the checkpoint."""

    def flush(self) -> None:
        """The rest, the checkpoint, the last."""
        for event in self.collected[:-1]:
            self.write(event)
        if self.collected:
            self.durable()
            self.saved = self.collected[-1].position
            self.write(self.collected[-1])
        self.collected = []


def verified(consumer: type) -> Result:
    """A short campaign."""

    class System:
        def __init__(self) -> None:
            self.log, self.consumers = MyLog(), {"mine": consumer()}

    system = adapt("own", System)
    assert "crash-at-step" in system.capabilities
    return Campaign(system, Inventory(), 7, Budget(seconds=None, examples=400)).run()


@pytest.mark.parametrize("consumer", [RowByRow, OneByOne, WholeRows])
def test_a_right_consumer_may_have_written_a_part_of_its_batch(consumer: type) -> None:
    """It comes again, and changes nothing."""
    result = verified(consumer)
    assert [str(example.finding) for example in result.counterexamples] == []
    assert result.counts["crashes"] > 50


@pytest.mark.parametrize(
    ("consumer", "anomalies"),
    [
        (Unguarded, {"replayed-state-differs", "effect-applied-twice"}),
        (CheckpointFirst, {"checkpoint-ahead-of-effects"}),
        (CheckpointInTheMiddle, {"checkpoint-ahead-of-effects", "replayed-state-differs"}),
    ],
)
def test_a_wrong_consumer_is_found(consumer: type, anomalies: set[str]) -> None:
    """By what its rows lack after its checkpoint, or have twice at rest."""
    found = verified(consumer).counterexamples
    assert anomalies & {example.finding.anomaly for example in found}
