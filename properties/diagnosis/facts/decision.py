"""Facts about the decision that a finding is about."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

from refold.model.event import Stored
from refold.model.expectation import NoMatch
from refold.model.parts.calls import Called, Replied
from refold.model.record import Prepared, Refused, Step
from refold.properties.diagnosis.facts.past import Past, deed, tag_of

CUT_SHORT = ("fail-step", "lose-answer", "die")
"""What may happen to a call in the middle."""


class DecisionFacts(Past):
    """What the decision had read, expected and overlooked."""

    @functools.cached_property
    def decision(self) -> Prepared | None:
        """The decision that the finding is about."""
        for proof in self.finding.evidence:
            if isinstance(proof.record, Prepared):
                return proof.record
        return None

    @property
    def expects(self) -> str:
        """The kind of expectation that the decision's append had: ``any``, ``no-stream``, ``exists``, ``exact``, or ``""``."""
        return "" if self.decision is None else tag_of_expectation(self.decision.expected)

    @functools.cached_property
    def changed(self) -> Stored | None:
        """The event that the decision had not taken into account."""
        return next(
            (p.record for p in self.finding.evidence if p.role.startswith("changed") and isinstance(p.record, Stored)),
            None,
        )

    @property
    def of_service(self) -> bool:
        """Whether a service of the user's decided: what it demanded of its append nobody has seen."""
        return self.decision is not None and self.decision.source == "service"

    @property
    def overtaken(self) -> bool:
        """Whether it was a service, and another call had changed the stream when it appended."""
        return self.of_service and self.changed is not None and not self.up_to_date

    @property
    def other_stream(self) -> bool:
        """Whether the decision appended to another stream than the one that changed."""
        return self.decision is not None and self.changed is not None and self.changed.stream != self.decision.stream

    @property
    def stream_per_operation(self) -> bool:
        """Whether decisions go to streams that are named after the operation."""
        return any(record.stream.endswith(record.op) for _, record in self.of(Prepared))

    @property
    def up_to_date(self) -> bool:
        """Whether the decision had read all of its stream that was there before its own event, and nothing in another stream mattered: then
        no race and no missing condition is to blame, but the decider itself."""
        if self.decision is None or self.other_stream:
            return False
        stream = [event for _, event in self.events.values() if event.stream == self.decision.stream]
        own = [event for event in stream if event.operation == self.decision.op]
        if not own:
            return False
        before = [event.version for event in stream if event.position < own[0].position]
        return own[0].version == self.decision.seen + 1 and max(before, default=0) <= self.decision.seen

    @property
    def from_consumer(self) -> bool:
        """Whether the decision was made on a consumer's view and not on the log."""
        return self.decision is not None and self.decision.source in self.specs

    @property
    def two_at_once(self) -> bool:
        """Whether the change fell between the decision's reading and its append, instead of before both."""
        if self.decision is None or self.changed is None:
            return False
        read = next((number for number, record in self.past if record is self.decision), 0)
        changed = next((number for number, record in self.past if record is self.changed), 0)
        return changed > read

    @functools.cached_property
    def op(self) -> str:
        """The operation that the finding is about."""
        if self.decision is not None:
            return self.decision.op
        for proof in reversed(self.finding.evidence):
            if isinstance(proof.record, Stored):
                return proof.record.operation
        return ""

    @property
    def call(self) -> tuple[int, Called] | None:
        """The call of a service that the finding is about, and the number of its record."""
        for proof in self.finding.evidence:
            if isinstance(proof.record, Called):
                return proof.number, proof.record
        return None

    @property
    def twice_in_one_append(self) -> bool:
        """Whether the second effect of a call is part of the same append as the first."""
        effects = [p.record for p in self.finding.evidence if isinstance(p.record, Stored)]
        return len(effects) == 2 and effects[0].operation == effects[1].operation

    @property
    def cut_short_before(self) -> bool:
        """Whether another call, before this one began, had a step that failed, lost its answer, or was its last."""
        call = self.call
        return call is not None and any(
            number < call[0] and tag_of(deed(record.action)) in CUT_SHORT for number, record in self.of(Step)
        )

    @property
    def cut_short_itself(self) -> bool:
        """Whether that happened to this call."""
        call = self.call
        return call is not None and any(
            number > call[0]
            and tag_of(deed(record.action)) in CUT_SHORT
            and getattr(deed(record.action), "who", None) == call[1].client
            for number, record in self.of(Step)
        )

    @property
    def refused_before(self) -> bool:
        """Whether a call was refused before the decision that the finding is about took effect."""
        return any(record.how == "refused" for _, record in self.of(Replied))

    @property
    def done_before(self) -> bool:
        """Whether an equal command of another call has had its effect."""
        call = self.call
        if call is None:
            return False
        equal = {record.op for _, record in self.of(Called) if record.command == call[1].command} - {call[1].op}
        return any(event.operation.partition(".")[0] in equal for _, event in self.events.values())

    @property
    def first_criterion(self) -> bool:
        """Whether the event that a condition over tags excludes matches the first of its criteria, and not only a later one."""
        if self.decision is None or type(self.decision.expected) is not NoMatch:
            return False
        first = self.decision.expected.criteria[:1]
        excluded = [p.record for p in self.finding.evidence if p.role == "matches" and isinstance(p.record, Stored)]
        return any(one.matches(event.type, event.tags) for one in first for event in excluded)

    @property
    def batch(self) -> bool:
        """Whether an append of several events took part."""
        return any(len(record.events) > 1 for _, record in self.of(Prepared))

    @property
    def refused_at_log_length(self) -> bool:
        """Whether a refusal found a version that is the length of the log and not that of the stream."""
        for proof in self.finding.evidence:
            record = proof.record
            if isinstance(record, Refused):
                number = proof.number
                total = sum(at < number for at, _ in self.events.values())
                streams = Counter(event.stream for at, event in self.events.values() if at < number)
                return record.found == total and self.decision is not None and streams[self.decision.stream] != total
        return False


def tag_of_expectation(expected: Any) -> str:
    """The kind of an expectation."""
    return str(type(expected).__struct_config__.tag)
