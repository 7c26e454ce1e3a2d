"""Facts about the consumer that a finding is about."""

from __future__ import annotations

import functools

from msgspec.structs import replace

from refold.model.record import (
    Applied,
    CheckpointSaved,
    SnapshotLoaded,
    SnapshotTaken,
    Started,
    Step,
)
from refold.properties.diagnosis.facts.past import Past, deed, tag_of


class ConsumerFacts(Past):
    """What the consumer promises, did and holds."""

    @functools.cached_property
    def applied(self) -> list[tuple[int, Applied]]:
        """What that consumer applied."""
        return self.of(Applied, self.where)

    @functools.cached_property
    def saved(self) -> list[tuple[int, CheckpointSaved]]:
        """The checkpoints that it saved."""
        return self.of(CheckpointSaved, self.where)

    @property
    def choosy(self) -> bool:
        """Whether that consumer asked for some types of events only."""
        return bool(getattr(self.spec, "types", ()))

    @property
    def by_stream(self) -> bool:
        """Whether every stream goes at a speed of its own in that consumer."""
        return bool(getattr(self.spec, "by_stream", False))

    @property
    def checkpoint_first(self) -> bool:
        """Whether a checkpoint covers an event that was handed over by itself, in order, and not applied before."""
        if not self.saved or self.failed_here or self.out_of_order:
            return False
        _, saved = self.saved[-1]
        return saved.position == self.finding.position and not any(
            record.position >= saved.position for _, record in self.applied
        )

    @property
    def later_ones_applied(self) -> bool:
        """Whether events behind the divergent position were applied while it was not."""
        position = self.finding.position
        return position is not None and any(record.position > position for _, record in self.applied)

    @property
    def missing_applied_by_others(self) -> bool:
        """Whether another consumer had applied the event at the divergent position already."""
        position = self.finding.position
        return any(record.position == position and record.consumer != self.where for _, record in self.of(Applied))

    @property
    def sibling_applied(self) -> bool:
        """Whether another consumer of the very same design had applied the event at the divergent position already."""
        spec, position = self.spec, self.finding.position
        if spec is None:
            return False
        alike = {
            name for name, other in self.specs.items() if name != spec.name and replace(other, name=spec.name) == spec
        }
        return any(record.position == position and record.consumer in alike for _, record in self.of(Applied))

    @property
    def several_differ(self) -> bool:
        """Whether the rows of several consumers differ from the replay."""
        return len({finding.where for finding in self.findings if finding.anomaly == self.anomaly}) > 1

    @property
    def lacks_part(self) -> bool:
        """Whether all rows that are there are right, and others are missing."""
        expected, actual = self.finding.expected, self.finding.actual
        if not (isinstance(expected, dict) and isinstance(actual, dict) and actual):
            return False
        return len(actual) < len(expected) and all(expected.get(key) == value for key, value in actual.items())

    @property
    def patience(self) -> int:
        """Steps that were done after a slow append had taken its place."""
        started = next((number for number, record in self.past if type(record) is Started), None)
        return 0 if started is None else sum(number > started for number, _ in self.of(Step))

    @property
    def died_between_effect_and_checkpoint(self) -> bool:
        """Whether it died after an effect and before the checkpoint for it."""
        for died, _ in self.crashes:
            done = max((record.position for number, record in self.applied if number < died), default=0)
            saved = max((record.position for number, record in self.saved if number < died), default=0)
            if saved < done:
                return True
        return False

    @property
    def snapshot_used(self) -> bool:
        """Whether it recovered from a snapshot, or took one."""
        owners = {record.owner for kind in (SnapshotTaken, SnapshotLoaded) for _, record in self.of(kind)}
        return self.where in owners or self.where.removeprefix("stream:") in owners or f"stream:{self.where}" in owners

    @property
    def snapshot_loaded(self) -> bool:
        """Whether a snapshot of that process was loaded."""
        owners = {record.owner for _, record in self.of(SnapshotLoaded)}
        return self.where in owners or f"stream:{self.where}" in owners

    @property
    def age(self) -> int:
        """How many positions lie between the divergent event and the newest that the consumer has applied."""
        newest = max((record.position for _, record in self.applied), default=0)
        return newest - (self.finding.position or newest)

    @property
    def deleted(self) -> bool:
        """Whether a row was deleted in what proves the finding."""
        sides = (self.finding.expected, self.finding.actual)
        return any(isinstance(side, dict) and None in side.values() for side in sides) or any(
            isinstance(proof.record, Applied) and None in proof.record.writes.values()
            for proof in self.finding.evidence
        )

    @property
    def rows_missing(self) -> bool:
        """Whether the store lacks rows that the replay has."""
        expected, actual = self.finding.expected, self.finding.actual
        if not (isinstance(expected, dict) and isinstance(actual, dict)):
            return False
        return any(value is not None and actual.get(key) is None for key, value in expected.items())

    @property
    def rows_extra(self) -> bool:
        """Whether the store has rows that the replay has not."""
        expected, actual = self.finding.expected, self.finding.actual
        if not (isinstance(expected, dict) and isinstance(actual, dict)):
            return False
        return any(value is not None and expected.get(key) is None for key, value in actual.items())

    @property
    def jump(self) -> int:
        """By how many visible events the newest checkpoint is ahead of the effects."""
        expected, actual = self.finding.expected, self.finding.actual
        if not (isinstance(expected, int) and isinstance(actual, int)):
            return 0
        return sum(expected < position <= actual for position in self.events)

    @property
    def digits_grew(self) -> bool:
        """Whether the divergent position has a digit more than others, so that it comes before them as text."""
        position = self.finding.position
        widths = {len(str(place)) for place in self.events}
        return len(widths) > 1 and (position is None or len(str(position)) > min(widths))

    @property
    def turned_before_append(self) -> bool:
        """Whether the consumer had a turn with nothing to read before the newest event came."""
        newest = max((number for number, _ in self.events.values()), default=0)
        steps = [
            number for number, record in self.of(Step) if getattr(deed(record.action), "consumer", None) == self.where
        ]
        acted = {number for number, record in self.past if getattr(record, "consumer", None) == self.where}
        return any(number < newest and number + 1 not in acted for number in steps)

    @property
    def same_items(self) -> bool:
        """Whether rows differ in the order of the same parts only."""
        expected, actual = self.finding.expected, self.finding.actual
        if not (isinstance(expected, dict) and isinstance(actual, dict)):
            return False
        return all(key in actual and sorted(str(expected[key])) == sorted(str(actual[key])) for key in expected)

    @property
    def change_ignored(self) -> bool:
        """Whether the rows that differ are as they were before the event, or not there."""
        actual = self.finding.actual
        if not isinstance(actual, dict):
            return False
        last = {key: value for _, record in self.applied[:-1] for key, value in record.writes.items()}
        return all(value == last.get(key) for key, value in actual.items()) or not actual

    @property
    def gap(self) -> bool:
        """Whether something was done ahead of a gap: by a slow or rolled back append, a failure, or an order of its own."""
        return self.happened("started", "aborted", "failed", "held") or any(
            getattr(action, "index", 0) for action in self.actions
        )

    @property
    def live_during_rebuild(self) -> bool:
        """Whether that consumer applied events after the rebuild had begun."""
        begun = next((number for number, record in self.of(Step) if tag_of(deed(record.action)) == "rebuild"), None)
        return begun is not None and any(number > begun for number, _ in self.applied)
